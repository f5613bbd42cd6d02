"""Tables of text and numbers, out of CSV, Parquet and data frames, with errors that say where.  Needs polars."""

import csv
import gzip
import io
import os
import re
import sys
import zlib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.calendar import Times, parse_time

__all__ = ["Table", "read_table"]

_MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")  # in any case: a number that is not there
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_NEARLY = r"^[-+$€£¥]? ?\d[\d.,'_ ]*([%€]|[A-Za-z]{1,3})?$"  # 01,5, 1,001, $5 or 12 kg: a number to the eye
_LIKE_A_DATE = re.compile(r"(\d{4}[./-]\d\d?[./-]\d\d?|\d\d?[./-]\d\d?[./-]\d{4})([T,\s]+\d.*)?")
_LOOKED_AT = 1000  # cells that tell whether a column looks like dates


class Table:
    """A table whose columns are read when they are asked for.

    Parameters
    ----------
    frame
        A data frame of polars.
    name
        Of the file, for errors.
    lines
        Whether errors count lines of a text file; else rows.
    """

    def __init__(self, frame: Any, name: str, lines: bool) -> None:
        self._frame, self.name, self._lines = frame, name, lines
        self.names: list[str] = list(frame.columns)
        self.height: int = frame.height

    def at(self, row: int, short: bool = False) -> str:
        """Where a row is, as in ``data.csv:17``; rows count from 0 here and from 1 there, after the header."""
        if self._lines:
            return f"line {row + 2}" if short else f"{self.name}:{row + 2}"
        return f"row {row + 1}" if short else f"{self.name}, row {row + 1}"

    def check_column(self, name: str) -> None:
        """Raise ValueError unless there is such a column."""
        if name not in self.names:
            near = get_close_matches(name, self.names, n=1)
            known = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self.names)}"
            raise ValueError(f"{self.name} has no column {name!r}; {known}")

    def numbers(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Columns of numbers, (rows, columns); NaN where one is missing.

        Raises
        ------
        ValueError
            If something is neither a finite number nor missing; the message names line and column.
        """
        columns = [self._number_column(name) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((self.height, 0))

    def is_numeric(self, name: str) -> bool:
        """Whether a column has numbers, and nothing else but what is missing."""
        there, wrong = self._counted(name)
        return there > 0 and not wrong

    def is_mostly_numeric(self, name: str) -> bool:
        """Whether nearly all cells of a column, but for those that are missing, are numbers: nine of ten."""
        there, wrong = self._counted(name)
        return there > 0 and there >= 9 * wrong

    def nearly_a_number(self, names: Sequence[str]) -> str | None:
        """Where the first cell that is no number stands, and what it is, of the column that comes nearest to numbers.

        None if nothing in these columns is like a number.
        """
        shares = {name: self._share_like_numbers(name) for name in names}
        nearest = max(shares, key=lambda name: shares[name], default=None)
        if nearest is None or not shares[nearest]:
            return None
        row = int(self._parsed(nearest)[1][0])
        return f"{self.at(row)}: column {nearest!r} is {str(self._frame[nearest][row])!r}"

    def labels(self, name: str) -> NDArray[np.str_]:
        """A column as text; ValueError if something is missing."""
        column = self._frame[name]
        missing = column.is_null() | (column.cast(_polars().String) == "")
        if missing.any():
            raise ValueError(f"{self.at(int(missing.arg_max()))}: column {name!r}, which names the series, is empty")
        return np.asarray(column.cast(_polars().String).to_list(), dtype=np.str_)

    def dates(self, name: str, form: str | None) -> Times:
        """A column of times, (rows,).

        Raises
        ------
        ValueError
            If something is no date, or missing; the message names the line.
        """
        column = self._frame[name]
        if column.dtype.is_temporal() and not column.has_nulls():
            return _times_of(column)
        texts = column.cast(_polars().String).str.strip_chars().to_list()
        times = np.empty(len(texts), dtype="datetime64[us]")
        for row, text in enumerate(texts):
            if not text:
                raise ValueError(f"{self.at(row)}: column {name!r} is empty; expected a date")
            try:
                times[row] = parse_time(text, form)
            except ValueError as error:
                advice = "" if form else "; for another form name it, for instance: --date-format %d.%m.%Y"
                raise ValueError(f"{self.at(row)}: column {name!r}: {error}{advice}") from None
        return times

    def first_date_column(self, names: Sequence[str], form: str | None = None) -> str | None:
        """The first column that begins with a date, in `form` or ISO 8601, and is not of numbers.

        Numbers may be in a form by chance (1500 in ``%Y``): a column of dates like these is to be named.
        """
        for name in names:
            column = self._frame[name]
            if column.dtype.is_temporal():
                return name
            if column.dtype == _polars().String and _is_time(self._first(name), form) and not self.is_numeric(name):
                return name
        return None

    def like_dates(self, names: Sequence[str]) -> tuple[str, str] | None:
        """The first column that looks like dates, by its first cells, and the first of these; None if none does."""
        for name in names:
            if self._frame[name].dtype == _polars().String and (first := self._first(name)):
                cells = (cell.strip() for cell in self._frame[name].head(_LOOKED_AT) if cell)
                if all(_LIKE_A_DATE.fullmatch(cell) for cell in cells if cell.lower() not in _MISSING):
                    return name, first
        return None

    def _first(self, name: str) -> str:
        """The first cell of a column of text that is not missing; empty if there is none."""
        cells = ((cell or "").strip() for cell in self._frame[name])
        return next((cell for cell in cells if cell.lower() not in _MISSING), "")

    def _number_column(self, name: str) -> NDArray[np.float64]:
        if self._is_of_other_things(name):
            raise ValueError(f"{self.name}: column {name!r} is of {self._frame[name].dtype}, expected numbers")
        numbers, wrong = self._parsed(name)
        if len(wrong):
            row = int(wrong[0])
            raise ValueError(
                f"{self.at(row)}: column {name!r} is {str(self._frame[name][row])!r}, expected a number, or nothing "
                "where it is missing"
            )
        return numbers

    def _is_of_other_things(self, name: str) -> bool:
        """Whether a column is of a type that holds neither numbers nor text."""
        pl, dtype = _polars(), self._frame[name].dtype
        return not (dtype.is_numeric() or dtype in (pl.String, pl.Boolean))

    def _parsed(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The numbers of a column, NaN where there is none, and the rows of the cells that are something else."""
        pl, column = _polars(), self._frame[name]
        if column.dtype == pl.String:
            text = column.str.strip_chars()
            text = pl.select(pl.when(text.str.to_lowercase().is_in(_MISSING)).then(None).otherwise(text)).to_series()
            found = text.cast(pl.Float64, strict=False)
            wrong = found.is_null() & text.is_not_null()
        else:
            found, wrong = column.cast(pl.Float64), column.is_null() & False
        numbers = np.array(found.fill_null(float("nan")).to_numpy(), dtype=np.float64)
        return numbers, np.flatnonzero(wrong.to_numpy() | np.isinf(numbers))

    def _counted(self, name: str) -> tuple[int, int]:
        """How many cells of a column are numbers, and how many are neither that nor missing."""
        if self._is_of_other_things(name):
            return 0, self.height
        numbers, wrong = self._parsed(name)
        return int(np.isfinite(numbers).sum()), len(wrong)

    def _share_like_numbers(self, name: str) -> float:
        """The part of a column's cells that are numbers to the eye; 0 if none is wrong."""
        if self._frame[name].dtype != _polars().String or not self._counted(name)[1] or self.like_dates([name]):
            return 0.0
        return float(self._frame[name].str.strip_chars().str.contains(_NEARLY).fill_null(False).mean())


def read_table(source: Any) -> Table:
    """Read a CSV file (gzip too, ``-`` for standard input), a Parquet file, or take a data frame of polars or pandas.

    Raises
    ------
    ValueError
        If the file is empty, not UTF-8, or damaged, or a line has another number of columns than the header.
    OSError
        If it cannot be read.
    ImportError
        If polars is not installed.
    """
    pl = _polars()
    if not isinstance(source, (str, os.PathLike)):
        if isinstance(source, pl.DataFrame):
            return Table(source, "the data frame", lines=False)
        return Table(pl.DataFrame({str(name): _pandas_column(source[name]) for name in source.columns}),
                     "the data frame", lines=False)  # fmt: skip
    name, data = _bytes_of(os.fspath(source))
    if data.startswith(_PARQUET):
        try:
            frame = pl.read_parquet(io.BytesIO(data))
        except Exception as error:
            raise ValueError(f"{name} is a damaged Parquet file: {str(error).splitlines()[0]}") from error
        return _not_empty(Table(frame, name, lines=False))
    return _not_empty(Table(_read_csv(name, data), name, lines=True))


def _not_empty(table: Table) -> Table:
    if not table.height:
        raise ValueError(f"{table.name} has no rows; expected a header and rows of data")
    return table


def _bytes_of(path: str) -> tuple[str, bytes]:
    name = "standard input" if path == "-" else path
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise type(error)(f"cannot read {name}: {(error.strerror or str(error)).lower()}") from error
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{name} is a damaged gzip file: {str(error).lower()}") from error
    return name, data


def _read_csv(name: str, data: bytes) -> Any:
    pl = _polars()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise ValueError(f"{name} is empty; expected a header and rows of data")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{name}:{line}: not a CSV file in UTF-8: byte 0x{data[error.start]:02x}") from error
    header = data.split(b"\n", 1)[0]
    separator = max((",", ";", "\t"), key=lambda mark: header.count(mark.encode()))
    _check_widths(name, data, separator)
    try:
        return pl.read_csv(io.BytesIO(data), separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{name} is not a CSV file: {str(error).splitlines()[0]}") from error


def _check_widths(name: str, data: bytes, separator: str) -> None:
    """Raise unless every line has as many columns as the header."""
    rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator)
    header = next(rows)
    if len(set(header)) < len(header):
        raise ValueError(f"{name}:1: two columns are called {next(n for n in header if header.count(n) > 1)!r}")
    for row in rows:
        if row and len(row) != len(header):
            raise ValueError(f"{name}:{rows.line_num}: {len(row)} columns, expected {len(header)} as in the header")


def _is_time(cell: str, form: str | None) -> bool:
    try:
        parse_time(cell, form)
    except ValueError:
        return False
    return True


def _times_of(column: Any) -> Times:
    pl = _polars()
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return np.asarray(column.cast(pl.Datetime("us")).to_numpy(), dtype="datetime64[us]")


def _pandas_column(column: Any) -> Any:
    values = column.to_numpy()
    if values.dtype != object:
        return values
    return [None if value is None or value != value else str(value) for value in values]


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        raise ImportError("reading tables needs polars, which is not installed: pip install 'elman[series]'") from error
    return polars
