"""Pretrained word vectors from the text files of word2vec, GloVe and fastText."""

import math
import os
from collections.abc import Container, Iterable

import numpy as np
import torch
from torch import Tensor

from elman.data.lexicon import Lexicon
from elman.data.lines import name_of, numbered_lines

__all__ = ["read_vectors", "vector_words"]


def read_vectors(path: str | os.PathLike[str], lexicon: Lexicon) -> tuple[Tensor, Tensor]:
    """Read the vectors of the words of a lexicon; the rest of the file is passed over.

    Parameters
    ----------
    path
        A line a word: the word, then E numbers, all between single spaces, as GloVe has it; a first line that holds
        two whole numbers, how many words and E, as word2vec and fastText have it, is passed over.  Plain or gzip.
    lexicon
        V entries.  A word that the file does not have takes the vector of the file's word that it is in lower case,
        if there is one.

    Returns
    -------
    vectors : Tensor
        (V, E) float32, zero where there is none.
    found : Tensor
        (V,) booleans.

    Raises
    ------
    ValueError
        If a line has another number of values than the one before, or one of them is no number; the message names
        file and line.  If the file has no vector.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "v.txt")
    >>> _ = path.write_text("2 3\\nthe 1 0 0.5\\ncat 0 2 0\\n")
    >>> vectors, found = read_vectors(path, Lexicon(["Cat", "dog"]))
    >>> vectors.tolist(), found.tolist()
    ([[0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]], [False, True, False])
    """
    name, width = name_of(path), 0
    places, words = _places(lexicon), list(lexicon)
    vectors = np.zeros((len(lexicon), 0), np.float32)
    found, exact = np.zeros(len(lexicon), bool), np.zeros(len(lexicon), bool)
    for number, line in numbered_lines(path):
        line = line.rstrip(" ")
        if not width:
            if number == 1 and _is_header(line):
                continue
            width = line.count(" ")
            vectors = np.zeros((len(lexicon), width), np.float32)
        word, *values = line.rsplit(" ", width) if width else [line]
        if not width or len(values) != width:
            expected = f"expected a word and {width}" if width else "expected a word and its vector"
            raise ValueError(f"{name}:{number}: {len(values)} numbers, {expected}, between single spaces")
        for index in places.get(word, ()):
            same = words[index] == word
            if same or not exact[index]:
                vectors[index] = _numbers(values, f"{name}:{number}")
                found[index], exact[index] = True, exact[index] or same
    if not width:
        raise ValueError(f"{name} has no vector; expected a line a word: the word and its numbers")
    return torch.from_numpy(vectors), torch.from_numpy(found)


def vector_words(
    path: str | os.PathLike[str], most: int | None = None, keep: Container[str] = frozenset()
) -> list[str]:
    """The words of a file that `read_vectors` reads, each once, in its order.

    Parameters
    ----------
    path
        Of the file.
    most
        How many of its first words, which are the most frequent in the files that one finds; None: all.
    keep
        Words that are taken wherever they stand.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "v.txt")
    >>> _ = path.write_text("4 3\\nthe 1 0 0\\nof 0 0 1\\na 0 1 0\\ncat 0 2 0\\n")
    >>> vector_words(path), vector_words(path, most=1, keep={"cat"})
    (['the', 'of', 'a', 'cat'], ['the', 'cat'])
    """
    words: dict[str, None] = {}
    width = 0
    for number, line in numbered_lines(path):
        line = line.rstrip(" ")
        if number == 1 and _is_header(line):
            continue
        width = width or line.count(" ")
        word = line.rsplit(" ", width)[0] if width else line
        if most is None or len(words) < most or word in keep:
            words.setdefault(word)
    return list(words)


def _places(lexicon: Lexicon) -> dict[str, list[int]]:
    """Where a word of the file goes: to the same word, and to those that it is the lower case of."""
    places: dict[str, list[int]] = {}
    for index, word in enumerate(lexicon):
        if index != lexicon.other:
            for form in {word, word.lower()}:
                places.setdefault(form, []).append(index)
    return places


def _is_header(line: str) -> bool:
    parts = line.split(" ")
    return len(parts) == 2 and all(part.isascii() and part.isdigit() for part in parts)


def _numbers(values: Iterable[str], place: str) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except ValueError as error:
        raise ValueError(
            f"{place}: {str(error).replace('could not convert string to float', 'not a number')}"
        ) from None
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{place}: a number of the vector is not finite")
    return numbers
