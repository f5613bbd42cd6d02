"""Tags as words arrive: one step of the network a word, in constant memory."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data.tokens import normalise
from elman.data.word_forms import WordForms
from elman.models.tagger import TaggerNetwork, TaggerState
from elman.tasks.tagging.batches import tokens_of

__all__ = ["StreamState", "TagStepper", "TaggedToken"]


class StreamState(NamedTuple):
    """What a stream has read: a value, of constant size."""

    network: TaggerState
    tag: int
    """The last tag by number; K before the first."""


@dataclass(frozen=True)
class TaggedToken:
    """What is said of a word when it arrives."""

    tag: str
    probability: float
    intent: str | None  # of the sentence so far; None if the model has learnt none


class TagStepper:
    """Tags a stream: ``tagged, state = step(word, state)``; None is the state before the first word.

    The tags are those of `elman.Tagger.predict` for the whole sentence.
    """

    def __init__(
        self,
        network: TaggerNetwork,
        forms: WordForms,
        tags: list[str],
        intents: list[str],
        allowed: Tensor | None,
    ) -> None:
        self._network, self._forms, self._tags, self._intents = network.eval(), forms, tags, intents
        self._allowed = allowed

    @torch.no_grad()
    def __call__(self, token: str, state: StreamState | None = None) -> tuple[TaggedToken, StreamState]:
        """Read one word.

        Parameters
        ----------
        token
            The next one.
        state
            From the last call; it is not changed.

        Returns
        -------
        tagged
            Its tag, and the intent of what has been read.
        state
            After it.
        """
        before = StreamState(self._network.initial_state(1), len(self._tags)) if state is None else state
        table = self._forms.describe([normalise(token)])
        scores, intents, after = self._network.step(tokens_of(table, np.zeros((1, 1), np.int64)), before.network)
        possible = scores[0]
        if self._allowed is not None:
            possible = possible.where(self._allowed[before.tag, : len(self._tags)], -torch.inf)
        tag = int(possible.argmax())
        intent = None if intents is None else self._intents[int(intents[0].argmax())]
        return TaggedToken(self._tags[tag], float(scores[0].softmax(0)[tag]), intent), StreamState(after, tag)
