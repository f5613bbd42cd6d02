"""From what a user hands in to numbered rows: tokens or series, each with its labels."""

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data import Lexicon, Ragged, normalise
from elman.data.labelled import Labelled, RowFormat, read_labelled, series_of_json
from elman.data.lines import name_of, numbered_lines
from elman.data.subwords import Subwords
from elman.tasks.classification.coding import Coding, Cutter, kind_of_texts
from elman.tasks.classification.settings import ClassifierHyperparameters

__all__ = ["Rows", "TrainingRows", "as_rows", "as_series", "code_rows", "read_training_rows", "rows_to_predict"]

_LOOKED_AT = 1000  # rows that the kind of tokens is chosen by
_SUBWORDS = 8000  # pieces at most
_SUBWORD_TEXT = 10_000_000  # characters that they are learnt from
_BLOCK = 1 << 22  # numbers counted at once

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """R rows with the numbers of their labels."""

    inputs: Ragged
    """Indices of tokens, or vectors of C channels."""
    labels: Ragged
    """Numbers of the labels of each row, rising; -1 for one that the training rows have not."""
    table: Indices | None = None
    """(…,) what the indices of `inputs` stand for in the lexicon; None: for themselves."""

    def __len__(self) -> int:
        """R."""
        return len(self.inputs)

    def batch(self, rows: Indices, longest: int | None = None) -> tuple[Tensor, Tensor]:
        """Some rows as (T, N) or (T, N, C), and their lengths (N,); longer ones are cut to `longest` steps."""
        steps = self.inputs.padded(rows)[:longest]
        lengths = torch.from_numpy(self.inputs.lengths[rows]).clamp(max=len(steps))
        return steps if self.table is None else torch.from_numpy(self.table[steps.numpy()]), lengths

    def targets(self, rows: Indices) -> Tensor:
        """(N,) the number of the one label of each row."""
        return torch.from_numpy(self.labels.values[rows].astype(np.int64))

    def many_targets(self, rows: Indices, classes: int) -> Tensor:
        """(N, K): 1 for each label that a row has, else 0."""
        found = torch.zeros(len(rows), classes + 1)
        for place, row in enumerate(rows):
            found[place, self.labels[row].astype(np.int64)] = 1.0  # -1 is the last column
        return found[:, :-1]

    def unknown(self, rows: Indices) -> npt.NDArray[np.bool_]:
        """(N,) whether a row has a label that the training rows have not."""
        return np.array([bool((self.labels[row] < 0).any()) for row in rows], bool)


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a training run, and what was learnt while reading them."""

    rows: Rows
    learning: Indices
    """Which of `rows` to learn from."""
    judged: Rows
    judging: Indices
    """Which of `judged` to judge progress by."""
    labels: tuple[str, ...]
    """K, sorted."""
    several: bool
    coding: Coding | None
    """None: rows are series."""

    def units(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean and standard deviation of each channel of the series to learn from, (C,); 1 for one that is constant."""
        inputs = self.rows.inputs
        mean, steps = np.zeros(inputs.values.shape[1]), max(1, int(inputs.lengths[self.learning].sum()))
        for row in self.learning:
            mean += inputs[row].sum(0, np.float64) / steps
        squares = np.zeros_like(mean)
        for row in self.learning:
            squares += np.square(inputs[row] - mean).sum(0) / steps
        scale = np.sqrt(squares)
        return mean, np.where(scale > 0, scale, 1.0)

    def fingerprint(self) -> str:
        """A number that tells one set of rows from another."""
        digest = hashlib.sha256("\0".join(self.labels).encode("utf-8", "surrogatepass"))
        for rows, chosen in ((self.rows, self.learning), (self.judged, self.judging)):
            for ragged in (rows.inputs, rows.labels):
                digest.update(ragged.lengths.tobytes())
                for start in range(0, len(ragged.values), _BLOCK):
                    digest.update(np.ascontiguousarray(ragged.values[start : start + _BLOCK]).tobytes())
            digest.update(chosen.tobytes())
        return digest.hexdigest()


def as_rows(inputs: Any, targets: Any, form: RowFormat, name: str = "inputs") -> Iterator[Labelled]:
    """The rows of a file or folder (`elman.data.labelled`), or of a list with a list of their labels."""
    if isinstance(inputs, str | os.PathLike):
        if targets is not None:
            raise TypeError(f"{name} is a file, which holds the labels too; targets are for a list of texts or series")
        return read_labelled(inputs, form)
    if not isinstance(inputs, Sequence):
        raise TypeError(
            f"{name} is a {type(inputs).__name__}; expected a path, or a list of texts or of arrays (T, C) with targets"
        )
    if targets is None:
        raise TypeError(f"{name} is a list without labels; give them as targets, one for each")
    if len(targets) != len(inputs):
        raise ValueError(f"there are {len(inputs):,} {name} and {len(targets):,} targets; expected one for each")
    return (
        _given(item, label, f"{name}[{row}]") for row, (item, label) in enumerate(zip(inputs, targets, strict=True))
    )


