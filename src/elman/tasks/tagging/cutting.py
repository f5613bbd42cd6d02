"""How a tagger cuts raw text, as its training data were cut: each piece with the place where it stands.

========  ===============================================================================
chars     each character, spaces between them too
words     words and single other characters such as punctuation, without white space
segments  the same, but Chinese words found by a dictionary (rjieba)
mixed     a text with Chinese characters in single characters, without white space; any other in words
========  ===============================================================================
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from elman.data.tokens import normalise, split

__all__ = ["CUTS", "Cut", "cut_text", "guess_cut", "joined"]

CUTS = ("chars", "words", "segments", "mixed")

_CHINESE = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


class Cut(NamedTuple):
    """A text and its tokens."""

    text: str
    tokens: list[str]
    starts: list[int]  # of each token in the text


def cut_text(text: str, kind: str) -> Cut:
    """Cut a text, in normal form NFC; white space at its ends is left out.

    Examples
    --------
    >>> cut_text("fly to Taipei!", "words").tokens
    ['fly', 'to', 'Taipei', '!']
    >>> cut_text("我想8月 2号到台北", "mixed").tokens
    ['我', '想', '8', '月', '2', '号', '到', '台', '北']
    """
    text = normalise(text).strip()
    if kind == "mixed":
        by_character = bool(_CHINESE.search(text))
        pieces: Iterable[str] = text if by_character else split(text, "words")
    else:
        pieces = split(text, kind)
    tokens, starts, place = [], [], 0
    for piece in pieces:
        if kind == "chars" or not piece.isspace():
            tokens.append(piece)
            starts.append(place)
        place += len(piece)
    return Cut(text, tokens, starts)


def joined(tokens: Sequence[str]) -> Cut:
    """A text of tokens: a space between two, but not beside a Chinese character, nor between single characters.

    >>> joined(["New", "York"]).text, joined(["台", "北"]).text
    ('New York', '台北')
    """
    single = all(len(token) <= 1 for token in tokens)
    parts: list[str] = []
    starts: list[int] = []
    length, before = 0, ""
    for token in tokens:
        if before and not single and not (_is_chinese(before[-1]) or _is_chinese(token[:1])):
            parts.append(" ")
            length += 1
        starts.append(length)
        parts.append(token)
        length += len(token)
        before = token
    return Cut("".join(parts), list(tokens), starts)


def _is_chinese(character: str) -> bool:
    return not character.isascii() and _CHINESE.match(character) is not None


def guess_cut(sentences: Iterable[Sequence[str]]) -> str:
    """How some tokenised sentences were cut: chars, words or mixed."""
    single = chinese_single = chinese = total = 0
    for tokens in sentences:
        alone = all(len(token) <= 1 for token in tokens)
        total += 1
        single += alone
        if any(map(_CHINESE.search, tokens)):
            chinese += 1
            chinese_single += alone
    if single == total:
        return "chars"
    return "mixed" if chinese and chinese_single >= 0.9 * chinese else "words"
