"""Elman's layers beside torch.nn's on this machine: time, arithmetic a second, error. ``elman bench`` prints it."""

from elman.benchmarking.cases import CELLS, GRID, MODES, Case, Pair
from elman.benchmarking.layers import Measurement, conditions, facts, means, measure
from elman.benchmarking.timing import best_times

__all__ = [
    "CELLS",
    "GRID",
    "MODES",
    "Case",
    "Measurement",
    "Pair",
    "best_times",
    "conditions",
    "facts",
    "means",
    "measure",
]