def as_series(values: Any, name: str) -> npt.NDArray[np.float32]:
    """A series (T, C) out of an array (T, C) or (T,); TypeError or ValueError if it is none."""
    try:
        series = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} is a {type(values).__name__}, expected a text or an array (T, C) of numbers"
        ) from error
    series = series[:, None] if series.ndim == 1 else series
    if series.ndim != 2:
        raise ValueError(f"{name} has shape {series.shape}, expected (T, C)")
    if not np.isfinite(series).all():
        raise ValueError(f"{name} has a value that is not finite, at step {int(np.argmin(np.isfinite(series).all(1)))}")
    return series


def read_training_rows(
    inputs: Any, targets: Any, validation: Any, given: ClassifierHyperparameters, seed: int
) -> TrainingRows:
    """Read the rows to learn from and to judge progress by.

    Without others a tenth of the rows is held out, drawn from `seed`, of each label its share; of labels with fewer
    than ten rows none may be.

    Raises
    ------
    ValueError
        If a row cannot be read, or there are too few of them, or they all have the same label.
    """
    reading = as_rows(inputs, targets, given.form)
    head = list(itertools.islice(reading, _LOOKED_AT))
    cutter = _cutter(head, inputs, targets, given)
    collector = _Collector(cutter, given.several)
    rows = collector.collect(itertools.chain(head, reading))
    labels, rows, several = collector.numbered(rows)
    learning = np.arange(len(rows), dtype=np.int64)
    if validation is None:
        judging = _held_out(rows.labels, seed)
        learning = np.setdiff1d(learning, judging)
    coding = None
    if cutter is not None:
        coding, table = collector.coding(cutter, rows.inputs, learning, given.vocabulary)
        rows = Rows(rows.inputs, rows.labels, table)
    if validation is None:
        return TrainingRows(rows, learning, rows, judging, labels, several, coding)
    channels = rows.inputs.values.shape[1] if cutter is None else 0
    source, source_targets = validation if isinstance(validation, tuple) else (validation, None)
    found = as_rows(source, source_targets, given.form, "validation")
    judged = code_rows(found, labels, coding, channels, several)
    if not len(judged):
        raise ValueError("validation has no rows; expected at least one")
    return TrainingRows(rows, learning, judged, np.arange(len(judged), dtype=np.int64), labels, several, coding)


def code_rows(
    reading: Iterable[Labelled], labels: Sequence[str], coding: Coding | None, channels: int, several: bool
) -> Rows:
    """Number the rows of other data by the tables of a model."""
    number = {label: index for index, label in enumerate(labels)}
    targets: list[list[int]] = []

    def inputs() -> Iterator[npt.NDArray[Any]]:
        for row in reading:
            targets.append(sorted(number.get(label, -1) for label in row.labels))
            if not several and len(row.labels) != 1:
                raise ValueError(f"{row.place}: {_number_of_labels(row)}; the model gives one to each row")
            if coding is not None:
                if row.text is None:
                    raise ValueError(f"{row.place}: a series, expected a text as in training")
                yield coding.encode(row.text)
            else:
                yield _checked_series(row, channels)

    shape = () if coding is not None else (channels,)
    found = Ragged.collect(inputs(), np.int32 if coding is not None else np.float32, shape)
    return Rows(found, Ragged.collect(targets))


