"""The training loop: one for every task.

A task hands in a `Learner`, which knows its network, its data and its loss; a `Plan` says how long and how fast to
learn.  The loop adds the schedule, clipping, the optimiser, validation, the best weights, checkpoints and reports.
"""

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from elman.tasks.checkpoint import Run, restore, save_checkpoint
from elman.tasks.log import Log
from elman.tasks.model_file import Stored
from elman.tasks.optimisers import make_optimisers
from elman.tasks.plan import Plan, annealed

__all__ = ["Judgement", "Learner", "Progress", "TrainingError", "train", "using_threads"]

# Validation within a time budget: the first one early, so that there is something to see; then so seldom that all of
# them together stay a small part of the budget.  Each reads as much of the validation data as it has time for.
_FIRST_VALIDATION = 0.02  # of the budget, and some steps, of which the speed can be known
_FIRST_STEPS = 10
_SHORTEST_GAP, _LONGEST_GAP = 0.05, 0.2  # of the budget
_VALIDATION_SHARE = 0.03
_ONE_VALIDATION = 0.004
_FORWARD = 3  # predicting is about so many times faster than training

_THREADS_A_CORE = 16  # at most: more have been meant for something else

_EPOCH_VALIDATIONS = 5  # of a run over epochs at least; else one an epoch
_SMOOTHING = 0.02  # weight of the newest step in the loss and the speed that are reported


class TrainingError(ValueError):
    """The loss is no longer a number.  The message says what to try, and whether good weights were kept."""


class Judgement(NamedTuple):
    """What a validation found, where not the loss alone decides which weights are kept."""

    loss: float
    rank: float
    """The weights with the lowest are kept."""


class Learner(Protocol):
    """What the loop needs to know of a task."""

    steps_per_epoch: int
    tokens_per_step: int

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    def loss(self, generator: torch.Generator) -> Tensor:
        """Mean loss of the next batch, with its graph; chance comes from `generator` alone."""

    def position(self) -> dict[str, Tensor]:
        """Where the learner stands in its data, as tensors."""

    def seek(self, position: dict[str, Tensor]) -> None:
        """Go on from there."""

    def validate(self, tokens: int | None) -> float | Judgement:
        """Mean loss of the validation data, or of about `tokens` tokens from all over it, without dropout.

        The weights with the least loss are kept, or with the lowest rank if a `Judgement` says it.
        """

    def sample(self) -> str:
        """Show what has been learnt."""


@dataclass(frozen=True)
class Progress:
    """A report of one step."""

    step: int
    seconds: float  # since the first step, earlier parts of a resumed run included
    fraction: float  # of the whole run, 0 … 1
    loss: float  # of training, nats a token, smoothed
    validation_loss: float | None  # the last one measured
    best_validation_loss: float | None
    tokens_per_second: float  # of training, smoothed
    seconds_left: float
    learning_rate: float
    epoch: float  # passes over the data so far
    sample: str | None  # only when a new validation was made


