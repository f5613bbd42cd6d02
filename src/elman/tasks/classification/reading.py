"""From what a user hands in, a file or lists, to numbered rows."""

import itertools
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from elman.data import Ragged, normalise
from elman.data.labelled import Labelled, RowFormat, read_labelled, series_of_json
from elman.data.lines import name_of, numbered_lines
from elman.tasks.classification.coding import Coding, Forms
from elman.tasks.classification.rows import Rows
from elman.tasks.texts import as_lines, as_text

__all__ = ["as_label", "as_rows", "as_series", "checked_series", "code_rows", "number_of_labels", "rows_to_predict"]


_AT_ONCE = 1 << 14  # rows that are predicted together
_TEXT, _SERIES = "a text", "an array (T, C) of numbers"
_EITHER = f"{_TEXT} or {_SERIES}"


def as_rows(inputs: Any, targets: Any, form: RowFormat, name: str = "inputs") -> Iterator[Labelled]:
    """The rows of a file or folder (`elman.data.labelled`), or of a list with a list of their labels."""
    if isinstance(inputs, str | os.PathLike):
        if targets is not None:
            raise TypeError(f"{name} is a file, which holds the labels too; targets are for a list of texts or series")
        return read_labelled(inputs, form)
    items = _listed(inputs)
    if items is None:
        raise TypeError(
            f"{name} is a {type(inputs).__name__}; expected a path, or a list of texts or of arrays (T, C) with targets"
        )
    if targets is None:
        raise TypeError(f"{name} is a list without labels; give them as targets, one for each")
    labels = _listed(targets)
    if labels is None or getattr(targets, "ndim", 1) > 1:
        shape = f" of shape {tuple(targets.shape)}" if hasattr(targets, "shape") else ""
        raise TypeError(
            f"targets is a {type(targets).__name__}{shape}; expected a list of labels, one for each of {name}, of "
            "several labels a list of lists"
        )
    if len(labels) != len(items):
        raise ValueError(f"there are {len(items):,} {name} and {len(labels):,} targets; expected one for each")
    kind = _kind_of(items[0]) if len(items) else _EITHER
    return (
        _given(item, label, f"{name}[{row}]", kind) for row, (item, label) in enumerate(zip(items, labels, strict=True))
    )


def _kind_of(item: Any) -> str:
    """What the others should be too, for errors."""
    if isinstance(item, str):
        return _TEXT
    return _EITHER if item is None or np.isscalar(item) else _SERIES


def _shown(item: Any) -> str:
    """What an error says that an item is: itself, if that is short."""
    return repr(item) if item is None or np.isscalar(item) else f"a {type(item).__name__}"


def _listed(values: Any) -> Sequence[Any] | None:
    """What a list holds, an array, a tensor, or a column of a data frame; None of what is none of these.

    Not each by its type: pandas and polars need not be installed.
    """
    if isinstance(values, Sequence):
        return values
    as_list = getattr(values, "tolist", None) or getattr(values, "to_list", None)
    dimensions = getattr(values, "ndim", 1)
    if as_list is None or not dimensions:
        return None
    return list(values) if dimensions > 1 else as_list()  # rows of numbers stay arrays


