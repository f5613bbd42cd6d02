"""Autoregressions: AR by least squares, and NARX, a network of past inputs and outputs."""

from elman.tasks.autoregression.ar import AR
from elman.tasks.autoregression.narx import NARX

__all__ = ["AR", "NARX"]
