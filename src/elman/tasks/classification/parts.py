"""What training a classifier makes, and how that is laid out in a model file."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.models.classifier import ClassifierNetwork
from elman.tasks.classification.coding import Coding
from elman.tasks.classification.settings import ClassifierSettings
from elman.tasks.model_file import Stored

__all__ = ["ClassifierParts"]


class ClassifierParts(NamedTuple):
    """A trained network and what it needs to be used."""

    network: ClassifierNetwork
    labels: tuple[str, ...]  # K, in the order of the network's logits
    coding: Coding | None  # of texts; None: rows are series
    temperature: float  # by which logits are divided

    def facts(self) -> dict[str, Any]:
        """What a model file says beside the weights, ready for JSON."""
        return {
            "labels": list(self.labels),
            "coding": None if self.coding is None else self.coding.to_dict(),
            "channels": self.network.channels,
            "temperature": self.temperature,
        }

    def ranking(self, chances: npt.NDArray[np.float64], top: int | None) -> list[tuple[str, float]]:
        """The labels with their probabilities, falling: the first `top`, or, without, those above a half."""
        order = np.argsort(-chances, kind="stable")
        chosen = order[chances[order] > 0.5] if top is None else order[:top]
        return [(self.labels[label], float(chances[label])) for label in chosen]

    @classmethod
    def from_stored(cls, stored: Stored, settings: ClassifierSettings) -> "ClassifierParts":
        """The inverse of `facts`; KeyError, TypeError, ValueError or RuntimeError if the parts do not fit."""
        facts = stored.description
        coding = None if facts["coding"] is None else Coding.from_dict(facts["coding"])
        vocabulary = 0 if coding is None else len(coding.lexicon)
        network = settings.new_network(len(facts["labels"]), vocabulary, facts["channels"], seed=0)
        tensors = dict(stored.tensors)
        if (rarity := tensors.pop("rarity", None)) is not None and network.bag is not None:
            tensors["bag.rarity"] = rarity  # files of before letters have another name for it
        network.load_state_dict(tensors)
        network.eval()
        return cls(network, tuple(facts["labels"]), coding, float(facts["temperature"]))
