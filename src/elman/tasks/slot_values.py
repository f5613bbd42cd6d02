"""What the words of a slot mean: one interface, `normalise`, whatever the kind of value and the language.

A tagger marks words; a program that books a flight needs a day.  A value is read where it can be and shown in one
form; where it cannot, nothing is lost: the words stay as they are, with a note that says why.

>>> from datetime import date
>>> day = normalise("date", "八月二号", today=date(2020, 6, 1))
>>> day.value, str(day)
(datetime.date(2020, 8, 2), '2020.08.02')
>>> normalise("date", "二月三十号", today=date(2020, 6, 1))
SlotValue(kind='date', raw='二月三十号', value=None, text='二月三十号', note='February has no day 30')
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from elman.data.dates import read_date
from elman.data.numerals import number

__all__ = ["KINDS", "SlotValue", "normalise"]


@dataclass(frozen=True)
class SlotValue:
    """A slot's words, and what they mean.  ``str()`` gives `text`."""

    kind: str  # one of `KINDS`
    raw: str  # the words, as they were found
    value: date | int | float | str | None  # what they mean; None where they could not be read
    text: str  # how it is shown: 2020.08.02, 320, 台北; the words themselves where they could not be read
    note: str | None = None  # why they could not be read

    def __str__(self) -> str:
        return self.text


def _date(raw: str, today: date) -> tuple[date, str]:
    value = read_date(raw, today)
    return value, f"{value.year:04}.{value.month:02}.{value.day:02}"


def _number(raw: str, today: date) -> tuple[int | float, str]:
    value = number(raw)
    if value is None:
        raise ValueError("not understood as a number")
    return value, str(value)


def _as_written(raw: str, today: date) -> tuple[str, str]:
    return raw.strip(), raw.strip()


_READERS: dict[str, Callable[[str, date], tuple[date | int | float | str, str]]] = {
    "date": _date,
    "number": _number,
    "city": _as_written,
    "text": _as_written,
}
KINDS = tuple(_READERS)


def normalise(kind: str, raw: str, *, today: date | None = None) -> SlotValue:
    """Read the words of a slot.

    Parameters
    ----------
    kind
        What the slot holds: ``date`` (`elman.data.dates.read_date` lists the forms), ``number``
        (`elman.data.numerals.number`), ``city`` or ``text``, which stay as written, without white space around them.
    raw
        The words, in Chinese of either script or English.
    today
        The reference for dates; the day on which the program runs if None.

    Returns
    -------
    SlotValue
        Words that mean nothing of that kind, a day that does not exist among them, come back with value None, their
        own words as text, and a note.

    Raises
    ------
    ValueError
        If the kind is unknown; the message says the nearest one.  Never for the words.
    TypeError
        If `raw` is not a str or `today` not a date.

    Examples
    --------
    >>> str(normalise("number", "三百二十")), str(normalise("city", "台北"))
    ('320', '台北')
    >>> str(normalise("date", "next Friday", today=date(2020, 6, 1)))
    '2020.06.12'
    """
    if kind not in _READERS:
        near = get_close_matches(str(kind), KINDS, n=1)
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}{_hint(near)}")
    if not isinstance(raw, str):
        raise TypeError(f"raw is {type(raw).__name__}; expected str, the words of the slot")
    if today is not None and not isinstance(today, date):
        raise TypeError(f"today is {type(today).__name__}; expected datetime.date, as date.fromisoformat gives it")
    if not raw.strip():
        return SlotValue(kind, raw, None, raw, "no words")
    try:
        value, text = _READERS[kind](raw, today or date.today())
    except ValueError as error:
        return SlotValue(kind, raw, None, raw, str(error))
    return SlotValue(kind, raw, value, text)


def _hint(near: list[str]) -> str:
    return f"; did you mean {near[0]!r}?" if near else ""
