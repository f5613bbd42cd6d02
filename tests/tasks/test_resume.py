"""A run over epochs that was stopped, however and wherever, ends with the bits of one that was not."""

import itertools
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from elman import LanguageModel
from elman.tasks import Progress, task, training
from elman.tasks.model_file import read_file

TEXT = "".join(chr(97 + (i * i + i // 7) % 26) for i in range(3000))
OPTIONS = {"layers": 2, "hidden": 12, "embedding": 5, "dropout": 0.3, "batch": 3, "window": 20}
STEPS = 3 * 44  # 3 epochs of 2699 // 60 windows


def same(one: LanguageModel, two: LanguageModel) -> bool:
    ours, theirs = one.network.state_dict(), two.network.state_dict()
    without_time = [[(step, loss) for step, _, loss in model.history] for model in (one, two)]
    return all(torch.equal(ours[name], theirs[name]) for name in ours) and without_time[0] == without_time[1]


@pytest.fixture(scope="module", params=["rnn", "gru", "lstm"])
def unbroken(request: pytest.FixtureRequest) -> LanguageModel:
    return LanguageModel(cell=request.param, **OPTIONS).fit(TEXT, epochs=3, seed=7)


def test_the_same_seed_gives_the_same_bits(unbroken: LanguageModel) -> None:
    again = LanguageModel(cell=unbroken.settings.cell, **OPTIONS)
    torch.manual_seed(5)  # what else happens in the process does not matter
    again.fit(TEXT, epochs=3, seed=7, progress=lambda report: torch.rand(report.step))
    assert again.metrics["steps"] == STEPS
    assert same(again, unbroken)
    assert not same(LanguageModel(cell=unbroken.settings.cell, **OPTIONS).fit(TEXT, epochs=3, seed=8), unbroken)


@pytest.mark.parametrize("stop", [1, 43, 44, 60, STEPS - 1])
def test_ctrl_c_and_resume(stop: int, unbroken: LanguageModel, tmp_path: Path) -> None:
    def interrupt(report: Progress) -> None:
        if report.step == stop:
            os.kill(os.getpid(), signal.SIGINT)

    path, cell = tmp_path / "a.elman.checkpoint", unbroken.settings.cell
    with pytest.raises(KeyboardInterrupt):
        LanguageModel(cell=cell, **OPTIONS).fit(TEXT, epochs=3, seed=7, checkpoint=path, progress=interrupt)
    assert read_file(path, "checkpoint").description["run"]["step"] == stop
    resumed = LanguageModel().fit(TEXT, resume=path)  # all else is in the checkpoint
    assert resumed.settings == unbroken.settings
    assert same(resumed, unbroken)


KILLED = """
import sys, torch, elman
torch.set_num_threads(1)
def show(report):
    print(report.step, flush=True)
model = elman.LanguageModel(cell="gru", **{options})
model.fit({text!r}, epochs=3, seed=7, checkpoint={path!r}, checkpoint_every=0.02, progress=show)
"""


def test_kill_and_resume_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "a.elman.checkpoint"
    command = [sys.executable, "-c", KILLED.format(options=OPTIONS, text=TEXT, path=str(path))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 70:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    step = read_file(path, "checkpoint").description["run"]["step"]
    assert 1 <= step < STEPS
    resumed = LanguageModel(cell="gru", **OPTIONS).fit(TEXT, epochs=3, seed=7, resume=path)
    assert same(resumed, LanguageModel(cell="gru", **OPTIONS).fit(TEXT, epochs=3, seed=7))


def test_a_time_budget_ends_annealed_and_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[Progress] = []
    ticks = itertools.count(step=0.01)  # a clock that moves whenever it is read
    monkeypatch.setattr(task, "train", partial(training.train, clock=lambda: next(ticks)))
    model = LanguageModel(**OPTIONS).fit(TEXT, time="20s", progress=reports.append)
    assert 19.5 < model.metrics["seconds"] < 20.001
    assert reports[-1].learning_rate < 0.021 * model.settings.learning_rate
    assert (reports[-1].step, reports[-1].validation_loss) == (model.history[-1][0], model.history[-1][2])
    assert reports[-1].sample


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    path = tmp_path / "a.elman.checkpoint"
    LanguageModel(**OPTIONS).fit(TEXT, epochs=1, checkpoint=path)
    return path


@pytest.mark.parametrize(
    ("given", "how", "words"),
    [
        ({"hidden": 13}, {}, "hidden is 13 here and 12 in the checkpoint; leave it out to go on"),
        ({"cell": "rnn"}, {}, "cell is 'rnn' here and 'lstm' in the checkpoint"),
        ({}, {"epochs": 2}, "the checkpoint is of a run over 1 epoch, and cannot go on over 2 epochs"),
        ({}, {"time": "3m"}, "the checkpoint is of a run over 1 epoch, and cannot go on for 180 seconds"),
        ({}, {"seed": 3}, "seed is 3 here and 0 in the checkpoint"),
        ({}, {"inputs": TEXT + "a"}, r"the texts are not those that .*a\.elman\.checkpoint was made with; resume with"),
        ({}, {"validation": TEXT[:100]}, "the texts are not those"),
    ],
)
def test_what_does_not_agree_with_the_checkpoint(
    given: dict[str, object], how: dict[str, object], words: str, stopped: Path
) -> None:
    model = LanguageModel(**given)
    with pytest.raises(ValueError, match=words):
        model.fit(**{"inputs": TEXT, "resume": stopped, **how})
    with pytest.raises(ValueError, match="the model is not trained"):
        model.info()


def test_a_resumed_run_goes_on_with_the_same_checkpoint(stopped: Path, tmp_path: Path) -> None:
    before = stopped.read_bytes()
    LanguageModel().fit(TEXT, resume=stopped)
    assert stopped.read_bytes() == before, "there was nothing left to do"
    assert [file.name for file in tmp_path.iterdir()] == [stopped.name]
