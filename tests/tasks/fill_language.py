"""A small language whose middle word follows from both its neighbours, and from neither alone."""

import numpy as np
import torch

from elman import Filler
from elman.models.filler import FillNetwork

FIRST, MIDDLE, LAST = ["ann", "bob"], ["eats", "has", "sees", "buys"], ["figs", "nuts"]
SENTENCES = [f"{FIRST[i]} {MIDDLE[2 * i + j]} {LAST[j]} ." for i in range(2) for j in range(2)] + FIRST
TEXT = "\n".join(SENTENCES * 40)


def learnt(**options: object) -> Filler:
    """A filler of that language."""
    given = {"hidden": 16, "embedding": 12, "dropout": 0.0, "learning_rate": 0.02, "batch": 16, **options}
    return Filler(**given).fit(TEXT, validation=SENTENCES, epochs=20, threads=1)


def random_network(vocabulary: int = 9, seed: int = 0, **options: object) -> FillNetwork:
    """A small network whose answers are far from even."""
    torch.manual_seed(seed)
    network = FillNetwork(vocabulary, encoder="gru", hidden=6, embedding=5, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.8)
    return network


def framed_row(network: FillNetwork, tokens: list[int]) -> np.ndarray:
    """A sentence with its marks."""
    return np.array([network.begin, *tokens, network.end], np.int64)
