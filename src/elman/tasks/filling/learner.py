"""How a filler learns: every token of a sentence is hidden in turn, all in one pass."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from elman.data import Buckets
from elman.models.filler import FillNetwork
from elman.tasks.batch_learner import BatchLearner, Score
from elman.tasks.filling.sampled import Sample, draw_sample, sampled_cross_entropy
from elman.tasks.filling.scoring import judged, padded, places
from elman.tasks.filling.sentences import FillData
from elman.tasks.filling.settings import FillSettings
from elman.tasks.training import Judgement

__all__ = ["FillLearner"]

_JUDGED = 256  # sentences of a validation batch
_UNKNOWN = 0  # the lexicon's entry for unknown tokens
_SIDE_WEIGHT = 0.2  # of the loss of either language model beside that of both directions
_SIDE_PART = 0.5  # of the places at which either is asked in a step: the softmax is most of the cost


class FillLearner(BatchLearner):
    """What the training loop needs to know of sentences: the weights with the least loss are kept.

    Parameters
    ----------
    network
        To be trained.
    data
        Sentences.
    settings
        The batch, the samples and the dropout of words.
    seed
        Of the order of the batches.
    show
        Writes a sample.
    """

    network: FillNetwork

    def __init__(
        self, network: FillNetwork, data: FillData, settings: FillSettings, seed: int, show: Callable[[], str]
    ) -> None:
        training, validation = (
            Buckets(data.training.lengths, rows=settings.batch, seed=seed),
            Buckets(data.validation.lengths, rows=_JUDGED),
        )
        steps = round(float(data.training.lengths.mean() - 2) * settings.batch)
        super().__init__(
            network, training, validation, losses=self._loss_of, judge=self._score_of, steps=max(steps, 1), show=show
        )
        self._data, self._settings = data, settings
        self._frequencies = data.counts / data.counts.sum()

    def validate(self, tokens: int | None) -> Judgement:
        """Mean nats of a hidden token, which decides: how probable what is right is, not how often it is the first."""
        found = super().validate(tokens)
        return found._replace(rank=found.loss)

    def _loss_of(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]], generator: torch.Generator) -> Tensor:
        """Mean nats of a hidden token; the gradient is that of the two language models beside it, too."""
        network = self.network
        batch, lengths = padded(self._data.training, rows)
        read = self._with_words_dropped(batch, generator)
        contexts = network.contexts(network.vectors(read), lengths, network.masks(len(rows), generator))
        there = torch.arange(len(batch)).unsqueeze(1) < lengths + 2
        sample = draw_sample(batch[there], self._frequencies, self._settings.samples, generator)
        first, *beside = network.sides
        marks = first != "both"  # which stand on one side only
        loss = self._side_loss(sample, first, *places(first, batch, lengths, contexts, marks))
        for side in beside:
            states, targets = places(side, batch, lengths, contexts, marks=True)
            part = torch.rand(len(targets), generator=generator) < _SIDE_PART
            other = self._side_loss(sample, side, tuple(state[part] for state in states), targets[part])
            loss = loss + _SIDE_WEIGHT * (other - other.detach())
        return loss

    def _side_loss(self, sample: Sample, side: str, states: tuple[Tensor, ...], targets: Tensor) -> Tensor:
        network = self.network
        if side == "both":
            sample = sample.below(network.vocabulary)
        if not len(targets):
            return self.network.bias.sum() * 0.0
        return sampled_cross_entropy(network.logits(network.read_out(side, *states), sample.classes), targets, sample)

    def _with_words_dropped(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Some of the tokens as the network reads them unknown: what is blank or rare looks the same later."""
        rate = self._settings.word_dropout
        if not rate:
            return batch
        dropped = torch.rand(batch.shape, generator=generator) < rate
        return batch.masked_fill(dropped & (batch < self.network.vocabulary), _UNKNOWN)

    def _score_of(self, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Score:
        batch, lengths = padded(self._data.validation, rows)
        side = self.network.sides[0]
        nats, ranks, _ = judged(self.network, batch, lengths, (side,))[side]
        return Score(float(nats.sum()), int((ranks > 0).sum()), len(nats))
