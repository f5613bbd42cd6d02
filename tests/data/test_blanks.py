"""Lines are cut around their blanks, and put together again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.blanks import cut_blanks, cut_sentence, joined


@pytest.mark.parametrize(
    ("line", "kind", "tokens", "blanks"),
    [
        ("I will ___ a new phone.", "words", ["I", "will", "", "a", "new", "phone", "."], [2]),
        ("我打算___一部新手机", "chars", [*"我打算", "", *"一部新手机"], [3]),
        ("我打算___一部新手机", "segments", ["我", "打算", "", "一部", "新手机"], [2]),
        ("___", "words", [""], [0]),
        ("______ ___", "words", ["", ""], [0, 1]),
        ("______ ___", "chars", ["", " ", ""], [0, 2]),
        ("___a", "words", ["", "a"], [0]),
        ("un____able", "words", ["un", "", "able"], [1]),
        ("", "words", [], []),
        (" \t", "words", [], []),
        ("__init__ a_b", "words", ["__init__", "a_b"], []),
        ("don't ___!", "words", ["don't", "", "!"], [1]),
        ("👩‍👩‍👧 ___", "chars", [*"👩‍👩‍👧 ", ""], [6]),
        ("e\u0301 ___", "words", ["e\u0301", ""], [1]),
    ],
)
def test_cut(line: str, kind: str, tokens: list[str], blanks: list[int]) -> None:
    if kind == "segments":
        pytest.importorskip("rjieba")
    cloze = cut_blanks(line, kind)
    assert (cloze.tokens, cloze.blanks) == (tokens, blanks)


@given(st.text(alphabet="ab _.,我\u3000\U0001f600'", max_size=40), st.sampled_from(["words", "chars"]))
def test_nothing_is_lost(line: str, kind: str) -> None:
    cloze = cut_blanks(line, kind)
    assert len(cloze.blanks) == len(re.findall("_{3,}", line))
    assert cloze.filled(["___"] * len(cloze.blanks)) == re.sub("_{3,}", "___", line)
    shown = "".join("___" if place in cloze.blanks else token for place, token in enumerate(cloze.tokens))
    assert "".join(shown.split()) == "".join(re.sub("_{3,}", "___", line).split())
    if not cloze.blanks:
        assert cloze.tokens == cut_sentence(line, kind)


def test_as_many_words_as_blanks() -> None:
    with pytest.raises(ValueError, match="zip"):
        cut_blanks("a ___ b").filled(["x", "y"])


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="tokens is 'wrods'"):
        cut_blanks("a", "wrods")


def test_joined() -> None:
    assert (joined(["a", "b"], "words"), joined(["a", "b"], "segments")) == ("a b", "ab")
