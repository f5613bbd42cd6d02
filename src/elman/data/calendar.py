"""The grid of times that a series stands on: its step, its season, the cycles of the calendar."""

import datetime
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CYCLES", "Frequency", "Times", "calendar_features", "cycles_of", "frequency_of", "parse_time"]

Times = NDArray[np.datetime64]
"""Times in microseconds, ``datetime64[us]``, without time zone."""

_SECOND = 1_000_000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86400 * _SECOND
_YEAR = 365.2425 * _DAY
_UNITS = {"w": 7 * _DAY, "d": _DAY, "h": _HOUR, "min": _MINUTE, "s": _SECOND, "us": 1}

CYCLES = {"day": _DAY, "week": 7 * _DAY, "year": _YEAR}
"""Lengths of the calendar's cycles in microseconds."""

_COARSE = re.compile(r"\d{4}(-\d\d)?")  # 1949, 1949-01: not for datetime.fromisoformat
_HARMONICS = {"day": 2, "week": 2, "year": 1}  # pairs of sine and cosine


@dataclass(frozen=True)
class Frequency:
    """The step of a regular grid of times.

    Parameters
    ----------
    count
        Microseconds, or months, from one time to the next.
    unit
        ``us``; ``month`` for steps of calendar months that keep the day; ``month end`` for last days of months.

    Examples
    --------
    >>> hourly = Frequency(3_600_000_000, "us")
    >>> print(hourly, hourly.season)
    1h 24
    >>> print(Frequency(1, "month").times(np.datetime64("2024-12-01", "us"), 2))
    ['2024-12-01T00:00:00.000000' '2025-01-01T00:00:00.000000']
    """

    count: int
    unit: str = "us"

    def __str__(self) -> str:
        if self.unit != "us":
            return f"{self.count}M"
        name, size = next((name, size) for name, size in _UNITS.items() if self.count % size == 0)
        return f"{self.count // size}{name}"

    @property
    def length(self) -> float:
        """Of a step in microseconds; of months the mean."""
        return self.count if self.unit == "us" else self.count * _YEAR / 12

    @property
    def season(self) -> int:
        """Steps of the season that such data mostly have: a day, a week of days, a year of weeks, months or quarters.

        1, none, where the step is none of these, a year for instance.
        """
        if self.unit != "us":
            return 12 // self.count if 12 % self.count == 0 and self.count < 12 else 1
        for step, cycle in ((_HOUR, _DAY), (_DAY, 7 * _DAY), (7 * _DAY, 52 * 7 * _DAY)):
            if self.count <= step:
                return cycle // self.count if cycle % self.count == 0 else 1
        return 1

    def times(self, start: np.datetime64, number: int, first: int = 0) -> Times:
        """The times of `number` steps from `start` on, the first `first` steps after it: (number,)."""
        steps = np.arange(first, first + number) * self.count
        if self.unit == "us":
            return _us(start.astype("datetime64[us]") + steps.astype("timedelta64[us]"))
        month = start.astype("datetime64[M]")
        months = month + steps.astype("timedelta64[M]")
        last_days = (months + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
        within = start.astype("datetime64[us]") - month.astype("datetime64[us]")
        if self.unit == "month end":
            return _us(last_days.astype("datetime64[us]") + within % np.timedelta64(_DAY, "us"))
        same_day = months.astype("datetime64[us]") + within
        latest = last_days.astype("datetime64[us]") + within % np.timedelta64(_DAY, "us")
        return _us(np.minimum(same_day, latest))

    def steps_since(self, start: np.datetime64, times: Times) -> NDArray[np.int64]:
        """How many steps after `start` each time is, (T,); -1 for one that is between two steps, or before."""
        if self.unit == "us":
            distance = (times - start.astype("datetime64[us]")).astype(np.int64)
        else:
            distance = (times.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(np.int64)
        steps = distance // self.count
        fits = (distance >= 0) & (distance % self.count == 0)
        if self.unit != "us" and len(times):
            fits &= times == self.times(start, int(steps.max(initial=0)) + 1)[np.clip(steps, 0, None)]
        return np.where(fits, steps, -1)


def frequency_of(parts: list[Times]) -> Frequency | None:
    """The step of times that rise, each part by itself: the commonest distance; None if no part has two times.

    Months, quarters and years are steps of calendar months if all times are on one day of the month, or on the last.
    """
    gaps = np.concatenate([np.diff(part).astype(np.int64) for part in parts] or [np.empty(0, np.int64)])
    if not len(gaps):
        return None
    if gaps.min() >= 28 * _DAY:
        times = np.concatenate(parts)
        months = times.astype("datetime64[M]")
        steps = np.concatenate([np.diff(part.astype("datetime64[M]")).astype(np.int64) for part in parts])
        on_one_day = len(np.unique(times - months.astype("datetime64[us]"))) == 1
        after = (times + np.timedelta64(1, "D")).astype("datetime64[D]")
        if on_one_day and steps.min() > 0:
            return Frequency(int(np.gcd.reduce(steps)), "month")
        if np.all(after == after.astype("datetime64[M]")) and steps.min() > 0:
            return Frequency(int(np.gcd.reduce(steps)), "month end")
    distances, counts = np.unique(gaps, return_counts=True)
    return Frequency(int(distances[np.argmax(counts)]))


def cycles_of(frequency: Frequency, steps: int) -> tuple[str, ...]:
    """The cycles that `steps` steps of training can teach: longer than two steps, and seen twice or more.

    >>> cycles_of(Frequency(3_600_000_000), 24 * 365)
    ('day', 'week')
    """
    step = frequency.length
    return tuple(name for name, length in CYCLES.items() if 2 * step < length <= 0.501 * steps * step)


def calendar_features(times: Times, cycles: tuple[str, ...]) -> NDArray[np.float32]:
    """Sines and cosines of where each time stands in each cycle, (T, C).

    The day and the week have two harmonics, the year one; weeks begin on Monday.
    """
    micros = times.astype("datetime64[us]").astype(np.int64)
    columns = []
    for cycle in cycles:
        if cycle == "year":
            year = times.astype("datetime64[Y]")
            begin, end = (_us(one) for one in (year, year + np.timedelta64(1, "Y")))
            phase = (times - begin) / (end - begin)
        else:
            size = int(CYCLES[cycle])
            origin = 4 * _DAY if cycle == "week" else 0  # 1970-01-01 was a Thursday, the fifth was a Monday
            phase = ((micros - origin) % size) / size
        for harmonic in range(1, _HARMONICS[cycle] + 1):
            columns += [np.sin(2 * np.pi * harmonic * phase), np.cos(2 * np.pi * harmonic * phase)]
    return np.stack(columns, axis=1).astype(np.float32) if columns else np.empty((len(times), 0), np.float32)


def _us(times: Any) -> Times:
    return np.asarray(times, dtype="datetime64[us]")


def parse_time(text: str, form: str | None = None) -> np.datetime64:
    """One time, in ISO 8601 or a format of `datetime.strptime`; a time zone is taken to UTC.

    Raises
    ------
    ValueError
        If the text is no such time.

    Examples
    --------
    >>> print(parse_time("2024-02"), parse_time("2024-02-01T12:00+02:00"), parse_time("1.2.2024", "%d.%m.%Y"))
    2024-02-01T00:00:00.000000 2024-02-01T10:00:00.000000 2024-02-01T00:00:00.000000
    """
    try:
        if form is None and _COARSE.fullmatch(text):
            return np.datetime64(text, "us")
        time = datetime.datetime.strptime(text, form) if form else datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date in {form or 'ISO 8601, as in 2024-02-01 or 2024-02-01 12:00'}") from None
    if time.tzinfo is not None:
        time = time.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(time, "us")