class _Collector:
    """Collects rows in one pass: tokens and labels get numbers as they come, and their final ones afterwards."""

    def __init__(self, cutter: Cutter | None, several: bool | None) -> None:
        self._cutter, self._several = cutter, several
        self._tokens: dict[str, int] = {}
        self._labels: dict[str, int] = {}
        self._row_labels: list[list[int]] = []
        self._without = ""  # place of the first row without a label

    def collect(self, reading: Iterator[Labelled]) -> Rows:
        if self._cutter is not None:
            inputs = Ragged.collect(self._coded(reading))
        else:
            head, channels = _first_of_some_steps(reading)
            measured = self._measured(itertools.chain(head, reading), channels)
            inputs = Ragged.collect(measured, np.float32, (channels,))
        return Rows(inputs, Ragged.collect(self._row_labels))

    def numbered(self, rows: Rows) -> tuple[tuple[str, ...], Rows, bool]:
        """The labels in order, the rows with their numbers in that order, and whether a row has several."""
        if len(rows) < 2:
            raise ValueError(f"there are {len(rows)} rows; expected at least 2, to learn from and to judge by")
        several = bool((rows.labels.lengths > 1).any()) if self._several is None else self._several
        if self._without and not several:
            raise ValueError(f"{self._without}: no label; expected one in each row (or several in some: several=True)")
        if not several and (rows.labels.lengths > 1).any():
            row = int(np.argmax(rows.labels.lengths > 1))
            raise ValueError(f"row {row} has {rows.labels.lengths[row]} labels; expected one in each row")
        labels = tuple(sorted(self._labels))
        if len(labels) < (1 if several else 2):
            only = f"all {len(rows):,} rows have the label {labels[0]!r}" if labels else "no row has a label"
            raise ValueError(f"{only}: there is nothing to tell apart")
        final = np.empty(len(labels), np.int32)
        final[[self._labels[label] for label in labels]] = np.arange(len(labels))
        return labels, Rows(rows.inputs, Ragged(final[rows.labels.values], rows.labels.lengths)), several

    def coding(self, cutter: Cutter, inputs: Ragged, learning: Indices, most: int | None) -> tuple[Coding, Indices]:
        """The lexicon of the rows to learn from, and the table from the numbers of `collect` to its indices."""
        counts = np.zeros(len(self._tokens) + 1, np.int64)
        for start in range(0, len(learning), 1 << 14):
            part = [inputs[row] for row in learning[start : start + (1 << 14)]]
            counts += np.bincount(np.concatenate(part), minlength=len(counts))
        tokens = list(self._tokens)
        rare = 2 if cutter.kind in ("words", "segments") and len(learning) > 1000 else 1
        seen = {token: int(count) for token, count in zip(tokens, counts[1:], strict=True) if count}
        lexicon = Lexicon.from_counts(seen, min_count=rare, max_size=most or 50_000)
        return Coding(cutter, lexicon), np.array([0, *(lexicon[token] for token in tokens)], np.int64)

    def _coded(self, reading: Iterable[Labelled]) -> Iterator[npt.NDArray[np.int32]]:
        assert self._cutter is not None
        number = self._tokens
        for row in reading:
            self._take_labels(row)
            if row.text is None:
                raise ValueError(f"{row.place}: a series, expected a text as in the first row")
            yield np.fromiter((number.setdefault(t, len(number) + 1) for t in self._cutter.cut(row.text)), np.int32)

    def _measured(self, reading: Iterable[Labelled], channels: int) -> Iterator[npt.NDArray[np.float32]]:
        for row in reading:
            self._take_labels(row)
            yield _checked_series(row, channels)

    def _take_labels(self, row: Labelled) -> None:
        if not row.labels and not self._without:
            self._without = row.place
        if len(row.labels) > 1 and self._several is False:
            raise ValueError(f"{row.place}: {_number_of_labels(row)}, expected one")
        self._row_labels.append(sorted(self._labels.setdefault(label, len(self._labels)) for label in row.labels))


def _first_of_some_steps(reading: Iterator[Labelled]) -> tuple[list[Labelled], int]:
    """The rows up to the first series that is not empty, and its channels."""
    head = []
    for row in reading:
        head.append(row)
        if row.series is not None and len(row.series):
            return head, row.series.shape[1]
    return head, 1


def _cutter(head: list[Labelled], inputs: Any, targets: Any, given: ClassifierHyperparameters) -> Cutter | None:
    """What the texts are cut by, chosen from the first of them where it is not said; None for series."""
    texts = [row.text for row in head if row.text is not None]
    if not head or head[0].text is None:
        if given.tokens is not None and head:
            raise ValueError(f"{head[0].place}: a series, which has no tokens: leave tokens={given.tokens!r} out")
        return None
    kind = given.tokens or kind_of_texts(texts)
    lowercase = kind in ("words", "subwords") if given.lowercase is None else given.lowercase
    if kind != "subwords":
        return Cutter(kind, lowercase)
    if isinstance(inputs, str | os.PathLike) and os.fspath(inputs) == "-":
        raise ValueError("subwords are learnt before the rows are read, and standard input is read once: give a file")
    plain = Cutter("chars", lowercase)
    again = (row.text or "" for row in as_rows(inputs, targets, given.form))
    pieces = Subwords.learn(("".join(plain.cut(t)) for t in _until(again)), given.vocabulary or _SUBWORDS)
    return Cutter(kind, lowercase, pieces)


