"""Tasks: a reader, a network, a loss and a measure put together.  One file each, one protocol for all."""

from elman.tasks.autoregression.ar import AR
from elman.tasks.autoregression.narx import NARX
from elman.tasks.classification.classifier import Classifier
from elman.tasks.filling.filler import Filler
from elman.tasks.forecasting.forecaster import Forecaster
from elman.tasks.language_model import LanguageModel
from elman.tasks.loading import load
from elman.tasks.model_file import ModelFileError, check_writable
from elman.tasks.ngrams.mixture import evaluate_mixture
from elman.tasks.ngrams.ngram import NGram
from elman.tasks.tagging.tagger import Tagger
from elman.tasks.training import Progress, TrainingError

__all__ = [
    "AR",
    "NARX",
    "Classifier",
    "Filler",
    "Forecaster",
    "LanguageModel",
    "ModelFileError",
    "NGram",
    "Progress",
    "Tagger",
    "TrainingError",
    "check_writable",
    "evaluate_mixture",
    "load",
]
