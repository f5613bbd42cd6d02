"""How a NARX network learns: first from the true past outputs, then from its own, with gradients through time."""

from typing import NamedTuple

import torch
from torch import Tensor

from elman.models import NARXNetwork

__all__ = ["NARXLearner", "STEPS_PER_EPOCH", "Segment", "windows"]

STEPS_PER_EPOCH = 10
_WINDOWS = 64  # free runs of one step at most
_BLIND = 1e6  # an error above this, in units of the spread, says no more than that the run has run away


class Segment(NamedTuple):
    """A stretch of a series, as the network sees it."""

    outputs: Tensor
    """(memory + T, M): those of the steps before the first one included."""
    exogenous: Tensor
    """(T, E), of step `memory` on."""


def windows(segment: Segment, delays: int, warm: int, length: int, starts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cut stretches of `warm` + `length` steps side by side.

    Parameters
    ----------
    segment
        (memory + T, M) outputs and (T, E) exogenous numbers.
    delays
        K of the network, at most the segment's memory.
    warm, length
        Steps that are read with the true outputs first, and steps of the free run.
    starts
        (N,) numbers of the first warm step, from 0.

    Returns
    -------
    outputs
        (K + warm, N, M): before the free run.
    exogenous
        (warm + length, N, E).
    targets
        (length, N, M).
    """
    memory = segment.outputs.shape[0] - segment.exogenous.shape[0]
    steps = torch.arange(warm + length).unsqueeze(1) + starts
    past = torch.arange(memory - delays, memory + warm).unsqueeze(1) + starts
    return segment.outputs[past], segment.exogenous[steps], segment.outputs[memory + steps[warm:]]


class NARXLearner:
    """What the training loop needs to know of a NARX network (`elman.tasks.training.Learner`).

    Parameters
    ----------
    network
        To be trained.
    training
        What it learns from.
    validation
        What it is judged by: free runs.
    horizon
        Steps of a free run.
    series_parallel
        So many steps of training see the true past outputs; those after them run freely.
    warm
        Steps that a recurrent network reads before a free run.
    """

    def __init__(
        self,
        network: NARXNetwork,
        training: Segment,
        validation: Segment,
        horizon: int,
        series_parallel: int,
        warm: int = 0,
    ) -> None:
        self.network, self.steps_per_epoch = network, STEPS_PER_EPOCH
        self._training, self._validation = training, validation
        self._series_parallel, self._warm, self._next = series_parallel, warm, 0
        self._length = max(1, min(horizon, len(training.exogenous) - warm))
        self.tokens_per_step = _WINDOWS * self._length

    def loss(self, generator: torch.Generator) -> Tensor:
        """Mean square of the errors, in units of the outputs' spread."""
        self._next += 1
        if self._next <= self._series_parallel:
            outputs, exogenous = (part.unsqueeze(1) for part in self._training)
            memory = len(outputs) - len(exogenous)
            predictions, _ = self.network(outputs[memory - self.network.delays :], exogenous)
            error: Tensor = (predictions - outputs[memory:])[self._warm :].square().mean()
            return error
        room = len(self._training.exogenous) - self._warm - self._length + 1
        starts = torch.arange(room)
        if room > _WINDOWS:
            starts = torch.randperm(room, generator=generator)[:_WINDOWS]
        return self._free_run(self._training, self._length, starts)

    def position(self) -> dict[str, Tensor]:
        """The number of the next step."""
        return {"next": torch.tensor(self._next)}

    def seek(self, position: dict[str, Tensor]) -> None:
        """Go on from a `position`."""
        self._next = int(position["next"])

    @torch.no_grad()
    def validate(self, tokens: int | None = None) -> float:
        """Mean square error of free runs that begin all over the validation data, eight for each horizon."""
        T = len(self._validation.exogenous) - self._warm
        length = max(1, min(self._length, T))
        starts = torch.arange(0, T - length + 1, max(1, length // 8))
        error = float(self._free_run(self._validation, length, starts))
        return min(error, _BLIND) if error == error else _BLIND

    def sample(self) -> str:
        """Nothing to show."""
        return ""

    def _free_run(self, segment: Segment, length: int, starts: Tensor) -> Tensor:
        network, warm = self.network, self._warm
        outputs, exogenous, targets = windows(segment, network.delays, warm, length, starts)
        state = None
        if warm:
            _, state = network(outputs, exogenous[:warm])
        past = outputs[len(outputs) - network.delays :]
        predictions, _ = network.free_run(past, exogenous[warm:], state)
        error: Tensor = (predictions - targets).square().mean()
        return error
