"""What training a tagger makes, how that is laid out in a model file, and how it tags."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.buckets import Buckets
from elman.data.lexicon import Lexicon
from elman.data.ragged import Ragged
from elman.data.tag_schemes import allowed_neighbours
from elman.data.vectors import read_vectors, vector_words
from elman.data.word_forms import WordForms
from elman.models.tagger import TaggerNetwork
from elman.tasks.model_file import Stored
from elman.tasks.tagging.batches import best_tags, tokens_of
from elman.tasks.tagging.data import TagData
from elman.tasks.tagging.settings import TaggerSettings

__all__ = ["Raw", "TaggerParts", "new_parts"]

_ROWS, _STEPS = 128, 1 << 13  # sentences and steps that are read side by side: their products fill the caches

_MOST_VECTORS = 200_000  # pretrained ones that a model keeps besides those of its own words: the first of the file


class Raw(NamedTuple):
    """What the network says of a sentence of T tokens, by numbers."""

    tags: npt.NDArray[np.int64]
    """(T,)"""
    intents: npt.NDArray[np.float32] | None
    """(C,) probabilities."""
    probabilities: npt.NDArray[np.float32] | None
    """(T, K), where they were asked for."""


class TaggerParts(NamedTuple):
    """A trained network and what it needs to be used."""

    network: TaggerNetwork
    forms: WordForms
    tags: list[str]
    intents: list[str]
    scheme: str

    @property
    def allowed(self) -> Tensor | None:
        """(K + 1, K): which tag may follow which; None if any may."""
        if self.scheme not in ("IOB2", "IOBES"):
            return None
        return torch.from_numpy(allowed_neighbours(self.tags, self.scheme))

    @torch.no_grad()
    def read(self, sentences: Sequence[Sequence[str]], probabilities: bool = False) -> Iterator[tuple[int, Raw]]:
        """Tag sentences, in batches by length: the number of each, and what was found, in any order."""
        known: dict[str, int] = {}
        numbers = Ragged.collect([known.setdefault(t, len(known)) for t in tokens] for tokens in sentences)
        table, allowed = self.forms.describe(list(known)), self.allowed
        training = self.network.training
        self.network.eval()
        try:
            for rows in Buckets(numbers.lengths, rows=_ROWS, steps=_STEPS).once():
                lengths = torch.from_numpy(numbers.lengths[rows])
                scores, intents = self.network(tokens_of(table, numbers.padded(rows).numpy()), lengths)
                tags = best_tags(scores, lengths, self.network.crf, allowed).T.numpy()
                aims = None if intents is None else intents.softmax(1).numpy()
                chances = self._probabilities(scores, lengths) if probabilities else None
                for place, row in enumerate(rows.tolist()):
                    T = numbers.lengths[row]
                    intent = None if aims is None else aims[place]
                    yield row, Raw(tags[place, :T], intent, None if chances is None else chances[:T, place])
        finally:
            self.network.train(training)  # a sample is made while the network learns

    def _probabilities(self, scores: Tensor, lengths: Tensor) -> npt.NDArray[np.float32]:
        crf = self.network.crf
        return (scores.softmax(2) if crf is None else crf.marginals(scores, lengths)).numpy()

    def facts(self) -> dict[str, Any]:
        """What a model file says beside `tensors`, ready for JSON."""
        lexicons = {"words": self.forms.words, "characters": self.forms.characters, "vectors": self.forms.vectors}
        return {
            "vocabulary": {name: None if known is None else known.to_dict() for name, known in lexicons.items()},
            "tags": self.tags,
            "intents": self.intents,
            "scheme": self.scheme,
        }

    def tensors(self) -> dict[str, Tensor]:
        """The weights."""
        return self.network.state_dict()

    @classmethod
    def from_stored(cls, stored: Stored, settings: TaggerSettings) -> "TaggerParts":
        """The inverse of `facts` and `tensors`; KeyError, TypeError, ValueError or RuntimeError if they do not fit."""
        facts, tensors = stored.description, stored.tensors
        known = {n: None if v is None else Lexicon.from_dict(v) for n, v in facts["vocabulary"].items()}
        words = known["words"]
        if words is None:
            raise ValueError("there is no lexicon of words")
        forms = WordForms(words, known["characters"], known["vectors"])
        sizes = len(facts["tags"]), len(facts["intents"])
        network = settings.new_network(forms, *sizes, tensors.get("pairs"), tensors.get("vectors"), seed=0)
        network.load_state_dict(tensors)
        return cls(network, forms, facts["tags"], facts["intents"], facts["scheme"])


def new_parts(data: TagData, settings: TaggerSettings, seed: int) -> TaggerParts:
    """An untrained network and the numbering of the training data."""
    words, characters = data.lexicons(settings.spelling > 0)
    known: Lexicon | None = None
    vectors: Tensor | None = None
    if settings.vectors is not None:
        own = {form for token in data.tokens for form in (token, token.lower())}
        if Path(settings.vectors).is_fifo():
            raise ValueError(f"{settings.vectors}: vectors are read twice, and a pipe is read once: give a file")
        known = Lexicon(vector_words(settings.vectors, _MOST_VECTORS, own))
        vectors, _ = read_vectors(settings.vectors, known)
    forms = WordForms(words, characters, known)
    pairs = torch.from_numpy(data.pairs(forms)) if settings.pairs else None
    network = settings.new_network(forms, len(data.tags), len(data.intents), pairs, vectors, seed)
    return TaggerParts(network, forms, data.tags, data.intents, data.scheme)
