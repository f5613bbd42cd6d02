"""How well hidden tokens are predicted: how probable they are, and at which place of the list they stand."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data import Buckets, Ragged
from elman.models.filler import Contexts, FillNetwork

__all__ = ["Judged", "judged", "padded", "places", "score_rows"]

_LOGITS = 1 << 23  # P·V at once: bounds the memory whatever the vocabulary
_ROWS, _STEPS = 256, 1 << 14  # of a batch
_NEVER = torch.iinfo(torch.int64).max


class Judged(NamedTuple):
    """How tokens that were hidden, one at a time, are predicted."""

    nats: Tensor
    """(P,) -ln P of each."""
    ranks: Tensor
    """(P,) how many tokens but "other" are more probable; no number is larger than that of an unknown one."""
    targets: Tensor
    """(P,) what each is."""


def padded(rows: Ragged, chosen: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Some sentences as a batch: (T + 2, N) with their marks, and (N,) how many tokens each has."""
    return rows.padded(chosen), torch.from_numpy(rows.lengths[chosen] - 2)


def places(
    side: str, batch: Tensor, lengths: Tensor, contexts: Contexts, marks: bool = False
) -> tuple[tuple[Tensor, ...], Tensor]:
    """What is predicted, and the states from which it is.

    Parameters
    ----------
    side
        From what: ``both``, ``left`` or ``right``.
    batch, lengths, contexts
        (T + 2, N), (N,), and what the network has read of them.
    marks
        Whether the mark that a direction comes to is predicted, too: the end, from the left; the begin, from the right.

    Returns
    -------
    states
        (P, H): of the left, of the right, or of both.
    targets
        (P,) tokens, step by step, and within a step row by row.
    """
    left, right = contexts
    T = len(batch) - 2
    step = torch.arange(T + 1).unsqueeze(1)
    tokens = step < lengths  # (T + 1, N), false at T
    there = step <= lengths if marks else tokens
    if side == "left":
        return (left[there],), batch[1:][there]
    if side == "right":
        if marks:
            return (right[there],), batch[:-1][there]
        return (right[1:][tokens[:-1]],), batch[1:-1][tokens[:-1]]
    inside = tokens[:-1]
    return (left[:-1][inside], right[1:][inside]), batch[1:-1][inside]


@torch.inference_mode()
def judged(network: FillNetwork, batch: Tensor, lengths: Tensor, sides: Sequence[str]) -> dict[str, Judged]:
    """Hide each token of sentences in turn, and predict it from one side or both.

    Parameters
    ----------
    network
        Any; no dropout is applied.
    batch, lengths
        (T + 2, N) and (N,).
    sides
        Of the network's.
    """
    contexts = network.contexts(network.vectors(batch), lengths)
    found = {}
    for side in sides:
        states, targets = places(side, batch, lengths, contexts)
        nats, ranks = torch.empty(len(targets)), torch.empty(len(targets), dtype=torch.int64)
        size = max(1, _LOGITS // network.vocabulary)
        for first in range(0, len(targets), size):
            part = slice(first, first + size)
            logits = network.logits(network.read_out(side, *(state[part] for state in states)))
            nats[part] = F.cross_entropy(logits, targets[part], reduction="none")
            own = logits.gather(1, targets[part].unsqueeze(1))
            ranks[part] = (logits[:, 1:] > own).sum(1)
        found[side] = Judged(nats, ranks.masked_fill(targets == 0, _NEVER), targets)
    return found


def score_rows(
    network: FillNetwork, rows: Ragged, sides: Sequence[str]
) -> Iterator[tuple[npt.NDArray[np.int64], Tensor, dict[str, Judged]]]:
    """Score sentences batch by batch.

    Yields
    ------
    chosen
        (N,) numbers of the rows of the batch.
    owners
        (P,) which of these each predicted token belongs to.
    scores
        Of each side.
    """
    for chosen in Buckets(rows.lengths, rows=_ROWS, steps=_STEPS).once():
        batch, lengths = padded(rows, chosen)
        inside = torch.arange(len(batch) - 2).unsqueeze(1) < lengths
        owners = torch.arange(len(chosen)).expand(len(batch) - 2, -1)[inside]
        yield chosen, owners, judged(network, batch, lengths, sides)
