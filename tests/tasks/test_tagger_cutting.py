"""How raw text is cut, put together again, and how the way of cutting is seen from data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.corpora import flights
from elman.tasks.tagging.cutting import CUTS, cut_text, guess_cut, joined


@given(st.text(), st.sampled_from([cut for cut in CUTS if cut != "segments"]))
def test_every_token_stands_where_it_says(text: str, kind: str) -> None:
    cut = cut_text(text, kind)
    assert [
        cut.text[start : start + len(token)] for token, start in zip(cut.tokens, cut.starts, strict=True)
    ] == cut.tokens
    rest = cut.text
    for token in cut.tokens:  # nothing but white space is left out, and of characters nothing
        rest = rest.replace(token, "", 1)
    assert not rest.strip()


@given(st.lists(st.text(), max_size=6))
def test_joined_tokens_stand_where_they_say(tokens: list[str]) -> None:
    cut = joined(tokens)
    assert cut.tokens == tokens
    assert [cut.text[start : start + len(token)] for token, start in zip(tokens, cut.starts, strict=True)] == tokens


@pytest.mark.parametrize(
    ("text", "kind", "tokens"),
    [
        ("  on 2nd May, 2021 ", "words", ["on", "2nd", "May", ",", "2021"]),
        ("on 2nd", "mixed", ["on", "2nd"]),
        ("2021年 5月", "mixed", list("2021年5月")),
        ("a 台", "chars", ["a", " ", "台"]),
        ("我爱北京天安门", "segments", ["我", "爱", "北京", "天安门"]),
        ("", "mixed", []),
        (" \n", "chars", []),
        ("𠮷野家 ok", "mixed", ["𠮷", "野", "家", "o", "k"]),
    ],
)
def test_kinds(text: str, kind: str, tokens: list[str]) -> None:
    assert cut_text(text, kind).tokens == tokens


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en"])
def test_the_booking_sentences_are_cut_as_they_were(language: str) -> None:
    for tokens, _ in flights("test", language):
        assert cut_text(joined(tokens).text, "mixed").tokens == tokens


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        ([["a", "b"], []], "chars"),
        ([["fly", "to"]], "words"),
        ([["台", "北"], ["fly", "to"]], "mixed"),
        ([["台北"], ["fly", "to"]], "words"),
        ([], "chars"),
    ],
)
def test_the_way_of_cutting_is_seen(sentences: list[list[str]], expected: str) -> None:
    assert guess_cut(sentences) == expected