def as_series(values: Any, name: str, expected: str = _SERIES) -> npt.NDArray[np.float32]:
    """A series (T, C) out of an array (T, C) or (T,); TypeError or ValueError if it is none.

    `expected` is what an error calls what could stand in its place.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().float()  # bfloat16, which NumPy has not, too
    try:
        series = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is {_shown(values)}; expected {expected}") from error
    if not series.ndim:
        raise TypeError(f"{name} is {_shown(values)}; expected {expected}")
    series = series[:, None] if series.ndim == 1 else series
    if series.ndim != 2:
        raise ValueError(f"{name} has shape {series.shape}, expected (T, C)")
    if not np.isfinite(series).all():
        raise ValueError(f"{name} has a value that is not finite, at step {int(np.argmin(np.isfinite(series).all(1)))}")
    return series


def code_rows(
    reading: Iterable[Labelled], labels: Sequence[str], coding: Coding | None, channels: int, several: bool
) -> Rows:
    """Number the rows of other data by the tables of a model."""
    number = {label: index for index, label in enumerate(labels)}
    numbers, counts = array("i"), array("i")

    forms = None if coding is None else Forms(coding.cutter)

    def inputs() -> Iterator[npt.NDArray[Any]]:
        for row in reading:
            numbers.extend(number.get(label, -1) for label in row.labels)
            counts.append(len(row.labels))
            if not several and len(row.labels) != 1:
                raise ValueError(f"{row.place}: {number_of_labels(row)}; the model gives one to each row")
            if forms is not None:
                if row.text is None:
                    raise ValueError(f"{row.place}: a series, expected a text as in training")
                yield forms.read(row.text)
            else:
                yield checked_series(row, channels, "in training")

    shape = () if coding is not None else (channels,)
    found = Ragged.collect(inputs(), np.int32 if coding is not None else np.float32, shape)
    return _rows(found, Ragged(np.array(numbers, np.int32), np.array(counts, np.int64)), coding, forms)


def rows_to_predict(inputs: Any, coding: Coding | None, channels: int, key: str | None = None) -> Iterator[Rows]:
    """Rows without labels: a list of texts or of arrays, or the lines of a str or a file; lines of series are JSON.

    They come in blocks, each with the tokens that it has, so that those of a long file are not all kept.

    Raises
    ------
    TypeError, ValueError
        If an item is neither text nor series, or has other channels than the training's; the message names it.
    """
    every = _items_to_predict(inputs, coding is not None)
    for first in every:
        block = itertools.chain([first], itertools.islice(every, _AT_ONCE - 1))
        forms = None if coding is None else Forms(coding.cutter)
        if forms is None:
            found = Ragged.collect(
                (checked_series(_series_row(item, place, key), channels, "in training") for place, item in block),
                np.float32,
                (channels,),
            )
        else:
            found = Ragged.collect(_numbered(forms, block))
        yield _rows(found, Ragged(np.empty(0, np.int32), np.zeros(len(found), np.int64)), coding, forms)


def _items_to_predict(inputs: Any, texts: bool) -> Iterator[tuple[str, Any]]:
    """The items with the place of each; empty lines among series are none."""
    if isinstance(inputs, str):
        cut = enumerate(as_lines(as_text(inputs, "inputs") if inputs else inputs))
        return ((f"inputs[{row}]", line) for row, line in cut if texts or line.strip())
    if isinstance(inputs, os.PathLike):
        lines = ((number, line) for number, line in numbered_lines(inputs) if texts or line.strip())
        return ((f"{name_of(inputs)}:{number}", line) for number, line in lines)
    items = _listed(inputs)
    if items is None:
        raise TypeError(
            f"inputs is a {type(inputs).__name__}; expected a text (str), a list of texts or arrays (T, C), or a "
            "pathlib.Path"
        )
    return ((f"inputs[{row}]", item) for row, item in enumerate(items))


def _rows(inputs: Ragged, labels: Ragged, coding: Coding | None, forms: Forms | None) -> Rows:
    if coding is None or forms is None:
        return Rows(inputs, labels)
    return Rows(inputs, labels, coding.table(forms), coding.spelling(forms))


def _numbered(forms: Forms, items: Iterable[tuple[str, Any]]) -> Iterator[npt.NDArray[np.int32]]:
    for place, item in items:
        if not isinstance(item, str):
            raise TypeError(f"{place} is {_shown(item)}; expected {_TEXT}")
        yield forms.read(item)


def _series_row(item: Any, place: str, key: str | None) -> Labelled:
    if not isinstance(item, str):
        return Labelled(None, as_series(item, place), (), place)
    try:
        values = json.loads(item)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place}: not JSON: {error}; the model reads series, lists of lists of numbers") from error
    if isinstance(values, dict):
        values = _series_among(values, place, key)
    return Labelled(None, series_of_json(values, place), (), place)


def _series_among(values: dict[str, Any], place: str, key: str | None) -> Any:
    """The value of the key that training read, or else of the only one with a list of lists."""
    if key is not None:
        if key not in values:
            raise ValueError(
                f"{place}: no key {key!r}, which the series had in training; there are {', '.join(values)}"
            )
        return values[key]
    lists = [value for value in values.values() if isinstance(value, list)]
    nested = [value for value in lists if value and isinstance(value[0], list)]
    if len(nested or lists) != 1:
        raise ValueError(f"{place}: {len(nested or lists)} keys with a list; expected a single one, the series")
    return (nested or lists)[0]


def _given(item: Any, label: Any, place: str, expected: str) -> Labelled:
    if not isinstance(label, str) and hasattr(label, "tolist"):
        label = label.tolist()  # of an array or a tensor, or a single number of one
    several = isinstance(label, list | tuple | set | frozenset)
    labels = tuple(dict.fromkeys(as_label(one, place) for one in (label if several else (label,))))
    if isinstance(item, str):
        return Labelled(item, None, labels, place)
    return Labelled(None, as_series(item, place, expected), labels, place)


def as_label(label: Any, place: str) -> str:
    """A label as text; TypeError for what is none, with the `place` where it stands."""
    if isinstance(label, str):
        return normalise(label).strip()
    if isinstance(label, bool | np.bool_):
        return str(bool(label)).lower()
    if isinstance(label, int | np.integer):
        return str(int(label))
    raise TypeError(f"the label of {place} is {label!r}, expected a str or a whole number, or a list of them")


def checked_series(row: Labelled, channels: int, like: str = "in the first row") -> npt.NDArray[np.float32]:
    """The series of a row, (T, C); ValueError if it has a text, or other channels than C = `channels`.

    `like` is what an error says the others are in.
    """
    if row.series is None:
        raise ValueError(f"{row.place}: a text, expected a series as {like}")
    if len(row.series) and row.series.shape[1] != channels:
        raise ValueError(f"{row.place}: {row.series.shape[1]} channels, expected {channels} as {like}")
    return row.series.reshape(-1, channels)


def number_of_labels(row: Labelled) -> str:
    """How many labels a row has, and which, for errors."""
    return f"{len(row.labels)} labels ({', '.join(row.labels)})" if row.labels else "no label"
