"""Candidates of several tokens for one blank: a search over lengths, and the choice among given ones.

For a candidate c = c_1 … c_l between what stands left and right of the blank::

    q(c) = Π_i P(c_i | left c_1 … c_{i-1},  l - i unknown tokens, right)      by both directions
    s(c) = P(left c right)                                                    by the two language models
    Z_l  = Σ s(c) / Σ q(c), over the candidates of length l                   ∝ P(l | left, right)
    P(c) ∝ Z_l q(c)

q is the chain rule within a length, so that what the blank may hold of one token is exactly as probable as in a blank
of one token; it compares candidates of one length.  s compares lengths: by Bayes' rule s(c) is P(left l right) q(c),
whatever c.  Approximated are: P(c_i | …) with tokens to its right that are not known yet, which the network has learnt
from sentences with some tokens unknown; that s and q are of different outputs of the network, which is why Z_l is taken
over all candidates of a length; and the search, which keeps the best few beginnings of each length.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from elman.models.filler import FillNetwork
from elman.tasks.filling.conditionals import Row, contexts_at, likely, log_probabilities, sentence_scores

__all__ = ["Phrase", "among_phrases", "best_phrases"]

_OTHER = 0  # how a token that is not known yet is read
_BEAM, _WIDEST = 8, 64  # beginnings kept of each length: as many as are asked for, within these bounds
_REACH = 128  # tokens on either side of the blank that are read


class Phrase(NamedTuple):
    """What can stand in a blank."""

    tokens: tuple[int, ...]
    log_probability: float


def best_phrases(network: FillNetwork, row: Row, place: int, longest: int, top: int) -> list[Phrase]:
    """The most probable contents of a blank of 1 … `longest` tokens that a search finds.

    Parameters
    ----------
    network
        Any.
    row
        (T + 2,) a sentence with its marks.
    place
        0 … T - 1: the token that is the blank.
    longest
        L.
    top
        How many.

    Returns
    -------
    list of Phrase
        Falling; their probabilities add up to less than 1 by what was not found.
    """
    left, right = _around(row, place)
    found: list[Phrase] = []
    for length in range(1, longest + 1):
        found += _beam(network, left, right, length, min(max(_BEAM, top), _WIDEST))
    return _over_lengths(network, left, right, found)[:top]


def among_phrases(network: FillNetwork, row: Row, place: int, phrases: Sequence[Sequence[int]]) -> list[Phrase]:
    """How probable each of some contents of a blank is if it is one of them, falling.

    Parameters
    ----------
    network, row, place
        As for `best_phrases`.
    phrases
        Of one token or more each.
    """
    left, right = _around(row, place)
    found = _over_lengths(network, left, right, _chained(network, left, right, phrases))
    total = torch.tensor([phrase.log_probability for phrase in found], dtype=torch.float64).logsumexp(0).item()
    return [Phrase(phrase.tokens, phrase.log_probability - total) for phrase in found]


def _around(row: Row, place: int) -> tuple[Row, Row]:
    """What stands left and right of a blank, marks included, as far as it is read."""
    return row[max(0, place + 1 - _REACH) : place + 1], row[place + 2 : place + 2 + _REACH]


def _rows(left: Row, right: Row, beginnings: Sequence[Sequence[int]], length: int) -> list[Row]:
    """Sentences in which some beginnings of a phrase stand, and the rest of its `length` is unknown."""
    return [
        np.concatenate([left, np.asarray([*begun, *[_OTHER] * (length - len(begun))], np.int64), right])
        for begun in beginnings
    ]


def _beam(network: FillNetwork, left: Row, right: Row, length: int, width: int) -> list[Phrase]:
    kept = [Phrase((), 0.0)]
    for index in range(length):
        rows = _rows(left, right, [phrase.tokens for phrase in kept], length)
        contexts = contexts_at(network, rows, [[len(left) - 1 + index]] * len(rows))
        tokens, values = likely(network, network.sides[0], contexts, width)
        longer = [
            Phrase((*phrase.tokens, token), phrase.log_probability + value)
            for phrase, *pair in zip(kept, tokens.tolist(), values.tolist(), strict=True)
            for token, value in zip(*pair, strict=True)
        ]
        kept = sorted(longer, key=lambda phrase: -phrase.log_probability)[:width]
    return kept


def _chained(network: FillNetwork, left: Row, right: Row, phrases: Sequence[Sequence[int]]) -> list[Phrase]:
    """q of each phrase."""
    steps = [(number, index) for number, phrase in enumerate(phrases) for index in range(len(phrase))]
    rows = [
        row for phrase in phrases for i in range(len(phrase)) for row in _rows(left, right, [phrase[:i]], len(phrase))
    ]
    contexts = contexts_at(network, rows, [[len(left) - 1 + index] for _, index in steps])
    values = log_probabilities(network, contexts, torch.tensor([phrases[n][i] for n, i in steps]))
    sums = torch.zeros(len(phrases), dtype=torch.float64)
    sums.index_add_(0, torch.tensor([number for number, _ in steps]), values.double())
    return [Phrase(tuple(phrase), value) for phrase, value in zip(phrases, sums.tolist(), strict=True)]


def _over_lengths(network: FillNetwork, left: Row, right: Row, phrases: Sequence[Phrase]) -> list[Phrase]:
    """Weigh phrases of several lengths, by ln Z of each; of one length they stay as they are."""
    lengths = [len(phrase.tokens) for phrase in phrases]
    if len(set(lengths)) > 1:
        rows = [np.concatenate([left, np.asarray(phrase.tokens, np.int64), right]) for phrase in phrases]
        whole = sentence_scores(network, rows)
        q = torch.tensor([phrase.log_probability for phrase in phrases], dtype=torch.float64)
        of = torch.tensor(lengths)
        evidence = {n: (whole[of == n].logsumexp(0) - q[of == n].logsumexp(0)).item() for n in sorted(set(lengths))}
        total = torch.tensor(list(evidence.values()), dtype=torch.float64).logsumexp(0).item()
        phrases = [
            Phrase(phrase.tokens, phrase.log_probability + evidence[len(phrase.tokens)] - total) for phrase in phrases
        ]
    return sorted(phrases, key=lambda phrase: -phrase.log_probability)
