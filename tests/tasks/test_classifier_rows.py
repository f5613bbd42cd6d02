"""Rows on their way to numbers: what is held out, what is counted, what stands in a batch."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman import Classifier
from elman.tasks.classification.collecting import read_training_rows
from elman.tasks.classification.rows import TrainingRows
from elman.tasks.classification.settings import ClassifierHyperparameters


def read(texts: Any, labels: Any, seed: int = 0, **how: object) -> TrainingRows:
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


# --- What lists may be


class Column:
    """What of a column of a data frame is asked for; by number it has other rows than a list."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def tolist(self) -> list[Any]:
        return self._values


def test_arrays_tensors_and_columns_are_lists() -> None:
    texts, labels = ["a b", "b a", "a", "b"] * 5, [0, 1, 0, 1] * 5
    expected = read(texts, labels).fingerprint()
    for given, wanted in [
        (np.array(texts), np.array(labels)),
        (np.array(texts, object), torch.tensor(labels)),
        (Column(texts), Column(labels)),
        (texts, list(torch.tensor(labels))),
        (texts, [np.array([label]) for label in labels]),
    ]:
        assert read(given, wanted).fingerprint() == expected
    flags = read(texts, [bool(label) for label in labels]).fingerprint()
    assert (
        read(texts, torch.tensor(labels) > 0).fingerprint() == read(texts, np.array(labels) > 0).fingerprint() == flags
    )


def test_columns_of_pandas_and_polars() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    data = {"text": ["a b", "b a", "a", "b"] * 5, "label": ["x", "y"] * 10}
    expected = read(data["text"], data["label"]).fingerprint()
    frame = pandas.DataFrame(data, index=range(100, 120))
    assert read(frame.text, frame.label).fingerprint() == expected
    assert read(frame.text, frame.label.astype("category")).fingerprint() == expected
    frame = polars.DataFrame(data)
    assert read(frame["text"], frame["label"]).fingerprint() == expected
    with pytest.raises(TypeError, match="inputs is a DataFrame; expected a path, or a list"):
        read(frame, data["label"])


def test_arrays_and_tensors_of_series() -> None:
    series = np.random.default_rng(0).normal(size=(8, 5, 2)).astype(np.float32)
    expected = read(list(series), ["x", "y"] * 4).fingerprint()
    for given in (series, torch.from_numpy(series), list(torch.tensor(series, requires_grad=True)), series.tolist()):
        assert read(given, ["x", "y"] * 4).fingerprint() == expected
    assert read(torch.from_numpy(series).bfloat16(), ["x", "y"] * 4).rows.inputs.values.shape == (40, 2)
    model = Classifier(hidden=4).fit(series, np.array(["x", "y"] * 4), epochs=1)
    assert np.array_equal(model.probabilities(torch.from_numpy(series)), model.probabilities(list(series)))


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_item_is_named(missing: object) -> None:
    texts: list[Any] = ["a b"] * 5 + [missing]
    with pytest.raises(TypeError, match=rf"inputs\[5\] is {missing}; expected a text$"):
        read(texts, ["x", "y"] * 3)
    with pytest.raises(TypeError, match=rf"inputs\[1\] is {missing}; expected an array \(T, C\) of numbers$"):
        read([np.zeros((3, 1)), missing], ["x", "y"])
    with pytest.raises(TypeError, match=rf"inputs\[0\] is {missing}; expected a text or an array \(T, C\) of numbers$"):
        read([missing, "a"], ["x", "y"])


def test_a_str_to_predict_is_a_text_and_a_path_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = Classifier(hidden=4, embedding=4).fit(["good film", "bad film"] * 5, ["x", "y"] * 5, epochs=1)
    Path("lines.txt").write_text("good film\n\nbad\n", encoding="utf-8")
    expected = model.probabilities(["good film", "", "bad"])
    for given in (Path("lines.txt"), "good film\r\n\nbad\n", np.array(["good film", "", "bad"])):
        assert np.array_equal(model.probabilities(given), expected)
    for text, alone in (("good film", expected[:1]), ("", expected[1:2])):
        np.testing.assert_allclose(model.probabilities(text), alone, rtol=0, atol=5e-6)
    with pytest.raises(ValueError, match=r"inputs is 'lines.txt', the name of a file; .* pathlib.Path\('lines.txt'\)"):
        model.predict("lines.txt")
    with pytest.raises(TypeError, match=r"inputs\[1\] is None; expected a text$"):
        model.predict(["a", None])
    with pytest.raises(TypeError, match=r"inputs is a int; expected a text \(str\), a list of texts or arrays"):
        model.predict(3)


def test_other_channels_than_the_training_has(tmp_path: Path) -> None:
    model = Classifier(hidden=4).fit(np.ones((8, 5, 4)), ["x", "y"] * 4, epochs=1)
    assert np.array_equal(model.probabilities("[[1,1,1,1]]\n\n[]"), model.probabilities([np.ones((1, 4)), np.ones(0)]))
    with pytest.raises(ValueError, match=r"inputs\[0\]: 3 channels, expected 4 as in training"):
        model.predict("[[1,2,3]]")
    with pytest.raises(ValueError, match=r"data\[0\]: 3 channels, expected 4 as in training"):
        model.evaluate(np.ones((1, 5, 3)), ["x"])
    with pytest.raises(ValueError, match=r"inputs\[1\]: 3 channels, expected 2 as in the first row"):
        read([np.ones((2, 2)), np.ones((2, 3))], ["x", "y"])
