"""The grammar of the booking sentences: a wording, cities and days make a sentence whose tags are known.

`booking_words` has the vocabulary.  A sentence is drawn, not stored: the same part and language are the same sentences
everywhere, for only `random.Random.random` is asked, whose numbers Python promises to keep.
"""

import random
import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple, TypeVar

from elman.corpora.booking_words import CITIES, GROUPS, TRADITIONAL, Group

__all__ = ["LANGUAGES", "PARTS", "SLOTS", "Sentence", "cities", "sentences", "wordings"]

PARTS = {"train": 2000, "test": 400}  # sentences of each language
LANGUAGES = ("zh-Hans", "zh-Hant", "en")
SLOTS = {  # in a wording: in the tags.  Both scripts share their tags, for many a sentence is the same in both
    "zh": {"d": "目的地", "o": "出发地", "a": "到达时间", "p": "出发时间"},
    "en": {"d": "destination", "o": "origin", "a": "arrival_time", "p": "departure_time"},
}
_LECTURE = {  # what the test part begins with: wording, city and day, all of the grammar
    "zh": [("我想{a}到达{d}", {"a": "八月二号", "d": "台北"}), ("我想{p}离开{o}", {"p": "八月二号", "o": "台北"})],
    "en": [
        ("I would like to arrive in {d} {a}", {"a": "on August 2", "d": "Taipei"}),
        ("I would like to leave {o} {p}", {"p": "on August 2", "o": "Taipei"}),
    ],
}


_Item = TypeVar("_Item")


class Sentence(NamedTuple):
    """One sentence, cut, with its tags."""

    tokens: list[str]  # characters in Chinese, words and single punctuation marks in English
    tags: list[str]  # IOB2: B-目的地 begins a slot, I-目的地 goes on with it, O stands outside


class _Draw:
    """Random choices that are the same in every version of Python."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def below(self, n: int) -> int:
        return int(self._random.random() * n)

    def of(self, items: Sequence[_Item]) -> _Item:
        return items[self.below(len(items))]


def cities(part: str, language: str) -> list[str]:
    """The cities of a part; no city is in both parts, in any language."""
    found = CITIES[language[:2]][part]
    return [city.translate(TRADITIONAL) for city in found] if language == "zh-Hant" else list(found)


def wordings(part: str, language: str) -> list[str]:
    """The wordings of a part, with {d}, {o}, {a}, {p} where the slots are; none is in both parts."""
    found = [wording for group in GROUPS[language[:2]] for wording in _wordings(part, group, language[:2])]
    return [wording.translate(TRADITIONAL) for wording in found] if language == "zh-Hant" else found


def sentences(part: str, language: str) -> list[Sentence]:
    """The sentences of one part and one language, no two of a part alike."""
    script, draw = language[:2], _Draw(f"flights {part} {language}")
    groups = [_wordings(part, group, script) for group in GROUPS[script]]
    chosen: dict[str, Sentence] = {}
    if part == "test":
        for wording, words in _LECTURE[script]:
            _add(chosen, _filled(wording, words, language))
    while len(chosen) < PARTS[part]:
        wording = draw.of(draw.of(groups))
        sentence = _filled(wording, _words(draw, part, script), language)
        if script == "en" and draw.below(4) == 0:  # many do not type capitals
            sentence = Sentence([token.lower() for token in sentence.tokens], sentence.tags)
        _add(chosen, sentence)
    return list(chosen.values())


def _add(chosen: dict[str, Sentence], sentence: Sentence) -> None:
    chosen.setdefault(" ".join(sentence.tokens), sentence)


def _wordings(part: str, group: Group, script: str) -> list[str]:
    """All ways to put the group's pieces together, of training pieces alone or with at least one that is held out."""
    train = list(product(*(pieces.train for pieces in group)))
    known = set(train)
    every = product(*([*pieces.train, *pieces.held_out] for pieces in group))
    chosen = train if part == "train" else [pieces for pieces in every if pieces not in known]
    return [(" " if script == "en" else "").join(filter(None, pieces)) for pieces in chosen]


def _words(draw: _Draw, part: str, script: str) -> dict[str, str]:
    """Two cities that differ and two days, drawn whether or not the wording has a place for them."""
    names = CITIES[script][part]
    start = draw.below(len(names))
    end = (start + 1 + draw.below(len(names) - 1)) % len(names)
    words = {"o": names[start], "d": names[end]}
    for slot in "pa":
        lead, day = draw.of(_FORMS[script])(draw)
        words |= {slot: f"{lead} {day}".strip(), slot.upper(): day}
    return words


