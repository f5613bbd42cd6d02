"""Subwords: nothing is lost or unknown, frequent words are whole, the table survives its file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders

from elman.data.subwords import Subwords

TEXTS = ["the lowest of the low", "lower and lower", "the newest", "我的手机坏了"] * 20
PIECES = Subwords.learn(TEXTS, size=330)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_the_pieces_are_the_text(text: str) -> None:
    assert decoders.ByteLevel().decode(PIECES.cut(text)) == text


def test_frequent_words_are_one_piece_and_others_several() -> None:
    assert PIECES.cut("the low") == ["the", "Ġlow"]
    assert len(PIECES.cut("slow thaw")) > 2
    assert len(PIECES) <= 330


def test_a_half_of_a_surrogate_pair_is_replaced() -> None:
    assert decoders.ByteLevel().decode(PIECES.cut("a\ud83db")) == "a\ufffdb"


def test_the_table_survives_its_file() -> None:
    again = Subwords(PIECES.to_json())
    assert [again.cut(text) for text in TEXTS] == [PIECES.cut(text) for text in TEXTS]
    assert Subwords.learn(iter(TEXTS), size=330).to_json() == PIECES.to_json(), "learnt twice, the same table"


def test_a_table_without_room_for_the_bytes() -> None:
    with pytest.raises(ValueError, match="size is 100, expected at least 256: a piece for each byte"):
        Subwords.learn(TEXTS, size=100)
