"""Tasks: a reader, a network, a loss and a measure put together.  One file each, one protocol for all."""

from elman.tasks.forecast import Forecaster
from elman.tasks.language_model import LanguageModel
from elman.tasks.loading import load
from elman.tasks.model_file import ModelFileError, check_writable
from elman.tasks.training import Progress, TrainingError

__all__ = ["Forecaster", "LanguageModel", "ModelFileError", "Progress", "TrainingError", "check_writable", "load"]
