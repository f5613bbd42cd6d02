"""Recurrent layers on compiled kernels: drop-in replacements for torch.nn's, and functions of their weights."""

from elman.layers import functional
from elman.layers.cells import GRUCell, LSTMCell, RNNCell
from elman.layers.fallback import FallbackWarning
from elman.layers.recurrent import GRU, LSTM, RNN
from elman.layers.reference import Weights
from elman.layers.state import LSTMState, by_layer, detach, last_output
from elman.layers.stepper import Stepper

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "FallbackWarning",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "RNNCell",
    "Stepper",
    "Weights",
    "by_layer",
    "detach",
    "functional",
    "last_output",
]
