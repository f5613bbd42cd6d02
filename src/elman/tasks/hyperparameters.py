"""The hyperparameters of a language model: checked, completed from the defaults, compared with a checkpoint's."""

import math
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Self

import torch

from elman.data.tokens import check_kind
from elman.models import CELLS, LanguageNetwork
from elman.tasks.defaults import defaults_for

__all__ = ["Hyperparameters", "Settings", "check_number", "check_whole", "embedding_width", "merged"]

_LARGE_VOCABULARY, _WIDEST_EMBEDDING = 512, 256  # more tokens than this get an embedding rather than 1-of-N codes
_CHANGEABLE = ("learning_rate",)  # by a resumed run


@dataclass(frozen=True)
class Settings:
    """All that a language model and its training need: what model files keep as ``config``."""

    cell: str  # rnn, gru or lstm
    tokens: str  # chars, bytes, words or segments
    tied: bool  # whether the output layer shares the embedding's weight
    layers: int  # L
    hidden: int  # H, the width of each
    embedding: int  # E, the width of a token's vector; 0 feeds 1-of-N codes
    dropout: float  # part of each layer's outputs that is blanked in training
    batch: int  # N, streams read side by side
    window: int  # T, steps over which gradients are propagated
    learning_rate: float  # of AdamW, the highest of the schedule

    def new_network(self, vocabulary: int, seed: int) -> LanguageNetwork:
        """A network with first weights drawn from `seed`; torch's own random state stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return LanguageNetwork(
                vocabulary,
                cell=self.cell,
                layers=self.layers,
                hidden=self.hidden,
                embedding=self.embedding,
                tied=self.tied,
                dropout=self.dropout,
            )


@dataclass(frozen=True)
class Hyperparameters:
    """What `elman.LanguageModel` takes: `Settings` of which None stands for "choose"."""

    cell: str = "lstm"
    tokens: str = "chars"
    tied: bool = False
    layers: int | None = None
    hidden: int | None = None
    embedding: int | None = None
    dropout: float | None = None
    batch: int | None = None
    window: int | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            near = get_close_matches(str(self.cell), CELLS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"cell is {self.cell!r}, expected one of {', '.join(CELLS)}{hint}")
        check_kind(self.tokens)
        for name, least in (("layers", 1), ("hidden", 1), ("embedding", 0), ("batch", 1), ("window", 1)):
            check_whole(name, getattr(self, name), least)
        check_number("dropout", self.dropout, lambda value: 0 <= value < 1, "from 0 up to, not including, 1")
        check_number("learning_rate", self.learning_rate, lambda value: 0 < value < math.inf, "more than 0")
        if self.tied and self.embedding is not None and self.embedding != (self.hidden or self.embedding or None):
            width = f"is {self.embedding} wide" if self.embedding else "is absent (1-of-N codes)"
            raise ValueError(f"tied needs an embedding as wide as the hidden layer, {self.hidden}; it {width}")

    def completed(self, budget: float, size: int, vocabulary: int) -> Settings:
        """Choose what is None, by `defaults_for` and the number of different tokens."""
        chosen = asdict(defaults_for(budget, size, self.cell))
        if self.tied:
            width = self.hidden or self.embedding or chosen["hidden"]
            chosen |= {"hidden": width, "embedding": width}
        elif vocabulary > _LARGE_VOCABULARY and chosen["embedding"] == 0:
            chosen["embedding"] = min(_WIDEST_EMBEDDING, self.hidden or chosen["hidden"])
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return Settings(**{**chosen, **given})

    def resumed(self, stored: dict[str, Any]) -> Self:
        """Take what was left at its default from a checkpoint; what was given must be what the checkpoint has.

        The learning rate may be changed: a run that went astray can go on with a lower one.

        Raises
        ------
        ValueError
            If a value differs; the message names the first.
        """
        return type(self)(**merged(self, stored))


def merged(given: Any, stored: dict[str, Any], changeable: tuple[str, ...] = _CHANGEABLE) -> dict[str, Any]:
    """The fields of a dataclass of hyperparameters, where they are at their defaults those of a checkpoint.

    Raises ValueError if one that was given differs from the checkpoint's and is not `changeable`.
    """
    chosen = {f.name: getattr(given, f.name) for f in fields(given) if getattr(given, f.name) != f.default}
    for name, value in chosen.items():
        if name not in changeable and value != stored[name]:
            raise ValueError(
                f"{name} is {value!r} here and {stored[name]!r} in the checkpoint; leave it out to go on, "
                "or start anew without resume"
            )
    return {**stored, **chosen}


def embedding_width(embedding: int | str | None) -> int | None:
    """The width of an embedding: ``none`` is 1-of-N, an embedding of no width."""
    if not isinstance(embedding, str):
        return embedding
    if embedding != "none":
        raise ValueError(f"embedding is {embedding!r}, expected a width or 'none' for 1-of-N codes")
    return 0


def check_whole(name: str, value: object, least: int) -> None:
    """Raise TypeError or ValueError unless a value is a whole number of at least `least`, or None."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected a whole number, at least {least}")
    if value < least:
        raise ValueError(f"{name} is {value}, expected at least {least}")


def check_number(name: str, value: object, fits: Any, expected: str) -> None:
    """Raise TypeError or ValueError unless a value is a number that `fits`, or None."""
    if value is None:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected a number {expected}")
    if not fits(value):
        raise ValueError(f"{name} is {value}, expected {expected}")
