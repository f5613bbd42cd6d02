"""Networks: tensors in, tensors out.  Each has `forward`, `initial_state` and `step`; state is a value."""

from elman.models.encoders import ENCODERS, Encoder
from elman.models.language_model import CELLS, LanguageNetwork


__all__ = ["CELLS", "ENCODERS", "Encoder", "LanguageNetwork"]
