"""Recurrent layers on compiled kernels: drop-in replacements for torch.nn's, and functions of their weights."""

from elman.layers import acceleration, functional
from elman.layers.acceleration import accelerate, restore
from elman.layers.cells import GRUCell, LSTMCell, RNNCell
from elman.layers.fallback import FallbackWarning
from elman.layers.recurrent import GRU, LSTM, RNN
from elman.layers.reference import Weights
from elman.layers.state import LSTMState, by_layer, detach, last_output

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "FallbackWarning",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "RNNCell",
    "Weights",
    "accelerate",
    "acceleration",
    "by_layer",
    "detach",
    "functional",
    "last_output",
    "restore",
]
