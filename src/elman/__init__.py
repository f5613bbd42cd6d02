"""Elman: recurrent neural networks that are fast on an ordinary computer, and explained.

>>> import torch, elman
>>> lstm = elman.LSTM(input_size=8, hidden_size=16)  # drop-in for torch.nn.LSTM
>>> output, state = lstm(torch.zeros(5, 3, 8))  # (T, N, I) -> (T, N, H)
>>> output.shape, state.hidden.shape
(torch.Size([5, 3, 16]), torch.Size([1, 3, 16]))

Names are imported when they are first used, so that ``elman --version`` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman import bptt, bptt_bidirectional, corpora, data, export, layers, models, tasks
    from elman.data import Lexicon
    from elman.export import export_onnx
    from elman.layers import (
        GRU,
        LSTM,
        RNN,
        TDNN,
        FallbackWarning,
        GRUCell,
        LSTMCell,
        LSTMState,
        RNNCell,
        accelerate,
        detach,
        last_output,
        restore,
    )
    from elman.tasks import AR, NARX, Classifier, Filler, Forecaster, LanguageModel, NGram, Tagger, load

__version__ = "0.1.0"

__all__ = [
    "accelerate",
    "restore",
    "RNN",
    "GRU",
    "LSTM",
    "TDNN",
    "RNNCell",
    "GRUCell",
    "LSTMCell",
    "LSTMState",
    "last_output",
    "detach",
    "FallbackWarning",
    "LanguageModel",
    "NGram",
    "AR",
    "NARX",
    "Forecaster",
    "Classifier",
    "Tagger",
    "Filler",
    "load",
    "export_onnx",
    "Lexicon",
    "bptt",
    "bptt_bidirectional",
    "corpora",
    "data",
    "export",
    "layers",
    "models",
    "tasks",
]

# Public name -> the module that defines it. A name missing here is a submodule.
_HOMES = {
    **dict.fromkeys(("RNN", "GRU", "LSTM", "TDNN", "RNNCell", "GRUCell", "LSTMCell", "LSTMState"), "elman.layers"),
    **dict.fromkeys(("accelerate", "restore", "last_output", "detach", "FallbackWarning"), "elman.layers"),
    **dict.fromkeys(
        ("LanguageModel", "NGram", "AR", "NARX", "Forecaster", "Classifier", "Tagger", "Filler", "load"), "elman.tasks"
    ),
    "Lexicon": "elman.data",
    "export_onnx": "elman.export",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'elman' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name) if name in _HOMES else import_module(f"elman.{name}")
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
