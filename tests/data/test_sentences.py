"""A text as sentences: what a word is, what a sentence is, and back."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import Lexicon, split
from elman.data.sentences import check_sentence_kind, cut, glue, numbered

LINES = st.text("ab c\t\u3000\n", max_size=30)


@given(LINES)
def test_words_are_cut_as_bytes_are(text: str) -> None:
    """KenLM's white space is that of ASCII; an ideographic space is part of a word."""
    tokens, lengths = cut(text)
    lines = text.encode().removesuffix(b"\n").split(b"\n")
    assert [token.encode() for token in tokens] == [word for line in lines for word in line.split()]
    assert lengths.tolist() == [len(line.split()) for line in lines]


@settings(deadline=None)  # the first segments wait for the dictionary
@given(LINES, st.sampled_from(["chars", "segments"]))
def test_nothing_is_lost_of_chars_and_segments(text: str, kind: str) -> None:
    """The same tokens as a recurrent language model reads, line ends aside."""
    tokens, lengths = cut(text, kind)
    assert lengths.sum() == len(tokens)
    assert list(tokens) == [token for token in split(text, kind) if token != "\n"]


def test_line_ends() -> None:
    for text in ("a b\nc", "a b\nc\n", "a b\r\nc\r\n"):
        assert cut(text).tokens == ["a", "b", "c"]
        assert cut(text, "chars").tokens == "a bc"
        assert cut(text, "chars").lengths.tolist() == [3, 1]
    assert cut("a\n\nb\n\n").lengths.tolist() == [1, 0, 1, 0], "an empty line is an empty sentence"
    assert cut("").lengths.tolist() == [0]
    assert cut(["a b", "c"]).lengths.tolist() == [2, 1]


def test_chinese_words() -> None:
    assert cut("我昨天上学迟到了\n老师批评了我\n", "segments").lengths.tolist() == [5, 4]


def test_numbers_have_begins_and_ends() -> None:
    lexicon = Lexicon("ab")
    assert numbered(cut("a b\n\nx"), lexicon).tolist() == [4, 1, 2, 3, 4, 3, 4, 0, 3]
    assert numbered(cut(""), lexicon).dtype == np.int64


@pytest.mark.parametrize("text", ["I am Sam\n\nSam I", "one", "\n\n", "a\n"])
def test_words_are_glued_with_spaces(text: str) -> None:
    tokens = [token for line in text.splitlines(keepends=True) for token in re.findall(r"\S+|\n", line)]
    assert "".join(glue(tokens, "words")) == text
    assert "".join(glue(text, "chars")) == text
    assert "".join(glue(["am"], "words", begun=True)) == " am"


def test_names_of_sentence_ends_are_no_words() -> None:
    with pytest.raises(ValueError, match="line 2 has the word </s>, which is the name for the end of a sentence"):
        cut("a\nb </s>\n")
    with pytest.raises(ValueError, match="line 1 has the word <s>"):
        cut("<s> a\n")
    assert cut("<s>", "chars").tokens == "<s>"
    assert cut("a <unk> b").tokens == ["a", "<unk>", "b"]


def test_kinds() -> None:
    with pytest.raises(
        ValueError, match="tokens is 'word', expected one of words, chars, segments; did you mean 'words'"
    ):
        check_sentence_kind("word")
