"""What a network says of some places of sentences of any length, in bounded memory."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data import Buckets, Ragged
from elman.models.encoders import Encoder, EncoderState, flipped
from elman.models.filler import Contexts, FillNetwork
from elman.tasks.filling.scoring import padded

__all__ = ["Likely", "contexts_at", "likely", "log_probabilities", "sentence_scores"]

_ROWS, _STEPS = 256, 1 << 14  # of a batch, padding counted; a longer sentence is read in pieces of so many steps
_LOGITS = 1 << 23  # P·V at once
_OTHER = 0  # the lexicon's entry for unknown tokens, which is never named

Row = npt.NDArray[np.int64]


class Likely(NamedTuple):
    """The most probable tokens of some places."""

    tokens: Tensor
    """(P, K), falling."""
    log_probabilities: Tensor
    """(P, K), ln P of each."""


@torch.inference_mode()
def contexts_at(network: FillNetwork, rows: Sequence[Row], at: Sequence[Sequence[int]]) -> Contexts:
    """What the two stacks know of some places.

    Parameters
    ----------
    network
        Any; no dropout is applied.
    rows
        Sentences with their marks, (T_n + 2,) each.
    at
        For each of them the tokens, 0 … T_n - 1, that are to be predicted.

    Returns
    -------
    Contexts
        (P, H) for all places, sentence after sentence; of a stack that the network has not, an empty tensor.
    """
    ragged = Ragged.collect(rows)
    counts = [len(one) for one in at]
    firsts = np.cumsum([0, *counts])
    width = network.hidden
    left = torch.empty(firsts[-1] if network.forwards is not None else 0, width)
    right = torch.empty(firsts[-1] if network.backwards is not None else 0, width)
    for chosen in Buckets(ragged.lengths, rows=_ROWS, steps=_STEPS).once():
        batch, lengths = padded(ragged, chosen)
        place = torch.tensor([place for row in chosen.tolist() for place in at[row]], dtype=torch.int64)
        owner = torch.tensor([n for n, row in enumerate(chosen.tolist()) for _ in at[row]], dtype=torch.int64)
        into = torch.tensor([firsts[row] + k for row in chosen.tolist() for k in range(counts[row])], dtype=torch.int64)
        if network.forwards is not None:
            left[into] = _states(network, network.forwards, batch[:-1], lengths + 1, place, owner)
        if network.backwards is not None:
            inwards = flipped(batch, lengths + 2)[:-1]
            behind = lengths[owner] - 1 - place  # the steps after which it has read all that stands behind
            right[into] = _states(network, network.backwards, inwards, lengths + 1, behind, owner)
    return Contexts(left, right)


def _states(
    network: FillNetwork, encoder: Encoder, batch: Tensor, lengths: Tensor, step: Tensor, owner: Tensor
) -> Tensor:
    """(P, H): the outputs of a stack after some steps of some rows."""
    found = torch.empty(len(step), encoder.output_size)
    state: EncoderState | None = None
    size = max(1, _STEPS // batch.shape[1])
    for first in range(0, len(batch), size):
        piece = batch[first : first + size]
        output, state = encoder(network.vectors(piece), state, (lengths - first).clamp(0, len(piece)))
        here = (step >= first) & (step < first + size)
        found[here] = output[step[here] - first, owner[here]]
    return found


@torch.inference_mode()
def likely(network: FillNetwork, side: str, contexts: Contexts, top: int, among: Tensor | None = None) -> Likely:
    """The most probable tokens of some places.

    Parameters
    ----------
    network
        Any.
    side
        From what: ``both``, ``left`` or ``right``.
    contexts
        Of `contexts_at`.
    top
        K; fewer if there are no more.
    among
        (C,) tokens that alone are possible; None: all, of which "other" is left out of the list, not out of the sum.
    """
    z = _read_out(network, side, contexts)
    size = max(1, _LOGITS // network.vocabulary)
    tokens, values = [], []
    for first in range(0, len(z), size):
        found = network.logits(z[first : first + size], among).log_softmax(-1)
        if among is None:
            found[:, _OTHER] = -torch.inf
        best = found.topk(min(top, found.shape[1] - (among is None)))
        tokens.append(best.indices if among is None else among[best.indices])
        values.append(best.values)
    if not tokens:
        return Likely(torch.empty(0, 0, dtype=torch.int64), torch.empty(0, 0))
    return Likely(torch.cat(tokens), torch.cat(values))


@torch.inference_mode()
def log_probabilities(network: FillNetwork, contexts: Contexts, tokens: Tensor) -> Tensor:
    """ln P of one token of each place, (P,), from all that the network reads."""
    return _log_probabilities(network, _read_out(network, network.sides[0], contexts), tokens, None)


@torch.inference_mode()
def sentence_scores(network: FillNetwork, rows: Sequence[Row]) -> Tensor:
    """How probable sentences are as a whole, (S,) ln of it.

    The language model that reads forwards gives P(x_0 … x_T </s>), that which reads backwards the same probability by
    the chain rule from the other end.  They differ by what either has learnt; this is their geometric mean.
    """
    ragged = Ragged.collect(rows)
    everything = torch.arange(network.vocabulary + 2)  # a mark is as possible as a token
    sides = [side for side in network.sides if side != "both"]
    scores = torch.zeros(len(rows), dtype=torch.float64)
    for chosen in Buckets(ragged.lengths, rows=_ROWS, steps=_STEPS).once():
        batch, lengths = padded(ragged, chosen)
        contexts = network.contexts(network.vectors(batch), lengths)
        there = torch.arange(len(batch) - 1).unsqueeze(1) <= lengths
        owner = torch.from_numpy(chosen).expand(len(batch) - 1, -1)[there]
        for side in sides:
            states, targets = (contexts.left, batch[1:]) if side == "left" else (contexts.right, batch[:-1])
            z = network.read_out(side, states[there])
            values = _log_probabilities(network, z, targets[there], everything)
            scores.index_add_(0, owner, values.double() / len(sides))
    return scores


def _read_out(network: FillNetwork, side: str, contexts: Contexts) -> Tensor:
    states = {"both": contexts, "left": (contexts.left,), "right": (contexts.right,)}[side]
    return network.read_out(side, *states)


def _log_probabilities(network: FillNetwork, z: Tensor, tokens: Tensor, among: Tensor | None) -> Tensor:
    """(P,) ln P of one token each, (P,), among all tokens or those given, from z (P, E)."""
    values = torch.empty(len(z))
    size = max(1, _LOGITS // network.vocabulary)
    for first in range(0, len(z), size):
        part = slice(first, first + size)
        found = network.logits(z[part], among).log_softmax(-1)
        values[part] = found.gather(1, tokens[part].unsqueeze(1)).squeeze(1)
    return values
