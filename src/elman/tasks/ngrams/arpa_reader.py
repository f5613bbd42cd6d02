"""Reading ARPA files (`elman.tasks.ngrams.arpa`), with errors that name the line."""

import gzip
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data import Lexicon
from elman.data.sentences import BEGIN, END, SENTENCE_KINDS, UNKNOWN
from elman.models.ngram import NGramTable
from elman.models.ngram.counting import Integers
from elman.models.ngram.table import find
from elman.tasks.model_file import ModelFileError
from elman.tasks.ngrams.arpa import GZIP, ZERO, unescaped

__all__ = ["Arpa", "read_arpa"]

_DATA, _END = b"\\data\\", b"\\end\\"
_KIND = re.compile(rb"#\s*tokens:\s*(\w+)")


class Arpa(NamedTuple):
    """What an ARPA file holds."""

    lexicon: Lexicon
    table: NGramTable
    """Its words are the lexicon's indices, then the end and the beginning of a sentence."""
    kind: str
    """How text is cut into tokens: as the file says, or as the argument did."""


def read_arpa(path: str | os.PathLike[str], kind: str | None = None) -> Arpa:
    """Read an ARPA file.

    Parameters
    ----------
    path
        Of the file, plain or compressed with gzip.
    kind
        How text is cut into tokens.  None: as the file says; if it does not, ``chars`` when all its words are single
        characters, else ``words``.

    Returns
    -------
    Arpa
        Logarithms of -99 and less are those of 0, by the format's convention.  A file without ``<unk>`` gives unknown
        words the probability 0.

    Raises
    ------
    ModelFileError
        If the file is not as the format has it; the message names the line.
    OSError
        If it cannot be read.
    """
    name = os.fspath(path)
    try:
        lines = _content(path).split(b"\n")
        return _read(lines, kind)
    except _BadLineError as error:
        raise ModelFileError(f"{name}:{error.args[0] + 1}: {error.args[1]}") from None
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise ModelFileError(f"{name} is damaged: {error}") from error
        raise type(error)(f"cannot read {name}: {(error.strerror or str(error)).lower()}") from error
    except (EOFError, zlib.error) as error:
        raise ModelFileError(f"{name} is truncated: its gzip stream does not end") from error


class _BadLineError(Exception):
    """Number of the line, from 0, and what is wrong with it."""


def _content(path: str | os.PathLike[str]) -> bytes:
    content = Path(path).read_bytes()
    return gzip.decompress(content) if content.startswith(GZIP) else content


def _read(lines: Sequence[bytes], kind: str | None) -> Arpa:
    start = next((number for number, line in enumerate(lines) if line.strip() == _DATA), None)
    if start is None:
        raise _BadLineError(0, "this is not an ARPA file: it has no line \\data\\")
    said = next((match[1].decode() for line in lines[:start] if (match := _KIND.match(line))), None)
    sizes, at = _sizes(lines, start + 1)
    rows, at = _section(lines, at, 1, sizes[0])
    words = [row[1] for row in rows]
    lexicon, chosen = _vocabulary(words, at - len(rows), kind or (said if said in SENTENCE_KINDS else None))
    numbers = _word_numbers(words)
    width = len(numbers) + (0 if b"<unk>" in numbers else 1)
    places = np.fromiter((numbers[word] for word in words), np.int64, len(words))
    logs = [_placed(_column(rows, 0, at), places, width, -np.inf)]
    backoffs = [_placed(_column(rows, 2, at), places, width, 0.0)]
    keys: list[npt.NDArray[np.int64]] = []
    for n, size in enumerate(sizes[1:], 2):
        rows, at = _section(lines, at, n, size)
        found = _keys(rows, at - len(rows), numbers, keys, width)
        order = np.argsort(found)
        twice = np.flatnonzero(np.diff(found[order]) == 0)
        if len(twice):
            raise _BadLineError(at - len(rows) + max(order[twice[0] : twice[0] + 2]), "this n-gram is listed twice")
        keys.append(found[order])
        logs.append(_column(rows, 0, at)[order])
        backoffs.append(_column(rows, n + 1, at)[order])
    _check_end(lines, at)
    return Arpa(lexicon, NGramTable(width, keys, logs, backoffs[:-1]), chosen)


def _sizes(lines: Sequence[bytes], at: int) -> tuple[list[int], int]:
    sizes: list[int] = []
    while at < len(lines) and (line := lines[at].strip()) and not line.startswith(b"\\"):
        match = re.fullmatch(rb"ngram (\d+) *= *(\d+)", line)
        if not match or int(match[1]) != len(sizes) + 1:
            raise _BadLineError(at, f"got {_shown(line)}, expected ngram {len(sizes) + 1}=NUMBER")
        sizes.append(int(match[2]))
        at += 1
    if not sizes:
        raise _BadLineError(min(at, len(lines) - 1), "got no sizes here, expected ngram 1=NUMBER")
    return sizes, at


