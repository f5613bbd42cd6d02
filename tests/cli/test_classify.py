"""Labels from the command line: train, predict, evaluate, info; the same answers as from Python."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import Classifier, load

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
ROWS = [("a quiet joy", "good"), ("long and dull", "bad"), ("joy of a film", "good"), ("dull , dull", "bad")] * 20
SMALL = ["--hidden", "8", "--embedding", "8", "--epochs", "3"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "films.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in ROWS), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    path = tmp_path_factory.mktemp("classifier") / "films.elman"
    model = Classifier(hidden=8, embedding=8, learning_rate=0.02)
    model.fit([text for text, _ in ROWS], [label for _, label in ROWS], epochs=10, threads=1).save(path)
    return path


def test_every_flag_reaches_the_model(elman: Command, tmp_path: Path) -> None:
    lines = ["stars,head,body", *(f'{label},"{text}","more, {text}"' for text, label in ROWS)]
    for name in ("films.csv", "dev.csv"):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    named = {"text": "head,body", "label": "stars", "tokens": "chars", "encoder": "lstm", "pooling": "mean"}
    numbers: dict[str, Any] = {"layers": 2, "hidden": 6, "embedding": 5, "ngrams": 3, "letters": 4, "batch": 7}
    numbers |= {
        "vocabulary": 20,
        "dropout": 0.25,
        "word_dropout": 0.125,
        "longest": 9,
        "passes": 4,
        "learning_rate": 0.003,
    }
    words = [w for name, value in {**named, **numbers}.items() for w in (f"--{name.replace('_', '-')}", str(value))]
    words += ["--one-direction", "--class-weights", "good=2,bad=1", "--epochs", "1", "--seed", "3", "--threads", "1"]
    command = ["train", "classify", "films.csv", "-o", "m", "--validation", "dev.csv", *words]
    assert elman(*command).code == 0
    options = {**named, **numbers, "bidirectional": False, "class_weights": {"good": 2.0, "bad": 1.0}}
    expected = Classifier(**options)
    expected.fit(tmp_path / "films.csv", validation=tmp_path / "dev.csv", epochs=1, seed=3, threads=1)
    assert load("m").settings == expected.settings
    assert np.array_equal(load("m").probabilities(["a film"]), expected.probabilities(["a film"]))


def test_train_says_what_it_made(elman: Command, table: Path) -> None:
    code, out, err = elman("train", "classify", "films.tsv", "-o", "m", "--json", *SMALL)
    assert code == 0
    assert json.loads(out) == load("m").metrics
    assert err.startswith("elman: m: validation loss 0.")
    assert "validation_accuracy" in json.loads(out)


def test_several_labels_and_standard_input(elman: Command) -> None:
    lines = "".join(f"__label__x {a} a\n{a} b\n__label__x __label__y {a} c\n" for a in range(20)).encode()
    assert elman("train", "classify", "-", "-o", "m", "--several", *SMALL, stdin=lines).code == 0
    assert load("m").settings.several
    figures = json.loads(elman("evaluate", "m", "-", "--json", stdin=lines).out)
    assert {"accuracy", "macro_f1", "micro_f1", "nats", "calibration_error", "rows"} <= set(figures)


def test_predict_prints_a_row_a_line(elman: Command, classifier: Path) -> None:
    code, out, err = elman("predict", str(classifier), stdin=b"joy , joy\n\ndull and long\n")
    assert (code, err) == (0, "")
    first, second, third = (line.split() for line in out.splitlines())
    assert (first[0], third[0]) == ("good", "bad")
    assert first[1].endswith("%")
    assert second[0] in ("good", "bad")
    out = elman("predict", str(classifier), "--top", "2", stdin=b"joy\ndull\n").out
    assert [line.split()[::2] for line in out.splitlines()] == [["good", "bad"], ["bad", "good"]]


def test_predict_prints_an_object_a_line(elman: Command, classifier: Path, tmp_path: Path) -> None:
    lines = ["joy , joy", "", "ünï 👩‍👧"]
    (tmp_path / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    expected = load(classifier).predict(lines, top=2)
    out = elman("predict", str(classifier), "lines.txt", "--json", "--top", "2").out
    for line, text, found in zip(out.splitlines(), lines, expected, strict=True):
        shown = json.loads(line)
        assert shown["text"] == text
        assert [entry["label"] for entry in shown["labels"]] == [label for label, _ in found]
        assert [entry["probability"] for entry in shown["labels"]] == pytest.approx([p for _, p in found], abs=5e-6)


def test_evaluate_is_that_of_python(elman: Command, classifier: Path, table: Path) -> None:
    code, out, err = elman("evaluate", str(classifier), "films.tsv", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == load(classifier).evaluate(table)
    assert "macro f1" in elman("evaluate", str(classifier), "films.tsv").out


def test_series(elman: Command, tmp_path: Path) -> None:
    rows = [{"id": i, "y": i % 2, "x": [[float(i % 2), 1.0]] * (2 + i % 3)} for i in range(40)]
    path = tmp_path / "walks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert elman("train", "classify", "walks.jsonl", "-o", "m", "--series", "x", "--label", "y", *SMALL[:2],
                 "--epochs", "20").code == 0  # fmt: skip
    assert json.loads(elman("evaluate", "m", "walks.jsonl", "--json").out)["accuracy"] == 1
    out = elman("predict", "m", stdin=path.read_bytes()).out
    assert [line.split()[0] for line in out.splitlines()] == [str(i % 2) for i in range(40)]
    code, _, err = elman("predict", "m", stdin=b"[[1, 2]]\nno\n")
    assert (code, err.startswith("elman: error: standard input:2: not JSON: ")) == (2, True)
    (tmp_path / "three.jsonl").write_text("[[1, 2]]\n\n[[1, 2, 3]]\n", encoding="utf-8")
    code, _, err = elman("predict", "m", "three.jsonl")
    assert (code, err.startswith("elman: error: three.jsonl:2: not JSON: ")) == (2, True)


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("a\tb\nc\n", [], "rows.tsv:2: 1 column, expected 2 (as in the first line)"),
        ("a\tb\nc\tb\n", [], "all 2 rows have the label 'b': there is nothing to tell apart"),
        ("a\tb\n", ["--text", "txt", "--label", "y"], "rows.tsv:1: there is no column 'txt'; there are 'a', 'b'"),
        ("a\tb\nc\td\n", ["--tokens", "word"], "tokens is 'word', expected one of chars, bytes, words, segments"),
        ("a\tb\nc\td\n", ["--class-weights", "x"], "--class-weights is 'x', expected balanced, or LABEL=WEIGHT"),
        ("a\tb\nc\td\n", ["--class-weights", "x=2"], "class_weights has a weight for 'x'; the labels are b, d"),
    ],
)
def test_what_is_wrong_is_one_line(elman: Command, tmp_path: Path, text: str, flags: list[str], message: str) -> None:
    (tmp_path / "rows.tsv").write_text(text, encoding="utf-8")
    code, out, err = elman("train", "classify", "rows.tsv", "-o", "m", *SMALL, *flags)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "m").exists()


def test_a_stopped_run_goes_on(elman: Command, table: Path) -> None:
    def stop(progress: Any) -> None:
        if progress.step == 20:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"hidden": 8, "embedding": 8}
    with pytest.raises(KeyboardInterrupt):
        Classifier(**options).fit(
            table, epochs=3, threads=1, checkpoint="m.checkpoint", checkpoint_every=0.001, progress=stop
        )
    assert elman("train", "classify", "films.tsv", "-o", "m", "--resume", "--threads", "1", *SMALL).code == 0
    unbroken = Classifier(**options).fit(table, epochs=3, threads=1)
    assert np.array_equal(load("m").probabilities(["a film"]), unbroken.probabilities(["a film"]))
    assert not Path("m.checkpoint").exists()


def test_flags_of_other_tasks_are_refused(elman: Command, classifier: Path) -> None:
    code, _, err = elman("predict", str(classifier), "--csv")
    assert (code, "--csv and --plot are for forecasts" in err) == (2, True)
    code, _, err = elman("generate", str(classifier))
    assert (code, "does not generate; it can predict, evaluate, info, export" in err) == (2, True)