def _until(texts: Iterator[str]) -> Iterator[str]:
    """The first texts, of about so many characters as subwords are learnt from."""
    left = _SUBWORD_TEXT
    for text in texts:
        yield text[:left]
        left -= len(text)
        if left <= 0:
            return


def _held_out(labels: Ragged, seed: int) -> Indices:
    """Numbers of a tenth of the rows, of each first label its share; at least one."""
    chance = np.random.default_rng((seed, len(labels)))
    first = np.array([int(labels[row][0]) if len(labels[row]) else -1 for row in range(len(labels))])
    order = chance.permutation(len(labels))
    order = order[np.argsort(first[order], kind="stable")]  # label after label, in each at random
    starts = np.flatnonzero(np.diff(first[order], prepend=-2))
    sizes = np.diff([*starts, len(order)])
    chosen = [order[start : start + size // 10] for start, size in zip(starts, sizes, strict=True)]
    held = np.concatenate(chosen) if any(map(len, chosen)) else np.empty(0, np.int64)
    missing = max(1, len(labels) // 10) - len(held)  # of labels with few rows, at random
    if missing > 0:
        counts = np.repeat(sizes, sizes)
        spare = np.setdiff1d(order[counts > 1] if (counts > 1).any() else order, held)
        held = np.concatenate([held, chance.permutation(spare)[:missing]])
    return np.sort(held).astype(np.int64)


def _given(item: Any, label: Any, place: str) -> Labelled:
    several = isinstance(label, list | tuple | set | frozenset)
    labels = tuple(dict.fromkeys(_as_label(one, place) for one in (label if several else (label,))))
    if isinstance(item, str):
        return Labelled(item, None, labels, place)
    return Labelled(None, as_series(item, place), labels, place)


def _as_label(label: Any, place: str) -> str:
    if isinstance(label, str):
        return normalise(label).strip()
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    if isinstance(label, int | np.integer):
        return str(int(label))
    raise TypeError(f"the label of {place} is {label!r}, expected a str or a whole number, or a list of them")


def _checked_series(row: Labelled, channels: int) -> npt.NDArray[np.float32]:
    if row.series is None:
        raise ValueError(f"{row.place}: a text, expected a series as in the first row")
    if len(row.series) and row.series.shape[1] != channels:
        raise ValueError(f"{row.place}: {row.series.shape[1]} channels, expected {channels} as in the first row")
    return row.series.reshape(-1, channels)


def _number_of_labels(row: Labelled) -> str:
    return f"{len(row.labels)} labels ({', '.join(row.labels)})" if row.labels else "no label"


def rows_to_predict(inputs: Any, coding: Coding | None, channels: int) -> Rows:
    """Rows without labels: a list of texts or of arrays, or the lines of a file; lines of series are JSON.

    Raises
    ------
    TypeError, ValueError
        If an item is neither text nor series, or has other channels than the training's; the message names it.
    """
    if isinstance(inputs, str | os.PathLike):
        lines = numbered_lines(inputs)
        items: Iterable[tuple[str, Any]] = ((f"{name_of(inputs)}:{number}", line) for number, line in lines)
    elif isinstance(inputs, Sequence):
        items = ((f"inputs[{row}]", item) for row, item in enumerate(inputs))
    else:
        raise TypeError(f"inputs is a {type(inputs).__name__}; expected a list of texts or arrays (T, C), or a path")
    if coding is None:
        found = Ragged.collect(
            (_checked_series(_series_row(item, place), channels) for place, item in items), np.float32, (channels,)
        )
    else:
        found = Ragged.collect(_encoded(coding, items))
    return Rows(found, Ragged(np.empty(0, np.int32), np.zeros(len(found), np.int64)))


def _encoded(coding: Coding, items: Iterable[tuple[str, Any]]) -> Iterator[npt.NDArray[np.int32]]:
    for place, item in items:
        if not isinstance(item, str):
            raise TypeError(f"{place} is a {type(item).__name__}; the model reads texts: expected a str")
        yield coding.encode(item)


def _series_row(item: Any, place: str) -> Labelled:
    if not isinstance(item, str):
        return Labelled(None, as_series(item, place), (), place)
    try:
        values = json.loads(item)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place}: not JSON: {error}; the model reads series, lists of lists of numbers") from error
    if isinstance(values, dict):
        lists = [value for value in values.values() if isinstance(value, list)]
        if len(lists) != 1:
            raise ValueError(f"{place}: {len(lists)} keys with a list; expected a single one, the series")
        values = lists[0]
    return Labelled(None, series_of_json(values, place), (), place)
