"""Grids of times, beside Python's own datetime and explicit loops."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.calendar import CYCLES, Frequency, calendar_features, cycles_of, frequency_of, parse_time

MICROSECONDS = {"1h": 3_600_000_000, "15min": 900_000_000, "1d": 86_400_000_000, "1w": 7 * 86_400_000_000}


def us(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[us]")


@pytest.mark.parametrize(
    ("times", "expected", "season"),
    [
        (("2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 03:00", "2024-01-01 04:00"), "1h", 24),
        (("2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30"), "15min", 96),
        (("2024-01-01", "2024-01-02", "2024-01-03"), "1d", 7),
        (("2024-01-01", "2024-01-08", "2024-01-15"), "1w", 52),
        (("2024-01-01", "2024-02-01", "2024-03-01"), "1M", 12),
        (("2024-01-31", "2024-02-29", "2024-03-31"), "1M", 12),
        (("2024-01-15", "2024-04-15", "2024-07-15"), "3M", 4),
        (("2020", "2021", "2022"), "12M", 1),
        (("2024-01-01 00:00", "2024-01-01 00:07"), "7min", 1),
    ],
)
def test_the_step_and_the_season_follow_from_the_times(times: tuple[str, ...], expected: str, season: int) -> None:
    frequency = frequency_of([us(*times)])
    assert frequency is not None
    assert (str(frequency), frequency.season) == (expected, season)
    places = frequency.steps_since(us(times[0])[0], us(*times))
    assert (places >= 0).all()
    assert (frequency.times(us(times[0])[0], int(places.max()) + 1)[places] == us(*times)).all()


def test_one_time_has_no_step() -> None:
    assert frequency_of([us("2024-01-01"), us("2024-01-02")]) is None
    assert frequency_of([]) is None


def next_month(date: datetime.date, day: int | None) -> datetime.date:
    """The same day of the next month, or, with None, its last day."""
    year, month = (date.year, date.month + 1) if date.month < 12 else (date.year + 1, 1)
    last = (datetime.date(year + month // 12, month % 12 + 1, 1) - datetime.timedelta(1)).day
    return datetime.date(year, month, last if day is None else min(day, last))


@given(start=st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)), first=st.integers(0, 40))
def test_months_keep_their_day(start: datetime.date, first: int) -> None:
    day, expected = start, []
    for _ in range(first + 5):
        expected.append(day)
        day = next_month(day, start.day)
    found = Frequency(1, "month").times(np.datetime64(start), 5, first)
    assert [time.astype("datetime64[D]").item() for time in found] == expected[first:]


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)))
def test_ends_of_months_stay_ends(date: datetime.date) -> None:
    day = next_month(date, None)
    expected = []
    for _ in range(15):
        expected.append(day)
        day = next_month(day, None)
    found = Frequency(1, "month end").times(np.datetime64(expected[0]), 15)
    assert [time.astype("datetime64[D]").item() for time in found] == expected
    assert Frequency(1, "month end").steps_since(found[0], found).tolist() == list(range(15))


@given(
    step=st.sampled_from(sorted(MICROSECONDS.values())),
    places=st.lists(st.integers(0, 300), min_size=1, max_size=20),
    off=st.integers(1, 800_000_000),
)
def test_times_between_two_steps_are_found(step: int, places: list[int], off: int) -> None:
    frequency, start = Frequency(step), np.datetime64("2024-02-28T07:00", "us")
    times = start + np.array(places) * np.timedelta64(step, "us")
    assert frequency.steps_since(start, times).tolist() == places
    assert (frequency.steps_since(start, times + np.timedelta64(off, "us")) == -1).all()
    assert (
        frequency.steps_since(start + np.timedelta64(off, "us"), start + np.zeros(1, "timedelta64[us]")) == -1
    ).all()


@given(st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2100, 1, 1)))
def test_calendar_features_are_angles_of_day_week_and_year(time: datetime.datetime) -> None:
    row = calendar_features(np.array([time], "datetime64[us]"), tuple(CYCLES))[0]
    midnight = datetime.datetime(time.year, time.month, time.day)
    day = (time - midnight) / datetime.timedelta(1)
    week = (time.weekday() + day) / 7
    begin, end = datetime.datetime(time.year, 1, 1), datetime.datetime(time.year + 1, 1, 1)
    year = (time - begin) / (end - begin)
    angles = 2 * np.pi * np.array([day, 2 * day, week, 2 * week, year])
    expected = np.stack([np.sin(angles), np.cos(angles)], axis=1).ravel()
    np.testing.assert_allclose(row, expected, atol=1e-6)


def test_only_cycles_that_the_data_hold_twice_are_taught() -> None:
    hour, day, month = Frequency(MICROSECONDS["1h"]), Frequency(MICROSECONDS["1d"]), Frequency(1, "month")
    assert cycles_of(hour, 47) == ()
    assert cycles_of(hour, 48) == ("day",)
    assert cycles_of(hour, 24 * 14) == ("day", "week")
    assert cycles_of(hour, 24 * 366 * 2) == ("day", "week", "year")
    assert cycles_of(day, 366 * 2) == ("week", "year")
    assert cycles_of(month, 24) == ("year",)
    assert cycles_of(month, 23) == ()
    assert cycles_of(Frequency(12, "month"), 50) == ()


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("1949", None, "1949-01-01"),
        ("1949-03", None, "1949-03-01"),
        ("2024-02-29 13:05:01.5", None, "2024-02-29T13:05:01.5"),
        ("2024-02-29T13:05:01Z", None, "2024-02-29T13:05:01"),
        ("2024-02-29T01:05-05:00", None, "2024-02-29T06:05"),
        ("29.2.2024", "%d.%m.%Y", "2024-02-29"),
        ("2/29/24 5PM", "%m/%d/%y %I%p", "2024-02-29T17:00"),
    ],
)
def test_dates_are_read(text: str, form: str | None, expected: str) -> None:
    assert parse_time(text, form) == np.datetime64(expected, "us")


@pytest.mark.parametrize(("text", "form"), [("2023-02-29", None), ("1.2.2024", None), ("soon", None), ("2024", "%d")])
def test_what_is_no_date(text: str, form: str | None) -> None:
    with pytest.raises(ValueError, match="is no date in"):
        parse_time(text, form)
