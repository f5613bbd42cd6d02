"""The figures of `elman.Filler.evaluate`."""

import math

import numpy as np
import torch

from elman.data import Lexicon, Ragged
from elman.models.filler import FillNetwork
from elman.tasks.filling.scoring import score_rows

__all__ = ["fill_measures"]

_TOP = 5


def fill_measures(network: FillNetwork, lexicon: Lexicon, rows: Ragged, kind: str) -> dict[str, float | int]:
    """Hide each token of sentences in turn: how often it is found, and how probable it is.

    Parameters
    ----------
    network, lexicon, kind
        Of the model.
    rows
        Sentences with their marks.
    """
    is_word = torch.tensor([any(map(str.isalnum, token)) for token in lexicon])
    is_word[0] = True  # what is unknown is mostly a word
    groups = {"": torch.ones_like(is_word)} | ({} if kind == "chars" else {"_words": is_word})
    sums = {(side, group): np.zeros(4) for side in network.sides for group in groups}
    unknown = 0
    for _, _, found in score_rows(network, rows, network.sides):
        unknown += int((found[network.sides[0]].targets == 0).sum())
        for side, group in sums:
            judged = found[side]
            here = groups[group][judged.targets]
            ranks = judged.ranks[here]
            counts = [int((ranks == 0).sum()), int((ranks < _TOP).sum()), len(ranks)]
            sums[side, group] += np.array([*counts, float(judged.nats[here].double().sum())])
    figures: dict[str, float | int] = {}
    for (side, group), counted in sums.items():
        right, listed, count, nats = counted.tolist()
        before = "" if side == network.sides[0] else f"{side}_"
        total = max(count, 1.0)
        figures |= {
            f"{before}accuracy{group}": right / total,
            f"{before}top_{_TOP}{group}": listed / total,
            f"{before}nats_per_{'word' if group else 'token'}": nats / total,
        }
        if not group:
            figures[f"{before}perplexity"] = math.exp(min(nats / total, 700.0))
    of = {("words" if group else "tokens"): int(sums[network.sides[0], group][2]) for group in groups}
    return {**figures, **of, "sentences": len(rows), "unknown": unknown}
