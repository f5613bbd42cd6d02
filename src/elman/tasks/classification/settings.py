"""The hyperparameters of a classifier: checked, completed from the data, compared with a checkpoint's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Self

import torch

from elman.data.labelled import RowFormat
from elman.models.classifier import POOLINGS, ClassifierNetwork
from elman.models.encoders import ENCODERS
from elman.tasks.classification.coding import TOKENS
from elman.tasks.classification.defaults import Size, defaults_for, letters_for
from elman.tasks.hyperparameters import check_number, check_whole, merged

__all__ = ["ClassifierHyperparameters", "ClassifierSettings"]


@dataclass(frozen=True)
class ClassifierSettings:
    """All that a classifier and its training need: what model files keep as ``config``."""

    text: str | None  # columns or keys of the text in a table or in JSON lines
    label: str | None  # of the label
    series: str | None  # key of a series in JSON lines
    several: bool  # whether a row has several labels, or none
    tokens: str | None  # what a text is cut into; None: rows are series
    lowercase: bool
    encoder: str  # feedforward, tdnn, rnn, gru or lstm
    bidirectional: bool
    layers: int  # L
    hidden: int  # H, the width of each layer and direction
    delays: int  # K of a TDNN's layers
    dilation: int  # d of a TDNN's layers
    embedding: int  # E, the width of a token's vector
    pooling: str  # last, mean or max
    ngrams: int  # n, of the bag beside the encoder; 0: none
    letters: int  # of the longest n-grams of letters inside a token that the bag weighs; 0: it weighs none
    buckets: int  # places that n-grams of two and more tokens, and those of letters, share
    bag_rate: float  # how many times faster than the encoder the bag learns
    vocabulary: int  # entries of the table of tokens at most, "other" included
    class_weights: str | dict[str, float] | None  # of the loss
    dropout: float
    word_dropout: float
    smoothing: float  # part of a label's probability that the loss gives to all classes alike
    batch: int  # N, rows of a training step
    longest: int  # steps of a row that training reads
    passes: int  # over the data, of a timed run at most
    learning_rate: float  # of AdamW, the highest of the schedule

    def new_network(self, classes: int, vocabulary: int, channels: int, seed: int) -> ClassifierNetwork:
        """A network with first weights drawn from `seed`; torch's own random state stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ClassifierNetwork(
                classes,
                vocabulary=vocabulary,
                channels=channels,
                encoder=self.encoder,
                layers=self.layers,
                hidden=self.hidden,
                bidirectional=self.bidirectional,
                delays=self.delays,
                dilation=self.dilation,
                embedding=self.embedding,
                pooling=self.pooling,
                ngrams=self.ngrams,
                buckets=self.buckets if self.ngrams > 1 or self.letters else 0,
                bag_rate=self.bag_rate,
                dropout=self.dropout,
                word_dropout=self.word_dropout,
            )

    @property
    def form(self) -> RowFormat:
        """Where in a row of a file its parts are."""
        return RowFormat(self.text, self.label, self.series)


@dataclass(frozen=True)
class ClassifierHyperparameters:
    """What `elman.Classifier` takes: `ClassifierSettings` of which None stands for "choose"."""

    text: str | None = None
    label: str | None = None
    series: str | None = None
    several: bool | None = None
    tokens: str | None = None
    lowercase: bool | None = None
    encoder: str = "gru"
    bidirectional: bool | None = None
    layers: int = 1
    hidden: int | None = None
    delays: int = 2
    dilation: int = 1
    embedding: int | None = None
    pooling: str | None = None
    ngrams: int | None = None
    letters: int | None = None
    buckets: int | None = None
    bag_rate: float | None = None
    vocabulary: int | None = None
    class_weights: str | Mapping[str, float] | None = None
    dropout: float | None = None
    word_dropout: float | None = None
    smoothing: float | None = None
    batch: int | None = None
    longest: int | None = None
    passes: int | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        for name, known in (("encoder", ENCODERS), ("tokens", TOKENS), ("pooling", POOLINGS)):
            _check_word(name, getattr(self, name), known)
        if self.bidirectional and self.encoder == "feedforward":
            raise ValueError("bidirectional adds nothing to a feed-forward encoder, which sees one step; leave it out")
        if self.series is not None and (self.text is not None or self.tokens is not None):
            raise ValueError(f"series is {self.series!r}: rows of series have no text and no tokens")
        for name in ("layers", "hidden", "dilation", "embedding", "buckets", "batch", "longest", "passes"):
            check_whole(name, getattr(self, name), 1)
        for name, least in (("delays", 0), ("ngrams", 0), ("letters", 0), ("vocabulary", 2)):
            check_whole(name, getattr(self, name), least)
        if self.letters == 1:
            raise ValueError("letters is 1, expected 0 (no n-grams of letters) or at least 2")
        if self.letters and self.ngrams == 0:
            raise ValueError(f"letters is {self.letters}, but there is no bag: ngrams is 0")
        if self.buckets is not None and self.buckets & (self.buckets - 1):
            raise ValueError(f"buckets is {self.buckets}, expected a power of 2")
        for name in ("dropout", "word_dropout", "smoothing"):
            check_number(name, getattr(self, name), lambda value: 0 <= value < 1, "from 0 up to, not including, 1")
        check_number("bag_rate", self.bag_rate, lambda value: 0 < value < math.inf, "more than 0")
        check_number("learning_rate", self.learning_rate, lambda value: 0 < value < math.inf, "more than 0")
        _check_weights(self.class_weights)

    @property
    def form(self) -> RowFormat:
        """Where in a row of a file its parts are, as far as it is said."""
        return RowFormat(self.text, self.label, self.series)

    def completed(self, size: Size, *, tokens: str | None, several: bool) -> ClassifierSettings:
        """Choose what is None, from the data: what a text is cut into, and how much there is of it."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        chosen = {
            "text": None,
            "label": None,
            "series": None,
            "class_weights": None,
            "bidirectional": self.encoder != "feedforward",
            "pooling": "mean" if self.encoder == "feedforward" else "max",
            "lowercase": tokens in ("words", "subwords"),
            "letters": letters_for(tokens, self.ngrams),
            **asdict(defaults_for(size, tokens)),
            **given,
            "tokens": tokens,
            "several": several,
        }
        for name in ("ngrams", "letters"):
            if tokens is None and chosen[name]:
                raise ValueError(f"{name} is {getattr(self, name)}, but series have none: leave it out")
        return ClassifierSettings(**chosen)

    def resumed(self, stored: dict[str, Any]) -> Self:
        """Take what was left at its default from a checkpoint; ValueError if something that was given differs."""
        own = {f.name for f in fields(self)}
        return type(self)(**merged(self, {name: value for name, value in stored.items() if name in own}))


def _check_word(name: str, word: object, known: Sequence[str]) -> None:
    if word is not None and word not in known:
        near = get_close_matches(str(word), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} is {word!r}, expected one of {', '.join(known)}{hint}")


def _check_weights(weights: object) -> None:
    if weights is None or weights == "balanced":
        return
    if not isinstance(weights, Mapping):
        raise ValueError(f"class_weights is {weights!r}, expected 'balanced' or a weight for each label")
    for label, weight in weights.items():
        if not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ValueError(f"class_weights has {weight!r} for the label {label!r}, expected a number of at least 0")
