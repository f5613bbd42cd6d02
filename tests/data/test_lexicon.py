"""The lexicon against plain dictionaries, and its rules for order, unknown tokens and limits."""

import json
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Lexicon
from elman.data import lexicon as lexicon_module

ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates, controls and characters beyond U+FFFF too


@given(ANY_TEXT)
def test_characters_are_counted_and_found_as_a_dictionary_would(text: str) -> None:
    lexicon, counts = Lexicon.build(text), Counter(text)
    assert list(lexicon)[1:] == sorted(counts, key=lambda token: (-counts[token], token))
    assert lexicon.counts == [0] + [counts[token] for token in list(lexicon)[1:]]
    assert lexicon.indices(text).tolist() == [list(lexicon)[1:].index(token) + 1 for token in text]
    assert "".join(lexicon.tokens(lexicon.indices(text))) == text


@given(ANY_TEXT, ANY_TEXT)
def test_the_fast_case_is_the_slow_case(known: str, text: str) -> None:
    lexicon = Lexicon.build(known)
    assert Lexicon.build(iter(known)) == lexicon
    assert lexicon.indices(text).tolist() == lexicon.indices(iter(text)).tolist() == [lexicon[token] for token in text]


@given(ANY_TEXT)
def test_json_gives_the_same_lexicon_back(text: str) -> None:
    lexicon = Lexicon.build(text, min_count=2)
    assert Lexicon.from_dict(json.loads(json.dumps(lexicon.to_dict()))) == lexicon


def test_long_texts_are_looked_up_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "abc😀" * 10
    whole = Lexicon.build(text)
    monkeypatch.setattr(lexicon_module, "_CHUNK", 7)
    assert Lexicon.build(text) == whole
    assert whole.tokens(whole.indices(text)) == list(text)


def test_rare_tokens_and_those_beyond_the_size_are_other() -> None:
    lexicon = Lexicon.build(["a", "a", "a", "a", "b", "b", "b", "c", "c", "d"], min_count=2, max_size=3)
    assert list(lexicon) == ["<other>", "a", "b"]
    assert lexicon.counts == [3, 4, 3]
    assert (lexicon["c"], lexicon["d"], "c" in lexicon, len(lexicon)) == (0, 0, False, 3)


def test_no_token_is_the_other_entry() -> None:
    lexicon = Lexicon(["<other>", "a"])
    assert lexicon["<other>"] == 1
    assert lexicon["never seen"] == lexicon.other == 0


@pytest.mark.parametrize(("size", "dtype"), [(256, torch.uint8), (257, torch.int16), (32769, torch.int32)])
def test_smallest_dtype_holds_every_index(size: int, dtype: torch.dtype) -> None:
    lexicon = Lexicon([chr(0x4E00 + i) for i in range(size)], other=False)
    assert lexicon.smallest_dtype == dtype
    last = chr(0x4E00 + size - 1)
    assert lexicon.indices(last, dtype).tolist() == lexicon.indices([last], dtype).tolist() == [size - 1]


def test_one_of_n_rows_are_those_of_the_identity() -> None:
    lexicon = Lexicon("abcd")
    indices = torch.tensor([[0, 3], [4, 4], [1, 2]])
    assert torch.equal(lexicon.one_of_n(indices), torch.eye(5)[indices])


def test_an_unknown_token_without_an_other_entry() -> None:
    lexicon = Lexicon("ab", other=False)
    for tokens in ("abé", ["a", "é"]):
        with pytest.raises(ValueError, match="the token 'é' is not in the lexicon, which has no entry for unknown"):
            lexicon.indices(tokens)


def test_wrong_lexicons() -> None:
    with pytest.raises(ValueError, match="the token 'b' is listed twice"):
        Lexicon("abcb")
    with pytest.raises(ValueError, match="counts has 3 numbers; expected one for each of the 5 tokens"):
        Lexicon("abcde", counts=[1, 2, 3])
    with pytest.raises(ValueError, match="min_count is 0 and max_size None"):
        Lexicon.build("ab", min_count=0)
    with pytest.raises(ValueError, match="min_count is 1 and max_size 1; both must leave room for a token"):
        Lexicon.build("ab", max_size=1)
    with pytest.raises(ValueError, match="not a lexicon: KeyError"):
        Lexicon.from_dict({"words": []})
