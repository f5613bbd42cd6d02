"""How long to learn and how fast: time, epochs and seed as `fit` takes them, and the schedule of the learning rate."""

import math
import os
from dataclasses import dataclass, replace
from typing import Any

from elman.tasks.duration import parse_duration
from elman.tasks.model_file import Stored, check_writable

__all__ = ["Plan", "annealed", "make_plan"]

_DEFAULT_TIME = "3m"


@dataclass(frozen=True)
class Plan:
    """A training run.  Exactly one of `seconds` and `epochs` is given."""

    seconds: float | None = None  # from the first step to the end of the last validation and saving
    epochs: int | None = None  # passes over the data
    seed: int = 0  # of all chance
    warm_up: float = 0.02  # part of the run in which the learning rate rises
    final_rate: float = 0.02  # part of the learning rate where the schedule begins and ends
    clip: float = 1.0  # norm of the whole gradient at most (Pascanu et al., 2013)
    weight_decay: float = 0.01  # of AdamW
    checkpoint: str | os.PathLike[str] | None = None  # where to keep checkpoints; None keeps none
    checkpoint_every: float = 60.0  # seconds
    passes: int | None = None  # over the data, of a run of `seconds` at most: it ends when they are made

    def limited(self, passes: int) -> "Plan":
        """This plan; if it is of some seconds, with so many passes over the data at most, and annealed by then."""
        return self if self.seconds is None else replace(self, passes=passes)

    def facts(self) -> dict[str, Any]:
        """What a checkpoint keeps of the plan."""
        return {"seconds": self.seconds, "epochs": self.epochs, "seed": self.seed}


def make_plan(
    *,
    time: str | float | None = None,
    epochs: int | None = None,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: str | float = "60s",
    resumed: Stored | None = None,
) -> Plan:
    """Make a plan from the arguments of `fit`.

    Parameters
    ----------
    time, epochs
        One of them, or neither: 3 minutes, or what the resumed run has.
    seed
        0 … 2**63 - 1.
    checkpoint, checkpoint_every
        Where to keep checkpoints, and the duration between them.
    resumed
        The checkpoint to go on from.  Its epochs and seed stay; its time may be changed.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of another type, or does not agree with the resumed run.
    OSError
        If the checkpoint could not be written.
    """
    if time is not None and epochs is not None:
        raise ValueError(f"time is {time!r} and epochs {epochs}; give one of them")
    _check_whole("epochs", 1 if epochs is None else epochs, least=1)
    _check_whole("seed", seed, least=0)
    every = parse_duration(checkpoint_every, "checkpoint_every")
    if checkpoint is not None:
        check_writable(checkpoint)
    seconds = None if time is None else parse_duration(time)
    if resumed is not None:
        seconds, epochs, seed = _agreed(seconds, epochs, seed, resumed.description["plan"])
    elif epochs is None and seconds is None:
        seconds = parse_duration(_DEFAULT_TIME)
    return Plan(seconds, epochs, seed, checkpoint=checkpoint, checkpoint_every=every)


def annealed(fraction: float, warm_up: float, final_rate: float) -> float:
    """Part of the highest rate at a point of the run: a straight rise and half a cosine down, both from `final_rate`.

    >>> [round(annealed(f, warm_up=0.1, final_rate=0.02), 2) for f in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.02, 0.51, 1.0, 0.51, 0.02]
    """
    if fraction < warm_up:
        height = fraction / warm_up
    else:
        height = 0.5 * (1.0 + math.cos(math.pi * min(1.0, (fraction - warm_up) / (1.0 - warm_up))))
    return final_rate + (1.0 - final_rate) * height


def _agreed(
    seconds: float | None, epochs: int | None, seed: int, own: dict[str, Any]
) -> tuple[float | None, int | None, int]:
    """What a resumed run, whose `own` plan is known, does with what is given now."""
    if own["epochs"] is None:
        length = f"for {own['seconds']:g} seconds"
        agrees = epochs is None
    else:
        length = f"over {_epochs(own['epochs'])}"
        agrees = seconds is None and epochs in (None, own["epochs"])
    if not agrees:
        now = f"over {_epochs(epochs)}" if epochs is not None else f"for {seconds:g} seconds"
        raise ValueError(f"the checkpoint is of a run {length}, and cannot go on {now}; leave that out to resume it")
    if seed not in (0, own["seed"]):
        raise ValueError(f"seed is {seed} here and {own['seed']} in the checkpoint; leave it out to resume")
    return seconds or own["seconds"], own["epochs"], own["seed"]


def _epochs(number: int) -> str:
    return f"{number} epoch{'s' if number > 1 else ''}"


def _check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected a whole number, at least {least}")
    if not least <= value < 2**63:
        raise ValueError(f"{name} is {value}, expected at least {least}{' and less than 2**63' if value > 0 else ''}")
