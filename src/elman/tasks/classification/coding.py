"""From a text to the numbers that a classifier reads: cut into tokens, of which each has an index."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data import Lexicon, Ragged, normalise, split
from elman.data.spelling import letter_grams
from elman.data.subwords import Subwords
from elman.models.bag import Letters

__all__ = ["TOKENS", "Coding", "Cutter", "Forms", "kind_of_texts"]

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


class Forms:
    """The different tokens of some texts, numbered from 1 as they come; 0 is for what is none."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._numbers: dict[str, int] = {}

    def read(self, text: str) -> npt.NDArray[np.int32]:
        """The numbers of a text's tokens, (T,)."""
        number = self._numbers
        return np.fromiter((number.setdefault(t, len(number) + 1) for t in self._cutter.cut(text)), np.int32)

    @property
    def tokens(self) -> list[str]:
        """That with number 1, with number 2, …"""
        return list(self._numbers)


@dataclass(frozen=True)
class Coding:
    """A cutter and the table of the tokens that it finds."""

    cutter: Cutter
    lexicon: Lexicon
    letters: int
    """Of the longest n-grams of letters inside a token that the bag weighs; 0: it weighs none."""

    def table(self, forms: Forms) -> npt.NDArray[np.int64]:
        """The index in the lexicon of each form, 0 of an unknown one."""
        return np.array([0, *(self.lexicon[token] for token in forms.tokens)], np.int64)

    def read(self, text: str) -> tuple[Tensor, Letters | None]:
        """A text as a batch of one row: the indices of its tokens, (T, 1), and their letters."""
        tokens = list(self.cutter.cut(text))
        letters = None
        if self.letters:
            hashes = torch.from_numpy(letter_grams(tokens, self.letters).values.astype(np.int64))
            letters = Letters(hashes, torch.tensor([len(hashes)]))
        return self.lexicon.indices(tokens).unsqueeze(1), letters

    def spelling(self, forms: Forms) -> Ragged | None:
        """The n-grams of letters of each form, if they are looked at."""
        return letter_grams(["", *forms.tokens], self.letters) if self.letters else None

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; `from_dict` reads it back."""
        subwords = self.cutter.subwords
        return {
            "kind": self.cutter.kind,
            "lowercase": self.cutter.lowercase,
            "subwords": subwords.to_json() if subwords is not None else None,
            "lexicon": self.lexicon.to_dict(),
            "letters": self.letters,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Coding":
        """The inverse of `to_dict`; KeyError, TypeError or ValueError if `values` is something else."""
        subwords = None if values["subwords"] is None else Subwords(values["subwords"])
        cutter, lexicon = Cutter(values["kind"], values["lowercase"], subwords), Lexicon.from_dict(values["lexicon"])
        return cls(cutter, lexicon, values.get("letters", 0))
