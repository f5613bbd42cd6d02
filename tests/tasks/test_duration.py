"""Durations: every form, and what is said to others."""

import pytest

from elman.tasks.duration import parse_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90s", 90),
        ("3m", 180),
        ("1h30m", 5400),
        ("1h30m15s", 5415),
        ("1h15s", 3615),
        ("0.5h", 1800),
        ("1.5m", 90),
        ("2m30", 150),
        ("180", 180),
        (" 3M ", 180),
        (180, 180),
        (0.25, 0.25),
    ],
)
def test_forms(value: str | float, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize("value", ["", "s", "three minutes", "3 m 5", "3x", "-3m", "5m3h", "1h1h", "nan", "m3"])
def test_other_words(value: str) -> None:
    with pytest.raises(
        ValueError, match=r"checkpoint_every is '.*', which is not a duration: write it like 90s, 3m, 1h"
    ):
        parse_duration(value, "checkpoint_every")


@pytest.mark.parametrize("value", ["0s", 0, -1, float("nan"), float("inf")])
def test_no_time(value: str | float) -> None:
    with pytest.raises(ValueError, match=r"time is .*, expected more than 0 seconds"):
        parse_duration(value)


@pytest.mark.parametrize("value", [None, [3], True])
def test_other_types(value: object) -> None:
    with pytest.raises(TypeError, match=r"time is a \w+, expected a duration: write it like 90s"):
        parse_duration(value)  # type: ignore[arg-type]
