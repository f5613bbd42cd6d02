r"""N-gram models as ARPA files, the text format that KenLM, SRILM and others read and write; gzip too.

::

    \data\
    ngram 1=5
    ngram 2=4

    \1-grams:
    -0.9	cat	-0.3        log10 of the probability, the words, log10 of the back-off weight

    \end\

A line ``# tokens: chars`` before ``\data\`` says how text was cut.  White space separates the words of the format:
in models of chars and segments a space is written as ▁ (U+2581), any other such character c as ▁{c in hexadecimal}.
"""

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elman import __version__
from elman.data import Lexicon
from elman.data.sentences import BEGIN, END, UNKNOWN
from elman.models.ngram import NGramTable
from elman.tasks.model_file import written_whole

__all__ = ["GZIP", "ZERO", "escaped", "is_arpa", "unescaped", "write_arpa"]

GZIP = b"\x1f\x8b"
"""How a compressed file begins."""

ZERO = -99.0
"""log10 of a probability of 0, by the format's convention."""

_SPACE = "▁"
_UNWRITABLE = re.compile(f"[ \t\r\n\v\f\0{_SPACE}]")
_WRITTEN = re.compile(rf"{_SPACE}(?:\{{([0-9a-f]+)\}})?")


def is_arpa(path: str | os.PathLike[str]) -> bool:
    r"""Whether a file looks like an ARPA file: it is compressed with gzip, or has a line ``\data\`` near its start."""
    with Path(path).open("rb") as file:
        start = file.read(4096)
    return start.startswith(GZIP) or any(line.strip() == b"\\data\\" for line in start.split(b"\n"))


def write_arpa(path: str | os.PathLike[str], lexicon: Lexicon, table: NGramTable, kind: str) -> None:
    """Write an ARPA file, whole or not at all; compressed if its name ends in ``.gz``.

    Parameters
    ----------
    path
        Where.
    lexicon, table, kind
        The vocabulary, the table over its indices and the two marks of a sentence, and how text is cut.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with written_whole(path) as unfinished, unfinished.open("wb") as raw:
        if os.fspath(path).endswith(".gz"):
            with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                packed.writelines(_written(lexicon, table, kind))
        else:
            raw.writelines(_written(lexicon, table, kind))


def _written(lexicon: Lexicon, table: NGramTable, kind: str) -> Iterator[bytes]:
    sizes = "".join(f"ngram {n}={size}\n" for n, size in enumerate(table.sizes, 1))
    yield f"# Elman {__version__}\n# tokens: {kind}\n\\data\\\n{sizes}".encode()
    tokens = list(lexicon)[1:]
    words = [UNKNOWN, *(tokens if kind == "words" else map(escaped, tokens)), END, BEGIN]
    grams = words
    for n, values in enumerate(table.log_probabilities, 1):
        if n > 1:
            contexts, last = np.divmod(table.keys[n - 2], table.width)
            grams = [f"{grams[c]} {words[w]}" for c, w in zip(contexts.tolist(), last.tolist(), strict=True)]
        rows = zip(_numbers(values), grams, strict=True)
        if n < table.order:
            weights = _numbers(table.backoffs[n - 1])
            lines = [f"{p}\t{gram}\t{b}\n" for (p, gram), b in zip(rows, weights, strict=True)]
        else:
            lines = [f"{p}\t{gram}\n" for p, gram in rows]
        yield f"\n\\{n}-grams:\n{''.join(lines)}".encode("utf-8", "surrogatepass")
    yield b"\n\\end\\\n"


def _numbers(values: npt.NDArray[np.float32]) -> list[str]:
    """The shortest texts that give the same float32 back."""
    finite = np.where(np.isneginf(values), np.float32(ZERO), values) + np.float32(0)  # no -0.0
    texts: list[str] = finite.astype("U16").tolist()
    return texts


def escaped(token: str) -> str:
    """A token of chars or segments as a word of the file, without white space.

    >>> escaped("a b"), escaped("\\t")
    ('a▁b', '▁{9}')
    """
    return _UNWRITABLE.sub(lambda match: _SPACE if match[0] == " " else f"{_SPACE}{{{ord(match[0]):x}}}", token)


def unescaped(word: str) -> str:
    """The inverse of `escaped`."""
    return _WRITTEN.sub(lambda match: chr(int(match[1], 16)) if match[1] else " ", word)
