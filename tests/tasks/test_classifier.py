"""The classifier: it learns what only order tells, says how sure it is, and has an answer to every kind of row."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import Classifier
from elman.tasks import ModelFileError

SMALL: dict[str, Any] = {"hidden": 12, "embedding": 8, "ngrams": 0, "dropout": 0.0, "word_dropout": 0.0, "batch": 16}


def first_of_two(rows: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Words a and b among others: which comes first?  A bag of words cannot know."""
    chance = random.Random(seed)
    texts, labels = [], []
    for _ in range(rows):
        words = [chance.choice("cdefg") for _ in range(chance.randrange(6))] + ["a", "b"]
        chance.shuffle(words)
        texts.append(" ".join(words))
        labels.append("ab" if words.index("a") < words.index("b") else "ba")
    return texts, labels


TEXTS, LABELS = first_of_two(300)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier(tokens="words", learning_rate=0.01, **SMALL).fit(TEXTS, LABELS, epochs=12)


def test_order_is_learnt_where_a_bag_of_words_is_blind(model: Classifier) -> None:
    texts, labels = first_of_two(200, seed=1)
    assert model.evaluate(texts, labels)["accuracy"] > 0.95
    options = {**SMALL, "ngrams": 1, "encoder": "feedforward"}
    bag = Classifier(tokens="words", learning_rate=0.01, **options).fit(TEXTS, LABELS, epochs=12)
    assert bag.evaluate(texts, labels)["accuracy"] < 0.65


@pytest.mark.parametrize("encoder", ["tdnn", "rnn", "lstm"])
def test_the_other_encoders_learn_it_too(encoder: str) -> None:
    options = {**SMALL, "encoder": encoder, "pooling": "max", "delays": 6}
    found = Classifier(tokens="words", learning_rate=0.01, **options).fit(TEXTS, LABELS, epochs=15)
    assert found.evaluate(*first_of_two(200, seed=1))["accuracy"] > 0.85


def test_a_row_alone_is_the_row_in_a_batch(model: Classifier) -> None:
    texts = [*TEXTS[:40], "", "a", "never seen words"]
    together = model.probabilities(texts)
    alone = np.concatenate([model.probabilities([text]) for text in texts])
    np.testing.assert_allclose(alone, together, rtol=0, atol=5e-6)
    np.testing.assert_allclose(together.sum(1), 1, rtol=0, atol=1e-12)


def test_predictions_are_the_probabilities_in_order(model: Classifier) -> None:
    chances = model.probabilities(TEXTS[:5])
    for found, row in zip(model.predict(TEXTS[:5], top=2), chances, strict=True):
        assert found == sorted(zip(model.labels, row.tolist(), strict=True), key=lambda pair: -pair[1])
    assert [len(found) for found in model.predict(TEXTS[:5])] == [1] * 5
    assert len(model.predict(TEXTS[:1], top=9)[0]) == 2


def test_save_and_load_give_the_same_bits(model: Classifier, tmp_path: Path) -> None:
    model.save(tmp_path / "m.elman")
    again = elman.load(tmp_path / "m.elman")
    assert np.array_equal(again.probabilities(TEXTS), model.probabilities(TEXTS))
    assert (again.info(), again.history) == (model.info(), model.history)
    assert json.loads(json.dumps(model.info()))["task"] == "classify"


def test_a_damaged_file_is_refused(model: Classifier, tmp_path: Path) -> None:
    from elman.tasks.model_file import read_file, write_file

    model.save(tmp_path / "m.elman")
    stored = read_file(tmp_path / "m.elman", "model")
    write_file(tmp_path / "m.elman", "model", {**stored.description, "labels": ["x", "y", "z"]}, stored.tensors)
    with pytest.raises(ModelFileError, match=r"m\.elman: the file is damaged"):
        elman.load(tmp_path / "m.elman")


