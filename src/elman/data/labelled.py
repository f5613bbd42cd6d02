"""Texts and series with labels: CSV, TSV, JSON lines, fastText's format, a folder of files; row by row.

==================  ==================================================================================
name ends in        a row is
==================  ==================================================================================
.csv                text and label in quoted columns (RFC 4180)
.tsv                the same between tabs, nothing quoted
.jsonl, .ndjson     a JSON object with the keys ``text`` and ``label``
a folder            each file LABEL/NAME a text
anything else       what its first line looks like: fastText's ``__label__``, an object, tabs, or commas
==================  ==================================================================================

All but a folder may be compressed with gzip (.gz), and may come from standard input (``-``).

>>> import tempfile
>>> path = Path(tempfile.mkdtemp(), "two.tsv")
>>> _ = path.write_text("I love it\\tgood\\nnever again\\tbad\\n")
>>> [(row.text, row.labels) for row in read_labelled(path)]
[('I love it', ('good',)), ('never again', ('bad',))]
"""

import csv
import itertools
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.lines import json_objects, name_of, numbered_lines
from elman.data.text import STDIN
from elman.data.tokens import normalise

__all__ = ["Labelled", "RowFormat", "read_labelled", "series_of_json"]

MARK = "__label__"
"""What stands before each label in fastText's format."""

_LONGEST_FIELD = 1 << 26  # characters of a CSV field; csv's own limit, 2¹⁷, is less than a long text
_LABEL_KEYS, _TEXT_KEYS = ("label", "labels"), ("text",)

Series = npt.NDArray[np.float32]
Path_ = str | os.PathLike[str]


class Labelled(NamedTuple):
    """A row of labelled data."""

    text: str | None
    """In normal form NFC; None where the row has a series."""
    series: Series | None
    """(T, C) float32."""
    labels: tuple[str, ...]
    """None, one or several."""
    place: str
    """File and line, for errors."""


@dataclass(frozen=True)
class RowFormat:
    """Where in a row the parts are."""

    text: str | None = None
    """Column or key of the text; several with commas between them are joined by a space.  A number, from 1, is the
    place of a column in a table without a header.  None: ``text``, or the first of two columns without a header."""
    label: str | None = None
    """Of the label, likewise; None: ``label`` or ``labels``, or the second of two columns."""
    series: str | None = None
    """Key of a series in JSON lines, a list of numbers or of lists of C numbers; then there is no text."""


def read_labelled(path: Path_, form: RowFormat | None = None) -> Iterator[Labelled]:
    """Read labelled data row by row, in constant memory.

    Parameters
    ----------
    path
        Of a file, or a folder with a folder for each label; ``-`` is standard input.
    form
        Which columns or keys hold what.

    Yields
    ------
    Labelled
        Rows in the order of the file; of a folder, of sorted names.

    Raises
    ------
    ValueError
        If a row cannot be read; the message names file and line.
    OSError
        If the file cannot be read.

    Notes
    -----
    A table of two columns that are not called ``text`` and ``label`` has no header, its columns are text and label.
    Labels are text: the numbers 1 and 1.0 of JSON are ``1``, true is ``true``.  White space around them is cut off.
    """
    form = form or RowFormat()
    if form.series is not None and form.text is not None:
        raise ValueError(f"text is {form.text!r} and series {form.series!r}; a row has one of them")
    if os.fspath(path) != STDIN and Path(path).is_dir():
        yield from _from_folder(Path(path))
        return
    name, lines = name_of(path), numbered_lines(path)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{name} is empty; expected a row of text and label in each line")
    kind, rows = _kind_of(name, first[1]), itertools.chain([first], lines)
    _refuse_an_array(name, *first)
    if form.series is not None and kind != "json":
        raise ValueError(f"{name}: series={form.series!r} is a key of JSON lines, and this is {_NAMES[kind]}")
    if kind == "json":
        yield from _from_json(rows, name, form)
    elif kind == "fasttext":
        yield from _from_fasttext(rows, name)
    else:
        yield from _from_table(_cut_tabs(rows) if kind == "tsv" else _cut_commas(rows, name), name, form)


def series_of_json(values: Any, place: str) -> Series:
    """A series (T, C) out of JSON, a list of numbers or of lists of them; ValueError, which names `place`, if not."""
    try:
        series: Series = np.asarray(values, np.float32)
    except (TypeError, ValueError):
        series = np.empty((), np.float32)
    if series.ndim == 1:
        series = series[:, None]
    if series.ndim != 2:
        raise ValueError(f"{place}: expected a list of numbers, or a list of lists of C numbers each")
    if not np.isfinite(series).all():
        raise ValueError(f"{place}: the series has a value that is not finite, at step {_first_infinite(series)}")
    return series


