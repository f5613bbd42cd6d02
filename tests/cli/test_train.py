"""train: what it writes, what it says, and what it leaves behind."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman import LanguageModel, corpora, load
from elman.cli.display import clock
from elman.tasks import TrainingError

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
SMALL = ["--hidden", "8", "--epochs", "1"]


def test_train_writes_the_model_and_says_so(elman: Command, text: Path) -> None:
    code, out, err = elman("train", "lm", "fox.txt", "-o", "fox.elman", *SMALL)
    metrics = load("fox.elman").metrics
    loss, seconds, steps = f"{metrics['validation_loss']:.4f}", clock(metrics["seconds"]), metrics["steps"]
    assert (code, out) == (0, "")
    assert err == f"elman: fox.elman: validation loss {loss} after {seconds}, {steps} steps, 1.0 epochs\n"
    assert {path.name for path in Path.cwd().iterdir()} == {"fox.txt", "fox.elman"}, "the checkpoint is gone"


def test_every_flag_reaches_the_model(elman: Command, text: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("another fox\n" * 20, encoding="utf-8")
    flags = {"cell": "gru", "layers": 2, "hidden": 8, "embedding": 8, "tokens": "words", "dropout": 0.25}
    flags |= {"batch": 3, "window": 7, "learning_rate": 0.002}
    words = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    files = ["fox.txt", "--validation", "other.txt", "--log", "log.csv", "-o", "m"]
    run = ["--epochs", "2", "--seed", "5", "--threads", "1", "--checkpoint-every", "1h", "--tied"]
    assert elman("train", "lm", *files, *words, *run).code == 0
    expected = LanguageModel(**flags, tied=True).fit(
        Path("fox.txt"), validation=Path("other.txt"), epochs=2, seed=5, threads=1
    )
    info = load("m").info()
    assert {name: info[name] for name in flags} == flags
    assert (info["tied"], info["metrics"]["seed"]) == (True, 5)
    assert load("m").evaluate("the fox") == expected.evaluate("the fox"), "same seed and data, same weights"
    with open("log.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == info["metrics"]["steps"]


def test_one_of_n_codes(elman: Command, text: Path) -> None:
    assert elman("train", "lm", "fox.txt", "-o", "m", "--embedding", "none", *SMALL).code == 0
    assert load("m").info()["embedding"] == 0


def test_several_files_are_one_text(elman: Command, tmp_path: Path) -> None:
    whole = "".join(f"line {number} of a text\n" for number in range(100))
    half = whole.index("line 50")
    (tmp_path / "a.txt").write_text(whole[:half], encoding="utf-8")
    (tmp_path / "b.txt").write_text(whole[half:], encoding="utf-8")
    results = [
        elman("train", "lm", *files, "-o", "m", "--json", "--quiet", *SMALL, stdin=whole.encode()).out
        for files in (["a.txt", "b.txt"], ["-"])
    ]
    first, second = ({**json.loads(out), "seconds": None} for out in results)
    assert first == second


def test_json_is_the_metrics_of_the_model(elman: Command, text: Path) -> None:
    code, out, err = elman("train", "lm", "fox.txt", "-o", "m", "--json", "--quiet", *SMALL)
    assert (code, err) == (0, "")
    assert json.loads(out) == load("m").metrics


def test_a_corpus(elman: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    short = corpora.shakespeare()[:3000]
    monkeypatch.setattr(corpora, "load", {"shakespeare": short}.__getitem__)
    assert elman("train", "lm", "--corpus", "shakespeare", "-o", "m", *SMALL).code == 0
    assert load("m").metrics["training_tokens"] == 2700


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"time": None, "checkpoint_every": "60s", "seed": 0, "threads": None, "resume": None, "progress": None}),
        (["--time", "90s", "--checkpoint-every", "10s"], {"time": "90s", "checkpoint_every": "10s", "epochs": None}),
        (["--resume"], {"resume": Path("m.checkpoint"), "checkpoint": Path("m.checkpoint")}),
    ],
)
def test_flags_of_a_run_reach_fit(
    words: list[str], expected: dict[str, Any], elman: Command, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(self: LanguageModel, inputs: Any, **how: Any) -> None:
        seen.update(how)
        raise KeyboardInterrupt

    seen: dict[str, Any] = {}
    monkeypatch.setattr(LanguageModel, "fit", look)
    Path("m.checkpoint").touch()
    assert elman("train", "lm", "fox.txt", "-o", "m", *words).code == 130
    assert {name: seen[name] for name in expected} == expected


def test_a_model_replaces_a_model(elman: Command, text: Path, trained: Path) -> None:
    Path("m").write_bytes(trained.read_bytes())
    assert elman("train", "lm", "fox.txt", "-o", "m", *SMALL).code == 0
    assert load("m").info()["hidden"] == 8


def test_a_diverging_run_keeps_the_last_good_weights(
    elman: Command, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(self: LanguageModel, inputs: Any, **how: Any) -> None:
        fit(self, inputs, **how)
        raise TrainingError("the loss became nan at step 7. Try a lower learning rate")

    fit = LanguageModel.fit
    monkeypatch.setattr(LanguageModel, "fit", diverge)
    code, out, err = elman("train", "lm", "fox.txt", "-o", "m", *SMALL)
    assert (code, out) == (2, "")
    assert err == (
        "elman: error: the loss became nan at step 7. Try a lower learning rate; m holds the weights that were kept\n"
    )
    assert load("m").info()["hidden"] == 8


def test_a_run_that_diverges_at_once_leaves_no_model(elman: Command, text: Path) -> None:
    code, out, err = elman(
        "train", "lm", "fox.txt", "-o", "m", "--learning-rate", "1e30", "--hidden", "8", "--epochs", "9"
    )
    assert (code, out) == (2, "")
    assert re.fullmatch(r"elman: error: the (loss|gradient) became .*; try a lower learning rate, .*\n", err)
    assert not Path("m").exists()


def interrupt(self: LanguageModel, inputs: Any, *, checkpoint: Path, **how: Any) -> None:
    """Stand for a `fit` during which Ctrl-C is pressed."""
    checkpoint.write_text("what a run left", encoding="utf-8")
    raise KeyboardInterrupt


def test_an_interrupted_run_names_its_checkpoint(elman: Command, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LanguageModel, "fit", interrupt)
    code, out, err = elman("train", "lm", "fox.txt", "-o", "m")
    assert (code, out) == (130, "")
    assert err == "elman: stopped; m.checkpoint holds the run: the same command with --resume goes on\n"
    assert not Path("m").exists()


def test_a_run_stopped_before_its_first_checkpoint_says_so(
    elman: Command, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: LanguageModel, inputs: Any, **how: Any) -> None:
        raise KeyboardInterrupt

    Path("m.checkpoint").write_text("what a run left", encoding="utf-8")
    monkeypatch.setattr(LanguageModel, "fit", stopped)
    code, _, err = elman("train", "lm", "fox.txt", "-o", "m")
    assert (code, err.splitlines()[-1]) == (130, "elman: stopped before training began; nothing was written")
    assert Path("m.checkpoint").read_text(encoding="utf-8") == "what a run left"


def test_the_checkpoint_of_an_unfinished_run_is_kept_under_another_name(elman: Command, text: Path) -> None:
    Path("m.checkpoint").write_text("what a run left", encoding="utf-8")
    code, _, err = elman("train", "lm", "fox.txt", "-o", "m", *SMALL)
    assert code == 0
    assert err.startswith(
        "elman: note: m.checkpoint of a run that did not finish will be kept as m.checkpoint.old; --resume would go on"
    )
    assert Path("m.checkpoint.old").read_text(encoding="utf-8") == "what a run left"
    assert not Path("m.checkpoint").exists()


def test_a_foreign_checkpoint_is_not_resumed(elman: Command, text: Path) -> None:
    Path("m.checkpoint").write_text("what a run left", encoding="utf-8")
    code, _, err = elman("train", "lm", "fox.txt", "-o", "m", "--resume", *SMALL)
    assert code == 2
    assert err == "elman: error: m.checkpoint is not an Elman checkpoint: it is not in the safetensors format\n"
    assert Path("m.checkpoint").read_text(encoding="utf-8") == "what a run left"
