"""What a tagger sees of a word: its entry in a lexicon, how it is spelt, its case, its pretrained vector.

A word that training did not meet has no entry of its own, but it has letters, and a case.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.lexicon import Lexicon

__all__ = ["CASES", "FormTable", "WordForms", "case_of", "normal_form"]

CASES = ("hidden", "lower", "title", "upper", "mixed", "digits", "with digits", "no letters", "no case")
"""What `case_of` tells apart, by number; a hidden word has none."""

_LONGEST = 32  # letters that are looked at: of a longer word the first half and the last
_DIGIT = re.compile(r"\d")


class FormTable(NamedTuple):
    """U different tokens as numbers."""

    words: npt.NDArray[np.int64]
    """(U,) entries of the lexicon."""
    cases: npt.NDArray[np.int64]
    """(U,) numbers of `CASES`."""
    letters: npt.NDArray[np.int32]
    """(U, L) characters, from 2 on, 1 for unknown ones, 0 behind the end."""
    vectors: npt.NDArray[np.int64]
    """(U,) rows of the pretrained vectors, 0 for none."""


class WordForms:
    """How tokens become numbers.

    Parameters
    ----------
    words
        The lexicon of `normal_form`, or of the tokens themselves if there are no `characters`.
    characters
        The characters inside tokens; None: they are not looked at, nor is the case.
    vectors
        The words of pretrained vectors; None: there are none.

    Examples
    --------
    >>> forms = WordForms(Lexicon(["taipei", "0000"]), Lexicon("Taipe"))
    >>> table = forms.describe(["Taipei", "2024", "Tip"])
    >>> table.words.tolist(), [CASES[case] for case in table.cases], table.letters[2].tolist()
    ([1, 2, 0], ['title', 'digits', 'title'], [2, 4, 5, 0, 0, 0])
    """

    def __init__(self, words: Lexicon, characters: Lexicon | None = None, vectors: Lexicon | None = None) -> None:
        self.words, self.characters, self.vectors = words, characters, vectors

    def describe(self, tokens: Sequence[str]) -> FormTable:
        """The numbers of U tokens."""
        U = len(tokens)
        none = np.zeros(U, np.int64)
        if self.characters is None:
            words, cases, letters = tokens, none, np.zeros((U, 0), np.int32)
        else:
            words = [normal_form(token) for token in tokens]
            cases = np.fromiter(map(case_of, tokens), np.int64, U)
            letters = _letters(tokens, self.characters)
        vectors = none if self.vectors is None else self._vectors(tokens)
        return FormTable(self.words.indices(words).numpy() if U else none, cases, letters, vectors)

    def _vectors(self, tokens: Sequence[str]) -> npt.NDArray[np.int64]:
        known = self.vectors
        assert known is not None
        return np.fromiter((known[t if t in known else t.lower()] for t in tokens), np.int64, len(tokens))


def normal_form(token: str) -> str:
    """How a token is looked up: in lower case, every digit a 0.

    >>> normal_form("B747")
    'b000'
    """
    lower = token.lower()
    return lower if lower.isalpha() else _DIGIT.sub("0", lower)


def case_of(token: str) -> int:
    """The number in `CASES` of what upper and lower case, digits and letters of a token look like.

    >>> [CASES[case_of(token)] for token in ("to", "New", "LA", "McCoy", "747", "2nd", "?", "台")]
    ['lower', 'title', 'upper', 'mixed', 'digits', 'with digits', 'no letters', 'no case']
    """
    if token.isdigit():
        return 5
    if any(map(str.isdigit, token)):
        return 6
    if token.islower():
        return 1
    if token.istitle():
        return 2
    if token.isupper():
        return 3
    if not any(map(str.isalpha, token)):
        return 7
    return 4 if token.lower() != token.upper() else 8


def _letters(tokens: Iterable[str], characters: Lexicon) -> npt.NDArray[np.int32]:
    """(U, L): the characters of each token."""
    shown = list(_shortened(tokens))
    lengths = np.fromiter(map(len, shown), np.int64, len(shown))
    there = np.arange(lengths.max(initial=0)) < lengths[:, None]
    letters = np.zeros(there.shape, np.int32)
    letters[there] = characters.indices("".join(shown)).numpy() + 1
    return letters


def _shortened(tokens: Iterable[str]) -> Iterator[str]:
    half = _LONGEST // 2
    return (token if len(token) <= _LONGEST else token[:half] + token[-half:] for token in tokens)
