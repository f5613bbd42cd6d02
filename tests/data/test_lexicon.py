"""The lexicon against plain dictionaries, and its rules for order, unknown tokens and limits."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import Lexicon
from elman.data import lexicon as lexicon_module

ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates, controls and characters beyond U+FFFF too


@settings(deadline=None)
@given(ANY_TEXT)
def test_characters_are_counted_and_found_as_a_dictionary_would(text: str) -> None:
    lexicon, counts = Lexicon.build(text), Counter(text)
    assert list(lexicon)[1:] == sorted(counts, key=lambda token: (-counts[token], token))
    assert lexicon.counts == [0] + [counts[token] for token in list(lexicon)[1:]]
    assert lexicon.indices(text).tolist() == [list(lexicon)[1:].index(token) + 1 for token in text]
    assert "".join(lexicon.tokens(lexicon.indices(text))) == text


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT)
def test_the_fast_case_is_the_slow_case(known: str, text: str) -> None:
    lexicon = Lexicon.build(known)
    assert Lexicon.build(iter(known)) == lexicon
    assert lexicon.indices(text).tolist() == lexicon.indices(iter(text)).tolist() == [lexicon[token] for token in text]


@settings(deadline=None)
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


FIVE = ["apple", "bag", "cat", "dog", "elephant"]


def test_the_lectures_lexicon() -> None:
    """In the lecture: lexicon = {apple, bag, cat, dog, elephant}, apple = [1 0 0 0 0], …, elephant = [0 0 0 0 1]."""
    for lexicon in (Lexicon(FIVE, other=False), Lexicon.build(reversed(FIVE), other=False)):
        assert lexicon.one_of_n(FIVE).tolist() == torch.eye(5).tolist()
        assert lexicon.tokens(lexicon.from_one_of_n(torch.eye(5))) == FIVE
    with_other = Lexicon(FIVE)
    assert with_other.one_of_n(["apple", "Gandalf"]).tolist() == [[0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("sparse", [False, True])
def test_a_code_times_a_matrix_is_a_row_of_an_embedding_to_the_bit(sparse: bool) -> None:
    lexicon = Lexicon([f"word{i}" for i in range(999)])
    weight = torch.randn(1000, 37, generator=torch.Generator().manual_seed(0)) * 1e3
    indices = torch.randint(1000, (200,), generator=torch.Generator().manual_seed(1))
    product = lexicon.one_of_n(indices, sparse=sparse) @ weight
    assert torch.equal(product, torch.nn.functional.embedding(indices, weight))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 1, 4), (0,)])
def test_sparse_codes_are_the_dense_ones(shape: tuple[int, ...]) -> None:
    lexicon = Lexicon("abcd")
    indices = torch.randint(5, shape, generator=torch.Generator().manual_seed(0))
    dense, sparse = lexicon.one_of_n(indices), lexicon.one_of_n(indices, sparse=True)
    assert sparse.is_sparse
    assert sparse.is_coalesced()
    assert sparse.coalesce().values().numel() == indices.numel()
    assert torch.equal(sparse.to_dense(), dense)
    assert torch.equal(lexicon.from_one_of_n(sparse), indices)
    assert torch.equal(lexicon.from_one_of_n(dense), indices)


def test_codes_that_are_none() -> None:
    lexicon = Lexicon("ab")
    with pytest.raises(ValueError, match="indices are from 0 to 3, expected 0 … V-1 = 2"):
        lexicon.one_of_n(torch.tensor([0, 3]))
    with pytest.raises(ValueError, match=r"codes has shape \(1, 2\); expected \(…, V\) = \(…, 3\)"):
        lexicon.from_one_of_n(torch.ones(1, 2))
    for row in ([0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.5, 0.5, 0.0], [2.0, 0.0, 0.0]):
        with pytest.raises(ValueError, match=r"row \(1,\) of codes is not a 1-of-N code"):
            lexicon.from_one_of_n(torch.tensor([[1.0, 0.0, 0.0], row]))


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT, st.integers(1, 3))
def test_merged_counts_are_those_of_both_texts(first: str, second: str, least: int) -> None:
    merged = Lexicon.build(first).merge(Lexicon.build(second))
    assert merged == Lexicon.build(first + second)
    assert merged.limit(min_count=least, max_size=5) == Lexicon.build(first + second, min_count=least, max_size=5)


def test_merging_keeps_what_was_left_out() -> None:
    small, plain = Lexicon.build("aab", max_size=2), Lexicon("bc", other=False)
    assert small.counts == [1, 2]
    merged = small.merge(plain)
    assert (list(merged), merged.counts) == (["<other>", "a", "b", "c"], [1, 2, 0, 0])
    assert plain.merge(plain).other is None
    with pytest.raises(ValueError, match="a lexicon without an entry for unknown tokens cannot be limited"):
        plain.limit(max_size=1)
    with pytest.raises(ValueError, match="max_size is 1, expected at least 2"):
        small.limit(max_size=1)


def test_lexicons_are_kept_in_files(tmp_path: Path) -> None:
    lexicon, path = Lexicon.build("我爱你\ud800"), tmp_path / "a.json"
    lexicon.save(path)
    assert Lexicon.load(path) == lexicon
    assert "我" in path.read_bytes().decode("utf-8", "surrogatepass"), "readable, not escaped"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(FileNotFoundError, match=r"cannot write .*no.a\.json: no such file"):
        lexicon.save(tmp_path / "no" / "a.json")
    with pytest.raises(FileNotFoundError, match=r"cannot read .*b\.json: no such file"):
        Lexicon.load(tmp_path / "b.json")
    for content, words in (("{", "is not a lexicon: it is not JSON"), ("[]", "not a lexicon: TypeError")):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=words):
            Lexicon.load(path)
