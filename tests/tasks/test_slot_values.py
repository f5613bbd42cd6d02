"""Slots' words become values, or stay what they are with a note."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.tasks.slot_values import KINDS, SlotValue, normalise

TODAY = date(2020, 6, 1)


@pytest.mark.parametrize(
    ("kind", "raw", "value", "text"),
    [
        ("date", "八月二号", date(2020, 8, 2), "2020.08.02"),
        ("date", "next Friday", date(2020, 6, 12), "2020.06.12"),
        ("date", "0987-01-02", date(987, 1, 2), "0987.01.02"),
        ("number", "三百二十", 320, "320"),
        ("number", "3.50", 3.5, "3.5"),
        ("city", " 台北 ", "台北", "台北"),
        ("city", "臺北", "臺北", "臺北"),
        ("city", "New York", "New York", "New York"),
        ("text", "二月三十号", "二月三十号", "二月三十号"),
    ],
)
def test_values(kind: str, raw: str, value: object, text: str) -> None:
    found = normalise(kind, raw, today=TODAY)
    assert found == SlotValue(kind, raw, value, text, None)  # type: ignore[arg-type]
    assert str(found) == text


@pytest.mark.parametrize(
    ("kind", "raw", "note"),
    [
        ("date", "二月三十号", "February has no day 30"),
        ("date", " soon ", "not understood as a date"),
        ("number", "many", "not understood as a number"),
        ("date", "", "no words"),
        ("city", "  ", "no words"),
    ],
)
def test_what_cannot_be_read_is_kept_with_a_note(kind: str, raw: str, note: str) -> None:
    assert normalise(kind, raw, today=TODAY) == SlotValue(kind, raw, None, raw, note)


def test_without_a_reference_it_is_today() -> None:
    before = date.today()
    value = normalise("date", "today").value
    assert before <= value <= date.today()  # type: ignore[operator]


def test_a_datetime_is_a_reference() -> None:
    assert normalise("date", "明天", today=datetime(2020, 6, 1, 12)).value == date(2020, 6, 2)


@given(kind=st.sampled_from(KINDS), raw=st.text())
def test_no_words_raise_and_none_are_lost(kind: str, raw: str) -> None:
    found = normalise(kind, raw, today=TODAY)
    assert found.raw == raw
    assert (found.value is None) == (found.note is not None)
    assert found.value is not None or found.text == raw


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("dat", "x", TODAY),
            ValueError,
            r"kind is 'dat'; expected one of date, number, city, text; did you mean 'date'\?",
        ),
        (("colour", "x", TODAY), ValueError, "kind is 'colour'; expected one of date, number, city, text$"),
        (("date", 3, TODAY), TypeError, "raw is int; expected str, the words of the slot"),
        (
            ("date", "x", "2020-06-01"),
            TypeError,
            "today is str; expected datetime.date, as date.fromisoformat gives it",
        ),
    ],
)
def test_bad_arguments(arguments: tuple[Any, Any, Any], error: type[Exception], message: str) -> None:
    kind, raw, today = arguments
    with pytest.raises(error, match=message):
        normalise(kind, raw, today=today)
