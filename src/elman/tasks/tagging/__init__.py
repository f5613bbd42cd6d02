"""Tagging: a label for each token of a sentence, the slots that they mark, and what the sentence is for."""

from elman.tasks.tagging.result import FoundSlot, Tagging
from elman.tasks.tagging.tagger import Tagger

__all__ = ["FoundSlot", "Tagger", "Tagging"]
