"""Networks: tensors in, tensors out.  Each has `forward`, `initial_state` and `step`; state is a value."""

from elman.models.classifier import ClassifierNetwork
from elman.models.crf import CRF
from elman.models.encoders import ENCODERS, Encoder
from elman.models.forecaster import ForecastNetwork, Observation, PastWindow
from elman.models.language_model import CELLS, LanguageNetwork
from elman.models.narx import NETWORKS, NARXNetwork

__all__ = [
    "CELLS",
    "CRF",
    "ENCODERS",
    "NETWORKS",
    "ClassifierNetwork",
    "Encoder",
    "ForecastNetwork",
    "LanguageNetwork",
    "NARXNetwork",
    "Observation",
    "PastWindow",
]
