"""Networks: tensors in, tensors out.  Each has `forward`, `initial_state` and `step`; state is a value."""

from elman.models.classifier import ClassifierNetwork
from elman.models.crf import CRF
from elman.models.encoders import ENCODERS, Encoder
from elman.models.filler import FillNetwork
from elman.models.forecaster import ForecastNetwork, Observation, PastWindow
from elman.models.language_model import CELLS, LanguageNetwork
from elman.models.narx import NETWORKS, NARXNetwork
from elman.models.tagger import TaggerNetwork

__all__ = [
    "CELLS",
    "CRF",
    "ENCODERS",
    "NETWORKS",
    "ClassifierNetwork",
    "Encoder",
    "FillNetwork",
    "ForecastNetwork",
    "LanguageNetwork",
    "NARXNetwork",
    "Observation",
    "PastWindow",
    "TaggerNetwork",
]
