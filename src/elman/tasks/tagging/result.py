"""What a tagger says of a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.tag_schemes import OUTSIDE, parts, slots
from elman.tasks.slot_values import SlotValue, normalise
from elman.tasks.tagging.cutting import Cut

__all__ = ["FoundSlot", "Tagging", "slots_of"]


@dataclass(frozen=True)
class FoundSlot:
    """A slot of a sentence."""

    name: str
    start: int  # its first token
    end: int  # the token after its last
    text: str  # its words, as they stand in the text
    value: SlotValue | None = None  # what they mean, where the model knows what the slot holds

    def __str__(self) -> str:
        return self.text if self.value is None else self.value.text

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: ``value`` is what is shown, ``note`` says why words could not be read."""
        facts = {"name": self.name, "start": self.start, "end": self.end, "text": self.text, "value": str(self)}
        note = None if self.value is None else self.value.note
        return facts if note is None else {**facts, "note": note}


@dataclass(frozen=True)
class Tagging:
    """A sentence with its tags."""

    text: str
    tokens: list[str]
    tags: list[str]
    slots: list[FoundSlot]
    intent: str | None = None  # None if the model has learnt none
    intent_probability: float | None = None
    probabilities: npt.NDArray[np.float32] | None = None  # (T, K) of the tags, where they were asked for
    labels: tuple[str, ...] = ()  # the K tags that the model knows, in the order of the probabilities

    @property
    def marks_slots(self) -> bool:
        """Whether the tags of the model mark slots: parts of speech, say, do not."""
        return any(parts(label)[0] not in ("", OUTSIDE) for label in self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; of the probabilities of each token those of at least 0.001, falling."""
        facts: dict[str, Any] = {"text": self.text, "tokens": self.tokens, "tags": self.tags}
        facts["slots"] = [slot.to_dict() for slot in self.slots]
        if self.intent is not None:
            facts |= {"intent": self.intent, "intent_probability": self.intent_probability}
        if self.probabilities is not None:
            facts["probabilities"] = [
                {self.labels[k]: round(float(row[k]), 6) for k in np.argsort(-row) if row[k] >= 0.001}
                for row in self.probabilities
            ]
        return facts


def slots_of(cut: Cut, tags: list[str], kinds: Mapping[str, str], today: date | None) -> list[FoundSlot]:
    """The slots that tags mark in a text; what those of `kinds` hold is read."""
    found = []
    for kind, start, end in slots(tags):
        text = cut.text[cut.starts[start] : cut.starts[end - 1] + len(cut.tokens[end - 1])]
        value = normalise(kinds[kind], text, today=today) if kind in kinds else None
        found.append(FoundSlot(kind, start, end, text, value))
    return found
