"""Numbers in words against cn2an, against a writer of English numbers, and bad input."""

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.numerals import number, ordinal, simplified

UP_TO = 10**12
TRADITIONAL = str.maketrans("万亿负点零两", "萬億負點〇兩")
SMALL = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def english(n: int, joint: str, link: str) -> str:
    """n in words, as taught at school."""
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            rest = f" {link}{english(n % size, joint, link)}" if n % size else ""
            return f"{english(n // size, joint, link)} {name}{rest}"
    return SMALL[n] if n < 20 else TENS[n // 10] + (joint + SMALL[n % 10] if n % 10 else "")


@given(n=st.integers(-UP_TO, UP_TO), script=st.sampled_from(["low", "up"]), traditional=st.booleans())
def test_chinese_numerals_are_those_that_cn2an_writes(n: int, script: str, traditional: bool) -> None:
    written = cn2an.an2cn(n, script)
    assert number(written.translate(TRADITIONAL) if traditional else written) == n


@given(n=st.integers(1, 9999), digits=st.integers(1, 999))
def test_chinese_decimals_are_those_that_cn2an_writes(n: int, digits: int) -> None:
    written = f"{n}.{digits:03}".rstrip("0")
    assert number(cn2an.an2cn(written, "low")) == float(written)


@given(n=st.integers(0, UP_TO - 1), joint=st.sampled_from(["-", " "]), link=st.sampled_from(["", "and "]))
def test_english_number_words(n: int, joint: str, link: str) -> None:
    assert number(english(n, joint, link)) == n


@given(n=st.integers(0, 10**15))
def test_digits(n: int) -> None:
    assert number(str(n)) == number(f"{n:,}") == number("".join("０１２３４５６７８９"[int(c)] for c in str(n))) == n
    assert number("".join("零一二三四五六七八九"[int(c)] for c in str(n))) == n or str(n) == "10"


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("一万二", 12_000),
        ("三百二", 320),
        ("一千五", 1500),
        ("一百零五", 105),
        ("两亿三千万零五", 230_000_005),
        ("廿二", 22),
        ("二零二零", 2020),
        ("二〇二〇", 2020),
        ("負三", -3),
        ("-1,234.5", -1234.5),
        ("a hundred", 100),
        ("an hundred and one", 101),
        (" 42 ", 42),
        (".5", 0.5),
        ("Twenty-One", 21),
    ],
)
def test_other_ways_to_write(words: str, value: float) -> None:
    assert number(words) == value
    assert type(number(words)) is type(value)


@pytest.mark.parametrize(
    "words",
    ["", " ", "-", "many", "百", "万", "十百", "一万万零万", "点五", "三点", "三点十", "1,23", "1.2.3", "ten five",
     "twenty ten", "one two", "hundred", "thousand one", "one thousand million", "zero one", "a", "三天", "1e5", "0x10",
     "９" * 1000,
     "一" * 10_000, "\ud800", "\x00", "一二三百"],
)  # fmt: skip
def test_what_is_no_number(words: str) -> None:
    assert number(words) is None


@given(words=st.one_of(st.text(), st.text("零一二两三十百千万亿点负0123456789,.- ")))
def test_nothing_crashes(words: str) -> None:
    assert number(words) is None or isinstance(number(words), int | float)
    assert ordinal(words) is None or isinstance(ordinal(words), int)


@pytest.mark.parametrize(
    ("words", "value"),
    [("1st", 1), ("2nd", 2), ("23rd", 23), ("11th", 11), ("first", 1), ("Second", 2), ("third", 3), ("fifth", 5),
     ("eighth", 8), ("ninth", 9), ("twelfth", 12), ("twentieth", 20), ("twenty-first", 21), ("thirty first", 31),
     ("第三", 3), ("tenth", 10), ("7", 7), ("zeroth", None), ("th", None), ("", None), ("1.5", None), ("month", None)],
)  # fmt: skip
def test_ordinals(words: str, value: int | None) -> None:
    assert ordinal(words) == value


def test_one_way_of_writing() -> None:
    assert simplified(" ８月２號 ") == "8月2号"
