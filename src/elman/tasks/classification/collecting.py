"""The rows of a training run, read once: their tokens and labels get numbers as they come."""

import itertools
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data import Lexicon, Ragged
from elman.data.labelled import Labelled
from elman.data.lines import called
from elman.data.subwords import Subwords
from elman.tasks.classification.coding import Coding, Cutter, Forms, kind_of_texts
from elman.tasks.classification.defaults import LARGEST_VOCABULARY, letters_for
from elman.tasks.classification.reading import as_rows, checked_series, code_rows, number_of_labels
from elman.tasks.classification.rows import Rows, TrainingRows
from elman.tasks.classification.settings import ClassifierHyperparameters

__all__ = ["read_training_rows"]

_NAMED = 5  # labels that an error names
_LOOKED_AT = 1000  # rows that the kind of tokens is chosen by
_JUDGED = 500  # rows that are enough to judge by, with a hundredth of all
_SUBWORDS = 8000  # pieces at most
_SUBWORD_TEXT = 10_000_000  # characters that they are learnt from

Indices = npt.NDArray[np.int64]


def read_training_rows(
    inputs: Any, targets: Any, validation: Any, given: ClassifierHyperparameters, seed: int
) -> TrainingRows:
    """Read the rows to learn from and to judge progress by.

    Without others a tenth of the rows, at most 500 and a hundredth, is held out, drawn from `seed`, of each label its
    share; of labels with few rows none may be.

    Raises
    ------
    ValueError
        If a row cannot be read, or there are too few of them, or they all have the same label, or none of those to
        judge by has one of the training.
    """
    reading = as_rows(inputs, targets, given.form)
    head = list(itertools.islice(reading, _LOOKED_AT))
    cutter = _cutter(head, inputs, targets, given)
    collector = _Collector(cutter, given.several)
    rows = collector.collect(itertools.chain(head, reading))
    labels, rows, several = collector.numbered(rows, called(inputs, "inputs"))
    learning = np.arange(len(rows), dtype=np.int64)
    if validation is None:
        judging = _held_out(rows.labels, seed)
        learning = np.setdiff1d(learning, judging)
    coding = None
    if cutter is not None:
        letters = letters_for(cutter.kind, given.ngrams) if given.letters is None else given.letters
        coding = Coding(cutter, collector.lexicon(cutter, rows.inputs, learning, given.vocabulary), letters)
        assert collector.forms is not None
        rows = Rows(rows.inputs, rows.labels, coding.table(collector.forms), coding.spelling(collector.forms))
    if validation is None:
        return TrainingRows(rows, learning, rows, judging, labels, several, coding)
    channels = rows.inputs.values.shape[1] if cutter is None else 0
    source, source_targets = validation if isinstance(validation, tuple) else (validation, None)
    found = as_rows(source, source_targets, given.form, "validation")
    judged = code_rows(found, labels, coding, channels, several)
    judging = np.arange(len(judged), dtype=np.int64)
    _check_judged(judged, judging, called(source, "validation"), labels)
    return TrainingRows(rows, learning, judged, judging, labels, several, coding)


def _check_judged(judged: Rows, judging: Indices, name: str, labels: Sequence[str]) -> None:
    """Refuse rows that cannot tell how well the labels of the training are learnt."""
    if not len(judged):
        raise ValueError(f"{name} has no rows; expected at least one")
    if judged.unknown(judging).all():
        known = ", ".join(map(repr, labels[:_NAMED])) + (", …" if len(labels) > _NAMED else "")
        what = "each row has a label that does not occur" if (judged.labels.values >= 0).any() else "no label occurs"
        raise ValueError(f"{name}: {what} in training, whose labels are {known}; expected a row of these at least")


