"""Cutting a text and joining the tokens gives the text back, whatever is in it."""

import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from elman.data import join, normalise, split, stream
from elman.data.tokens import KINDS

ODD = [
    "",
    "a\u0301 e\u0301",  # combining marks
    "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈",  # joined emoji
    "\ufeffx\u200b\u2028\u2029\x0b\x1c\x85",  # marks without width, strange line ends
    "שלום العربية हिन्दी ไทย",
    "我昨天上学迟到了，老师批评了我。\r\n\r\n  a\tb\n",
    "\x00\x7f\U0010ffff",
    "'tis o’clock -- don't ''",
]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)  # the segmenter reads its dictionary when it is first used
@given(text=st.text(max_size=80))
@example(text="".join(ODD))
def test_join_undoes_split(kind: str, text: str) -> None:
    assert join(split(text, kind), kind) == text


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_come_back(kind: str, text: str) -> None:
    tokens = list(split(text, kind))
    assert join(tokens, kind) == text
    assert all(tokens), "no token is empty"


@given(st.text(max_size=40))
def test_bytes_are_the_utf8_of_the_text(text: str) -> None:
    assert [ord(token) for token in split(text, "bytes")] == list(text.encode())


def test_words() -> None:
    text = "Don’t stop -- it's 3.5 km\n\n\tto Saint-Malo, naïve e\u0301te\u0301."
    words = "Don’t| |stop| |-|-| |it's| |3|.|5| |km|\n|\n|\t|to| |Saint|-|Malo|,| |naïve| |e\u0301te\u0301|."
    assert list(split(text, "words")) == words.split("|")


def test_segments_are_words_of_a_dictionary() -> None:
    assert list(split("老师批评了我\n", "segments")) == ["老师", "批评", "了", "我", "\n"]


def test_bytes_become_text_as_soon_as_they_can() -> None:
    assert list(stream("aé\n".encode().decode("latin-1"), "bytes")) == ["a", "é", "\n"]
    assert list(stream("\xe9", "bytes")) == ["�"], "an unfinished character"
    assert list(stream("\xff\xfea", "bytes")) == ["�", "�", "a"]


def test_normal_form_keeps_every_character() -> None:
    assert normalise("e\u0301 ﬁ ① Å") == "é ﬁ ① Å"  # composed, but nothing replaced by a look-alike


def test_unknown_kinds_are_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="tokens is 'char', expected one of chars, bytes, words, segments; did"):
        split("a", "char")


def test_missing_segmenter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs rjieba, which is not installed: pip install 'elman\[text\]'"):
        list(split("我", "segments"))


@pytest.mark.parametrize(
    "word", ["हिन्दी", "ที่", "كِتَاب", "می\u200cخواهم", "a\u0301b", "👍🏽", "👨\u200d👩\u200d👧", "❤\ufe0f", "🇹🇼"]
)
def test_marks_joiners_and_the_parts_of_an_emoji_stay_together(word) -> None:
    assert list(split(f"{word} {word}", "words")) == [word, " ", word]


def test_halves_of_surrogate_pairs_among_chinese_words() -> None:
    text = "我们\ud800好\udfff\n他"
    tokens = list(split(text, "segments"))
    assert "".join(tokens) == text
    assert {"我们", "\ud800"} <= set(tokens)
