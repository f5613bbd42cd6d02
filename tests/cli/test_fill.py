"""``elman train fill`` and what the other verbs do with its models."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import elman as package
from elman.cli.train.fill import train_filler
from tasks.fill_language import SENTENCES, TEXT, learnt

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fill") / "fill.elman"
    learnt().save(path)
    return path


def test_train_with_every_flag(elman: Command, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text(TEXT, encoding="utf-8")
    flags = (
        "--tokens chars --min-count 1 --max-size 99 --epochs 1 --seed 2 --threads 1 --batch 8 --samples 7 "
        "--learning-rate 0.01 --encoder rnn --reads both --layers 2 --hidden 6 --embedding 5 --dropout 0.1 "
        "--word-dropout 0.2 --checkpoint-every 1s --json --quiet --log log.csv --validation s.txt"
    )
    result = elman("train", "fill", "s.txt", "-o", "m.elman", *flags.split())
    assert (result.code, result.err) == (0, "")
    model = package.load("m.elman")
    assert json.loads(result.out) == model.metrics
    expected = {"tokens": "chars", "encoder": "rnn", "layers": 2, "hidden": 6, "embedding": 5, "samples": 7, "batch": 8}
    assert expected.items() <= model.info().items()
    assert (tmp_path / "log.csv").read_text().startswith("step,")
    assert not (tmp_path / "m.elman.checkpoint").exists()


def test_flags_have_the_defaults_of_the_class() -> None:
    flags, options = (inspect.signature(f).parameters for f in (train_filler, package.Filler))
    assert set(options) <= set(flags)
    assert {name: flags[name].default for name in options} == {name: p.default for name, p in options.items()}


def test_train_from_standard_input_says_what_came_of_it(elman: Command) -> None:
    result = elman("train", "fill", "-", "-o", "m.elman", "--epochs", "1", "--hidden", "4", stdin=TEXT.encode())
    assert result.code == 0
    assert result.err.startswith("elman: m.elman: validation loss ")


def test_train_wants_a_file_or_a_corpus(elman: Command) -> None:
    for words in ((), ("s.txt", "--corpus", "tatoeba-zh")):
        result = elman("train", "fill", *words, "-o", "m.elman")
        assert (result.code, result.out) == (2, "")
        assert result.err == "elman: error: expected the sentences to learn: either FILE… or --corpus NAME\n"
    result = elman("train", "fill", "--corpus", "tatoeba-cn", "-o", "m.elman")
    assert result.err == "elman: error: no corpus is called 'tatoeba-cn'; did you mean 'tatoeba-en'?\n"


def test_predict(elman: Command, kept: Path) -> None:
    code, out, err = elman("predict", str(kept), "--top", "2", stdin=b"ann ___ figs .\n___ sees ___ .\n")
    assert (code, err) == (0, "")
    first, second, third, *rest = out.splitlines()
    assert first == "ann eats figs ."
    assert second.startswith("  eats 9")
    assert third in SENTENCES
    assert [line[:5] for line in rest] == ["  1: ", "  2: "]


def test_predict_side_by_side(elman: Command, kept: Path) -> None:
    code, out, err = elman("predict", str(kept), "--top", "3", "--directions", stdin=b"ann ___ figs .\n")
    assert (code, err) == (0, "")
    shown, head, *rows = out.splitlines()
    assert shown == "ann eats figs ."
    assert head.split("   ") == ["  both sides", "left side ", "right side"] or head.split() == [
        "both",
        "sides",
        "left",
        "side",
        "right",
        "side",
    ]
    assert len(rows) == 3
    (filling,) = package.load(kept).predict(["ann ___ figs ."], top=3, directions=True)
    blank = filling.blanks[0]
    for row, each in zip(rows, zip(blank.candidates, blank.left, blank.right, strict=True), strict=True):
        assert row.split() == [part for word, p in each for part in (word, f"{p:.1%}")]


def test_predict_as_json(elman: Command, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("ann ___ figs .\n", encoding="utf-8")
    code, out, err = elman("predict", str(kept), "lines.txt", "--json", "--choices", "has, eats，sees", "--directions")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["text"], found["filled"]) == ("ann ___ figs .", "ann eats figs .")
    (blank,) = found["blanks"]
    assert [set(entry) for entry in blank["candidates"]] == [{"token", "probability"}] * 3
    assert list(blank) == ["candidates", "left", "right"]
    code, out, _ = elman("predict", str(kept), "lines.txt", "--json", "--longest", "2")
    assert (code, list(json.loads(out)["blanks"][0])) == (0, ["candidates"])


@pytest.mark.filterwarnings("always::UserWarning")
def test_lines_without_a_blank(elman: Command, kept: Path) -> None:
    code, out, err = elman("predict", str(kept), stdin=b"ann\n\n")
    assert (code, out) == (0, "ann\n\n")
    assert err == "elman: warning: 2 lines have no blank, ___\n"


def test_flags_of_other_tasks_are_named(elman: Command, kept: Path, trained: Path) -> None:
    result = elman("predict", str(kept), "--steps", "3", stdin=b"")
    assert result.code == 2
    assert (
        "--steps is not for predict with a model of the task fill; it takes --top, --choices, --longest" in result.err
    )
    result = elman("predict", str(trained), "--directions", stdin=b"")
    assert "--directions is not for predict with a model of the task lm; it takes --top" in result.err
    result = elman("generate", str(kept))
    assert result.err.startswith("elman: error: a model of the task fill does not generate; it can predict")


def test_evaluate_and_info(elman: Command, kept: Path) -> None:
    code, out, err = elman("evaluate", str(kept), "-", "--json", stdin=TEXT.encode())
    assert (code, err) == (0, "")
    assert json.loads(out) == package.load(kept).evaluate(TEXT)
    code, out, _ = elman("evaluate", str(kept), "-", stdin=TEXT.encode())
    assert "left nats per token" in out
    assert json.loads(elman("info", str(kept), "--json").out)["task"] == "fill"
