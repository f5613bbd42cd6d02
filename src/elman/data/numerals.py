"""Numbers as people write them: digits, Chinese numerals of both scripts, English number words.

Our own small reader, because what is left over has to be told from what is read: cn2an (the tests' oracle for Chinese)
reads no English and no number inside a date, and a library for each language would still leave this file to write.

>>> number("三百二十"), number("兩千零五"), number("twenty-one"), number("1,234.5"), number("零点二五")
(320, 2005, 21, 1234.5, 0.25)
>>> ordinal("second"), ordinal("21st"), ordinal("第三")
(2, 21, 3)
"""

import re
import unicodedata

__all__ = ["number", "ordinal", "simplified"]

# The characters of numbers and dates that differ, and the capital numerals of cheques.
_SIMPLE = str.maketrans(
    "萬億兩點負號後週禮這個來壹贰貳叁參肆伍陆陸柒捌玖拾佰仟〇○",
    "万亿两点负号后周礼这个来一二二三三四五六六七八九十百千零零",
) | {ord("廿"): "二十", ord("卅"): "三十"}
_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}
# fmt: off
_ENGLISH = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}
# fmt: on
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
_IRREGULAR = {
    "first": "one",
    "second": "two",
    "third": "three",
    "fifth": "five",
    "eighth": "eight",
    "ninth": "nine",
    "twelfth": "twelve",
}
_LONGEST = 200  # characters; nobody writes a longer number, and Python refuses to read one of thousands of digits


def simplified(text: str) -> str:
    """`text` in one way of writing: NFKC (full-width digits become plain ones), simplified numerals, lower case.

    >>> simplified("８月２號"), simplified("Next FRIDAY")
    ('8月2号', 'next friday')
    """
    return unicodedata.normalize("NFKC", text).translate(_SIMPLE).strip().lower()


def number(text: str) -> int | float | None:
    """The number that `text` is, or None if it is none.

    Parameters
    ----------
    text
        Digits with or without commas between thousands and with a decimal point; Chinese numerals, simplified,
        traditional or capital, also read out digit by digit (二零二零), with 点 and 负, and with a last unit left out
        (一万二 is 12,000); English number words up to the billions.

    Returns
    -------
    int, float or None
        A float where there is a decimal point.

    Examples
    --------
    >>> number("一万二"), number("负三"), number("one hundred and five"), number("twenty")
    (12000, -3, 105, 20)
    >>> number("many") is None
    True
    """
    text = simplified(text)
    if not text or len(text) > _LONGEST:
        return None
    sign, rest = (-1, text[1:].lstrip()) if text[0] in "-−负" else (1, text)
    value = _digits(rest)
    for read in (_chinese, _english):
        value = read(rest) if value is None else value
    return None if value is None else sign * value


def ordinal(text: str) -> int | None:
    """The number of 2nd, second, 第二 or a plain number; None if it is none, or not whole and positive."""
    text = simplified(text)
    if match := re.fullmatch(r"(\d{1,9})(?:st|nd|rd|th)", text):
        return int(match[1])
    *before, last = re.split(r"([\s-]+)", text)
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("tieth"):
        last = last.removesuffix("ieth") + "y"
    elif last.endswith("th"):
        last = last.removesuffix("th")
    value = number("".join([*before, last]).removeprefix("第"))
    return value if isinstance(value, int) and value > 0 else None


def _digits(text: str) -> int | float | None:
    if re.fullmatch(r"\d+|\d{1,3}(,\d{3})+", text):
        return int(text.replace(",", ""))
    if re.fullmatch(r"(\d*|\d{1,3}(,\d{3})+)\.\d+", text):
        return float(text.replace(",", ""))
    return None


def _chinese(text: str) -> int | float | None:
    whole, point, fraction = text.partition("点")
    if point:
        before, after = _chinese(whole), [str(_DIGITS[c]) for c in fraction if c in _DIGITS]
        if before is None or isinstance(before, float) or not after or len(after) != len(fraction):
            return None
        return float(f"{before}.{''.join(after)}")
    if not text or any(c not in _DIGITS and c not in _UNITS and c not in "万亿" for c in text):
        return None
    if all(c in _DIGITS for c in text):  # read out digit by digit
        return int("".join(str(_DIGITS[c]) for c in text))
    return _by_units(text)


def _by_units(text: str) -> int | None:
    """两亿三千万零五: 亿, then 万, then up to the thousands; each part at its place, or None."""
    for big, factor in (("亿", 10**8), ("万", 10**4)):
        if big in text:
            above, _, below = text.rpartition(big)
            upper = _by_units(above)
            short = len(below) == 1 and below in _DIGITS and below != "零"  # 一万二: the last unit is left out
            lower = (_DIGITS[below] * factor // 10 if short else _by_units(below)) if below else 0
            if not upper or lower is None or lower >= factor:
                return None
            return upper * factor + lower
    return _below_ten_thousand(text)


def _below_ten_thousand(text: str) -> int | None:
    match = re.fullmatch(r"零?(?:([一二两三四五六七八九])千)?零?(?:([一二两三四五六七八九])百)?零?"
                         r"(?:([一二两三四五六七八九]?)(十))?零?([一二两三四五六七八九])?", text)  # fmt: skip
    if not match or not any(match.groups()):
        return None
    thousands, hundreds, tens, ten, ones = match.groups()
    value = 1000 * _DIGITS.get(thousands, 0) + 100 * _DIGITS.get(hundreds, 0)
    value += 10 * (_DIGITS.get(tens, 1) if ten else 0)
    last = _DIGITS.get(ones, 0)
    before = text[-2:-1]
    return value + (last * _UNITS[before] // 10 if last and before in ("百", "千") else last)  # 三百二 is 320


def _english(text: str) -> int | None:
    words = re.split(r"[\s-]+(?:and\s+)?", text)
    total = part = 0
    last = 10**12  # what was read before; numbers come from large to small
    for n, word in enumerate(words):
        if word in _ENGLISH or word in _TENS:
            value = _ENGLISH.get(word, _TENS.get(word, 0))
            tens = part % 100
            fits = tens == 0 or (tens in _TENS.values() and value < 10)
            if not fits or (len(words) > 1 and not value):
                return None
            part += value
        elif word in ("a", "an") and n == 0 and len(words) > 1:
            part = 1
        elif word == "hundred" and 0 < part < 10:
            part *= 100
        elif word in _SCALES and part and _SCALES[word] < last:
            last = _SCALES[word]
            total, part = total + part * last, 0
        else:
            return None
    return total + part
