"""Classification: many to one.  What a whole sequence is, a text or a series of measurements."""

from elman.tasks.classification.classifier import Classifier

__all__ = ["Classifier"]
