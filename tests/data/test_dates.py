"""Days in words against a calendar that is walked day by day."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.dates import read_date

MONDAY = date(2020, 6, 1)
DAYS = st.dates(date(1800, 1, 1), date(2300, 1, 1))
MONTHS = [date(2020, month, 1).strftime("%B") for month in range(1, 13)]  # the tests run in the C locale
WEEKDAYS = [(MONDAY + timedelta(n)).strftime("%A") for n in range(7)]
CHINESE_WEEKDAYS = "一二三四五六日"


def walk(today: date, fits: Callable[[date], bool], days: int = 3000) -> date:
    """The first day on or after `today` that fits."""
    return next(day for day in (today + timedelta(n) for n in range(days)) if fits(day))


def cn(n: int) -> str:
    return str(cn2an.an2cn(n, "low"))


def suffix(n: int) -> str:
    return "th" if 10 < n < 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")


@given(today=DAYS, day=DAYS)
def test_month_and_day_are_the_next_such_day(today: date, day: date) -> None:
    m, d = day.month, day.day
    expected = walk(today, lambda other: (other.month, other.day) == (m, d))
    name = MONTHS[m - 1]
    chinese = [f"{cn(m)}月{cn(d)}号", f"{cn(m)}月{cn(d)}日", f"{m}月{d}号", f"{m}月{d}", f"{cn(m)}月{cn(d)}號"]
    english = [
        f"{name} {d}",
        f"{name[:3]}. {d}{suffix(d)}",
        f"the {d}{suffix(d)} of {name}",
        f"{d} {name}",
        f"on {name} {d}",
    ]
    for words in [*chinese, *english, f"{m}/{d}", f"{m:02}-{d:02}", f"{m}.{d}", f"{name} the {d}{suffix(d)}".upper()]:
        assert read_date(words, today) == expected, words


@given(today=DAYS, day=st.dates(date(1000, 1, 1), date(9999, 12, 31)))
def test_a_year_leaves_nothing_to_infer(today: date, day: date) -> None:
    y, m, d = day.year, day.month, day.day
    digits = "".join("〇一二三四五六七八九"[int(c)] for c in str(y))
    words = [f"{y}-{m:02}-{d:02}", f"{y}/{m}/{d}", f"{y} . {m} . {d}", f"{y}{m:02}{d:02}", f"{y}年{m}月{d}日"]
    words += [f"{digits}年{cn(m)}月{cn(d)}日", f"{MONTHS[m - 1]} {d}, {y}", f"{d} {MONTHS[m - 1][:3]} {y}"]
    words += [f"{MONTHS[m - 1]} {d} , {y}"]
    for each in words:
        assert read_date(each, today) == day, each


@given(today=DAYS, d=st.integers(1, 31))
def test_a_day_alone_is_that_of_the_next_month_that_has_it(today: date, d: int) -> None:
    expected = walk(today, lambda other: other.day == d)
    for words in (f"{cn(d)}号", f"{d}日", f"the {d}{suffix(d)}", f"{d}{suffix(d)}"):
        assert read_date(words, today) == expected, words


@given(today=DAYS, n=st.integers(0, 6))
def test_weekdays(today: date, n: int) -> None:
    c, name = CHINESE_WEEKDAYS[n], WEEKDAYS[n]
    monday = next(day for day in (today - timedelta(k) for k in range(7)) if day.strftime("%A") == "Monday")
    first = walk(today, lambda day: day.strftime("%A") == name)
    this, following, after = (walk(monday + timedelta(7 * k), lambda day: day.strftime("%A") == name) for k in range(3))
    cases = [
        (
            first,
            [f"周{c}", f"星期{c}", f"礼拜{c}", f"禮拜{c}", f"週{c}", name, f"on {name}", name[:3], f"coming {name}"],
        ),
        (this, [f"这周{c}", f"本周{c}", f"這個星期{c}", f"this {name}"]),
        (following, [f"下周{c}", f"下週{c}", f"下星期{c}", f"下个礼拜{c}", f"next {name}", f"Next {name[:3]}."]),
        (after, [f"下下周{c}"]),
        (this - timedelta(7), [f"上周{c}", f"last {name}"]),
    ]
    for expected, forms in cases:
        for words in forms:
            assert read_date(words, today) == expected, words


@given(today=DAYS, n=st.integers(1, 99))
def test_days_counted_from_today(today: date, n: int) -> None:
    for words in (f"{cn(n)}天后", f"{n}天後", f"{n}天以后", f"in {n} days", f"{n} days from now", f"{n} days later"):
        assert read_date(words, today) == today + timedelta(n), words
    for words in (f"{cn(n)}周后", f"{n}个星期之后", f"in {n} weeks"):
        assert read_date(words, today) == today + timedelta(7 * n), words
    for words in (f"{n}天前", f"{n} days ago"):
        assert read_date(words, today) == today - timedelta(n), words


@pytest.mark.parametrize(
    ("words", "days"),
    [("今天", 0), ("今日", 0), ("明天", 1), ("明日", 1), ("后天", 2), ("後天", 2), ("大后天", 3), ("昨天", -1),
     ("前天", -2), ("大前天", -3), ("today", 0), ("tomorrow", 1), ("Tomorrow.", 1), ("the day after tomorrow", 2),
     ("yesterday", -1),
     ("tonight", 0), ("in a week", 7), ("a week from today", 7), ("in twenty-one days", 21), ("两周后", 14)],
)  # fmt: skip
def test_relative_days(words: str, days: int) -> None:
    assert read_date(words, date(2020, 12, 31)) == date(2020, 12, 31) + timedelta(days)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("八月二号", date(2020, 8, 2)),
        ("八月二號", date(2020, 8, 2)),
        ("六月一号", MONDAY),
        ("五月三十一号", date(2021, 5, 31)),
        ("明年八月二号", date(2021, 8, 2)),
        ("今年一月一号", date(2020, 1, 1)),
        ("20年8月2日", date(2020, 8, 2)),
        ("２０２０年８月２日", date(2020, 8, 2)),
        ("下个月二号", date(2020, 7, 2)),
        ("下個月二號", date(2020, 7, 2)),
        ("the 2nd of next month", date(2020, 7, 2)),
        ("the second of August", date(2020, 8, 2)),
        ("August the twenty-first", date(2020, 8, 21)),
        ("2月29日", date(2024, 2, 29)),
        ("Sept 3", date(2020, 9, 3)),
        ("Thurs", date(2020, 6, 4)),
    ],
)
def test_by_hand(words: str, expected: date) -> None:
    assert read_date(words, MONDAY) == expected


def test_leap_days_over_a_century_that_has_none() -> None:
    assert read_date("二月二十九号", date(2096, 3, 1)) == date(2104, 2, 29)


def test_the_end_of_january_skips_february() -> None:
    for year in (2023, 2024):
        assert read_date("30号", date(year, 1, 31)) == date(year, 3, 30)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("二月三十号", "February has no day 30"),
        ("2月30日", "February has no day 30"),
        ("February 30", "February has no day 30"),
        ("四月三十一号", "April has no day 31"),
        ("2021年2月29日", "there is no 2021-02-29"),
        ("2100-02-29", "there is no 2100-02-29"),
        ("十三月一号", "there is no month 13"),
        ("0月1日", "there is no month 0"),
        ("八月零号", "August has no day 0"),
        ("8月99日", "August has no day 99"),
        ("三十二号", "no month has a day 32"),
        ("the 32nd", "no month has a day 32"),
        ("13/2", "there is no month 13"),
        ("0000-01-01", "a day outside the years 1 to 9999"),
        ("in 99999999999999999999 days", "a day outside the years 1 to 9999"),
        ("九千万天前", "a day outside the years 1 to 9999"),
        *((words, "not understood as a date") for words in
          ("", " ", "八月", "2020年", "August", "next month", "soon", "农历八月十五", "2", "月日", "号", "周八",
           "month 3", "二十十月一号", "the", "the month", "in many days", "\ud800", "\x00", "台北", "2020-8/2")),
    ],
)  # fmt: skip
def test_days_that_do_not_exist_and_words_that_name_none(words: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_date(words, MONDAY)


@pytest.mark.parametrize("today", [date.min, date.max])
def test_at_the_ends_of_time(today: date) -> None:
    for words in (
        "1月1日",
        "2月29日",
        "昨天",
        "明天",
        "下周三",
        "上周三",
        "下个月二号",
        "上个月二号",
        "31号",
        "周一",
        "明年1月1日",
    ):
        try:
            assert isinstance(read_date(words, today), date)
        except ValueError as error:
            assert str(error) == "a day outside the years 1 to 9999"  # noqa: PT017


def test_a_time_of_day_is_ignored() -> None:
    assert read_date("六月一号", datetime(2020, 6, 1, 23, 59)) == MONDAY


@given(words=st.one_of(st.text(), st.text("0123456789一二三十年月日号天周下上后前-/. "), st.text("the nxinofday12 ")))
def test_nothing_crashes(words: str) -> None:
    try:
        assert type(read_date(words, MONDAY)) is date
    except ValueError as error:
        assert not str(error).startswith(("invalid", "day is", "month must", "year"))  # noqa: PT017  (Python's own)


@pytest.mark.parametrize("piece", ["a", "a ", "一", "1", " ", "in ", "the ", "th"])
def test_long_words_take_no_time(piece: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match="not understood"):
        read_date(piece * 20_000, MONDAY)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("text", ["109年8月2日", "一百零九年八月二号", "9年8月2日"])
def test_a_year_that_may_be_counted_from_elsewhere_is_not_guessed(text) -> None:
    with pytest.raises(ValueError, match="not understood as a date"):
        read_date(text, date(2020, 6, 1))


def test_two_years_ago_and_the_coming_friday() -> None:
    assert read_date("前年八月二号", date(2020, 6, 1)) == date(2018, 8, 2)
    assert read_date("the coming Friday", date(2020, 6, 1)) == read_date("coming Friday", date(2020, 6, 1))