class _Collector:
    """Collects rows in one pass: tokens and labels get numbers as they come, and their final ones afterwards."""

    def __init__(self, cutter: Cutter | None, several: bool | None) -> None:
        self._several = several
        self.forms = None if cutter is None else Forms(cutter)
        self._labels: dict[str, int] = {}
        self._numbers, self._counts = array("i"), array("i")  # of the labels of all rows, and how many of each
        self._without = ""  # place of the first row without a label

    def collect(self, reading: Iterator[Labelled]) -> Rows:
        if self.forms is not None:
            inputs = Ragged.collect(self._coded(reading))
        else:
            head, channels = _first_of_some_steps(reading)
            measured = self._measured(itertools.chain(head, reading), channels)
            inputs = Ragged.collect(measured, np.float32, (channels,))
        return Rows(inputs, Ragged(np.array(self._numbers, np.int32), np.array(self._counts, np.int64)))

    def numbered(self, rows: Rows, name: str) -> tuple[tuple[str, ...], Rows, bool]:
        """The labels in order, the rows with their numbers in that order, and whether a row has several."""
        if len(rows) < 2:
            count = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
            raise ValueError(f"{name} has {count}; expected at least 2, to learn from and to judge by")
        several = bool((rows.labels.lengths > 1).any()) if self._several is None else self._several
        if self._without and not several:
            raise ValueError(f"{self._without}: no label; expected one in each row, or several=True (--several)")
        labels = tuple(sorted(self._labels))
        if len(labels) < (1 if several else 2):
            only = f"all {len(rows):,} rows have the label {labels[0]!r}" if labels else "no row has a label"
            raise ValueError(f"{name}: {only}: there is nothing to tell apart")
        final = np.empty(len(labels), np.int32)
        final[[self._labels[label] for label in labels]] = np.arange(len(labels))
        return labels, Rows(rows.inputs, Ragged(final[rows.labels.values], rows.labels.lengths)), several

    def lexicon(self, cutter: Cutter, inputs: Ragged, learning: Indices, most: int | None) -> Lexicon:
        """Of the rows to learn from."""
        assert self.forms is not None
        tokens = self.forms.tokens
        counts = np.zeros(len(tokens) + 1, np.int64)
        for start in range(0, len(learning), 1 << 14):
            part = [inputs[row] for row in learning[start : start + (1 << 14)]]
            counts += np.bincount(np.concatenate(part), minlength=len(counts))
        rare = 2 if cutter.kind in ("words", "segments") and len(learning) > 1000 else 1
        seen = {token: int(count) for token, count in zip(tokens, counts[1:], strict=True) if count}
        return Lexicon.from_counts(seen, min_count=rare, max_size=most or LARGEST_VOCABULARY)

    def _coded(self, reading: Iterable[Labelled]) -> Iterator[npt.NDArray[np.int32]]:
        assert self.forms is not None
        for row in reading:
            self._take_labels(row)
            if row.text is None:
                raise ValueError(f"{row.place}: a series, expected a text as in the first row")
            yield self.forms.read(row.text)

    def _measured(self, reading: Iterable[Labelled], channels: int) -> Iterator[npt.NDArray[np.float32]]:
        for row in reading:
            self._take_labels(row)
            yield checked_series(row, channels)

    def _take_labels(self, row: Labelled) -> None:
        if not row.labels and not self._without:
            self._without = row.place
        if len(row.labels) > 1 and self._several is False:
            raise ValueError(f"{row.place}: {number_of_labels(row)}, expected one")
        self._numbers.extend(self._labels.setdefault(label, len(self._labels)) for label in row.labels)
        self._counts.append(len(row.labels))


def _first_of_some_steps(reading: Iterator[Labelled]) -> tuple[list[Labelled], int]:
    """The rows up to the first series that is not empty, and its channels."""
    head = []
    for row in reading:
        head.append(row)
        if row.series is not None and len(row.series):
            if not row.series.shape[1]:
                raise ValueError(f"{row.place}: a series without numbers in its steps; expected one channel or more")
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
    if isinstance(inputs, str | os.PathLike) and (os.fspath(inputs) == "-" or Path(inputs).is_fifo()):
        raise ValueError("subwords are learnt before the rows are read, and a pipe is read once: give a file")
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
    """Numbers of the rows to judge by: a tenth, of many rows less, of each first label its share; at least one."""
    R = len(labels)
    wanted = max(1, min(R // 10, _JUDGED + R // 100))
    chance = np.random.default_rng((seed, R))
    begins = np.cumsum(labels.lengths) - labels.lengths
    first = np.where(labels.lengths > 0, np.append(labels.values, -1)[begins], -1)
    order = chance.permutation(R)
    order = order[np.argsort(first[order], kind="stable")]  # label after label, in each at random
    starts = np.flatnonzero(np.diff(first[order], prepend=-2))
    sizes = np.diff([*starts, len(order)])
    chosen = [order[start : start + size * wanted // R] for start, size in zip(starts, sizes, strict=True)]
    held = np.concatenate(chosen) if any(map(len, chosen)) else np.empty(0, np.int64)
    missing = wanted - len(held)  # of labels with few rows, at random
    if missing > 0:
        counts = np.repeat(sizes, sizes)
        spare = np.setdiff1d(order[counts > 1] if (counts > 1).any() else order, held)
        held = np.concatenate([held, chance.permutation(spare)[:missing]])
    return np.sort(held).astype(np.int64)
