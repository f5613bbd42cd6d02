"""The series that go into a NARX model, and the state that goes with them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elman.layers import LSTMState
from elman.models.encoders import EncoderState
from elman.tasks.autoregression.regression import as_series

__all__ = ["NARXState", "as_inputs", "check_columns", "state_like"]

Array = NDArray[np.float64]


class NARXState(NamedTuple):
    """What a NARX model needs to know of the past: a value."""

    outputs: Array
    """(Ky, M), the last outputs, oldest first."""
    inputs: Array
    """(Kx, I), the last inputs."""
    hidden: EncoderState
    """What a recurrent network remembers."""
    time: int
    """How many steps came before the next one, the training series' first included: the season follows it."""


def as_inputs(x: ArrayLike, name: str) -> Array:
    """Inputs (T, I), where I may be 0."""
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[1] == 0:
        return x
    return as_series(x, name, columns=True)


def state_like(like: EncoderState, tensors: list[Tensor]) -> EncoderState:
    """The tensors of a network's state put together again; `like` is any state of the same network."""
    if isinstance(like, Tensor):
        return tensors[0]
    return LSTMState(*tensors) if isinstance(like, LSTMState) else tuple(tensors)


def check_columns(got: int, expected: int, name: str) -> None:
    """Check that a series has as many columns as that of the training."""
    if got != expected:
        raise ValueError(f"{name} has {got} columns; the model was trained with {expected}")
