"""Time series: what one is, and how it comes out of arrays, CSV and Parquet.

A table is wide, a row for each time and a column for each series, or long, with a column that says which series a row
belongs to.  Either way each series is put on a regular grid of times; what is missing there is NaN.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.data.calendar import Frequency, Times, frequency_of
from elman.data.tables import Table, read_table

__all__ = ["Columns", "Dataset", "Series", "read_series", "series_of"]

Numbers = NDArray[np.float64]

_MOST_FILLED = 20  # a grid may have so many times more steps than a table has rows: beyond that a date is wrong


@dataclass(frozen=True, eq=False)
class Series:
    """A series on a regular grid of times.

    Parameters
    ----------
    values
        (T,), NaN where a value is missing.
    name
        Which tells it from others.
    inputs
        (T, I): other series that are observed along with it; NaN where missing.
    known
        (T + F, K): what is known of the future too, F steps of it.
    start
        Time of the first value; None: there are no dates.
    frequency
        Step of the grid; with `start`.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is infinite.

    Examples
    --------
    >>> series = Series([112.0, 118.0, float("nan")], "passengers", start=np.datetime64("1949-01"),
    ...                 frequency=Frequency(1, "month"))
    >>> len(series), series.missing
    (3, 1)
    >>> print(series.times(steps=1))
    ['1949-04-01T00:00:00.000000']
    """

    values: Numbers
    name: str = "y"
    inputs: Numbers = field(default_factory=lambda: np.empty((0, 0)))
    known: Numbers = field(default_factory=lambda: np.empty((0, 0)))
    start: np.datetime64 | None = None
    frequency: Frequency | None = None

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError(f"series {self.name} has shape {values.shape}; expected (T,), one number a step")
        object.__setattr__(self, "values", values)
        for name in ("inputs", "known"):
            object.__setattr__(self, name, self._checked(name, getattr(self, name)))
        if np.isinf(values).any():
            raise ValueError(f"series {self.name} is infinite at step {int(np.argmax(np.isinf(values)))}")
        if self.start is not None and self.frequency is None:
            raise ValueError(f"series {self.name} has a start but no frequency; give both, or neither")

    def _checked(self, name: str, given: Any) -> Numbers:
        T = len(self.values)
        columns = np.asarray(given, dtype=np.float64)
        columns = columns[:, None] if columns.ndim == 1 else columns
        if columns.size == 0 and len(columns) == 0:
            columns = np.empty((T, 0))
        enough = len(columns) == T if name == "inputs" else len(columns) >= T
        if columns.ndim != 2 or not enough:
            expected = f"({T}, I), a row for each value" if name == "inputs" else f"({T} or more, K)"
            raise ValueError(f"{name} of series {self.name} have shape {columns.shape}; expected {expected}")
        if np.isinf(columns).any():
            raise ValueError(
                f"{name} of series {self.name} are infinite at step {np.argwhere(np.isinf(columns))[0][0]}"
            )
        return columns

    def __len__(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> int:
        """How many values are missing."""
        return int(np.isnan(self.values).sum())

    @property
    def future(self) -> int:
        """F, the steps after the last value of which `known` has something."""
        return len(self.known) - len(self.values)

    def times(self, steps: int = 0) -> Times | None:
        """The times of the `steps` steps after the last value, or, with 0, of the values; None without dates."""
        if self.start is None or self.frequency is None:
            return None
        first, number = (len(self), steps) if steps else (0, len(self))
        return self.frequency.times(self.start, number, first)

    def part(self, first: int, last: int) -> "Series":
        """Steps `first` up to, not including, `last`; what is known of later steps goes along."""
        start = self.start
        if start is not None and self.frequency is not None:
            start = self.frequency.times(start, 1, first)[0]
        return replace(
            self, values=self.values[first:last], inputs=self.inputs[first:last], known=self.known[first:], start=start
        )


@dataclass(frozen=True)
class Columns:
    """Which column of a table is what."""

    target: tuple[str, ...] = ()  # to be forecast; none: every column of numbers that is nothing else
    inputs: tuple[str, ...] = ()  # observed along with it
    known: tuple[str, ...] = ()  # known of the future too
    series: str | None = None  # which series a row belongs to: a long table
    date: str | None = None  # None: the first column of dates, if there is one
    date_format: str | None = None  # of `datetime.strptime`; None: ISO 8601


class Dataset(NamedTuple):
    """What was read: the series, and the columns they came from."""

    series: list[Series]
    columns: Columns


def read_series(
    source: str | os.PathLike[str] | Any, columns: Columns | None = None, *, frequency: Frequency | None = None
) -> Dataset:
    """Read the series of a table.

    The forecast of a series begins after its last value: rows after that, of which only `known` columns are filled,
    tell the future.  Rows may be in any order.  Times that are missing on the grid become missing values.

    Parameters
    ----------
    source
        A CSV file (with a header; commas, semicolons or tabs; gzip too), a Parquet file, ``-`` for CSV from standard
        input, or a data frame of polars or pandas.
    columns
        Which column is what; default: the first column of dates is the time, every column of numbers a series.
    frequency
        Step of the grid; default None: the commonest distance of two times.

    Returns
    -------
    Dataset
        The series, and the columns that were used.

    Raises
    ------
    ValueError
        If the table is empty, a column is missing or not of numbers, a time is twice there, no date, or not on the
        grid, a series has no value; the message names the file, the line or row, and the column.
    OSError
        If the file cannot be read.
    ImportError
        If polars is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp(), "air.csv")
    >>> _ = path.write_text("month,passengers\\n1949-01,112\\n1949-02,\\n1949-04,129\\n")
    >>> (series,), columns = read_series(path)
    >>> series.values, columns.date
    (array([112.,  nan,  nan, 129.]), 'month')
    """
    table = read_table(source)
    columns = _resolved(table, columns or Columns())
    dates = table.dates(columns.date, columns.date_format) if columns.date else None
    groups = _groups(table, columns.series, dates)
    if dates is not None:
        for rows in groups.values():
            _check_rising(table, dates, rows)
        frequency = frequency or frequency_of([dates[rows] for rows in groups.values()])
        if frequency is None:
            raise ValueError(f"{table.name}: no series has two times, so that the step between them is unknown")
    targets, inputs, known = (table.numbers(names) for names in (columns.target, columns.inputs, columns.known))
    found = []
    for group, rows in groups.items():
        start = None if dates is None or not len(rows) else dates[rows[0]]
        places = np.arange(len(rows)) if start is None else _places(table, dates, rows, frequency)
        for index, target in enumerate(columns.target):
            name = target if columns.series is None else group if len(columns.target) == 1 else f"{group}.{target}"
            spread = [_spread(part[rows], places) for part in (targets[:, index : index + 1], inputs, known)]
            found.append(_trimmed(table, name, spread, start, frequency))
    return Dataset(found, columns)


def series_of(data: Any, columns: Columns | None = None, *, frequency: Frequency | None = None) -> Dataset:
    """Series of whatever a user hands in.

    Parameters
    ----------
    data
        A path or a data frame is read by `read_series`; an array (T,) is one series, (T, C) are C of them; a mapping
        holds arrays by name; a list holds arrays or `Series`.
    columns, frequency
        For `read_series`.

    Raises
    ------
    TypeError
        If it is nothing of these.
    ValueError
        As `read_series`; or if two series have one name.

    Examples
    --------
    >>> [series.name for series in series_of(np.zeros((10, 2))).series]
    ['0', '1']
    """
    if isinstance(data, (str, os.PathLike)) or hasattr(data, "columns"):
        return read_series(data, columns, frequency=frequency)
    if isinstance(data, Series):
        found = [data]
    elif isinstance(data, Mapping):
        found = [Series(np.asarray(values, np.float64), str(name)) for name, values in data.items()]
    elif isinstance(data, np.ndarray):
        parts = [data] if data.ndim == 1 else list(data.T) if data.ndim == 2 else None
        if parts is None:
            raise ValueError(f"the array has shape {data.shape}; expected (T,), or (T, C) for C series")
        found = [Series(part, "y" if data.ndim == 1 else str(index)) for index, part in enumerate(parts)]
    elif isinstance(data, Sequence) and data and not isinstance(data, (str, bytes)):
        if np.isscalar(data[0]):
            return series_of(np.asarray(data, np.float64))
        found = [
            part if isinstance(part, Series) else Series(np.asarray(part, np.float64), str(index))
            for index, part in enumerate(data)
        ]
    else:
        raise TypeError(
            f"data is a {type(data).__name__}; expected a path, a data frame, an array (T,) or (T, C), a list of "
            "arrays or of elman.data.Series"
        )
    names = [series.name for series in found]
    if len(set(names)) < len(names):
        raise ValueError(f"two series are called {next(name for name in names if names.count(name) > 1)!r}")
    for series in found:
        if series.missing == len(series):
            raise ValueError(f"series {series.name} has no value")
    return Dataset([_without_edges(series) for series in found], columns or Columns())


def _resolved(table: Table, columns: Columns) -> Columns:
    """Check that the columns are there, and find those that were not named."""
    named = [*columns.target, *columns.inputs, *columns.known, *filter(None, (columns.series, columns.date))]
    for name in named:
        table.check_column(name)
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise ValueError(f"{table.name}: the column {twice[0]!r} is given two parts; expected one of target, inputs, …")
    date = columns.date or _date_column(table, columns, [name for name in table.names if name not in named])
    if columns.target:
        return replace(columns, date=date)
    return replace(columns, date=date, target=_targets(table, [n for n in table.names if n not in (*named, date)]))


def _date_column(table: Table, columns: Columns, names: list[str]) -> str | None:
    """The first column of dates; a form that none has is an error, and one that is not looked for is told of."""
    form = columns.date_format or None
    date = table.first_date_column(names, form)
    if date is None and form is not None:
        raise ValueError(
            f"{table.at(0)}: no column of text begins with a date in {form}; name the column (--date, in Python "
            "date=), as one of numbers always is to be, or another form"
        )
    if date is None and (like := table.like_dates(names)):
        warnings.warn(
            f"{table.name}: column {like[0]!r} looks like dates ({like[1]!r}), but does not begin with one in ISO 8601 "
            f"and is not used: the order of the rows is the time; to use it say --date {like[0]!r} and its form, for "
            "instance --date-format %d.%m.%Y",
            stacklevel=4,
        )
    return date


def _targets(table: Table, names: list[str]) -> tuple[str, ...]:
    """The columns of numbers; one that is mostly of numbers is meant to be one, so that another cell is an error."""
    found = tuple(name for name in names if table.is_mostly_numeric(name))
    for name in found:
        try:
            table.numbers([name])
        except ValueError as error:
            raise ValueError(f"{error}; to leave the column out, name those to forecast (--target)") from None
    if not found and (cell := table.nearly_a_number(names)):
        raise ValueError(f"{cell}, expected a number as in 1001.5; {table.name} has no column of numbers to forecast")
    if not found:
        raise ValueError(f"{table.name} has no column of numbers to forecast; it has {', '.join(table.names)}")
    return found


def _groups(table: Table, column: str | None, dates: Times | None) -> dict[str, NDArray[np.int64]]:
    """The rows of each series in the order of their times; series in the order of their first row."""
    rows = np.arange(table.height)
    if column is None:
        groups = {"": rows}
    else:
        labels = table.labels(column)
        names, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        groups = {str(names[index]): rows[inverse == index] for index in np.argsort(first)}
    if dates is None:
        return groups
    return {name: own[np.argsort(dates[own], kind="stable")] for name, own in groups.items()}


def _check_rising(table: Table, dates: Times, rows: NDArray[np.int64]) -> None:
    same = np.flatnonzero(np.diff(dates[rows]).astype(np.int64) == 0)
    if len(same):
        one, two = sorted((int(rows[same[0]]), int(rows[same[0] + 1])))
        raise ValueError(
            f"{table.at(two)}: the time {_shown(dates[two])} is there twice, first at {table.at(one, short=True)}; "
            "with several series in one table, name the column that tells them apart as series"
        )


def _places(
    table: Table, dates: Times | None, rows: NDArray[np.int64], frequency: Frequency | None
) -> NDArray[np.int64]:
    """How many steps after the first time of a series each of its rows is."""
    assert dates is not None
    assert frequency is not None
    times = dates[rows]
    places = frequency.steps_since(times[0], times)
    if (places < 0).any():
        row = int(rows[np.argmax(places < 0)])
        raise ValueError(
            f"{table.at(row)}: the time {_shown(dates[row])} is not a whole number of steps of {frequency} after "
            f"{_shown(times[0])}, the first of its series"
        )
    if places[-1] > 100 + _MOST_FILLED * len(rows):
        row = int(rows[int(np.argmax(np.diff(places))) + 1])
        raise ValueError(
            f"{table.at(row)}: the time {_shown(dates[row])} is {np.diff(places).max():,} steps of {frequency} after "
            "the one before it; is the date right?"
        )
    return places


def _spread(columns: Numbers, places: NDArray[np.int64]) -> Numbers:
    """Put rows on the grid, NaN where there is none."""
    grid = np.full((int(places.max(initial=-1)) + 1, columns.shape[1]), np.nan)
    grid[places] = columns
    return grid


def _trimmed(
    table: Table, name: str, spread: list[Numbers], start: np.datetime64 | None, frequency: Frequency | None
) -> Series:
    values, inputs, known = spread
    if np.isnan(values).all():
        raise ValueError(f"{table.name}: series {name} has no value")
    last = int(np.flatnonzero(~np.isnan(values[:, 0]))[-1]) + 1
    series = Series(values[:last, 0], name, inputs[:last], known, start, frequency if start is not None else None)
    return _without_edges(series)


def _without_edges(series: Series) -> Series:
    """From the first value to the last."""
    there = np.flatnonzero(~np.isnan(series.values))
    first, last = int(there[0]), int(there[-1]) + 1
    return series if (first, last) == (0, len(series)) else series.part(first, last)


def _shown(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("T", " ").removesuffix(" 00:00:00")
