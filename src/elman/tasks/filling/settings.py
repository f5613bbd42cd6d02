"""The hyperparameters of a filler: checked, completed, compared with a checkpoint's."""

import math
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Self

import torch

from elman.data.sentences import check_sentence_kind
from elman.models.encoders import ENCODERS
from elman.models.filler import SIDES, FillNetwork
from elman.tasks.hyperparameters import check_number, check_whole, merged

__all__ = ["FillHyperparameters", "FillSettings"]

_WORD_MIN_COUNT, _MAX_SIZE = 2, 50_000  # of the vocabulary; characters get an entry wherever they are seen


@dataclass(frozen=True)
class FillSettings:
    """All that a filler and its training need: what model files keep as ``config``."""

    tokens: str  # words, chars or segments
    encoder: str  # of each direction
    reads: str  # both, left or right
    layers: int  # L
    hidden: int  # H of each direction
    embedding: int  # E, the width of a token's vector
    dropout: float  # part of vectors and states that is blanked in training
    word_dropout: float  # part of the tokens that the network reads as unknown in training
    min_count: int  # tokens seen less often are unknown
    max_size: int  # entries of the vocabulary at most
    samples: int  # tokens that each right one is compared with in a step; as many as there are, or more: all
    batch: int  # N, sentences of a step
    learning_rate: float  # of AdamW, the highest of the schedule

    def new_network(self, vocabulary: int, seed: int) -> FillNetwork:
        """A network with first weights drawn from `seed`; torch's own random state stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return FillNetwork(
                vocabulary,
                encoder=self.encoder,
                layers=self.layers,
                hidden=self.hidden,
                embedding=self.embedding,
                reads=self.reads,
                dropout=self.dropout,
            )


@dataclass(frozen=True)
class FillHyperparameters:
    """What `elman.Filler` takes: `FillSettings` of which None stands for "choose"."""

    tokens: str | None = None
    encoder: str = "lstm"
    reads: str = "both"
    layers: int = 1
    hidden: int = 256
    embedding: int = 128
    dropout: float = 0.3
    word_dropout: float = 0.1
    min_count: int | None = None
    max_size: int = _MAX_SIZE
    samples: int = 1024
    batch: int = 32
    learning_rate: float = 4e-3

    def __post_init__(self) -> None:
        if self.tokens is not None:
            check_sentence_kind(self.tokens)
        for name, value, known in (("encoder", self.encoder, ENCODERS), ("reads", self.reads, SIDES)):
            if value not in known:
                near = get_close_matches(str(value), known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(known)}{hint}")
        for name in ("layers", "hidden", "embedding", "min_count", "samples", "batch"):
            check_whole(name, getattr(self, name), 1)
        check_whole("max_size", self.max_size, 2)
        for name in ("dropout", "word_dropout"):
            check_number(name, getattr(self, name), lambda value: 0 <= value < 1, "from 0 up to, not including, 1")
        check_number("learning_rate", self.learning_rate, lambda value: 0 < value < math.inf, "more than 0")

    def completed(self, kind: str) -> FillSettings:
        """Choose what is None; `kind` is how the text is cut."""
        chosen = {"tokens": kind, "min_count": self.least_count}
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return FillSettings(**{**chosen, **given})

    @property
    def least_count(self) -> int:
        """How often a token must be seen to get an entry in the vocabulary."""
        return self.min_count or (1 if self.tokens == "chars" else _WORD_MIN_COUNT)

    def resumed(self, stored: dict[str, Any]) -> Self:
        """Take what was left at its default from a checkpoint; ValueError if something that was given differs."""
        return type(self)(**merged(self, stored))
