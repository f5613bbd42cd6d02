"""How well sentences are tagged: slots by seqeval, tokens, intents; counted as they come."""

import warnings
from collections import Counter
from collections.abc import Sequence
from sys import intern
from typing import Any

from elman.data.tag_schemes import OUTSIDE, parts
from elman.data.tagged import TaggedSentence
from elman.tasks.tagging.result import Tagging

__all__ = ["Tally"]


class Tally:
    """What is counted of sentences and what was found in them; of a sentence only its tags are kept.

    Parameters
    ----------
    scheme
        Of the tags, from `elman.data.tag_schemes.scheme_of`.
    tags, intents
        Those that the model knows.
    wrong
        Of how many sentences that are not right all is kept.
    """

    def __init__(self, scheme: str, tags: Sequence[str], intents: Sequence[str], wrong: int = 0) -> None:
        self.scheme, self.wrong_sentences = scheme, list[dict[str, Any]]()
        self.strange_tags, self.strange_intents = Counter[str](), Counter[str]()
        self._known, self._aims, self._most = set(tags), set(intents), wrong
        self._true: list[list[str]] = []
        self._found: list[list[str]] = []
        self._pairs, self._intents = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        self._right = 0

    def add(self, true: TaggedSentence, found: Tagging) -> None:
        """Count one sentence."""
        self._true.append([intern(tag) for tag in true.tags])
        self._found.append(found.tags)
        self._pairs.update(zip(self._true[-1], found.tags, strict=True))
        self.strange_tags.update(tag for tag in true.tags if tag not in self._known)
        other_intent = False
        if true.intent is not None and found.intent is not None:
            self._intents[true.intent, found.intent] += 1
            self.strange_intents.update([true.intent] if true.intent not in self._aims else [])
            other_intent = true.intent != found.intent
        if not other_intent and true.tags == found.tags:
            self._right += 1
        elif len(self.wrong_sentences) < self._most:
            facts: dict[str, Any] = {"tokens": true.tokens, "tags": true.tags, "predicted": found.tags}
            more = {"intent": true.intent, "predicted_intent": found.intent} if other_intent else {}
            self.wrong_sentences.append({**facts, **more})

    def figures(self) -> dict[str, Any]:
        """The figures that `elman.Tagger.evaluate` gives; ValueError if nothing was counted."""
        if not self._true:
            raise ValueError("data has no sentence; expected at least one")
        tokens = self._pairs.total()
        true = [[_within(tag, self.scheme) for tag in tags] for tags in self._true] if self.strange_tags else self._true
        figures = {} if self.scheme == "raw" else _slot_figures(true, self._found, self.scheme)
        if self._intents:
            figures["intent_accuracy"] = _agreement(self._intents)
        if tokens:
            figures["token_accuracy"] = _agreement(self._pairs)
        return {
            **figures,
            "sentence_accuracy": self._right / len(self._true),
            "sentences": len(self._true),
            "tokens": tokens,
            "unknown_tags": self.strange_tags.total(),
        }

    def confusions(self) -> list[dict[str, Any]]:
        """Which tag was taken for which, how often, the most frequent first; then the intents likewise."""
        return [
            {"what": what, "true": pair[0], "predicted": pair[1], "count": count}
            for what, pairs in (("tag", self._pairs), ("intent", self._intents))
            for pair, count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
            if pair[0] != pair[1]
        ]


def _within(tag: str, scheme: str) -> str:
    """A true tag as the scheme of the model would have it, or else as a slot of a kind that is never found."""
    prefix, kind = parts(tag)
    if not prefix or (not kind and prefix != OUTSIDE):
        return f"{'S' if scheme == 'IOBES' else 'B'}-({tag})"
    if scheme != "IOBES" and prefix in ("E", "S"):
        return f"{'I' if prefix == 'E' else 'B'}-{kind}"
    return tag


def _agreement(pairs: Counter[tuple[str, str]]) -> float:
    """The part of pairs whose members are the same."""
    return sum(count for (one, other), count in pairs.items() if one == other) / pairs.total()


def _slot_figures(true: list[list[str]], found: list[list[str]], scheme: str) -> dict[str, Any]:
    try:
        from seqeval.metrics import classification_report
        from seqeval.scheme import IOB1, IOB2, IOBES
    except ModuleNotFoundError as error:
        message = "measuring slots needs seqeval, which is not installed: pip install 'elman[text]'"
        raise ModuleNotFoundError(message) from error
    strict = {"IOB1": IOB1, "IOB2": IOB2, "IOBES": IOBES}[scheme]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of slots that are never found, and of tags that stand in no scheme
        lenient = classification_report(true, found, output_dict=True, zero_division=0)["micro avg"]
        exact = classification_report(true, found, mode="strict", scheme=strict, output_dict=True, zero_division=0)
    return {
        "slot_f1": float(lenient["f1-score"]),
        "slot_precision": float(lenient["precision"]),
        "slot_recall": float(lenient["recall"]),
        "slot_f1_strict": float(exact["micro avg"]["f1-score"]),
        "scheme": scheme,
        "slots": int(lenient["support"]),
    }
