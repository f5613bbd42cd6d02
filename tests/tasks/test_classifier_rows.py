"""Rows on their way to numbers: what is held out, what is counted, what stands in a batch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from elman.tasks.classification.collecting import read_training_rows
from elman.tasks.classification.rows import TrainingRows
from elman.tasks.classification.settings import ClassifierHyperparameters


def read(texts: list[str], labels: list[object], seed: int = 0, **how: object) -> TrainingRows:
    return read_training_rows(texts, labels, None, ClassifierHyperparameters(**how), seed)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rows", "held"), [(4, 1), (19, 1), (100, 10), (1000, 100), (5600, 556), (20_000, 700)])
def test_of_each_label_its_share_is_held_out(rows: int, held: int) -> None:
    labels = ["a" if row < rows * 0.7 else "b" if row < rows - 1 else "once" for row in range(rows)]
    data = read(["x"] * rows, labels)
    assert len(data.judging) == held
    assert sorted([*data.learning, *data.judging]) == list(range(rows))
    of_a = sum(labels[row] == "a" for row in data.judging)
    assert abs(of_a - 0.7 * held) <= 2
    if rows > 2:
        assert rows - 1 in data.learning, "a label that is there once is learnt"
    assert data.fingerprint() == read(["x"] * rows, labels).fingerprint()
    if rows > 100:
        assert data.fingerprint() != read(["x"] * rows, labels, seed=1).fingerprint()


def test_a_sorted_file_is_no_trap(tmp_path: Path) -> None:
    path = tmp_path / "sorted.tsv"
    path.write_text("".join(f"t\t{label}\n" for label in "aabbccdd" for _ in range(50)), encoding="utf-8")
    data = read_training_rows(path, None, None, ClassifierHyperparameters(), 0)
    assert {int(data.rows.labels[row][0]) for row in data.judging} == {0, 1, 2, 3}


def test_a_batch_holds_the_tokens_of_its_rows() -> None:
    texts = ["b a", "c", "", "a a b"] * 10
    data = read(texts, [0, 1] * 20, tokens="words")
    assert data.coding is not None
    batch, lengths = data.rows.batch(np.array([0, 2, 3]))
    assert lengths.tolist() == [2, 0, 3]
    for column, text in enumerate((texts[0], texts[2], texts[3])):
        steps = batch[: int(lengths[column]), column]
        assert data.coding.lexicon.tokens(steps) == text.split()
    letters = data.rows.letters(np.array([0, 2, 3]))
    assert letters is not None
    assert letters.counts.tolist() == [6, 0, 9]  # of <a> two of two letters, one of three
    ab = letters.hashes.tolist()
    assert ab[6:9] == ab[9:12] == ab[3:6]
    assert ab[12:] == ab[:3]
    cut, lengths = data.rows.batch(np.array([0, 3]), longest=1)
    assert torch.equal(cut, batch[:1, [0, 2]])
    assert lengths.tolist() == [1, 1]


def test_only_rows_that_are_learnt_make_the_vocabulary() -> None:
    texts = [f"word{row}" for row in range(50)]
    data = read(texts, [0, 1] * 25, tokens="words")
    assert data.coding is not None
    known = {token for token in data.coding.lexicon if token.startswith("word")}
    assert known == {texts[row] for row in data.learning}
    assert [data.rows.batch(np.array([row]))[0].tolist() for row in data.judging] == [[[0]]] * 5


def test_channels_have_the_units_of_the_rows_that_are_learnt() -> None:
    chance = np.random.default_rng(0)
    series = [chance.normal(7, 3, (chance.integers(1, 9), 2)).astype(np.float32) for _ in range(40)]
    for one in series:
        one[:, 1] = 5
    data = read_training_rows(series, [0, 1] * 20, None, ClassifierHyperparameters(), 0)
    mean, scale = data.units()
    whole = np.concatenate([series[row] for row in data.learning]).astype(np.float64)
    np.testing.assert_allclose(mean, whole.mean(0), rtol=1e-12)
    np.testing.assert_allclose(scale, [whole[:, 0].std(), 1], rtol=1e-12)
