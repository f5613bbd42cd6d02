"""Recurrent layers on compiled kernels: drop-in replacements for torch.nn's, and functions of their weights; TDNN."""

from elman.layers import acceleration, functional
from elman.layers.acceleration import accelerate, restore
from elman.layers.cells import GRUCell, LSTMCell, RNNCell
from elman.layers.custom import scan
from elman.layers.fallback import FallbackWarning
from elman.layers.initialisation import initialise
from elman.layers.recurrent import GRU, LSTM, RNN
from elman.layers.reference import Weights
from elman.layers.regularisation import LockedDropout, locked_mask, weight_dropped, weight_restored, zoneout_mask
from elman.layers.state import LSTMState, by_layer, detach, last_output
from elman.layers.stepper import Stepper
from elman.layers.steps import all_states
from elman.layers.time_delay import TDNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "TDNN",
    "FallbackWarning",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "LockedDropout",
    "RNNCell",
    "Stepper",
    "Weights",
    "all_states",
    "accelerate",
    "acceleration",
    "by_layer",
    "detach",
    "functional",
    "initialise",
    "last_output",
    "locked_mask",
    "scan",
    "weight_dropped",
    "weight_restored",
    "zoneout_mask",
    "restore",
]
