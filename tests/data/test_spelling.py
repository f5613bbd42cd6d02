"""Letters inside tokens: by a loop over n-grams, with numbers of any size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.spelling import MOST_LETTERS, letter_grams


def hashed(gram: str) -> int:
    whole, golden, code = 1 << 64, 0x9E3779B97F4A7C15, 0
    for letter in gram:
        code = (code + ord(letter)) * golden % whole
        code ^= code >> 29
    return (code + len(gram)) * golden % whole >> 40


@given(st.lists(st.text(max_size=30), max_size=5), st.integers(2, 7))
def test_every_ngram_of_every_token(tokens: list[str], longest: int) -> None:
    found = letter_grams(tokens, longest)
    assert len(found) == len(tokens)
    for token, row in zip(tokens, found, strict=True):
        marked = f"\x01{token[:MOST_LETTERS]}\x01" if token else ""
        grams = [marked[i : i + n] for n in range(2, longest + 1) for i in range(len(marked) - n + 1)]
        assert row.tolist() == [hashed(gram) for gram in grams]


@pytest.mark.parametrize("token", ["é", "😀😀", "\ud800", "手机", "x" * 1000])
def test_unusual_letters(token: str) -> None:
    (row,) = letter_grams([token], 3)
    assert len(set(row.tolist())) > 1
    assert all(0 <= number < 1 << 24 for number in row)


def test_ngrams_of_different_lengths_differ() -> None:
    a, b = letter_grams(["ab"], 2)[0], letter_grams(["ab"], 4)[0]
    assert a.tolist() == b[: len(a)].tolist()
    assert len(set(b.tolist())) == len(b)