def _filled(wording: str, words: dict[str, str], language: str) -> Sentence:
    """The wording with its slots filled, cut into tokens, tagged."""
    sentence, script = Sentence([], []), language[:2]
    for n, piece in enumerate(re.split(r"\{(\w)\}", wording)):  # text, slot, text, slot, … text
        if n % 2 == 0:
            outside, inside, name = piece, "", ""
        else:
            lead, _, rest = words[piece].partition(" ")
            outside, inside = (lead, rest) if lead == "on" else ("", words[piece])  # on the 2nd: "on" is no date
            name = SLOTS[script][piece.lower()]
        for text, tags in ((outside, ("O", "O")), (inside, (f"B-{name}", f"I-{name}"))):
            tokens = _tokens(text, language)
            sentence.tokens.extend(tokens)
            sentence.tags.extend(tags[position > 0] for position in range(len(tokens)))
    return sentence


def _tokens(text: str, language: str) -> list[str]:
    if language == "en":
        return re.findall(r"\w+(?:'\w+)*|[^\w\s]", text)
    return list(text.translate(TRADITIONAL) if language == "zh-Hant" else text)


# --- days -------------------------------------------------------------------------------------------------------------
# Each form draws a day and writes it: what stands before it ("on" or nothing), and the words of the slot.
_NUMERALS = "零一二三四五六七八九"
_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"]
_MONTHS += ["December"]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_Form = Callable[[_Draw], tuple[str, str]]


def _chinese(n: int) -> str:
    """1 … 31 in Chinese numerals."""
    tens, ones = divmod(n, 10)
    return (_NUMERALS[tens] if tens > 1 else "") + ("十" if tens else "") + (_NUMERALS[ones] if ones else "")


def _nth(n: int) -> str:
    """1st, 2nd, …"""
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{'th' if 10 < n < 20 else suffix}"


def _calendar_day(draw: _Draw) -> tuple[int, int, int]:
    """A year, a month and a day that exist."""
    year, month = 2021 + draw.below(15), 1 + draw.below(12)
    return year, month, 1 + draw.below(monthrange(year, month)[1])


def _month_and_day(write: Callable[[int, int, int], str], lead: str = "") -> _Form:
    return lambda draw: (lead, write(*_calendar_day(draw)))


def _one_of(choices: list[str], lead: str = "") -> _Form:
    return lambda draw: (lead, draw.of(choices))


_CHINESE_WEEKDAYS = "一二三四五六日天"
_FORMS: dict[str, list[_Form]] = {
    "zh": [
        _month_and_day(lambda year, month, day: f"{_chinese(month)}月{_chinese(day)}号"),
        _month_and_day(lambda year, month, day: f"{_chinese(month)}月{_chinese(day)}日"),
        _month_and_day(lambda year, month, day: f"{month}月{day}号"),
        _month_and_day(lambda year, month, day: f"{month}月{day}日"),
        _month_and_day(lambda year, month, day: f"{year}年{month}月{day}日"),
        _month_and_day(
            lambda year, month, day: (
                f"{''.join(_NUMERALS[int(digit)] for digit in str(year))}年{_chinese(month)}月{_chinese(day)}日"
            )
        ),
        _month_and_day(lambda year, month, day: f"{_chinese(day)}号"),
        _month_and_day(lambda year, month, day: f"{day}号"),
        _month_and_day(lambda year, month, day: f"下个月{_chinese(min(day, 28))}号"),
        _one_of(["今天", "明天", "后天", "大后天"]),
        _one_of(
            [f"{week}{day}" for week in ("周", "星期", "礼拜") for day in _CHINESE_WEEKDAYS if week + day != "周天"]
        ),
        _one_of([f"{which}{day}" for which in ("下周", "这周", "下星期", "下个星期") for day in "一二三四五六日"]),
    ],
    "en": [
        _month_and_day(lambda year, month, day: f"{_MONTHS[month - 1]} {day}", "on"),
        _month_and_day(lambda year, month, day: f"{_MONTHS[month - 1]} {_nth(day)}", "on"),
        _month_and_day(lambda year, month, day: f"{day} {_MONTHS[month - 1]}", "on"),
        _month_and_day(lambda year, month, day: f"the {_nth(day)} of {_MONTHS[month - 1]}", "on"),
        _month_and_day(lambda year, month, day: f"{_MONTHS[month - 1][:3]} {day}", "on"),
        _month_and_day(lambda year, month, day: f"{_MONTHS[month - 1]} {day}, {year}", "on"),
        _month_and_day(lambda year, month, day: f"{year}-{month:02}-{day:02}", "on"),
        _month_and_day(lambda year, month, day: f"the {_nth(day)}", "on"),
        _one_of(_WEEKDAYS, "on"),
        _one_of([f"{which} {day}" for which in ("next", "this") for day in _WEEKDAYS]),
        _one_of(["today", "tomorrow", "the day after tomorrow"]),
    ],
}
