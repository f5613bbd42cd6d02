"""The hyperparameters of a tagger: checked, completed from the data."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any, Self

import torch
from torch import Tensor

from elman.data.word_forms import CASES, WordForms
from elman.models.encoders import ENCODERS
from elman.models.tagger import TaggerNetwork
from elman.tasks.hyperparameters import check_number, check_whole, merged
from elman.tasks.slot_values import KINDS
from elman.tasks.tagging.cutting import CUTS

__all__ = ["TaggerHyperparameters", "TaggerSettings"]

_SMALLEST_BATCH, _LARGEST_BATCH, _STEPS = 8, 32, 150  # between these, about so many steps are an epoch

_LONG_SLOTS = 1.5  # tokens, in the mean: from there on a CRF keeps them together (docs/tagging.md)


@dataclass(frozen=True)
class TaggerSettings:
    """All that a tagger and its training need: what model files keep as ``config``."""

    encoder: str  # feedforward, tdnn, rnn, gru or lstm
    bidirectional: bool
    layers: int  # L
    hidden: int  # H, the width of each direction
    delays: int  # K, of a TDNN
    embedding: int  # E, the width of a word's vector
    spelling: int  # F, the features of a word's letters; 0: they are not looked at
    pairs: int  # the width of the vector of a pair of neighbours; 0: they are not looked at
    crf: bool
    dropout: float  # part of the encoder's inputs and outputs that is blanked in training
    word_dropout: float  # part of the words that are hidden in training
    slot_dropout: float  # part of the slots of which all words are hidden in training
    batch: int  # N, sentences of a training step
    learning_rate: float  # of AdamW, the highest of the schedule
    tokens: str  # how raw text is cut: chars, words, segments or mixed
    slots: dict[str, str]  # what a slot holds, by its name: a kind of `slot_values`
    vectors: str | None  # the file of the pretrained vectors; they are in the model

    def new_network(
        self, forms: WordForms, tags: int, intents: int, pairs: Tensor | None, vectors: Tensor | None, seed: int
    ) -> TaggerNetwork:
        """A network with first weights drawn from `seed`; torch's own random state stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return TaggerNetwork(
                words=len(forms.words),
                tags=tags,
                intents=intents,
                embedding=self.embedding,
                characters=0 if forms.characters is None else len(forms.characters),
                cases=len(CASES),
                spelling=self.spelling,
                pairs=pairs,
                pair=self.pairs,
                vectors=vectors,
                encoder=self.encoder,
                hidden=self.hidden,
                layers=self.layers,
                bidirectional=self.bidirectional,
                delays=self.delays,
                crf=self.crf,
                dropout=self.dropout,
            )


@dataclass(frozen=True)
class TaggerHyperparameters:
    """What `elman.Tagger` takes: `TaggerSettings` of which None stands for "choose"."""

    encoder: str = "gru"
    bidirectional: bool | None = None
    layers: int = 1
    hidden: int | None = None
    delays: int = 2
    embedding: int | None = None
    spelling: int | None = None
    pairs: int | None = None
    crf: bool | None = None
    dropout: float | None = None
    word_dropout: float | None = None
    slot_dropout: float | None = None
    batch: int | None = None
    learning_rate: float | None = None
    tokens: str | None = None
    slots: Mapping[str, str] | None = None
    vectors: str | None = None

    def __post_init__(self) -> None:
        _check_word("encoder", self.encoder, ENCODERS)
        if self.bidirectional and self.encoder == "feedforward":
            raise ValueError("bidirectional adds nothing to a feed-forward encoder, which sees one token: leave it out")
        for name, least in (
            ("layers", 1),
            ("hidden", 1),
            ("delays", 0),
            ("embedding", 1),
            ("pairs", 0),
            ("spelling", 0),
            ("batch", 1),
        ):
            check_whole(name, getattr(self, name), least)
        for name in ("dropout", "word_dropout", "slot_dropout"):
            check_number(name, getattr(self, name), lambda value: 0 <= value < 1, "from 0 up to, not including, 1")
        check_number("learning_rate", self.learning_rate, lambda value: 0 < value < math.inf, "more than 0")
        if self.tokens is not None:
            _check_word("tokens", self.tokens, CUTS)
        for name, kind in (self.slots or {}).items():
            _check_word(f"the kind of the slot {name}", kind, KINDS)

    def completed(self, sentences: int, letters: bool, tokens: str, slot_length: float) -> TaggerSettings:
        """Choose what is None.

        Parameters
        ----------
        sentences
            Of training.
        letters
            Whether tokens have more than one of them.
        tokens
            How the training data seem to be cut.
        slot_length
            Tokens of a slot, in the mean.
        """
        both = self.bidirectional if self.bidirectional is not None else self.encoder != "feedforward"
        chosen: dict[str, Any] = {
            "bidirectional": both,
            "crf": both and slot_length >= _LONG_SLOTS,
            "hidden": 128,
            "embedding": 100,
            "spelling": 50 if letters else 0,
            "pairs": 0 if letters else 50,
            "dropout": 0.4,
            "word_dropout": 0.05,
            "slot_dropout": 0.1,
            "batch": max(_SMALLEST_BATCH, min(_LARGEST_BATCH, sentences // _STEPS)),
            "learning_rate": 0.003,
            "tokens": tokens,
            "slots": {},
        }
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return TaggerSettings(**{"vectors": None, **chosen, **given})

    def resumed(self, stored: dict[str, Any]) -> Self:
        """Take what was left at its default from a checkpoint; ValueError if what was given differs from it."""
        return type(self)(**merged(self, stored))


def _check_word(name: str, value: object, valid: tuple[str, ...]) -> None:
    if value not in valid:
        near = get_close_matches(str(value), valid, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(valid)}{hint}")