def test_the_same_seed_gives_the_same_bits_and_a_resumed_run_those_of_an_unbroken_one(tmp_path: Path) -> None:
    options = {**SMALL, "dropout": 0.3, "word_dropout": 0.1, "ngrams": 2}
    whole = Classifier(tokens="words", **options).fit(TEXTS, LABELS, epochs=4, seed=3)

    def stop(progress: Any) -> None:
        if progress.step == 30:
            raise KeyboardInterrupt

    path = tmp_path / "c"
    with pytest.raises(KeyboardInterrupt):
        Classifier(tokens="words", **options).fit(
            TEXTS, LABELS, epochs=4, seed=3, checkpoint=path, checkpoint_every=0.001, progress=stop
        )
    resumed = Classifier().fit(TEXTS, LABELS, resume=path)
    assert np.array_equal(resumed.probabilities(TEXTS), whole.probabilities(TEXTS))
    assert resumed.metrics["temperature"] == whole.metrics["temperature"]
    with pytest.raises(ValueError, match=r"the rows are not those that .* was made with"):
        Classifier().fit(TEXTS[1:], LABELS[1:], resume=path)
    with pytest.raises(ValueError, match="hidden is 99 here and 12 in the checkpoint"):
        Classifier(hidden=99).fit(TEXTS, LABELS, resume=path)


def test_a_timed_run_ends_when_its_passes_are_made() -> None:
    reports: list[Any] = []
    found = Classifier(tokens="words", passes=2, **SMALL).fit(TEXTS, LABELS, time="1h", progress=reports.append)
    assert found.settings is not None
    assert found.metrics["epochs"] == 2
    assert found.metrics["seconds"] < 60
    assert reports[-1].learning_rate < 0.03 * found.settings.learning_rate, "annealed by then"
    assert [report.fraction for report in reports] == sorted(report.fraction for report in reports)
    assert (reports[-1].fraction, reports[-1].seconds_left) == (1, 0)


