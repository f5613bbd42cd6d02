"""What passes in and out of an autoregression: its state, and its forecast."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARState", "Forecast"]

Array = NDArray[np.float64]


class ARState(NamedTuple):
    """What an autoregression needs to know of the past: a value, which `AR.step` takes and returns."""

    values: Array
    """The last K values, oldest first: (K,), or (K, N) for N streams."""
    time: int
    """How many values came before the next one, the training series' first included: trend and season follow it."""


class Forecast(NamedTuple):
    """A forecast with its uncertainty; each (steps,)."""

    mean: Array
    deviation: Array
    """Standard deviation of the error, from σ² alone: the coefficients are taken for true."""
    lower: Array
    upper: Array
