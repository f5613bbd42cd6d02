"""Which tokens fill the blanks of a line: one token a blank, the most certain blank first."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from elman.models.filler import FillNetwork
from elman.tasks.filling.conditionals import Likely, Row, contexts_at, likely

__all__ = ["Line", "fill_lines", "likely_in"]

_OTHER = 0  # how a blank is read that is not filled yet: an unknown token
_PART = 8  # of the blanks of a line that are left, one in so many is filled in a round
_POLISH = 16  # rounds at most in which a filled blank may still change


@dataclass
class Line:
    """A sentence with its marks, and which of its tokens are blanks."""

    row: Row
    """(T + 2,); blanks hold what they are filled with so far."""
    blanks: Sequence[int]
    """Places, 0 … T - 1, rising."""
    open: list[int] = field(default_factory=list)
    """Which of the blanks, by their number, are not filled yet."""

    def content(self) -> Tensor:
        """(B,) what the blanks hold."""
        return torch.from_numpy(self.row[np.asarray(self.blanks, np.int64) + 1])

    def fill(self, number: int, token: int) -> None:
        """Put a token into the blank of this number."""
        self.row[self.blanks[number] + 1] = token


def fill_lines(network: FillNetwork, lines: Sequence[Line], among: Tensor | None = None) -> None:
    """Fill the blanks of lines, each with one token.

    A blank that is not filled is read as an unknown token.  In every round each blank that is left is predicted, and
    of each line the most certain one (of more than 8, the most certain eighth) is filled.  Then a blank whose content
    is not the most probable, given all others, is changed, of several the most certain one, until there is none.
    For one blank this is the most probable token; for more it is a search from one start: that no single change is
    better does not say that no two are.

    Parameters
    ----------
    network
        Any.
    lines
        Changed in place.
    among
        Tokens that alone are possible; None: all.
    """
    for line in lines:
        line.open = list(range(len(line.blanks)))
        for number in line.open:
            line.fill(number, _OTHER)
    waiting = [line for line in lines if line.open]
    while waiting:
        at = [[line.blanks[number] for number in line.open] for line in waiting]
        for line, (tokens, values) in zip(waiting, _split(_best(network, waiting, at, among), at), strict=True):
            certain = values[:, 0].argsort(descending=True, stable=True)[: -(-len(line.open) // _PART)].tolist()
            for index in certain:
                line.fill(line.open[index], int(tokens[index, 0]))
            filled = {line.open[index] for index in certain}
            line.open = [number for number in line.open if number not in filled]
        waiting = [line for line in waiting if line.open]
    _polish(network, [line for line in lines if len(line.blanks) > 1], among)


def _polish(network: FillNetwork, lines: Sequence[Line], among: Tensor | None) -> None:
    for _ in range(_POLISH):
        if not lines:
            return
        at = [line.blanks for line in lines]
        changed = []
        for line, (tokens, values) in zip(lines, _split(_best(network, lines, at, among), at), strict=True):
            differs = (tokens[:, 0] != line.content()).nonzero().squeeze(1)
            if len(differs):
                number = int(differs[values[differs, 0].argmax()])
                line.fill(number, int(tokens[number, 0]))
                changed.append(line)
        lines = changed


def likely_in(
    network: FillNetwork, lines: Sequence[Line], sides: Sequence[str], top: int, among: Tensor | None = None
) -> list[dict[str, Likely]]:
    """What can stand in each blank, given what the others hold: for each line, by side, (B, K).

    Parameters
    ----------
    network, lines, among
        As for `fill_lines`, which has filled them.
    sides
        Of the network's.
    top
        K.
    """
    at = [line.blanks for line in lines]
    contexts = contexts_at(network, [line.row for line in lines], at)
    found = {side: _split(likely(network, side, contexts, top, among), at) for side in sides}
    return [{side: found[side][number] for side in sides} for number in range(len(lines))]


def _best(network: FillNetwork, lines: Sequence[Line], at: Sequence[Sequence[int]], among: Tensor | None) -> Likely:
    return likely(network, network.sides[0], contexts_at(network, [line.row for line in lines], at), 1, among)


def _split(found: Likely, at: Sequence[Sequence[int]]) -> list[Likely]:
    """What was found for all places, line by line."""
    counts = [len(one) for one in at]
    if not sum(counts):
        return [Likely(found.tokens[:0], found.log_probabilities[:0]) for _ in counts]
    parts = zip(torch.split(found.tokens, counts), torch.split(found.log_probabilities, counts), strict=True)
    return [Likely(*pair) for pair in parts]