def _section(lines: Sequence[bytes], at: int, n: int, size: int) -> tuple[list[list[bytes]], int]:
    """The fields of the lines of one order, and where they end."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    if at == len(lines):
        raise _BadLineError(at - 1, f"the file ends here: it is truncated; expected \\{n}-grams:")
    if lines[at].strip() != b"\\%d-grams:" % n:
        raise _BadLineError(at, f"got {_shown(lines[at])}, expected \\{n}-grams:")
    rows = [line.split() for line in lines[at + 1 : at + 1 + size]]
    for number, row in enumerate(rows, at + 1):
        if not n + 1 <= len(row) <= n + 2:
            if number == len(lines) - 1:
                raise _BadLineError(number, f"the file ends here: it is truncated; expected {size:,} {n}-grams")
            what = f"{n} word{'s' if n > 1 else ''}"
            raise _BadLineError(
                number, f"got {_shown(lines[number])}, expected a logarithm, {what} and a back-off weight or none"
            )
    if len(rows) < size:
        raise _BadLineError(len(lines) - 1, f"the file ends here: it is truncated; expected {size:,} {n}-grams")
    return rows, at + 1 + size


def _column(rows: Sequence[Sequence[bytes]], field: int, end: int) -> npt.NDArray[np.float32]:
    """Logarithms of probabilities (field 0) or weights, 0 where there is none."""
    texts = [row[field] if field < len(row) else b"0" for row in rows]
    try:
        values = np.array(texts, dtype="S").astype(np.float64) if texts else np.empty(0)
    except ValueError:
        bad = next(number for number, text in enumerate(texts) if not _is_number(text))
        raise _BadLineError(end - len(rows) + bad, f"got {_shown(texts[bad])}, expected a number") from None
    wrong = np.isnan(values) | np.isposinf(values) | ((values > 0) & (field == 0))
    if wrong.any():
        bad = int(np.argmax(wrong))
        what = "a logarithm of a probability, at most 0" if field == 0 else "a number"
        raise _BadLineError(end - len(rows) + bad, f"got {_shown(texts[bad])}, expected {what}")
    return np.where(values <= ZERO, -np.inf, values).astype(np.float32)


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _vocabulary(words: Sequence[bytes], first: int, kind: str | None) -> tuple[Lexicon, str]:
    """The lexicon of the unigrams in their order, special words left out, and the kind of the tokens."""
    for special in (b"<s>", b"</s>"):
        if special not in words:
            raise _BadLineError(first, f"there is no {special.decode()} among the 1-grams: not a model of sentences")
    try:
        texts = [word.decode("utf-8", "surrogatepass") for word in words]
    except UnicodeDecodeError:
        bad = next(number for number, word in enumerate(words) if not _is_text(word))
        raise _BadLineError(first + bad, f"got {_shown(words[bad])}, which is not UTF-8") from None
    tokens = [text for text in texts if text not in (BEGIN, END, UNKNOWN)]
    plain = [unescaped(token) for token in tokens]
    chosen = kind or ("chars" if all(len(token) == 1 for token in plain) else "words")
    listed = tokens if chosen == "words" else plain
    if len(set(texts)) < len(texts) or len(set(listed)) < len(listed):
        raise _BadLineError(first, "a word is listed twice among the 1-grams")
    return Lexicon(listed), chosen


def _is_text(word: bytes) -> bool:
    try:
        word.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _word_numbers(words: Sequence[bytes]) -> dict[bytes, int]:
    """Unknown words are 0, then the lexicon's, then the end and the beginning of a sentence."""
    special = (b"<unk>", b"</s>", b"<s>")
    numbers = {word: number for number, word in enumerate((w for w in words if w not in special), 1)}
    numbers |= {b"</s>": len(numbers) + 1, b"<s>": len(numbers) + 2}
    return numbers | ({b"<unk>": 0} if b"<unk>" in words else {})


def _placed(
    values: npt.NDArray[np.float32], places: npt.NDArray[np.int64], width: int, missing: float
) -> npt.NDArray[np.float32]:
    found = np.full(width, missing, np.float32)
    found[places] = values
    return found


def _keys(
    rows: Sequence[Sequence[bytes]],
    first: int,
    numbers: dict[bytes, int],
    lower: Sequence[npt.NDArray[np.int64]],
    width: int,
) -> npt.NDArray[np.int64]:
    n = len(lower) + 2
    try:
        flat = [numbers[word] for row in rows for word in row[1 : n + 1]]
    except KeyError as error:
        bad = next(number for number, row in enumerate(rows) if error.args[0] in row[1 : n + 1])
        raise _BadLineError(first + bad, f"the word {_shown(error.args[0])} is not among the 1-grams") from None
    words = np.array(flat, np.int64).reshape(len(rows), n)
    contexts: Integers = words[:, 0]
    for m, keys in enumerate(lower, 1):
        contexts = find(keys, width, contexts, words[:, m])
    if (contexts < 0).any():
        bad = int(np.argmax(contexts < 0))
        raise _BadLineError(first + bad, f"the first {n - 1} words of this {n}-gram are not among the {n - 1}-grams")
    found: npt.NDArray[np.int64] = contexts * width + words[:, -1]
    return found


def _check_end(lines: Sequence[bytes], at: int) -> None:
    while at < len(lines) and not lines[at].strip():
        at += 1
    if at == len(lines):
        raise _BadLineError(at - 1, "the file ends here: it is truncated; expected \\end\\")
    if lines[at].strip() != _END:
        raise _BadLineError(at, f"got {_shown(lines[at])}, expected \\end\\ or another order's n-grams")


def _shown(text: bytes) -> str:
    return repr(text.decode("utf-8", "replace").strip()[:60])
