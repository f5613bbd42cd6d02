"""Networks: tensors in, tensors out.  Each has `forward`, `initial_state` and `step`; state is a value."""

from elman.models.language_model import CELLS, LanguageNetwork

__all__ = ["CELLS", "LanguageNetwork"]
