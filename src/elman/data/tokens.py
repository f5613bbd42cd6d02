"""Four ways to cut a text into tokens, each of which gives the text back when the tokens are joined.

========  ==========================================================================================
chars     Unicode code points, the default: any language, a small vocabulary
bytes     the bytes of the text's UTF-8, each written as the character of that number (0 … 255)
words     words, single white-space characters, and others such as punctuation, emoji and flags, each by itself
segments  the words of a Chinese text, found by a dictionary and a hidden Markov model (rjieba)
========  ==========================================================================================

>>> list(split("It's 8°, too.", "words"))
["It's", ' ', '8', '°', ',', ' ', 'too', '.']
>>> list(split("naïve", "bytes"))
['n', 'a', 'Ã', '¯', 'v', 'e']
>>> join(split("naïve", "bytes"), "bytes")
'naïve'
"""

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from itertools import groupby

__all__ = ["KINDS", "check_kind", "join", "normalise", "split", "stream"]

KINDS = ("chars", "bytes", "words", "segments")

_SURROGATE = re.compile("([\ud800-\udfff])")


@cache
def _words() -> re.Pattern[str]:
    r"""What is a word, or another single character.

    A word keeps its apostrophes.  Combining marks, of which \w leaves most out, belong to what stands before them, as
    do the joiners of Indic and Arabic scripts; the parts of an emoji and the two letters of a flag stay together.
    """
    planes = (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0))
    marks = "".join(_ranges([code for code in planes if unicodedata.category(chr(code)).startswith("M")]))
    word = rf"\w[\w{marks}\u200c\u200d]*"
    emoji = rf"[\U0001F1E6-\U0001F1FF]{{2}}|[^\w\s](?:[{marks}\U0001F3FB-\U0001F3FF]|\u200d[^\w\s])*"
    return re.compile(rf"{word}(?:['’]{word})*|{emoji}|[\s\S]")


def _ranges(codes: list[int]) -> Iterator[str]:
    """Rising numbers of characters as what stands between the brackets of a pattern."""
    for _, run in groupby(enumerate(codes), lambda pair: pair[1] - pair[0]):
        numbers = [code for _, code in run]
        yield f"{chr(numbers[0])}-{chr(numbers[-1])}"


def check_kind(kind: str) -> None:
    """Raise ValueError, naming the nearest valid word, unless `kind` is one of `KINDS`."""
    if kind not in KINDS:
        near = get_close_matches(str(kind), KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"tokens is {kind!r}, expected one of {', '.join(KINDS)}{hint}")


def normalise(text: str) -> str:
    """Unicode normal form NFC: e followed by a combining acute accent becomes é.  No character is lost."""
    return unicodedata.normalize("NFC", text)


def split(text: str, kind: str = "chars") -> Iterable[str]:
    """Cut a text into tokens.

    Parameters
    ----------
    text
        Any text; it is not normalised here (`normalise`).
    kind
        One of `KINDS`.

    Returns
    -------
    iterable of str
        The tokens.  For chars and bytes a str, which is the sequence of its characters: nothing is copied.

    Raises
    ------
    ValueError
        If `kind` is unknown.
    ModuleNotFoundError
        For segments, if rjieba is not installed.
    """
    check_kind(kind)
    if kind == "chars":
        return text
    if kind == "bytes":
        return text.encode("utf-8", "surrogatepass").decode("latin-1")
    if kind == "words":
        return (match.group() for match in _words().finditer(text))
    return _segments(text)


def stream(tokens: Iterable[str], kind: str = "chars") -> Iterator[str]:
    """Turn tokens back into pieces of text, each as soon as it is complete.

    Only bytes ever wait: a character of several bytes comes with its last one, and bytes that are not UTF-8
    come as U+FFFD.
    """
    check_kind(kind)
    if kind != "bytes":
        yield from tokens
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for token in tokens:
        if piece := decoder.decode(token.encode("latin-1")):
            yield piece
    if rest := decoder.decode(b"", final=True):
        yield rest


def join(tokens: Iterable[str], kind: str = "chars") -> str:
    """The text of a sequence of tokens: ``join(split(text, kind), kind) == text``."""
    return "".join(stream(tokens, kind))


def _segments(text: str) -> Iterator[str]:
    try:
        import rjieba
    except ModuleNotFoundError as error:
        message = "tokens='segments' needs rjieba, which is not installed: pip install 'elman[text]'"
        raise ModuleNotFoundError(message) from error
    # Line by line: a word never crosses a line end, and the segmenter's memory stays small.
    # Halves of surrogate pairs, which the segmenter refuses, are tokens.
    pieces = (piece for line in text.splitlines(keepends=True) for piece in _SURROGATE.split(line) if piece)
    return (token for piece in pieces for token in ([piece] if _SURROGATE.match(piece) else rjieba.cut(piece)))
