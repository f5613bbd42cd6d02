"""The figures of an evaluation against explicit counting, and what there is of data without slots or tokens."""

import random
import sys

import pytest

from elman.data.tag_schemes import slots
from elman.data.tagged import TaggedSentence
from elman.tasks.tagging.result import Tagging
from elman.tasks.tagging.scores import Tally

TAGS = ["O", "B-x", "I-x", "B-y", "I-y"]


def tally(pairs: list[tuple[TaggedSentence, list[str], str | None]], scheme: str = "IOB2", wrong: int = 0) -> Tally:
    made = Tally(scheme, TAGS, ["a", "b"], wrong)
    for true, tags, intent in pairs:
        made.add(true, Tagging("", true.tokens, tags, [], intent))
    return made


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_counting(seed: int) -> None:
    draw = random.Random(seed)
    pairs = []
    for _ in range(50):
        T = draw.randrange(6)
        true = TaggedSentence(["w"] * T, draw.choices(TAGS, k=T), draw.choice(["a", "b", "c", None]))
        pairs.append((true, [t if draw.random() < 0.7 else draw.choice(TAGS) for t in true.tags], draw.choice("ab")))
    found = tally(pairs).figures()
    marked = [(set(slots(true.tags)), set(slots(tags))) for true, tags, _ in pairs]
    both = sum(len(a & b) for a, b in marked)
    precision, recall = both / sum(len(b) for _, b in marked), both / sum(len(a) for a, _ in marked)
    assert found["slot_precision"] == pytest.approx(precision)
    assert found["slot_recall"] == pytest.approx(recall)
    assert found["slot_f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    cells = [a == b for true, tags, _ in pairs for a, b in zip(true.tags, tags, strict=True)]
    assert found["token_accuracy"] == pytest.approx(sum(cells) / len(cells))
    aims = [true.intent == intent for true, _, intent in pairs if true.intent is not None]
    assert found["intent_accuracy"] == pytest.approx(sum(aims) / len(aims))
    whole = [true.tags == tags and true.intent in (None, intent) for true, tags, intent in pairs]
    assert found["sentence_accuracy"] == pytest.approx(sum(whole) / 50)
    assert found["unknown_tags"] == 0


def test_strict_does_not_forgive_what_conlleval_does() -> None:
    true = TaggedSentence(["a", "b"], ["B-x", "I-x"])
    found = tally([(true, ["I-x", "I-x"], None), (true, ["B-x", "I-x"], None)]).figures()
    assert (found["slot_f1"], found["slot_f1_strict"]) == (1.0, pytest.approx(2 / 3))
    assert "intent_accuracy" not in found


def test_nothing_to_find_or_nothing_found() -> None:
    outside = TaggedSentence(["a"], ["O"])
    found = tally([(outside, ["O"], None)]).figures()
    assert (found["slot_f1"], found["slots"], found["token_accuracy"]) == (0.0, 0, 1.0)
    missed = tally([(TaggedSentence(["a"], ["B-x"]), ["O"], None)]).figures()
    assert (missed["slot_f1"], missed["slot_recall"], missed["slots"]) == (0.0, 0.0, 1)
    empty = tally([(TaggedSentence([], []), [], None)]).figures()
    assert "token_accuracy" not in empty
    assert (empty["sentences"], empty["tokens"], empty["sentence_accuracy"]) == (1, 0, 1.0)
    with pytest.raises(ValueError, match="data has no sentence; expected at least one"):
        tally([]).figures()


def test_confusions_are_sorted_and_wrong_sentences_limited() -> None:
    one, two = TaggedSentence(["r", "s"], ["B-x", "O"], "a"), TaggedSentence(["t"], ["B-y"], "c")
    made = tally([(one, ["B-y", "O"], "a")] * 2 + [(two, ["O"], "b"), (one, one.tags, "a")], wrong=2)
    assert made.confusions() == [
        {"what": "tag", "true": "B-x", "predicted": "B-y", "count": 2},
        {"what": "tag", "true": "B-y", "predicted": "O", "count": 1},
        {"what": "intent", "true": "c", "predicted": "b", "count": 1},
    ]
    assert made.wrong_sentences == [{"tokens": ["r", "s"], "tags": ["B-x", "O"], "predicted": ["B-y", "O"]}] * 2
    assert dict(made.strange_intents) == {"c": 1}


def test_without_seqeval_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "seqeval.metrics", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"needs seqeval, which is not installed: pip install 'elman\[text\]'"
    ):
        tally([(TaggedSentence(["a"], ["O"]), ["O"], None)]).figures()
    assert tally([(TaggedSentence(["a"], ["DET"]), ["DET"], None)], scheme="raw").figures()["token_accuracy"] == 1.0
