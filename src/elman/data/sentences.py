"""A text as sentences, one a line: what n-gram models are made of.

========  =====================================================================================================
words     what stands between white space, as KenLM and most published figures have it; white space is left out
chars     Unicode code points, spaces too
segments  the words of a Chinese line, found by a dictionary and a hidden Markov model (rjieba); spaces too
========  =====================================================================================================

>>> cut("I am Sam\\n\\nSam I am\\n").lengths.tolist()
[3, 0, 3]
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from elman.data.lexicon import Lexicon
from elman.data.tokens import split

__all__ = ["BEGIN", "END", "SENTENCE_KINDS", "UNKNOWN", "Sentences", "check_sentence_kind", "cut", "glue", "numbered"]

SENTENCE_KINDS = ("words", "chars", "segments")
"""How a line can be cut."""

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
"""The words by which ARPA files name the beginning and end of a sentence, and what is not in the vocabulary."""

_WORD = re.compile(r"[^ \t\r\n\v\f\0]+")  # white space is that of ASCII, and NUL, as for KenLM


class Sentences(NamedTuple):
    """A text cut into lines and these into tokens."""

    tokens: Sequence[str]
    """Of all sentences, one after another.  A str is the sequence of its characters."""
    lengths: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(S,) how many tokens each sentence has."""


def check_sentence_kind(kind: str) -> None:
    """Raise ValueError, naming the nearest valid word, unless `kind` is one of `SENTENCE_KINDS`."""
    if kind not in SENTENCE_KINDS:
        near = get_close_matches(str(kind), SENTENCE_KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"tokens is {kind!r}, expected one of {', '.join(SENTENCE_KINDS)}{hint}")


def cut(text: str | Iterable[str], kind: str = "words") -> Sentences:
    """Cut a text into sentences and tokens.

    Parameters
    ----------
    text
        Lines that end in a line feed (the last need not; a carriage return before it is passed over), or the lines
        themselves.  An empty line is an empty sentence.
    kind
        One of `SENTENCE_KINDS`.

    Raises
    ------
    ValueError
        If a word is ``<s>`` or ``</s>``, which stand for the beginning and end of a sentence; the message names the
        line.  ``<unk>`` may stand in a text: it is a word that is not in the vocabulary.
    ModuleNotFoundError
        For segments, if rjieba is not installed.

    Examples
    --------
    >>> cut("ab c\\n", "chars").tokens
    'ab c'
    """
    check_sentence_kind(kind)
    lines = text.removesuffix("\n").split("\n") if isinstance(text, str) else list(text)
    if kind == "chars":
        lines = [line.removesuffix("\r") for line in lines]
        return Sentences("".join(lines), np.fromiter(map(len, lines), np.int64, len(lines)))
    if kind == "words":
        cut_lines = [_WORD.findall(line) for line in lines]
    else:
        cut_lines = [list(split(line.removesuffix("\r"), "segments")) for line in lines]
    tokens = [token for line in cut_lines for token in line]
    if kind == "words":
        _check_names(cut_lines, set(tokens))
    return Sentences(tokens, np.fromiter(map(len, cut_lines), np.int64, len(cut_lines)))


def numbered(sentences: Sentences, lexicon: Lexicon) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The words of a text as numbers, with the beginnings and ends of its sentences.

    Parameters
    ----------
    sentences
        Of `cut`.
    lexicon
        With an entry for unknown tokens; V entries.

    Returns
    -------
    (L,) int64
        For each sentence V + 1, which begins it, its tokens' indices, and V, which ends it.

    Examples
    --------
    >>> numbered(cut("b a\\na c"), Lexicon("ab")).tolist()
    [4, 2, 1, 3, 4, 1, 0, 3]
    """
    indices, lengths = lexicon.indices(sentences.tokens).numpy(), sentences.lengths
    found = np.empty(len(indices) + 2 * len(lengths), np.int64)
    ends = np.cumsum(lengths + 2) - 1
    found[ends] = len(lexicon)
    found[ends - lengths - 1] = len(lexicon) + 1
    inside = np.ones(len(found), bool)
    inside[ends] = inside[ends - lengths - 1] = False
    found[inside] = indices
    return found


def glue(tokens: Iterable[str], kind: str, begun: bool = False) -> Iterable[str]:
    """Turn tokens back into pieces of text: words get a space between them; ``"\\n"`` ends a line.

    Parameters
    ----------
    tokens
        With ``"\\n"`` for the end of a sentence.
    kind
        Of the tokens.
    begun
        Whether a word stands before the first one in its line already.

    Examples
    --------
    >>> "".join(glue(["I", "am", "\\n", "Sam"], "words"))
    'I am\\nSam'
    """
    for token in tokens:
        yield f" {token}" if kind == "words" and begun and token != "\n" else token
        begun = token != "\n"


def _check_names(lines: Sequence[Sequence[str]], words: set[str]) -> None:
    for name, meaning in ((BEGIN, "beginning"), (END, "end")):
        if name in words:
            number = next(number for number, line in enumerate(lines, 1) if name in line)
            raise ValueError(
                f"line {number} has the word {name}, which is the name for the {meaning} of a sentence; every line is "
                "a sentence as it stands: remove the word or write it differently"
            )