def _first_infinite(series: Series) -> int:
    return int(np.argmin(np.isfinite(series).all(1)))


_MANY, _NAME = 20, 30  # rows that tell a header from a row, and characters of a column's name at most
_LOOKED_AT = 1000  # different texts that are counted
_ARRAY = re.compile(r'\[\s*\{\s*["}]')  # the beginning of a JSON array of objects
_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "json", ".ndjson": "json"}
_NAMES = {"csv": "a CSV table", "tsv": "a TSV table", "json": "JSON lines", "fasttext": "in fastText's format"}


def _ending_of(name: str) -> str:
    return Path(name.removesuffix(".gz")).suffix.lower()


def _kind_of(name: str, line: str) -> str:
    ending = _ending_of(name)
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    if line.lstrip().startswith("{"):
        return "json"
    if MARK in line:
        return "fasttext"
    return "tsv" if "\t" in line else "csv"


def _refuse_an_array(name: str, number: int, line: str) -> None:
    """Raise if JSON rows stand in one array; a text in a table may begin with a bracket too."""
    ending, line = _ending_of(name), line.strip()
    if ending in (".csv", ".tsv") or not line.startswith("["):
        return
    if ending == ".json" or line == "[" or (_ARRAY.match(line) and "\t" not in line):
        raise ValueError(
            f"{name}:{number}: a JSON array, expected JSON lines, an object in each line; jq -c '.[]' writes them"
        )


def _cut_tabs(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.split("\t")) for number, line in lines if line)


