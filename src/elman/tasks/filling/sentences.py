"""From what a user hands in, a text, sentences or files, to the rows of numbers that a filler learns from."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data import Lexicon, Ragged, normalise
from elman.data.blanks import cut_sentence, kind_of
from elman.data.lines import called, numbered_lines
from elman.tasks.texts import as_text

__all__ = ["FillData", "Sentences", "framed", "lines_of", "prepare", "rows_of"]

Sentences = str | os.PathLike[str] | Sequence[str] | Sequence[os.PathLike[str]]
"""A str is a text, a sentence a line; a list of str are the sentences; a Path is a file, a list of them several."""

_LONGEST = 254  # tokens of a row: a longer sentence is learnt in pieces
_VALIDATION_PART, _MOST_VALIDATION = 10, 2000  # one sentence in so many, at most so many, if no others are given
_LOOKED_AT = 100  # lines, to see how a text should be cut
_CHUNK = 1 << 22  # numbers counted at once
_BEGIN, _END = -2, -1  # the marks, as long as the size of the vocabulary is not known

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FillData:
    """Sentences for training and for validation, with their marks, in the numbers of the lexicon."""

    kind: str
    """How they are cut."""
    lexicon: Lexicon
    training: Ragged
    validation: Ragged

    @property
    def counts(self) -> Tensor:
        """(V + 2,) how often each token and mark is hidden in training."""
        return torch.tensor([*self.lexicon.counts, len(self.training), len(self.training)])

    def fingerprint(self) -> str:
        """A number that tells one set of sentences from another."""
        digest = hashlib.sha256("\0".join(self.lexicon).encode("utf-8", "surrogatepass"))
        for rows in (self.training, self.validation):
            digest.update(rows.lengths.tobytes())
            for first in range(0, len(rows.values), _CHUNK):
                digest.update(rows.values[first : first + _CHUNK].tobytes())
        return digest.hexdigest()


def lines_of(data: Sentences, name: str) -> Iterator[str]:
    """The lines of a text, of files, or of a list, in normal form NFC, one after another.

    Parameters
    ----------
    data
        `Sentences`.
    name
        Of the argument, for errors.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If a text is empty or names a file, or a line of a file is not UTF-8; the message names the line.
    OSError
        If a file cannot be read.
    """
    if isinstance(data, str):
        yield from (line.removesuffix("\r") for line in as_text(data, name).split("\n"))
    elif isinstance(data, os.PathLike):
        yield from (line for _, line in numbered_lines(data))
    elif not isinstance(data, Sequence) or not all(isinstance(one, (str, os.PathLike)) for one in data):
        kind = type(data).__name__
        raise TypeError(f"{name} is a {kind}; expected a text (str), a list of sentences, a pathlib.Path or several")
    else:
        for one in data:
            yield from [normalise(one)] if isinstance(one, str) else (line for _, line in numbered_lines(one))


def framed(tokens: Sequence[int] | Numbers, begin: int, end: int, longest: int | None = None) -> Iterator[Numbers]:
    """A sentence with its marks; a longer one in pieces, which have a neighbouring token in the place of a mark.

    >>> [row.tolist() for row in framed([1, 2, 3], 8, 9, longest=2)]
    [[8, 1, 2, 3], [2, 3, 9]]
    """
    whole = np.concatenate([[begin], np.asarray(tokens, np.int64), [end]])
    size = max(1, longest or len(tokens))
    for first in range(0, max(1, len(tokens)), size):
        yield whole[first : first + size + 2]


def rows_of(lines: Iterable[str], lexicon: Lexicon, kind: str, longest: int | None = None) -> Ragged:
    """The sentences of lines as rows in the numbers of a lexicon; lines without a token are left out."""
    begin = len(lexicon)

    def rows() -> Iterator[Numbers]:
        for line in lines:
            if tokens := cut_sentence(line, kind):
                yield from framed(lexicon.indices(tokens).numpy(), begin, begin + 1, longest)

    return Ragged.collect(rows())


def prepare(
    inputs: Sentences,
    validation: Sentences | None,
    kind: str | None,
    *,
    min_count: int = 1,
    max_size: int | None = None,
) -> FillData:
    """Read and number the sentences of a training run, each line once.

    Parameters
    ----------
    inputs
        Training sentences; the last tenth of them, at most 2,000, is for validation if there are no others for that.
    validation
        Validation sentences, or None.
    kind
        Of the tokens; None: as the first lines suggest (`elman.data.blanks.kind_of`).
    min_count, max_size
        Of the lexicon, which is made from the training sentences alone.

    Raises
    ------
    ValueError
        If there are too few sentences.
    """
    numbers: dict[str, int] = {}
    lines = lines_of(inputs, "inputs")
    beginning = list(islice(lines, _LOOKED_AT))
    kind = kind or kind_of(" ".join(beginning))

    def rows() -> Iterator[Numbers]:
        for line in chain(beginning, lines):
            tokens = [numbers.setdefault(token, len(numbers)) for token in cut_sentence(line, kind)]
            if tokens:
                yield from framed(tokens, _BEGIN, _END, _LONGEST)

    found = Ragged.collect(rows())
    held_out = max(1, min(_MOST_VALIDATION, len(found) // _VALIDATION_PART)) if validation is None else 0
    if len(found) <= held_out:
        noun = "sentence" if len(found) == 1 else "sentences"
        raise ValueError(f"{called(inputs, 'inputs')} has {len(found)} {noun}; expected at least {1 + held_out}")
    split = len(found) - held_out
    lexicon = _lexicon(found, split, list(numbers), min_count, max_size)
    if len(lexicon) == 1:
        raise ValueError(
            f"no token is seen {min_count} times or more, so that the vocabulary is empty; lower min_count"
        )
    order = [*map(lexicon.__getitem__, numbers), len(lexicon), len(lexicon) + 1]
    into = np.asarray(order, np.int32)  # the last two are the marks: -2 and -1
    training = Ragged.collect(into[found[row]] for row in range(split))
    if validation is None:
        return FillData(kind, lexicon, training, Ragged.collect(into[found[row]] for row in range(split, len(found))))
    judged = rows_of(lines_of(validation, "validation"), lexicon, kind, _LONGEST)
    if not len(judged):
        raise ValueError(f"{called(validation, 'validation')} has no sentence; expected at least 1")
    return FillData(kind, lexicon, training, judged)


def _lexicon(rows: Ragged, split: int, tokens: list[str], min_count: int, max_size: int | None) -> Lexicon:
    """Count the tokens of the first `split` rows: a piece's neighbour in the place of a mark is counted once more."""
    counts = np.zeros(len(tokens) + 2, np.int64)
    total = int(rows.lengths[:split].sum())
    for first in range(0, total, _CHUNK):
        counts += np.bincount(rows.values[first : min(first + _CHUNK, total)] + 2, minlength=len(counts))
    seen = {token: int(count) for token, count in zip(tokens, counts[2:].tolist(), strict=True) if count}
    return Lexicon.from_counts(seen, min_count=min_count, max_size=max_size)
