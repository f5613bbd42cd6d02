"""Dates as people write them in Chinese (both scripts) and English, read against a reference date.

Our own small reader: dateparser, the well-kept library for this, reads none of 八月二号, 8月2日, 下周三, 三天后
and "the second of August" (version 1.5.0; the table is in docs/slot_values.md).

>>> today = date(2020, 6, 1)  # a Monday
>>> for words in ("八月二号", "明天", "下周三", "next Friday", "the 2nd of August", "五月三日"):
...     print(read_date(words, today))
2020-08-02
2020-06-02
2020-06-10
2020-06-12
2020-08-02
2021-05-03
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from elman.data.numerals import number, ordinal, simplified

__all__ = ["read_date"]

# fmt: off
_MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]
# fmt: on
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # the most that a month can have

_DAYS_AWAY = {"大前": -3, "前": -2, "昨": -1, "今": 0, "明": 1, "后": 2, "大后": 3}
_DAYS_AWAY_ENGLISH = {
    "day before yesterday": -2,
    "yesterday": -1,
    "today": 0,
    "tonight": 0,
    "tomorrow": 1,
    "day after tomorrow": 2,
}
_YEARS_AWAY = {"前": -2, "去": -1, "今": 0, "本": 0, "明": 1, "后": 2}
_PERIODS_AWAY = {"上上": -2, "上": -1, "last": -1, "这": 0, "本": 0, "this": 0, "下": 1, "next": 1, "下下": 2}


def read_date(text: str, today: date) -> date:
    """The day that `text` names, seen from `today`.

    Parameters
    ----------
    text
        | Chinese: 八月二号, 8月2日, 2020年8月2日, 二〇二〇年八月二日, 明年八月二号, 二号, 下个月二号;
        | 今天, 明天, 后天, 大后天, 昨天, 前天; 周三, 星期三, 礼拜三, 这周三, 下周三, 下下周三; 三天后, 两周后;
        | English: August 2, Aug. 2nd, 2 August 2020, the second of August, the 2nd, the 2nd of next month; today,
        | tomorrow, the day after tomorrow; Friday, this Friday, next Friday; in three days, two weeks from now;
        | digits: 2020-08-02, 2020/8/2, 2020.8.2, 20200802, and month before day: 8/2, 8-2, 8.2.
    today
        The reference.  What is left out is chosen so that the day is the next such day on or after it: the year of a
        month and a day, the month of a day, the week of a weekday.  29 February waits for a leap year.

    Returns
    -------
    datetime.date
        Weeks begin on Monday, and 下周三 and "next Wednesday" are the Wednesday of the week after this one, whatever
        day today is; 这周三 and "this Wednesday" that of this week, past or not.

    Raises
    ------
    ValueError
        If the day does not exist (二月三十号), lies outside the years 1 to 9999, or the words name no day; the message
        says which.
    """
    words = re.sub(r"\s+", " ", simplified(text).rstrip("。.,，!?！？ "))
    words = re.sub(r"(?<=\d) ?([-/.]) ?(?=\d)", r"\1", words)  # tokens joined by spaces: 2020 - 08 - 02
    words = re.sub(r" (?=[.,])", "", words)
    reference = date(today.year, today.month, today.day)  # a datetime has a time of day, and would compare with none
    for form, meaning in _FORMS:
        if match := re.fullmatch(form, words):
            try:
                return meaning(match, reference)
            except OverflowError:
                raise ValueError("a day outside the years 1 to 9999") from None
    raise ValueError("not understood as a date")


# --- days of the calendar ---------------------------------------------------------------------------------------------
def _day(year: int | None, month: int, day: int, today: date) -> date:
    """That day; without a year, the next one on or after today."""
    if not 1 <= month <= 12:
        raise ValueError(f"there is no month {month}")
    if not 1 <= day <= _LENGTHS[month - 1]:
        raise ValueError(f"{_MONTHS[month - 1].capitalize()} has no day {day}")
    if year is not None and not 1 <= year <= 9999:
        raise OverflowError
    years = range(today.year, today.year + 9) if year is None else [year]  # at most eight years without a leap year
    return _first(((y, month, day) for y in years), today if year is None else date.min)


def _day_of_month(day: int, today: date) -> date:
    """The next such day of any month, on or after today."""
    if not 1 <= day <= 31:
        raise ValueError(f"no month has a day {day}")
    months = (divmod(today.year * 12 + today.month - 1 + n, 12) for n in range(3))
    return _first(((year, month + 1, day) for year, month in months), today)


def _first(days: Iterable[tuple[int, int, int]], earliest: date) -> date:
    """The first of these that exists and is not before `earliest`."""
    for year, month, day in days:
        if year > date.max.year:
            raise OverflowError
        if day <= monthrange(year, month)[1] and date(year, month, day) >= earliest:
            return date(year, month, day)
    raise ValueError(f"there is no {year:04}-{month:02}-{day:02}")


def _in_month(period: str, day: int, today: date) -> date:
    """That day of this month, of the next, …"""
    year, month = divmod(today.year * 12 + today.month - 1 + _PERIODS_AWAY[period], 12)
    return _day(year, month + 1, day, today)


def _weekday(period: str | None, weekday: int, today: date) -> date:
    """The next such weekday on or after today, or that of the named week; Monday is 0."""
    if period is None:
        return today + timedelta((weekday - today.weekday()) % 7)
    return today + timedelta(7 * _PERIODS_AWAY[period] + weekday - today.weekday())


def _later(days: int, today: date) -> date:
    return today + timedelta(days)


def _whole(text: str) -> int:
    value = number(text)
    if not isinstance(value, int):
        raise ValueError("not understood as a date")
    return value


# --- the forms in which they are written ------------------------------------------------------------------------------
Meaning = Callable[["re.Match[str]", date], date]


def _chinese_year(match: "re.Match[str]", today: date) -> int | None:
    if match["away"]:
        return today.year + _YEARS_AWAY[match["away"]]
    if match["year"] is None:
        return None
    year = _whole(match["year"])
    if len(match["year"]) == 1 or 100 <= year < 1000:  # 109 may count from the founding of the Republic of China
        raise ValueError(f"not understood as a date: which year is {match['year']}?")
    return 2000 + year if len(match["year"]) == 2 else year


def _chinese_day(match: "re.Match[str]", today: date) -> date:
    return _day(_chinese_year(match, today), _whole(match["month"]), _whole(match["day"]), today)


def _chinese_weekday(match: "re.Match[str]", today: date) -> date:
    return _weekday(match["period"], "一二三四五六日1234567".index(match["day"].replace("天", "日")) % 7, today)


def _chinese_later(match: "re.Match[str]", today: date) -> date:
    days = _whole(match["n"]) * (1 if match["unit"] in "天日" else 7)
    return _later(-days if match["way"] == "前" else days, today)


def _digits(match: "re.Match[str]", today: date) -> date:
    year = match["year"]
    return _day(None if year is None else int(year), int(match["month"]), int(match["day"]), today)


def _english_day(match: "re.Match[str]", today: date) -> date:
    day, year = ordinal(match["day"]), match["year"]
    if day is None:
        raise ValueError("not understood as a date")
    month = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(match["month"][:3]))
    return _day(None if year is None else int(year), month, day, today)


def _english_day_of_month(match: "re.Match[str]", today: date) -> date:
    day = ordinal(match["day"])
    if day is None:
        raise ValueError("not understood as a date")
    return _in_month(match["period"], day, today) if match["period"] else _day_of_month(day, today)


def _english_weekday(match: "re.Match[str]", today: date) -> date:
    weekday = next(n for n, name in enumerate(_WEEKDAYS) if name.startswith(match["day"][:3]))
    return _weekday(match["period"], weekday, today)


def _english_later(match: "re.Match[str]", today: date) -> date:
    days = (1 if match["n"] in ("a", "an") else _whole(match["n"])) * (7 if match["unit"] == "week" else 1)
    return _later(-days if match["way"] == "ago" else days, today)


_N = r"[\d零一二两三四五六七八九十]{1,4}"
_MANY = r"[\d零一二两三四五六七八九十百千万]{1,20}"
_PERIOD = r"(?P<period>上上|上|这|本|下下|下)个?"
_NAMED_MONTH = r"(?P<month>" + "|".join(f"{name}|{name[:3]}" for name in _MONTHS) + r"|sept)\.?"
_NAMED_DAY = "(?P<day>" + "|".join(f"{name}|{name[:3]}" for name in _WEEKDAYS) + r"|tues|wednes|thur|thurs)\.?"
_NTH = r"(?P<day>\d{1,2}(?:st|nd|rd|th)?|(?:twenty|thirty)[ -][a-z]+|[a-z]+(?:st|nd|rd|th))"
_YEAR = r"(?:,? (?:of )?(?P<year>\d{4}))?"

_FORMS: list[tuple[str, Meaning]] = [
    (
        rf"(?:(?P<away>[前去今本明后])年的?|(?P<year>{_N})年)? ?(?P<month>{_N}) ?月份?的? ?(?P<day>{_N}) ?[日号]?",
        _chinese_day,
    ),
    (rf"{_PERIOD}月的?(?P<day>{_N})[日号]", lambda m, today: _in_month(m["period"], _whole(m["day"]), today)),
    (rf"(?P<day>{_N}) ?[日号]", lambda m, today: _day_of_month(_whole(m["day"]), today)),
    (r"(?P<away>大前|前|昨|今|明|后|大后)[天日]", lambda m, today: _later(_DAYS_AWAY[m["away"]], today)),
    (rf"(?:{_PERIOD}的?)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天1-7])", _chinese_weekday),
    (rf"(?P<n>{_MANY})(?P<unit>天|日|周|个?星期|个?礼拜)[之以]?(?P<way>后|前)", _chinese_later),
    (r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})", _digits),
    (r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})", _digits),
    (r"(?P<year>(?!))?(?P<month>\d{1,2})[-/.](?P<day>\d{1,2})", _digits),
    (
        r"(?:the )?(?P<away>" + "|".join(_DAYS_AWAY_ENGLISH) + ")",
        lambda m, today: _later(_DAYS_AWAY_ENGLISH[m["away"]], today),
    ),
    (rf"(?:on )?{_NAMED_MONTH} (?:the )?{_NTH}{_YEAR}", _english_day),
    (rf"(?:on )?(?:the )?{_NTH} (?:of )?{_NAMED_MONTH}{_YEAR}", _english_day),
    (rf"(?:on )?(?:the )?{_NTH} of (?P<period>this|next) month", _english_day_of_month),
    (rf"(?:on )?(?:the )?(?P<period>(?!))?(?!\d+$){_NTH}", _english_day_of_month),
    (rf"(?:on )?(?:(?P<period>last|this|next) |(?:the )?coming )?{_NAMED_DAY}", _english_weekday),
    (r"(?P<way>in) (?P<n>[a-z\d -]+) (?P<unit>day|week)s?", _english_later),
    (r"(?P<n>[a-z\d -]+) (?P<unit>day|week)s? (?P<way>from now|from today|later|ago)", _english_later),
]
