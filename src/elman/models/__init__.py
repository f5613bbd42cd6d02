"""Networks: tensors in, tensors out.  Each has `forward`, `initial_state` and `step`; state is a value."""

from elman.models.forecaster import ForecastNetwork, Observation, PastWindow
from elman.models.language_model import CELLS, LanguageNetwork

__all__ = ["CELLS", "ForecastNetwork", "LanguageNetwork", "Observation", "PastWindow"]
