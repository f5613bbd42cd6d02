"""From files to tensors: reading text, cutting it into tokens, numbering them, and windows for training."""

from elman.data.buckets import Buckets
from elman.data.calendar import Frequency
from elman.data.lexicon import Lexicon
from elman.data.ragged import Ragged
from elman.data.sentences import Sentences, cut
from elman.data.series import Columns, Dataset, Series, read_series
from elman.data.text import read_text
from elman.data.tokens import join, normalise, split, stream
from elman.data.windows import Window, Windows

__all__ = [
    "Buckets",
    "Columns",
    "Dataset",
    "Frequency",
    "Lexicon",
    "Ragged",
    "Sentences",
    "Series",
    "Window",
    "Windows",
    "cut",
    "join",
    "normalise",
    "read_series",
    "read_text",
    "split",
    "stream",
]
