"""From a text to the numbers that a classifier reads: cut into tokens, of which each has an index."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data import Lexicon, normalise, split
from elman.data.subwords import Subwords

__all__ = ["TOKENS", "Coding", "Cutter", "kind_of_texts"]

TOKENS = ("chars", "bytes", "words", "segments", "subwords")
"""What a text is cut into, by the name that ``tokens=`` and ``--tokens`` take."""

_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")  # and kana
_SURROGATE = re.compile("[\ud800-\udfff]")
_FEW_WORDS = 3.0  # of a text in the mean: fewer are names, of which the letters tell


def kind_of_texts(texts: Sequence[str]) -> str:
    """Words where texts have at least three between white space, else characters: Chinese, Japanese, names.

    >>> kind_of_texts(["a stirring , funny film", "never again"]), kind_of_texts(["Nakamura", "O'Neill"])
    ('words', 'chars')
    """
    whole = sum(map(len, texts))
    han = sum(len(_HAN.findall(text)) for text in texts)
    words = sum(len(text.split()) for text in texts)
    return "words" if han < 0.2 * whole and words >= _FEW_WORDS * len(texts) else "chars"


@dataclass(frozen=True)
class Cutter:
    """Cuts texts into tokens.  White space is no token, but among characters, bytes and subwords."""

    kind: str
    """One of `TOKENS`."""
    lowercase: bool
    """Whether A and a are one."""
    subwords: Subwords | None = None
    """Their table, where these are the tokens."""

    def cut(self, text: str) -> Iterable[str]:
        """The tokens of a text."""
        text = normalise(text)
        if self.lowercase:
            text = normalise(text.lower())
        if self.subwords is not None:
            return self.subwords.cut(text)
        if self.kind == "segments":
            text = _SURROGATE.sub("\ufffd", text)
        tokens = split(text, self.kind)
        if self.kind in ("words", "segments"):
            return [token for token in tokens if not token.isspace()]
        return tokens


@dataclass(frozen=True)
class Coding:
    """A cutter and the table of the tokens that it finds."""

    cutter: Cutter
    lexicon: Lexicon

    def encode(self, text: str) -> npt.NDArray[np.int32]:
        """The indices of a text's tokens, (T,); 0 for unknown ones."""
        indices: npt.NDArray[np.int32] = self.lexicon.indices(self.cutter.cut(text)).numpy().astype(np.int32)
        return indices

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; `from_dict` reads it back."""
        subwords = self.cutter.subwords
        return {
            "kind": self.cutter.kind,
            "lowercase": self.cutter.lowercase,
            "subwords": subwords.to_json() if subwords is not None else None,
            "lexicon": self.lexicon.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Coding":
        """The inverse of `to_dict`; KeyError, TypeError or ValueError if `values` is something else."""
        subwords = None if values["subwords"] is None else Subwords(values["subwords"])
        return cls(Cutter(values["kind"], values["lowercase"], subwords), Lexicon.from_dict(values["lexicon"]))
