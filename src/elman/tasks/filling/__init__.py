"""Filling the blanks of sentences: reading them, learning, measuring, and the search for what fits."""

from elman.tasks.filling.filler import Filler
from elman.tasks.filling.result import Blank, Filling

__all__ = ["Blank", "Filler", "Filling"]
