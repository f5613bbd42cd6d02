"""From files to tensors: reading text, cutting it into tokens, numbering them, and windows for training."""

from elman.data.lexicon import Lexicon
from elman.data.sentences import Sentences, cut
from elman.data.text import read_text
from elman.data.tokens import join, normalise, split, stream
from elman.data.windows import Window, Windows

__all__ = ["Lexicon", "Sentences", "Window", "Windows", "cut", "join", "normalise", "read_text", "split", "stream"]
