"""How a tagger learns: the loss of a batch in which words are hidden at random, and what counts as an error."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.buckets import Buckets
from elman.data.tag_schemes import OUTSIDE, Slot, parts, slots
from elman.data.word_forms import FormTable
from elman.models.tagger import TaggerNetwork
from elman.tasks.batch_learner import BatchLearner, Score
from elman.tasks.tagging.batches import best_tags, tokens_of
from elman.tasks.tagging.data import TagData
from elman.tasks.tagging.settings import TaggerSettings

__all__ = ["tag_learner"]

_RARE = (
    0.25  # a word seen n times is taken for unknown in so many of n + so many cases (Kiperwasser and Goldberg, 2016)
)
_JUDGED_ROWS, _JUDGED_STEPS = 256, 1 << 14  # of a validation batch
_INTENT_WEIGHT = 1.0  # of the loss of a sentence's intent, beside the mean loss of its tags

Rows = np.ndarray[tuple[int], np.dtype[np.int64]]
Mask = npt.NDArray[np.bool_]


def tag_learner(
    network: TaggerNetwork,
    data: TagData,
    table: FormTable,
    settings: TaggerSettings,
    allowed: Tensor | None,
    seed: int,
    show: Callable[[], str],
) -> BatchLearner:
    """What the training loop needs to know (`elman.tasks.training.Learner`).

    Words are hidden while training, so that the network also goes by what stands around them: rare words and some of
    all words are taken for unknown, and of some slots nothing is shown at all.

    Parameters
    ----------
    network, data, table, settings
        The network, and what it learns from.
    allowed
        For `best_tags`.
    seed
        Of the order of the batches.
    show
        Writes a sample.
    """
    task = _Task(network, data, table, settings, allowed)
    lengths = data.rows.lengths
    training = Buckets(lengths[data.training], rows=settings.batch, seed=seed)
    validation = Buckets(lengths[data.validation], rows=_JUDGED_ROWS, steps=_JUDGED_STEPS)
    return BatchLearner(
        network,
        training,
        validation,
        losses=task.losses,
        judge=task.judge,
        steps=max(1, int(lengths[data.training].sum() / training.per_epoch)),
        show=show,
    )


class _Task:
    """The losses of training batches and the errors of validation batches."""

    def __init__(
        self,
        network: TaggerNetwork,
        data: TagData,
        table: FormTable,
        settings: TaggerSettings,
        allowed: Tensor | None,
    ) -> None:
        self._network, self._data, self._table = network, data, table
        self._settings, self._allowed = settings, allowed
        self._rarity = _RARE / (_RARE + np.bincount(table.words, data.counts))
        self._names = [*data.tags, *data.strange_tags]
        self._outside = np.array([tag == OUTSIDE for tag in self._names])
        self._goes_on = np.array([parts(tag)[0] in ("I", "E") for tag in self._names])

    def losses(self, rows: Rows, generator: torch.Generator) -> Tensor:
        """Mean loss of some training sentences."""
        rows = self._data.training[rows]
        numbers, lengths = self._numbers(rows)
        unknown, hidden = self._hiding(numbers, generator)
        tokens = tokens_of(self._table, numbers[..., 0], unknown=unknown, hidden=hidden)
        scores, intents = self._network(tokens, lengths, generator)
        loss = self._tag_nats(scores, numbers[..., 1], lengths) / max(1, int(lengths.sum()))
        return loss if intents is None else loss + _INTENT_WEIGHT * self._intent_nats(intents, rows) / len(rows)

    def judge(self, rows: Rows) -> Score:
        """Slots that are missed or wrong, and wrong intents, of some validation sentences."""
        rows = self._data.validation[rows]
        numbers, lengths = self._numbers(rows)
        scores, intents = self._network(tokens_of(self._table, numbers[..., 0]), lengths)
        nats = float(self._tag_nats(scores, numbers[..., 1], lengths))
        errors = self._wrong_slots(rows, best_tags(scores, lengths, self._network.crf, self._allowed))
        if intents is not None:
            nats += float(self._intent_nats(intents, rows))
            true = self._data.intents_of[rows]
            errors += int(((intents.argmax(1).numpy() != true) & (true >= 0)).sum())
        return Score(nats, errors, int(lengths.sum()))

    def _numbers(self, rows: Rows) -> tuple[npt.NDArray[np.int64], Tensor]:
        """(T, N, 2) tokens and tags, 0 behind the end, and the lengths."""
        return self._data.rows.padded(rows).numpy(), torch.from_numpy(self._data.rows.lengths[rows])

    def _hiding(self, numbers: npt.NDArray[np.int64], generator: torch.Generator) -> tuple[Mask, Mask]:
        """Which words are taken for unknown, and which tokens are not shown at all, (T, N)."""
        tokens, tags = numbers[..., 0], numbers[..., 1]
        p = self._settings.word_dropout
        chance = _chances(tokens.shape, generator)
        unknown = chance < p + (1 - p) * self._rarity[self._table.words[tokens]]
        begins = ~self._goes_on[tags]
        slot = np.cumsum(begins, 0)  # its number in the sentence, or of the word outside
        drawn = np.take_along_axis(_chances((len(tokens) + 1, tokens.shape[1]), generator), slot, 0)
        return unknown, (chance < p / 2) | ((drawn < self._settings.slot_dropout) & ~self._outside[tags])

    def _tag_nats(self, scores: Tensor, tags: npt.NDArray[np.int64], lengths: Tensor) -> Tensor:
        """Sum of -log P of the tags; a tag that training did not meet is left out, with a CRF its whole sentence."""
        there = np.arange(len(tags))[:, None] < lengths.numpy()
        known = there & (tags < len(self._data.tags))
        if self._network.crf is not None:
            whole = torch.from_numpy((known == there).all(0))
            probability = self._network.crf.log_probability(scores, torch.from_numpy(np.where(known, tags, 0)), lengths)
            return -(probability * whole).sum()
        targets = torch.from_numpy(np.where(known, tags, -1)).flatten()
        return F.cross_entropy(scores.flatten(0, 1), targets, ignore_index=-1, reduction="sum")

    def _intent_nats(self, scores: Tensor, rows: Rows) -> Tensor:
        """Sum of -log P of the intents that there are and that training has met."""
        true = self._data.intents_of[rows]
        targets = torch.from_numpy(np.where(true < len(self._data.intents), true, -1))
        return F.cross_entropy(scores, targets, ignore_index=-1, reduction="sum")

    def _wrong_slots(self, rows: Rows, best: Tensor) -> int:
        """How many slots were missed and how many found that are none; of tags that mark no slots, wrong tags."""
        errors = 0
        for column, row in enumerate(rows):
            true, found = self._data.rows[int(row)][:, 1], best[: self._data.rows.lengths[row], column].numpy()
            if self._data.scheme == "raw":
                errors += int((true != found).sum())
            elif (true != found).any():
                errors += len(set(self._slots(true)) ^ set(self._slots(found)))
        return errors

    def _slots(self, tags: npt.NDArray[np.integer]) -> list[Slot]:
        return slots([self._names[tag] for tag in tags])


def _chances(shape: tuple[int, ...], generator: torch.Generator) -> npt.NDArray[np.float32]:
    """Numbers from 0 to 1."""
    return torch.rand(shape, generator=generator).numpy()
