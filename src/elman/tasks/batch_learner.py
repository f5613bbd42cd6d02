"""How a network learns from rows, sentences with labels say, batch by batch in random order."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from elman.data.buckets import Buckets
from elman.tasks.training import Judgement

__all__ = ["BatchLearner", "Losses", "Score"]

Losses = Callable[[np.ndarray[tuple[int], np.dtype[np.int64]], torch.Generator], Tensor]
"""From the numbers of some training rows, and what chance comes from, to their mean loss with its graph."""


class Score(NamedTuple):
    """How some validation rows were predicted; scores add up."""

    nats: float
    """Sum of the losses."""
    errors: float
    """How many are not right, by the task's own count: sentences, or tokens."""
    total: int
    """How many there are, of what is counted: what both are divided by."""


class Judge(Protocol):
    """From the numbers of some validation rows to their `Score`, without dropout and without a graph."""

    def __call__(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]], /) -> Score: ...


class BatchLearner:
    """What the training loop needs to know of rows (`elman.tasks.training.Learner`).

    The weights that are kept are those with the fewest errors, and of these those with the least loss: a network that
    goes on to learn is soon too sure of itself, so that its loss rises while it errs less.

    Parameters
    ----------
    network
        To be trained.
    training, validation
        The batches of the rows.
    losses
        Of a training batch.
    judge
        Of a validation batch.
    steps
        Mean T·N of a training batch, for the speed.
    show
        Writes a sample.
    """

    def __init__(
        self,
        network: nn.Module,
        training: Buckets,
        validation: Buckets,
        *,
        losses: Losses,
        judge: Judge,
        steps: int,
        show: Callable[[], str],
    ) -> None:
        self.network = network
        self.steps_per_epoch, self.tokens_per_step = training.per_epoch, steps
        self._training, self._validation = training, validation
        self._losses, self._judge, self._show = losses, judge, show
        self._next = 0  # number of the next batch

    def loss(self, generator: torch.Generator) -> Tensor:
        """Mean loss of the next batch."""
        rows = self._training[self._next]
        self._next += 1
        return self._losses(rows, generator)

    def position(self) -> dict[str, Tensor]:
        """The number of the next batch; the order of an epoch follows from the seed."""
        return {"next": torch.tensor(self._next)}

    def seek(self, position: dict[str, Tensor]) -> None:
        """Go on from a `position`."""
        self._next = int(position["next"])

    @torch.no_grad()
    def validate(self, tokens: int | None) -> Judgement:
        """Loss and errors of the validation rows, or of batches from all over them with about `tokens` steps."""
        self.network.eval()
        scores = [self._judge(rows) for rows in self._validation.once(tokens)]
        self.network.train()
        nats, errors, total = (sum(column) for column in zip(*scores, strict=True))
        loss, rate = nats / max(total, 1), errors / max(total, 1)
        return Judgement(loss, rank=rate + 1e-6 * loss)

    def sample(self) -> str:
        """Show what has been learnt, without dropout."""
        self.network.eval()
        try:
            return self._show()
        finally:
            self.network.train()  # whatever was done to show it