def _cut_commas(lines: Iterable[tuple[int, str]], name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of CSV with the line each begins in."""
    began = 1

    def fed() -> Iterator[str]:
        for _, line in lines:
            yield f"{line}\n"

    if csv.field_size_limit() < _LONGEST_FIELD:  # of the whole process; it is only ever raised
        csv.field_size_limit(_LONGEST_FIELD)
    rows = csv.reader(fed(), strict=True)
    try:
        for cells in rows:
            if cells:
                yield began, cells
            began = rows.line_num + 1
    except csv.Error as error:
        reason = str(error)
        if "unexpected end" in reason or "field larger" in reason:
            reason = "a quoted field does not end"
        raise ValueError(f"{name}:{began}: {reason}; a quote inside a quoted field is written twice") from error


def _from_table(rows: Iterator[tuple[int, list[str]]], name: str, form: RowFormat) -> Iterator[Labelled]:
    first = next(rows, None)
    if first is None:
        return
    number, head = first
    texts, label, header = _columns(head, f"{name}:{number}", form)
    place, seen, texts_seen, longer = f"{name}:{number}", Counter[str](), set[int](), 0
    for number, cells in rows if header else itertools.chain([first], rows):
        if len(cells) != len(head):
            shown = ", ".join(head) if header else "as in the first line"
            raise ValueError(f"{name}:{number}: {_counted(len(cells), 'column')}, expected {len(head)} ({shown})")
        text = cells[texts[0]] if len(texts) == 1 else " ".join(cells[column] for column in texts)
        found = cells[label].strip()
        seen[found] += 1
        longer += len(found) - len(text)
        if not header and len(texts_seen) < _LOOKED_AT:
            texts_seen.add(hash(text))
        yield Labelled(text, None, (found,) if found else (), f"{name}:{number}")
    if not header and form.label is None:
        _ask_for_a_header(head[0], head[1], seen, place)
        if longer > 0:
            _ask_for_the_order(name, len(texts_seen), seen)


def _ask_for_a_header(text: str, label: str, seen: Counter[str], place: str) -> None:
    """Warn of a first row that is short and alone with its label, where all other labels have several rows."""
    alone = [name for name, count in seen.items() if count == 1]
    if alone == [label.strip()] and seen.total() >= _MANY and len(text) <= _NAME:
        columns = f"--text {text.strip()!r} --label {alone[0]!r}"
        warnings.warn(
            f"{place}: no other row has the label {alone[0]!r}; if this is a header, say so: {columns}", stacklevel=2
        )


def _ask_for_the_order(name: str, texts: int, seen: Counter[str]) -> None:
    """Warn if most rows have a label of their own, and their texts, which are shorter, are few."""
    if texts < _LOOKED_AT and seen.total() >= _MANY and len(seen) >= max(2 * texts, seen.total() / 2):
        warnings.warn(
            f"{name}: the columns look swapped: the second, read as the label, has {len(seen):,} different values in "
            f"{seen.total():,} rows, the first, read as the text, {texts:,}; if the label is first, say so: "
            "--text 2 --label 1",
            stacklevel=2,
        )


def _columns(head: list[str], place: str, form: RowFormat) -> tuple[list[int], int, bool]:
    """The columns of the text, that of the label, and whether the first row is a header."""
    names = [cell.strip() for cell in head]
    if form.text is None and form.label is None and not {"text", "label"} <= {name.lower() for name in names}:
        if len(head) == 2:
            return [0], 1, False
        raise ValueError(
            f"{place}: {_counted(len(head), 'column')}, of which none are called text and label; say which they are, "
            "as in --text COLUMN --label COLUMN (in Python text=, label=), by name or, without a header, by number"
        )
    wanted = [part.strip() for part in (form.text or "text").split(",")]
    label = (form.label or "label").strip()
    numbers = [part.isdecimal() and part not in names for part in (*wanted, label)]
    if all(numbers):
        return [_place_of(part, names, place) for part in wanted], _place_of(label, names, place), False
    return [_named(part, names, place) for part in wanted], _named(label, names, place), True


def _place_of(number: str, names: list[str], place: str) -> int:
    if not 1 <= int(number) <= len(names):
        raise ValueError(f"{place}: there is no column {number}; expected 1 … {len(names)}")
    return int(number) - 1


def _named(wanted: str, names: list[str], place: str) -> int:
    lower = [name.lower() for name in names]
    if wanted in names:
        return names.index(wanted)
    if wanted.lower() in lower:
        return lower.index(wanted.lower())
    near = get_close_matches(wanted, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(map(repr, names[:20]))}"
    raise ValueError(f"{place}: there is no column {wanted!r}{hint}")


def _from_json(lines: Iterable[tuple[int, str]], name: str, form: RowFormat) -> Iterator[Labelled]:
    texts = tuple(part.strip() for part in form.text.split(",")) if form.text else _TEXT_KEYS
    for number, values in json_objects(lines, name):
        place = f"{name}:{number}"
        label = next((key for key in ((form.label,) if form.label else _LABEL_KEYS) if key in values), None)
        if label is None:
            raise _no_key(form.label or "label", values, place)
        labels = _labels(values[label], f"{place}: {label}")
        if form.series is not None:
            if form.series not in values:
                raise _no_key(form.series, values, place)
            yield Labelled(None, series_of_json(values[form.series], f"{place}: {form.series}"), labels, place)
            continue
        for key in texts:
            if not isinstance(values.get(key), str):
                if key not in values:
                    raise _no_key(key, values, place)
                kind = type(values[key]).__name__
                raise ValueError(f"{place}: {key} is a JSON {kind}, expected a string; of numbers say --series {key}")
        yield Labelled(normalise(" ".join(values[key] for key in texts)), None, labels, place)


def _no_key(key: str, values: dict[str, Any], place: str) -> ValueError:
    near = get_close_matches(key, values, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(map(repr, list(values)[:20]))}"
    return ValueError(f"{place}: there is no key {key!r}{hint}")


def _labels(value: Any, place: str) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(dict.fromkeys(_label(item, place) for item in value))
    return (_label(value, place),)


def _label(value: Any, place: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str | int | float) and (label := normalise(str(value)).strip()):
        return label
    raise ValueError(f"{place} is {value!r}, expected a label: a string, a number, true or false, or a list of them")


def _from_fasttext(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Labelled]:
    for number, line in lines:
        if line.strip():
            words = line.split(" ")
            labels = [word.strip().removeprefix(MARK) for word in words if word.startswith(MARK)]
            text = " ".join(word for word in words if not word.startswith(MARK))
            if "" in labels:
                raise ValueError(f"{name}:{number}: {MARK} without a label behind it")
            yield Labelled(text.strip(), None, tuple(dict.fromkeys(labels)), f"{name}:{number}")


def _from_folder(folder: Path) -> Iterator[Labelled]:
    labels = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not labels:
        raise ValueError(f"{folder} has no folders in it; expected one for each label, with its texts as files")
    for label in labels:
        for path in sorted(path for path in label.iterdir() if path.is_file() and not path.name.startswith(".")):
            text = "\n".join(line for _, line in numbered_lines(path))
            yield Labelled(text, None, (normalise(label.name),), str(path))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
