"""How well sentences are tagged: slots by seqeval, tokens, intents."""

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

from elman.data.tagged import TaggedSentence
from elman.tasks.tagging.result import Tagging

__all__ = ["confusions", "measures", "wrong_sentences"]


def measures(true: Sequence[TaggedSentence], found: Sequence[Tagging], scheme: str) -> dict[str, Any]:
    """The figures that `elman.Tagger.evaluate` gives."""
    tokens = sum(len(sentence.tags) for sentence in true)
    right = sum(
        a == b for one, other in zip(true, found, strict=True) for a, b in zip(one.tags, other.tags, strict=True)
    )
    figures: dict[str, Any] = {}
    if scheme != "raw":
        figures |= _slot_figures([list(s.tags) for s in true], [list(s.tags) for s in found], scheme)
    intents = [(one.intent, other.intent) for one, other in zip(true, found, strict=True) if one.intent is not None]
    if intents and found[0].intent is not None:
        figures["intent_accuracy"] = sum(a == b for a, b in intents) / len(intents)
    whole = sum(_is_right(one, other) for one, other in zip(true, found, strict=True))
    return {
        **figures,
        "token_accuracy": right / tokens if tokens else float("nan"),
        "sentence_accuracy": whole / len(true),
        "sentences": len(true),
        "tokens": tokens,
    }


def confusions(true: Sequence[TaggedSentence], found: Sequence[Tagging]) -> list[dict[str, Any]]:
    """Which tag was taken for which, how often: the most frequent first; then the intents likewise."""
    tags: Counter[tuple[str, str]] = Counter()
    intents: Counter[tuple[str, str]] = Counter()
    for one, other in zip(true, found, strict=True):
        tags.update(pair for pair in zip(one.tags, other.tags, strict=True) if pair[0] != pair[1])
        if one.intent is not None and other.intent is not None and one.intent != other.intent:
            intents[one.intent, other.intent] += 1
    return [
        {"what": what, "true": pair[0], "predicted": pair[1], "count": count}
        for what, pairs in (("tag", tags), ("intent", intents))
        for pair, count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]


def wrong_sentences(true: Sequence[TaggedSentence], found: Sequence[Tagging], most: int) -> list[dict[str, Any]]:
    """The first sentences that are not right: tokens, tags, predicted tags, and the intents if they differ."""
    wrong: list[dict[str, Any]] = []
    for one, other in zip(true, found, strict=True):
        if len(wrong) == most:
            break
        if not _is_right(one, other):
            facts: dict[str, Any] = {"tokens": one.tokens, "tags": one.tags, "predicted": other.tags}
            if one.intent is not None and other.intent is not None and one.intent != other.intent:
                facts |= {"intent": one.intent, "predicted_intent": other.intent}
            wrong.append(facts)
    return wrong


def _is_right(true: TaggedSentence, found: Tagging) -> bool:
    same_intent = true.intent is None or found.intent is None or true.intent == found.intent
    return same_intent and list(true.tags) == found.tags


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
        lenient = classification_report(true, found, output_dict=True, zero_division=0)
        exact = classification_report(true, found, mode="strict", scheme=strict, output_dict=True, zero_division=0)
    return {
        "slot_f1": float(lenient["micro avg"]["f1-score"]),
        "slot_precision": float(lenient["micro avg"]["precision"]),
        "slot_recall": float(lenient["micro avg"]["recall"]),
        "slot_f1_strict": float(exact["micro avg"]["f1-score"]),
        "scheme": scheme,
        "slots": int(lenient["micro avg"]["support"]),
    }
