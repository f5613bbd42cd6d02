"""Sentences become rows: counted, numbered and held out as a plain loop does it."""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from elman.tasks.filling.sentences import framed, lines_of, prepare, rows_of

LINES = [f"the {animal} {verb} ." for animal in ("cat", "dog", "eel") for verb in ("sat", "ran")] * 5 + ["a zebra"]


@pytest.mark.parametrize("min_count", [1, 2, 6])
def test_the_vocabulary_is_that_of_the_training_part(min_count: int) -> None:
    data = prepare([*LINES, "", "  "], None, "words", min_count=min_count)
    held_out = len(LINES) // 10
    training = LINES[: len(LINES) - held_out]
    counts = Counter(word for line in training for word in line.split())
    known = {word: count for word, count in counts.items() if count >= min_count}
    assert dict(zip(list(data.lexicon)[1:], data.lexicon.counts[1:], strict=True)) == known
    assert data.lexicon.counts[0] == sum(counts.values()) - sum(known.values())
    V = len(data.lexicon)
    for rows, lines in ((data.training, training), (data.validation, LINES[-held_out:])):
        expected = [[V, *(data.lexicon[word] for word in line.split()), V + 1] for line in lines]
        assert [rows[index].tolist() for index in range(len(rows))] == expected
    assert data.counts.tolist() == [*data.lexicon.counts, len(training), len(training)]


@pytest.mark.parametrize(
    ("lines", "kind"),
    [(["他买了一部手机iPhone", "好"], "segments"), (["he bought 手机", "ok"], "words"), (["1 2", "3"], "words")],
)
def test_how_a_text_is_cut_follows_from_its_letters(lines: list[str], kind: str) -> None:
    if kind == "segments":
        pytest.importorskip("rjieba")
    data = prepare(lines, None, None)
    assert data.kind == kind
    assert data.fingerprint() == prepare(lines, None, kind).fingerprint()


def test_at_most_2000_sentences_are_held_out() -> None:
    data = prepare(["a b"] * 30_000, None, "words")
    assert (len(data.training), len(data.validation)) == (28_000, 2_000)


def test_a_limited_vocabulary_keeps_the_most_frequent() -> None:
    data = prepare(["b a a", "a c c"] * 20, None, "words", max_size=3)
    assert list(data.lexicon) == ["<other>", "a", "c"]


def test_other_sentences_for_validation_leave_all_for_training() -> None:
    data = prepare(LINES, ["the yak sat ."], "words")
    assert len(data.training) == len(LINES)
    assert data.validation[0].tolist()[2] == data.lexicon.other


def test_a_long_sentence_is_learnt_in_pieces_that_miss_nothing() -> None:
    for length in (0, 1, 5, 6, 7, 23):
        rows = [row.tolist() for row in framed(range(length), -2, -1, longest=6)]
        assert [token for row in rows for token in row[1:-1]] == list(range(length))
        whole = [-2, *range(length), -1]
        assert all(row == whole[row[1] : row[1] + len(row)] for row in rows if len(row) > 2)
        assert max(map(len, rows)) <= 8
    long = " ".join("abcdefghij" * 60)
    data = prepare([long, "a b"], ["a"], "words")
    lengths = data.training.lengths - 2
    assert lengths.tolist() == [254, 254, 92, 2]
    assert data.training[1][0] == data.training[0][-2]
    assert data.training[0][-1] == data.training[1][1]
    assert rows_of([long], data.lexicon, "words").lengths.tolist() == [602]


def test_fingerprints_tell_data_apart() -> None:
    first = prepare(LINES, None, "words").fingerprint()
    assert first == prepare(list(LINES), None, "words").fingerprint()
    assert first != prepare(LINES[1:], None, "words").fingerprint()
    assert first != prepare([*LINES[1:], LINES[0]], None, "words").fingerprint()


def test_lines_of_every_form(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("caf\u0065\u0301\r\nb\n".encode())
    expected = ["café", "b"]
    assert list(lines_of(path, "inputs")) == expected
    assert list(lines_of([path, path], "inputs")) == expected * 2
    assert list(lines_of("cafe\u0301\r\nb", "inputs")) == expected
    assert list(lines_of(("cafe\u0301", "b"), "inputs")) == expected
    with pytest.raises(ValueError, match=r"inputs is '.*a\.txt', the name of a file"):
        list(lines_of(str(path), "inputs"))


@pytest.mark.skipif("ELMAN_DATA" not in os.environ, reason="ELMAN_DATA names no folder with zh_sentences")
def test_the_sentence_of_the_lecture_is_not_among_those_about_shopping() -> None:
    folder = Path(os.environ["ELMAN_DATA"], "zh_sentences")
    files = sorted(folder.glob("*.gz"))
    assert len(files) == 4
    for file in files:
        text = "".join(f"{line}\n" for line in lines_of(file, "inputs"))
        assert "打算" in text
        assert not re.search(r"我的手机坏了|打算.{0,4}一?部新手机|一部新手机", text)


def test_numbers_are_small() -> None:
    assert prepare(LINES, None, "words").training.values.dtype == np.int32
