"""Sentences with blanks: where they are, and the tokens around them.

========  =====================================================================================================
words     words and single other characters such as punctuation; white space separates them and is no token
chars     Unicode code points, spaces too
segments  the words of a Chinese line, found by a dictionary and a hidden Markov model (rjieba); without spaces
========  =====================================================================================================

>>> sentence = cut_blanks("I'd like ___ coffee, please.", "words")
>>> sentence.tokens, sentence.blanks
(["I'd", 'like', '', 'coffee', ',', 'please', '.'], [2])
>>> sentence.filled(["black"])
"I'd like black coffee, please."
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from elman.data.tokens import split

__all__ = ["BLANK", "Cloze", "cut_blanks", "cut_sentence", "joined", "kind_of"]

BLANK = "___"
"""How a blank is written: three underscores, or more."""

_BLANK = re.compile(r"_{3,}")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003134f]")
_HOLE = ""  # what stands for a blank among tokens, none of which is empty


class Cloze(NamedTuple):
    """A line of text with blanks."""

    parts: list[str]
    """The text before, between and after the blanks: one more than there are blanks."""
    tokens: list[str]
    """Of all parts, with an empty one for each blank."""
    blanks: list[int]
    """Which of the tokens are blanks, rising."""

    def filled(self, words: Iterable[str]) -> str:
        """The line with a word in the place of each blank; ValueError unless there are as many as blanks."""
        pairs = zip(words, self.parts[1:], strict=True)
        return self.parts[0] + "".join(word + part for word, part in pairs)


def cut_sentence(line: str, kind: str = "words") -> list[str]:
    """Cut a line that is one sentence into tokens.

    Parameters
    ----------
    line
        Any text; it is not normalised here (`normalise`).
    kind
        ``words``, ``chars`` or ``segments``.

    Raises
    ------
    ModuleNotFoundError
        For segments, if rjieba is not installed.

    Examples
    --------
    >>> cut_sentence("It's 8°, too.")
    ["It's", '8', '°', ',', 'too', '.']
    >>> cut_sentence("a b", "chars")
    ['a', ' ', 'b']
    """
    return [token for token in split(line, kind) if kind == "chars" or not token.isspace()]


def cut_blanks(line: str, kind: str = "words") -> Cloze:
    """Cut a line with blanks: each run of three underscores or more is one.

    What stands before, between and after the blanks is cut by itself: a blank is a token, and no word reaches over it.

    Parameters
    ----------
    line, kind
        As for `cut_sentence`.

    Examples
    --------
    >>> cut_blanks("___b____", "chars")
    Cloze(parts=['', 'b', ''], tokens=['', 'b', ''], blanks=[0, 2])
    >>> cut_blanks("snake_case __init__", "words").blanks
    []
    """
    parts = _BLANK.split(line)
    tokens: list[str] = []
    blanks: list[int] = []
    for number, part in enumerate(parts):
        if number:
            blanks.append(len(tokens))
            tokens.append(_HOLE)
        tokens += cut_sentence(part, kind)
    return Cloze(parts, tokens, blanks)


def kind_of(text: str) -> str:
    """How a text should be cut: ``segments`` if most of its letters are Chinese characters, else ``words``.

    >>> kind_of("他买了一部新手机：iPhone。"), kind_of("He bought a phone.")
    ('segments', 'words')
    """
    return "segments" if 2 * len(_HAN.findall(text)) > sum(map(str.isalpha, text)) else "words"


def joined(tokens: Sequence[str], kind: str) -> str:
    """Tokens that stand side by side as text: words with a space between them.

    >>> joined(["New", "York"], "words"), joined(["手", "机"], "chars")
    ('New York', '手机')
    """
    return (" " if kind == "words" else "").join(tokens)
