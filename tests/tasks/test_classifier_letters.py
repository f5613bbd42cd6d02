"""Letters inside words: what the bag of a classifier makes of words that training has not met."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import Classifier
from elman.tasks.classification import reading
from elman.tasks.model_file import Stored

STEMS = {"good": ("wonder", "delight", "splend"), "bad": ("dread", "terribl", "horrif")}
SMALL: dict[str, Any] = {"hidden": 4, "embedding": 4, "word_dropout": 0.0, "bidirectional": False, "batch": 8}


def reviews(endings: str, rows: int) -> tuple[list[str], list[str]]:
    """Of each review one word tells, whose ending is drawn from a list."""
    chance = random.Random(0)
    labels = [chance.choice(["good", "bad"]) for _ in range(rows)]
    word = lambda label: chance.choice(STEMS[label]) + chance.choice(endings.split())  # noqa: E731
    return [f"what a {word(label)} film it is" for label in labels], labels


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier(**SMALL).fit(*reviews("ful fully s", 200), epochs=6)


def test_new_words_are_known_by_their_letters(model: Classifier) -> None:
    texts, labels = reviews("fulest ing edly", 100)
    assert model.evaluate(texts, labels)["accuracy"] > 0.95
    without = Classifier(**SMALL, letters=0).fit(*reviews("ful fully s", 200), epochs=6)
    assert without.evaluate(*reviews("ful fully s", 100))["accuracy"] > 0.95
    assert without.evaluate(texts, labels)["accuracy"] < 0.7, "without letters these words are all one"


def test_a_stream_and_a_file_say_the_same(model: Classifier, tmp_path: Path) -> None:
    text = "what a splendedly horrific film"
    model.save(tmp_path / "films.elman")
    again = elman.load(tmp_path / "films.elman")
    assert np.array_equal(again.probabilities([text]), model.probabilities([text]))
    state = model.initial_state()
    for word in text.split():
        ranking, state = model.step(word, state, top=2)
    whole = model.predict([text], top=2)[0]
    assert [label for label, _ in ranking] == [label for label, _ in whole]
    np.testing.assert_allclose([p for _, p in ranking], [p for _, p in whole], rtol=0, atol=5e-6)


def test_rows_come_in_blocks(model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, _ = reviews("fulest ing edly", 20)
    whole = model.probabilities(texts)
    monkeypatch.setattr(reading, "_AT_ONCE", 3)
    path = tmp_path / "texts.txt"
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    for some in (texts, path):
        np.testing.assert_allclose(model.probabilities(some), whole, rtol=0, atol=5e-6)
    assert model.probabilities([]).shape == (0, 2)


def test_a_run_goes_on_with_the_same_words_alone(tmp_path: Path) -> None:
    texts, labels = reviews("ful s", 60)
    others = [text.replace("film", "book") for text in texts[:9]]
    options: dict[str, Any] = {"epochs": 2, "checkpoint": tmp_path / "c"}
    Classifier(**SMALL).fit(texts, labels, validation=(texts[:9], labels[:9]), **options)
    with pytest.raises(ValueError, match="the rows are not those"):
        Classifier(**SMALL).fit(texts, labels, validation=(others, labels[:9]), resume=tmp_path / "c", epochs=2)


def test_a_file_of_before_letters_is_read(tmp_path: Path) -> None:
    texts, labels = reviews("ful s", 60)
    for ngrams in (0, 1, 2):
        now = Classifier(**SMALL, letters=0, ngrams=ngrams).fit(texts, labels, epochs=1)
        facts, tensors = now._stored()
        del facts["config"]["letters"], facts["coding"]["letters"]
        tensors = {name.replace("bag.rarity", "rarity"): tensor for name, tensor in tensors.items()}
        tensors.setdefault("rarity", torch.ones(0))
        again = Classifier._rebuilt(Stored(json.loads(json.dumps(facts)), tensors))
        assert np.array_equal(again.probabilities(texts), now.probabilities(texts))


def test_the_batch_and_rows_without_letters_change_nothing(model: Classifier) -> None:
    texts = ["what a wonderful film", "", "dreadful", "x" * 5000, "😀 ❤️ é", "\ud800 手机"]
    together = model.probabilities(texts)
    alone = np.concatenate([model.probabilities([text]) for text in texts])
    np.testing.assert_allclose(alone, together, rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"letters": 1}, "letters is 1, expected 0"),
        ({"letters": -1}, "letters is -1, expected at least 0"),
        ({"letters": 3, "ngrams": 0}, "letters is 3, but there is no bag: ngrams is 0"),
    ],
)
def test_impossible_letters(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classifier(**how)


def test_series_have_no_letters() -> None:
    with pytest.raises(ValueError, match="letters is 3, but series have none"):
        Classifier(letters=3).fit([np.ones((2, 1))] * 20, ["a", "b"] * 10, epochs=1)


def test_which_tokens_have_letters() -> None:
    found = {}
    for tokens in ("words", "chars", "subwords"):
        model = Classifier(tokens=tokens, hidden=2, embedding=2, ngrams=1)
        model.fit(["ab c", "d"] * 20, [0, 1] * 20, epochs=1)
        assert model.settings is not None
        found[tokens] = model.settings.letters
    assert found == {"words": 6, "chars": 0, "subwords": 0}
