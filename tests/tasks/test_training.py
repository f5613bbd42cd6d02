"""The loop, with a learner of one number and a clock that only moves when the test says so."""

import csv
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from elman.tasks import checkpoint, training
from elman.tasks.checkpoint import Run
from elman.tasks.model_file import ModelFileError, read_file, write_file
from elman.tasks.plan import Plan, annealed, make_plan
from elman.tasks.training import Progress, TrainingError, train


class Clock:
    """Seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class OneNumber:
    """A learner that draws its one weight towards 0; steps and validations take the time they are told."""

    steps_per_epoch, tokens_per_step = 10, 100

    def __init__(self, clock: Clock, step: float = 0.1, validation: float = 0.5) -> None:
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.network.weight, 5.0)
        self.clock, self.step_seconds, self.validation_seconds = clock, step, validation
        self.next = 0
        self.limits: list[int | None] = []
        self.rates: list[float] = []

    def loss(self, generator: torch.Generator) -> Tensor:
        self.clock.now += self.step_seconds
        self.next += 1
        return (self.network.weight**2).sum() * torch.rand(1, generator=generator)

    def position(self) -> dict[str, Tensor]:
        return {"next": torch.tensor(self.next)}

    def seek(self, position: dict[str, Tensor]) -> None:
        self.next = int(position["next"])

    def validate(self, tokens: int | None) -> float:
        self.clock.now += self.validation_seconds
        self.limits.append(tokens)
        return self.network.weight.abs().item()

    def sample(self) -> str:
        return f"weight {self.network.weight.item():.3f}"


def go(
    plan: Plan, learner: OneNumber, see: Callable[[Progress], None] | None = None, **options: object
) -> tuple[Run, list[Progress]]:
    reports: list[Progress] = []

    def keep(report: Progress) -> None:
        reports.append(report)
        if see is not None:
            see(report)

    run = Run()
    train(learner, plan, 0.05, run, progress=keep, clock=learner.clock, **options)  # type: ignore[arg-type]
    return run, reports


@pytest.mark.parametrize(
    ("budget", "step", "validation"), [(60, 0.2, 0.5), (60, 2.0, 5.0), (5, 0.02, 0.3), (200, 0.5, 0)]
)
def test_a_time_budget_is_kept_and_used(budget: float, step: float, validation: float) -> None:
    clock = Clock()
    run, reports = go(Plan(seconds=budget), OneNumber(clock, step, validation))
    used = clock.now - 1000
    assert budget - 2 * step - 0.3 * validation - 1e-6 <= used <= budget + 1e-6
    assert reports[-1].seconds == run.seconds == pytest.approx(used)
    assert run.validated_step == run.step, "the last weights are validated"


def test_the_schedule_follows_the_clock_to_its_end() -> None:
    _, reports = go(Plan(seconds=60, warm_up=0.1, final_rate=0.02), OneNumber(Clock()))
    rates = [report.learning_rate for report in reports]
    highest = max(range(len(rates)), key=rates.__getitem__)
    assert rates[0] == pytest.approx(0.02 * 0.05)
    assert reports[highest].fraction == pytest.approx(0.1, abs=0.02)
    assert rates == sorted(rates[:highest]) + sorted(rates[highest:], reverse=True)
    assert rates[-1] < 0.0202 * 0.05
    assert [r.fraction for r in reports] == sorted(r.fraction for r in reports)
    assert reports[-1].fraction == 1.0


def test_steps_that_become_slower_still_end_in_time() -> None:
    clock = Clock()
    learner = OneNumber(clock, step=0.05)

    def slow_down(report: Progress) -> None:
        learner.step_seconds = 0.05 if report.fraction < 0.5 else 0.4

    go(Plan(seconds=60), learner, slow_down)
    assert 58 < clock.now - 1000 <= 60.4


def test_validation_stays_a_small_part_of_the_time() -> None:
    learner = OneNumber(Clock(), step=0.1, validation=1.0)
    run, reports = go(Plan(seconds=300), learner)
    assert 6 <= len(run.history) <= 12  # 3 % of 300 seconds, and the first and the last
    assert run.history[0][1] < 0.03 * 300, "the first one comes early"
    assert [r.sample is not None for r in reports].count(True) == len(run.history)
    assert len(set(learner.limits)) == 1, "all on the same part of the text"
    assert learner.limits[0] == pytest.approx(0.004 * 300 * 3 * 100 / 0.1, rel=0.01)


def test_epochs_count_steps_and_validate_everything() -> None:
    learner = OneNumber(Clock())
    run, reports = go(Plan(epochs=7), learner)
    assert (run.step, learner.next) == (70, 70)
    assert [step for step, _, _ in run.history] == [10, 20, 30, 40, 50, 60, 70]
    assert set(learner.limits) == {None}
    assert [r.fraction for r in reports] == pytest.approx([(i + 1) / 70 for i in range(70)])
    assert (reports[34].epoch, reports[-1].seconds_left) == (3.5, 0)


def test_a_single_epoch_is_validated_on_the_way() -> None:
    run, _ = go(Plan(epochs=1), OneNumber(Clock()))
    assert [step for step, _, _ in run.history] == [2, 4, 6, 8, 10]


def test_reports_say_what_happened() -> None:
    run, reports = go(Plan(epochs=3), OneNumber(Clock(), step=0.1, validation=0.5))
    first, last = reports[0], reports[-1]
    assert (first.step, first.validation_loss, first.best_validation_loss, first.sample) == (1, None, None, None)
    assert first.tokens_per_second == pytest.approx(1000)
    assert last.validation_loss == run.validation_loss == run.history[-1][2]
    assert last.best_validation_loss == min(loss for _, _, loss in run.history)
    assert last.sample is not None
    assert last.sample.startswith("weight")


def test_the_best_weights_are_kept() -> None:
    learner = OneNumber(Clock())
    validations = iter([3.0, 1.0, 2.0, 1.0, 5.0])
    learner.validate = lambda tokens: next(validations)  # type: ignore[method-assign]
    weights = []
    run, _ = go(Plan(epochs=5), learner, lambda report: weights.append(learner.network.weight.item()))
    assert (run.best_loss, run.best_step) == (1.0, 20)
    assert learner.network.weight.item() == weights[19] != weights[-1]


def test_the_whole_gradient_is_clipped() -> None:
    """AdamW does not see the size of a gradient; so see what it is given."""
    learner = OneNumber(Clock())
    norms = []
    step = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *arguments: object) -> object:
        norms.append(abs(learner.network.weight.grad.item()))
        return step(self, *arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", spy)
        go(Plan(epochs=1, clip=0.25), learner)
    assert len(norms) == 10
    assert max(norms) <= 0.25 + 1e-6


def test_a_loss_that_is_no_number_stops_the_run_with_good_weights(tmp_path: Path) -> None:
    learner = OneNumber(Clock())
    good = learner.loss

    def bad(generator: torch.Generator) -> Tensor:
        return good(generator) * (float("nan") if learner.next == 24 else 1.0)

    learner.loss = bad  # type: ignore[method-assign]
    words = r"the loss became nan at step 24, the weights of step 20 with validation loss .* are kept; try"
    with pytest.raises(TrainingError, match=words + r" a lower learning rate, for instance 0\.01 instead of 0\.05"):
        go(Plan(epochs=5, checkpoint=tmp_path / "c"), learner)
    assert 0 < learner.network.weight.item() < 5
    assert read_file(tmp_path / "c", "checkpoint").description["run"]["step"] == 1


def test_a_validation_loss_that_is_no_number_stops_the_run() -> None:
    learner = OneNumber(Clock())
    validations = iter([3.0, float("inf")])
    learner.validate = lambda tokens: next(validations)  # type: ignore[method-assign]
    with pytest.raises(
        TrainingError, match="the loss became inf at step 20, the weights of step 10 with validation loss"
    ):
        go(Plan(epochs=5), learner)


def test_a_gradient_that_is_infinite_stops_the_run() -> None:
    learner = OneNumber(Clock())
    learner.loss = lambda generator: (learner.network.weight - 5.0).abs().sqrt().sum()  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="the gradient became infinite at step 1, before the first validation"):
        go(Plan(epochs=1), learner)
    assert learner.network.weight.item() == 5.0


def resumed(path: Path, plan: Plan, **options: object) -> tuple[OneNumber, Run]:
    learner = OneNumber(Clock())
    run, _ = go(plan, learner, resume=read_file(path, "checkpoint"), **options)
    return learner, run


@pytest.mark.parametrize("stop", [1, 2, 9, 10, 17, 30])
def test_a_resumed_run_gives_the_same_bits(stop: int, tmp_path: Path) -> None:
    plan = Plan(epochs=3, seed=4, checkpoint=tmp_path / "c", checkpoint_every=1e-6)
    whole = OneNumber(Clock())
    unbroken, _ = go(plan, whole)

    class Killed(BaseException):
        pass

    def kill(report: Progress) -> None:
        if report.step == stop + 1:
            raise Killed

    if stop < 30:
        with pytest.raises(Killed):
            go(plan, OneNumber(Clock()), kill)
    learner, run = resumed(tmp_path / "c", plan)
    assert torch.equal(learner.network.weight, whole.network.weight)
    assert [(step, loss) for step, _, loss in run.history] == [(step, loss) for step, _, loss in unbroken.history]
    assert (run.loss, run.best_step, run.step) == (unbroken.loss, unbroken.best_step, 30)


def test_a_resumed_time_budget_spends_what_was_left(tmp_path: Path) -> None:
    clock = Clock()
    plan = Plan(seconds=60, checkpoint=tmp_path / "c")

    def interrupt(report: Progress) -> None:
        if report.seconds > 40:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        go(plan, OneNumber(clock), interrupt)
    assert 40 < clock.now - 1000 < 42
    before = read_file(tmp_path / "c", "checkpoint").description["run"]
    learner = OneNumber(Clock())
    run, reports = go(plan, learner, resume=read_file(tmp_path / "c", "checkpoint"))
    assert learner.clock.now - 1000 == pytest.approx(60 - before["seconds"], abs=0.7)
    assert reports[0].fraction == pytest.approx(before["seconds"] / 60, abs=0.03)
    assert (reports[0].step, run.history[0][0]) == (before["step"] + 1, before["history"][0][0])


def test_ctrl_c_waits_for_the_end_of_the_step_and_the_checkpoint(tmp_path: Path) -> None:
    learner = OneNumber(Clock())
    good = learner.loss

    def interrupted(generator: torch.Generator) -> Tensor:
        if learner.next == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return good(generator)

    learner.loss = interrupted  # type: ignore[method-assign]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        go(Plan(epochs=5, checkpoint=tmp_path / "c"), learner)
    assert signal.getsignal(signal.SIGINT) is before
    assert read_file(tmp_path / "c", "checkpoint").description["run"]["step"] == 5


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path) -> None:
    learner = OneNumber(Clock())

    def twice(generator: torch.Generator) -> Tensor:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second one was held back")

    learner.loss = twice  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        go(Plan(epochs=5, checkpoint=tmp_path / "c"), learner)
    assert not (tmp_path / "c").exists()


def test_checkpoints_are_written_at_once_and_then_regularly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def spy(
        path: Path,
        task: object,
        network: object,
        optimiser: object,
        generator: object,
        place: object,
        run: Run,
        keep_earlier: bool,
    ) -> None:
        assert keep_earlier == (not steps)
        steps.append(run.step)

    monkeypatch.setattr(training, "save_checkpoint", spy)
    go(Plan(seconds=20, checkpoint=tmp_path / "c", checkpoint_every=5), OneNumber(Clock(), validation=0.0))
    assert steps == [1, 51, 101, 151, 199]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    plan = Plan(epochs=2, checkpoint=tmp_path / "c")
    whole = OneNumber(Clock())
    go(plan, whole)
    learner, run = resumed(tmp_path / "c", plan)
    assert learner.clock.now == 1000
    assert torch.equal(learner.network.weight, whole.network.weight)
    assert run.step == 20


def test_the_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    go(Plan(epochs=1, checkpoint=tmp_path / "c"), OneNumber(Clock()))
    stored = read_file(tmp_path / "c", "checkpoint")
    learner = OneNumber(Clock())
    learner.network = nn.Linear(2, 2)
    with pytest.raises(ModelFileError, match="the checkpoint is of another network or run: Error"):
        go(Plan(epochs=1), learner, resume=stored)
    with pytest.raises(ModelFileError, match="the checkpoint is of another network or run: 'generator'"):
        go(Plan(epochs=1), OneNumber(Clock()), resume=stored._replace(tensors=without(stored.tensors, "generator")))


def without(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in tensors.items() if key != name}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_log_has_a_line_for_every_step(tmp_path: Path) -> None:
    run, reports = go(Plan(epochs=2), OneNumber(Clock()), log=tmp_path / "log.csv")
    lines = rows(tmp_path / "log.csv")
    assert [int(line["step"]) for line in lines] == list(range(1, 21))
    assert [float(line["loss"]) for line in lines] == pytest.approx([r.loss for r in reports], abs=1e-5)
    measured = [(line["step"], line["validation_loss"]) for line in lines if line["validation_loss"]]
    assert measured == [(str(step), f"{loss:.6f}") for step, _, loss in run.history]


def test_the_log_of_a_resumed_run_goes_on_where_the_checkpoint_is(tmp_path: Path) -> None:
    plan, log = Plan(epochs=2, checkpoint=tmp_path / "c", checkpoint_every=0.9), tmp_path / "log.csv"

    def kill(report: Progress) -> None:
        if report.step == 16:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        go(plan, OneNumber(Clock(), validation=0.0), kill, log=log)
    assert len(rows(log)) == 16
    go(plan, OneNumber(Clock()), resume=read_file(tmp_path / "c", "checkpoint"), log=log)
    assert [int(line["step"]) for line in rows(log)] == list(range(1, 21))


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot write the log .*none/log\.csv: No such file or directory"):
        go(Plan(epochs=1), OneNumber(Clock()), log=tmp_path / "none" / "log.csv")


def test_the_schedule_reaches_its_ends() -> None:
    assert annealed(0.0, 0.02, 0.02) == pytest.approx(0.02)
    assert annealed(0.02, 0.02, 0.02) == pytest.approx(1.0)
    assert annealed(1.0, 0.02, 0.02) == pytest.approx(0.02)
    assert annealed(0.51, 0.02, 0.02) == pytest.approx(0.51)


def test_plans_come_from_the_arguments_of_fit(tmp_path: Path) -> None:
    assert make_plan().seconds == 180.0
    assert make_plan(time="90s", seed=3) == Plan(seconds=90.0, seed=3)
    assert make_plan(epochs=2, checkpoint=tmp_path / "c", checkpoint_every="10s") == replace(
        Plan(epochs=2), checkpoint=tmp_path / "c", checkpoint_every=10.0
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"time": "3m", "epochs": 2}, ValueError, "time is '3m' and epochs 2; give one of them"),
        ({"time": "soon"}, ValueError, "time is 'soon', which is not a duration"),
        ({"epochs": 0}, ValueError, "epochs is 0, expected at least 1"),
        ({"epochs": 1.5}, TypeError, r"epochs is 1\.5, expected a whole number"),
        ({"seed": -1}, ValueError, "seed is -1, expected at least 0"),
        ({"checkpoint_every": "x"}, ValueError, "checkpoint_every is 'x', which is not a duration"),
        ({"checkpoint": "none/c"}, FileNotFoundError, "cannot write none/c: there is no folder"),
    ],
)
def test_plans_that_make_no_sense(arguments: dict[str, object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        make_plan(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "now", "words"),
    [
        ({"epochs": 3}, {"epochs": 4}, "is of a run over 3 epochs, and cannot go on over 4 epochs"),
        ({"epochs": 3}, {"time": 60}, "is of a run over 3 epochs, and cannot go on for 60 seconds"),
        ({"seconds": 90.0}, {"epochs": 4}, "is of a run for 90 seconds, and cannot go on over 4 epochs"),
        ({"epochs": 3, "seed": 5}, {"seed": 6}, "seed is 6 here and 5 in the checkpoint"),
    ],
)
def test_a_resumed_plan_is_the_checkpoints(
    own: dict[str, object], now: dict[str, object], words: str, tmp_path: Path
) -> None:
    plan = Plan(**own)  # type: ignore[arg-type]
    write_file(tmp_path / "c", "checkpoint", {"plan": plan.facts()}, {})
    stored = read_file(tmp_path / "c", "checkpoint")
    assert make_plan(resumed=stored) == plan
    with pytest.raises(ValueError, match=words):
        make_plan(**now, resumed=stored)  # type: ignore[arg-type]


def test_a_resumed_run_may_be_given_more_time(tmp_path: Path) -> None:
    write_file(tmp_path / "c", "checkpoint", {"plan": Plan(seconds=60).facts()}, {})
    assert make_plan(time="5m", resumed=read_file(tmp_path / "c", "checkpoint")).seconds == 300


def test_checkpoints_of_another_task_are_refused(tmp_path: Path) -> None:
    write_file(tmp_path / "c", "checkpoint", {"task": "tag"}, {})
    with pytest.raises(ModelFileError, match=r"c is of the task 'tag', expected 'lm'"):
        checkpoint.read_checkpoint(tmp_path / "c", "lm")