def train(
    learner: Learner,
    plan: Plan,
    learning_rate: float,
    run: Run,
    *,
    task: dict[str, Any] | None = None,
    resume: Stored | None = None,
    progress: Callable[[Progress], None] | None = None,
    log: str | os.PathLike[str] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Train a network until the plan is fulfilled, and leave it with its best weights.

    Parameters
    ----------
    learner
        The task's network, data and loss.
    plan
        How long and how fast.
    learning_rate
        The highest of the schedule.
    run
        New; is filled in with what happens.
    task
        What a checkpoint shall say of the task, JSON-able.
    resume
        A checkpoint to go on from.  A run over epochs then gives the same bits as an unbroken one; a run of
        a given time spends what was left of it.
    progress
        Called after every step.
    log
        CSV file with a line for every step.
    clock
        Seconds that only rise.

    Raises
    ------
    TrainingError
        If the loss or the gradient is no longer finite; the network has the best weights so far, if there are any.
    KeyboardInterrupt
        After Ctrl-C, when the step under way is done and the checkpoint is written.  A second Ctrl-C stops at once.
    OSError
        If the checkpoint or the log cannot be written.
    """
    network, generator = learner.network, torch.Generator().manual_seed(plan.seed)
    parameters = list(network.parameters())
    optimisers = make_optimisers(network, learning_rate, plan.weight_decay)
    if resume is not None:
        learner.seek(restore(resume, network, optimisers, generator, run))
    groups = [group for optimiser in optimisers for group in optimiser.param_groups]
    facts = {**(task or {}), "plan": plan.facts()}
    start, saved = clock() - run.seconds, -math.inf  # the first checkpoint is written at once: a bad disk shows early

    with Log(log, run.step) as record, _held_interrupts() as interrupted, _best_weights_at_the_end(network, run):
        while not (_over(plan, run, learner) and run.validated_step == run.step):
            began = clock()
            height = annealed(_fraction(plan, run, learner), plan.warm_up, plan.final_rate)
            for group in groups:
                group["lr"] = group["peak"] * height
            loss = learner.loss(generator)
            loss.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(parameters, plan.clip)
            if not math.isfinite(loss.item() + norm.item()):
                raise _not_finite(run, run.step + 1, learning_rate, loss.item())
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
            run.step += 1
            run.seconds = clock() - start
            _smooth(run, loss.item(), clock() - began)

            validated = _over(plan, run, learner) or _validation_due(plan, run, learner)
            sample = None
            if validated:
                if not math.isfinite(validation_loss := _validate(plan, run, learner)):
                    raise _not_finite(run, run.step, learning_rate, validation_loss)
                sample = learner.sample() if progress is not None else None
                run.seconds = clock() - start
                run.validation_seconds = run.seconds - run.validated_at
            report = _report(plan, run, learner, learning_rate * height, sample)
            record(
                run.step,
                run.seconds,
                report.epoch,
                report.learning_rate,
                report.loss,
                run.validation_loss if validated else None,
            )
            if progress is not None:
                progress(report)
            stop = interrupted()
            last = validated and _over(plan, run, learner)
            if plan.checkpoint is not None and (last or stop or run.seconds - saved >= plan.checkpoint_every):
                began = clock()
                state = network, optimisers, generator, learner.position(), run
                save_checkpoint(plan.checkpoint, facts, *state, keep_earlier=resume is None and saved == -math.inf)
                saved = run.seconds = clock() - start
                run.saving_seconds = clock() - began
            if stop:
                raise KeyboardInterrupt


def _total_steps(plan: Plan, learner: Learner) -> int:
    return (plan.epochs or 0) * learner.steps_per_epoch


def _time_for_steps(plan: Plan, run: Run) -> float:
    """Seconds of the budget up to which steps may run: what is left is for the last validation and saving twice."""
    assert plan.seconds is not None
    return plan.seconds - 1.2 * run.validation_seconds - 2 * run.saving_seconds - run.step_seconds


def _fraction(plan: Plan, run: Run, learner: Learner) -> float:
    """Where the run stands, 0 … 1."""
    if plan.seconds is None:
        return run.step / _total_steps(plan, learner)
    passed = 0.0 if plan.passes is None else run.step / (plan.passes * learner.steps_per_epoch)
    return min(1.0, max(passed, run.seconds / max(_time_for_steps(plan, run), 1e-9)))


def _over(plan: Plan, run: Run, learner: Learner) -> bool:
    if run.step == 0:
        return False
    if plan.seconds is None:
        return run.step >= _total_steps(plan, learner)
    enough = plan.passes is not None and run.step >= plan.passes * learner.steps_per_epoch
    return enough or run.seconds >= _time_for_steps(plan, run)


def _smooth(run: Run, loss: float, seconds: float) -> None:
    weight = max(_SMOOTHING, 1.0 / run.step)
    run.loss = loss if run.loss is None else run.loss + weight * (loss - run.loss)
    run.step_seconds += weight * (seconds - run.step_seconds)


def _validation_due(plan: Plan, run: Run, learner: Learner) -> bool:
    if plan.seconds is None:
        interval = min(learner.steps_per_epoch, math.ceil(_total_steps(plan, learner) / _EPOCH_VALIDATIONS))
        return run.step % interval == 0
    if run.validated_step == 0:
        return run.seconds >= _FIRST_VALIDATION * plan.seconds and run.step >= _FIRST_STEPS
    wanted = run.validation_seconds / _VALIDATION_SHARE
    gap = min(max(_SHORTEST_GAP * plan.seconds, wanted), _LONGEST_GAP * plan.seconds)
    return run.seconds - run.validated_at >= gap and _time_for_steps(plan, run) - run.seconds >= gap / 2


def _validate(plan: Plan, run: Run, learner: Learner) -> float:
    """Measure the validation loss, and keep the weights if they are the best."""
    if plan.seconds is not None and run.validation_tokens is None:
        speed = _FORWARD * learner.tokens_per_step / max(run.step_seconds, 1e-9)
        run.validation_tokens = max(1024, int(_ONE_VALIDATION * plan.seconds * speed))
    found = learner.validate(run.validation_tokens)
    loss, rank = found if isinstance(found, Judgement) else (found, found)
    run.validation_loss, run.validated_step, run.validated_at = loss, run.step, run.seconds
    run.history.append((run.step, run.seconds, loss))
    if math.isfinite(loss) and (run.best_rank is None or rank < run.best_rank):
        run.best_loss, run.best_rank, run.best_step = loss, rank, run.step
        run.best = {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}
    return loss


def _report(plan: Plan, run: Run, learner: Learner, rate: float, sample: str | None) -> Progress:
    if plan.seconds is None:
        left = (_total_steps(plan, learner) - run.step) * run.step_seconds
    else:
        left = max(0.0, plan.seconds - run.seconds)
        if plan.passes is not None:
            left = min(left, (plan.passes * learner.steps_per_epoch - run.step) * run.step_seconds)
    return Progress(
        step=run.step,
        seconds=run.seconds,
        fraction=_fraction(plan, run, learner),
        loss=run.loss or 0.0,
        validation_loss=run.validation_loss,
        best_validation_loss=run.best_loss,
        tokens_per_second=learner.tokens_per_step / max(run.step_seconds, 1e-9),
        seconds_left=left,
        learning_rate=rate,
        epoch=run.step / learner.steps_per_epoch,
        sample=sample,
    )


def _not_finite(run: Run, step: int, learning_rate: float, loss: float) -> TrainingError:
    what = f"the loss became {loss}" if not math.isfinite(loss) else "the gradient became infinite"
    kept = "before the first validation, so that there is nothing to keep"
    if run.best:
        kept = f"the weights of step {run.best_step:,} with validation loss {run.best_loss:.3f} are kept"
    advice = f"try a lower learning rate, for instance {learning_rate / 4:.1g} instead of {learning_rate:g}"
    return TrainingError(f"{what} at step {step:,}, {kept}; {advice}")


def check_threads(number: int | None) -> None:
    """Raise ValueError for a number of threads that makes no sense here."""
    if number is None:
        return
    most = _THREADS_A_CORE * (os.cpu_count() or 1)
    if number < 1:
        raise ValueError(f"threads is {number}, expected at least 1, or None to leave them as they are")
    if number > most:
        raise ValueError(f"threads is {number}, expected at most {most}: this machine has {os.cpu_count()} processors")


@contextlib.contextmanager
def using_threads(number: int | None) -> Iterator[None]:
    """Let PyTorch and the kernels use so many threads for a while; None changes nothing."""
    check_threads(number)
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _best_weights_at_the_end(network: nn.Module, run: Run) -> Iterator[None]:
    try:
        yield
    finally:
        if run.best:
            network.load_state_dict(run.best)


@contextlib.contextmanager
def _held_interrupts() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until it is asked for, between two steps; a second one goes through at once."""
    held = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield held.is_set  # signals do not come here, or are ignored on purpose
        return

    def hold(number: int, frame: FrameType | None) -> None:
        held.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, hold)
    try:
        yield held.is_set
    finally:
        signal.signal(signal.SIGINT, before)
