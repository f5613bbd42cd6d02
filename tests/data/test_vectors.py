"""Vectors of words as the files of others have them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from elman.data import Lexicon
from elman.data.vectors import read_vectors

LINES = ["the 1 2", "New York 3 4", "台北 5 6.5", "taipei -1e-3 8", "Taipei 9 10", "of 11 12"]


@pytest.mark.parametrize("header", ["", "6 2\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_forms_of_file(header: str, pack: object, tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(pack((header + " \n".join(LINES)).encode()))  # type: ignore[operator]
    lexicon = Lexicon(["Taipei", "TAIPEI", "New York", "台北", "The", "cat"])
    vectors, found = read_vectors(tmp_path / "v", lexicon)
    wanted = [[0, 0], [9, 10], [-1e-3, 8], [3, 4], [5, 6.5], [1, 2], [0, 0]]
    assert np.array_equal(vectors.numpy(), np.array(wanted, np.float32))
    assert found.tolist() == [False, True, True, True, True, True, False]


def test_the_word_itself_wins_wherever_it_stands(tmp_path: Path) -> None:
    for lines in (["Us 1", "us 2"], ["us 2", "Us 1"]):
        (tmp_path / "v").write_text("\n".join(lines))
        vectors, _ = read_vectors(tmp_path / "v", Lexicon(["Us", "us"]))
        assert vectors[:, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 1\n", "v:2: 1 numbers, expected a word and 2"),
        ("a 1 2\nb 1 x\n", "v:2: not a number: 'x'"),
        ("a 1 2\nb 1 nan\n", "v:2: a number of the vector is not finite"),
        ("3 2\n", "v has no vector"),
        ("word\n", "v:1: 0 numbers, expected a word and its vector"),
        ("", "v has no vector"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "v").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_vectors(tmp_path / "v", Lexicon("ab"))