@pytest.mark.parametrize("encoder", ["gru", "lstm", "rnn", "tdnn", "feedforward"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_a_stream_says_what_the_whole_says(encoder: str, pooling: str) -> None:
    options = {**SMALL, "ngrams": 3, "encoder": encoder, "pooling": pooling, "bidirectional": False}
    found = Classifier(tokens="words", **options).fit(TEXTS[:60], LABELS[:60], epochs=1)
    state = found.initial_state()
    words = ["a", "c", "b", "d", "e", "f", "a"]
    for place, word in enumerate(words):
        ranking, state = found.step(word, state, top=2)
        text = " ".join(words[: place + 1])
        expected = dict(found.predict([text], top=2)[0])
        assert dict(ranking) == pytest.approx(expected, abs=5e-6)


def test_a_bidirectional_model_has_no_stream(model: Classifier) -> None:
    with pytest.raises(ValueError, match=r"cannot follow a stream: .* train one with bidirectional=False"):
        model.step("a", model.initial_state())


# --- Kinds of rows


def test_several_labels() -> None:
    chance = random.Random(0)
    texts = [" ".join(chance.choice("abcd") for _ in range(chance.randrange(5))) for _ in range(300)]
    labels = [sorted(set("ab") & set(text)) for text in texts]
    assert [] in labels
    found = Classifier(tokens="words", learning_rate=0.02, **SMALL).fit(texts, labels, epochs=12)
    assert found.settings is not None
    assert found.settings.several
    assert [[label for label, _ in row] for row in found.predict(["c d", "a", "b c a"])][:2] == [[], ["a"]]
    assert {label for label, _ in found.predict(["b c a"])[0]} == {"a", "b"}
    assert len(found.predict(["c"], top=2)[0]) == 2
    figures = found.evaluate(texts, labels)
    assert figures["accuracy"] > 0.95
    assert min(figures["macro_f1"], figures["micro_f1"]) > 0.95


def test_series_of_vectors() -> None:
    chance = np.random.default_rng(0)
    rows = [chance.normal(5, 3, (chance.integers(3, 12), 2)).astype(np.float32) for _ in range(200)]
    labels = [bool(row[-1, 0] > row[0, 0]) for row in rows]
    found = Classifier(hidden=12, pooling="last", learning_rate=0.01).fit(rows, labels, epochs=25)
    assert found.labels == ("false", "true")
    assert found.evaluate(rows, labels)["accuracy"] > 0.9
    assert found.predict([rows[0]]) == found.predict([json.dumps(rows[0].tolist())])
    one = Classifier(hidden=4, bidirectional=False).fit([row[:, 0] for row in rows], labels, epochs=1)
    state = one.initial_state()
    for value in rows[0][:, 0]:
        ranking, state = one.step(value, state, top=2)
    assert dict(ranking) == pytest.approx(dict(one.predict([rows[0][:, 0]], top=2)[0]), abs=5e-6)
    with pytest.raises(ValueError, match=r"inputs\[1\]: 3 channels, expected 2"):
        found.predict([rows[0], np.zeros((4, 3))])
    with pytest.raises(ValueError, match=r"inputs\[0\] has a value that is not finite, at step 1"):
        found.predict([np.array([[0, 0], [np.nan, 0]])])


def test_empty_rows_and_rows_of_one_token() -> None:
    texts, labels = ["", "a", "b", ""] * 20, ["none", "a", "b", "none"] * 20
    found = Classifier(learning_rate=0.02, **SMALL).fit(texts, labels, epochs=20)
    assert [row[0][0] for row in found.predict(["", "a", "b"])] == ["none", "a", "b"]
    series = [np.zeros((0, 2)), np.ones((3, 2))] * 20
    found = Classifier(hidden=4, learning_rate=0.02).fit(series, [0, 1] * 20, epochs=8)
    assert [row[0][0] for row in found.predict([np.zeros((0, 2)), np.ones((1, 2))])] == ["0", "1"]


def test_a_row_of_100_000_tokens() -> None:
    texts = ["a b " * 50_000, *TEXTS[:50]]
    found = Classifier(tokens="words", **{**SMALL, "hidden": 4}).fit(texts, ["long", *LABELS[:50]], epochs=1)
    alone = found.probabilities(texts[:1])
    assert np.isfinite(alone).all()
    np.testing.assert_allclose(found.probabilities(texts)[0], alone[0], atol=5e-6)


@pytest.mark.parametrize("tokens", ["chars", "bytes", "words", "segments", "subwords"])
def test_every_kind_of_token_reads_unusual_text(tokens: str, tmp_path: Path) -> None:
    odd = ["👩‍👩‍👧 e\u0301", "half \ud83d of a pair", "我的手机坏了", "\u202b\x0b\u2028", "A" * 50]
    options = {**SMALL, "hidden": 4, "ngrams": 2}
    found = Classifier(tokens=tokens, **options).fit(odd * 10, list("abcde") * 10, epochs=1)
    assert np.isfinite(found.probabilities([*odd, "new 𠮷"])).all()
    np.testing.assert_array_equal(found.probabilities(["e\u0301"]), found.probabilities(["é"]))
    found.save(tmp_path / "m")
    assert np.array_equal(elman.load(tmp_path / "m").probabilities(odd), found.probabilities(odd))


# --- Labels


def test_a_label_that_is_seen_once_is_learnt_and_never_held_out() -> None:
    texts, labels = [*TEXTS[:100], "once"], [*LABELS[:100], "rare"]
    for seed in range(5):
        found = Classifier(tokens="words", **SMALL).fit(texts, labels, epochs=1, seed=seed)
        assert found.labels == ("ab", "ba", "rare")
        assert (found.metrics["rows"], found.metrics["validation_rows"]) == (91, 10)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", "b", "c"], ["x", "x", "x"], "all 3 rows have the label 'x': there is nothing to tell apart"),
        (["a"], ["x"], "inputs has 1 row; expected at least 2"),
        ([], [], "inputs has 0 rows; expected at least 2"),
        (["a", "b"], ["x"], "there are 2 inputs and 1 targets; expected one for each"),
        (["a", "b"], ["x", []], r"inputs\[1\]: no label; expected one in each row"),
        (["a", np.zeros((2, 2))], ["x", "y"], r"inputs\[1\]: a series, expected a text as in the first row"),
        ([np.zeros((2, 2)), "a"], ["x", "y"], r"inputs\[1\]: a text, expected a series as in the first row"),
        ([np.zeros((2, 2, 2)), "a"], ["x", "y"], r"inputs\[0\] has shape \(2, 2, 2\), expected \(T, C\)"),
    ],
)
def test_rows_that_cannot_be_learnt(texts: list[Any], labels: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classifier().fit(texts, labels, epochs=1)


def test_what_is_no_data() -> None:
    with pytest.raises(TypeError, match="inputs is a list without labels; give them as targets"):
        Classifier().fit(["a", "b"])
    with pytest.raises(TypeError, match="inputs is a file, which holds the labels too"):
        Classifier().fit("a.csv", ["x"])
    with pytest.raises(TypeError, match="inputs is a set; expected a path, or a list"):
        Classifier().fit({"a", "b"}, ["x"] * 2)
    with pytest.raises(TypeError, match=r"inputs is a ndarray; expected a path, or a list"):
        Classifier().fit(np.array(3.0), ["x"])
    with pytest.raises(TypeError, match=r"targets is a dict_values; expected a list of labels, one for each of inputs"):
        Classifier().fit(["a", "b"], {1: "x", 2: "y"}.values())
    with pytest.raises(TypeError, match=r"targets is a ndarray of shape \(2, 2\); .* several labels a list of lists"):
        Classifier().fit(["a", "b"], np.eye(2, dtype=int))
    with pytest.raises(TypeError, match=r"the label of inputs\[0\] is 1.5, expected a str or a whole number"):
        Classifier().fit(["a", "b"], [1.5, 2.5])
    with pytest.raises(ValueError, match="the model is not trained"):
        Classifier().predict(["a"])


@pytest.mark.filterwarnings("always::UserWarning")
def test_unknown_labels_count_as_mistaken(model: Classifier) -> None:
    from sklearn.metrics import f1_score

    texts, labels = first_of_two(40, seed=2)
    labels[0] = labels[7] = "strange"
    with pytest.warns(UserWarning, match="2 rows have a label that the model does not know: mistaken"):
        figures = model.evaluate(texts, labels)
    said = [row[0][0] for row in model.predict(texts)]
    assert figures["accuracy"] == pytest.approx(np.mean([a == b for a, b in zip(said, labels, strict=True)]))
    assert figures["macro_f1"] == pytest.approx(f1_score(labels, said, average="macro", zero_division=0.0))
    assert figures["rows_of_unknown_labels"] == 2


def test_validation_with_other_labels_than_the_training(tmp_path: Path) -> None:
    path = tmp_path / "v.tsv"
    path.write_text("a b\tab\nb a\tstrange\n", encoding="utf-8")
    words = "1 row of the validation has a label that the model does not know: mistaken"
    with pytest.warns(UserWarning, match=words):
        found = Classifier(tokens="words", **SMALL).fit(TEXTS, LABELS, validation=path, epochs=1)
    assert found.labels == ("ab", "ba")
    assert found.metrics["validation_rows"] == 2
    assert found.metrics["validation_accuracy"] <= 0.5
    with pytest.warns(UserWarning, match=words):
        same = Classifier(tokens="words", **SMALL).fit(
            TEXTS, LABELS, validation=(["a b", "b a"], ["ab", "strange"]), epochs=1
        )
    assert np.array_equal(same.probabilities(TEXTS), found.probabilities(TEXTS))
    known = Classifier(tokens="words", **SMALL).fit(TEXTS, LABELS, validation=(["a b"], ["ab"]), epochs=1)
    assert found.history[0][2] == pytest.approx(known.history[0][2]), "the loss is the mean of those that have one"


def test_validation_without_any_label_of_the_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.tsv"
    path.write_text("a b\tpos\nb a\tneg\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"v\.tsv: no label occurs in training, whose labels are 'ab', 'ba'; expected"):
        Classifier(**SMALL).fit(TEXTS, LABELS, validation=path, epochs=1)
    several = [[label] for label in LABELS]
    with pytest.raises(ValueError, match="validation: each row has a label that does not occur in training"):
        Classifier(several=True, **SMALL).fit(TEXTS, several, validation=(["a"], [["ab", "pos"]]), epochs=1)
    with pytest.raises(ValueError, match="validation has no rows; expected at least one"):
        Classifier(**SMALL).fit(TEXTS, LABELS, validation=([], []), epochs=1)


def test_files_give_what_lists_give(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("y,x\n" + "".join(f"{b},{a}\n" for a, b in zip(TEXTS, LABELS, strict=True)), encoding="utf-8")
    listed = Classifier(**SMALL).fit(TEXTS, LABELS, epochs=1)
    found = Classifier(text="x", label="y", **SMALL).fit(path, epochs=1)
    assert np.array_equal(found.probabilities(TEXTS), listed.probabilities(TEXTS))
    assert found.evaluate(path) == listed.evaluate(TEXTS, LABELS)
    (tmp_path / "lines.txt").write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    assert np.array_equal(found.probabilities(tmp_path / "lines.txt"), listed.probabilities(TEXTS))


def test_what_is_chosen_from_the_data() -> None:
    for texts, kind in ((TEXTS, "words"), (["Nakamura", "O'Neill"] * 20, "chars"), (["我的手机坏了"] * 30, "chars")):
        found = Classifier(**{**SMALL, "hidden": 4}).fit(texts, ["x", "y"] * (len(texts) // 2), epochs=1)
        assert found.settings is not None
        assert found.settings.tokens == kind


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"tokens": "word"}, "tokens is 'word', expected one of .*; did you mean 'words'?"),
        ({"encoder": "gur"}, "encoder is 'gur', expected one of .*; did you mean 'gru'?"),
        ({"pooling": "maximum"}, "pooling is 'maximum', expected one of last, mean, max"),
        ({"hidden": 0}, "hidden is 0, expected at least 1"),
        ({"dropout": 1.0}, "dropout is 1.0, expected from 0 up to, not including, 1"),
        ({"buckets": 1000}, "buckets is 1000, expected a power of 2"),
        ({"encoder": "feedforward", "bidirectional": True}, "bidirectional adds nothing to a feed-forward encoder"),
        ({"class_weights": "equal"}, "class_weights is 'equal', expected 'balanced' or a weight for each label"),
        ({"class_weights": {"a": -1}}, "class_weights has -1 for the label 'a', expected a number of at least 0"),
        ({"series": "x", "text": "y"}, "series is 'x': rows of series have no text"),
    ],
)
def test_impossible_hyperparameters(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classifier(**how)


def test_a_missing_extra_is_one_line(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("tokenizers", "sklearn"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ModuleNotFoundError, match=r"tokens='subwords' needs tokenizers, .* pip install 'elman\[text\]'"
    ):
        Classifier(tokens="subwords").fit(TEXTS, LABELS, epochs=1)
    with pytest.raises(ModuleNotFoundError, match=r"F1 is measured by scikit-learn, .* pip install 'elman\[text\]'"):
        model.evaluate(TEXTS, LABELS)


def test_the_sample_shows_rows_with_their_labels() -> None:
    shown: list[str] = []
    keep: Callable[[Any], None] = lambda progress: shown.append(progress.sample) if progress.sample else None  # noqa: E731
    Classifier(tokens="words", **SMALL).fit(TEXTS, LABELS, epochs=1, progress=keep)
    for line in shown[0].splitlines():
        text, answer = line.split(" → ")
        assert text in TEXTS
        assert answer.split()[0] in ("ab", "ba")


def test_torch_random_state_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    Classifier(tokens="words", **{**SMALL, "dropout": 0.5}).fit(TEXTS[:40], LABELS[:40], epochs=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_of_labels_that_are_no_texts_and_weights_of_zero() -> None:
    texts, labels = ["a b", "b a"] * 20, [0, 1] * 20
    numbers = Classifier(class_weights={0: 1, 1: 3}, **SMALL).fit(texts, labels, epochs=1)
    names = Classifier(class_weights={"0": 1, "1": 3}, **SMALL).fit(texts, labels, epochs=1)
    assert np.array_equal(numbers.probabilities(texts), names.probabilities(texts))
    alone = Classifier(class_weights={"0": 0}, **{**SMALL, "batch": 1}).fit(texts, labels, epochs=3)
    assert alone.predict(["a b"])[0][0][0] == "1", "rows that count nothing are not learnt"
    with pytest.raises(ValueError, match="class_weights is 0 for every label"):
        Classifier(class_weights={"0": 0, "1": 0}, **SMALL).fit(texts, labels, epochs=1)


def test_a_header_that_is_read_as_a_row_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "names.tsv"
    rows = "".join(f"{text}\t{label}\n" for text, label in [("a b", "ab"), ("b a", "ba")] * 12)
    path.write_text(f"name\tnation\n{rows}", encoding="utf-8")
    with pytest.warns(UserWarning, match="no other row has the label 'nation'; if .* --text 'name' --label 'nation'"):
        Classifier(**SMALL).fit(path, epochs=1)
    assert Classifier(text="name", label="nation", **SMALL).fit(path, epochs=1).labels == ("ab", "ba")


def test_series_without_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"inputs\[0\]: a series without numbers in its steps"):
        Classifier(**SMALL).fit([np.zeros((3, 0))] * 4, ["a", "b"] * 2, epochs=1)


def test_series_are_read_by_the_key_of_the_training(tmp_path: Path) -> None:
    path = tmp_path / "w.jsonl"
    rows = [{"rss": [[i % 2, 1]] * 3, "t": [0, 1, 2], "label": str(i % 2)} for i in range(20)]
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    model = Classifier(series="rss", **SMALL).fit(path, epochs=1)
    expected = model.probabilities([np.array(row["rss"]) for row in rows])
    assert np.array_equal(model.probabilities(path), expected), "empty lines are passed over, as in training"
    path.write_text('{"other": [[1, 2]]}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"w.jsonl:1: no key 'rss', which the series had in training; there are other"):
        model.predict(path)
