"""What is hidden while a tagger learns, what its loss is, and what counts as an error."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from elman.data.tag_schemes import slots
from elman.data.tagged import TaggedSentence
from elman.data.word_forms import WordForms
from elman.tasks.tagging.batches import best_tags, tokens_of
from elman.tasks.tagging.data import TagData, read_data
from elman.tasks.tagging.learner import _Task, tag_learner
from elman.tasks.tagging.parts import TaggerParts, new_parts
from elman.tasks.tagging.settings import TaggerHyperparameters

ROWS = [
    TaggedSentence(["often", "New", "York", "Rome", "often"], ["O", "B-x", "I-x", "B-x", "O"], "a"),
    TaggedSentence(["often", f"rare{0}"], ["O", "B-y"], "b"),
    TaggedSentence(["often"] * 3, ["O"] * 3),
    TaggedSentence([], [], "a"),
] * 20


def made(**options: object) -> tuple[_Task, TagData, TaggerParts]:
    data = read_data(ROWS, None, [*ROWS[:4], TaggedSentence(["often"], ["B-z"], "c")], 0)
    settings = TaggerHyperparameters(**{"hidden": 4, "embedding": 4, **options}).completed(80, True, "words", 1.0)
    parts = new_parts(data, settings, 0)
    return _Task(parts.network, data, data.table(parts.forms), settings, parts.allowed), data, parts


def test_slots_are_hidden_whole_and_nothing_outside_them() -> None:
    task, data, _ = made(slot_dropout=0.5, word_dropout=0.0)
    numbers = data.rows.padded([0] * 4000).numpy()
    _, hidden = task._hiding(numbers, torch.Generator().manual_seed(0))
    assert not hidden[[0, 4]].any()  # outside
    assert (hidden[1] == hidden[2]).all()  # New York
    for part in (hidden[1].mean(), hidden[3].mean()):
        assert part == pytest.approx(0.5, abs=0.04)  # five standard deviations of 4,000 draws
    assert (hidden[1] & hidden[3]).mean() == pytest.approx(0.25, abs=0.035)  # each slot by itself


def test_rare_words_are_unknown_more_often() -> None:
    task, data, _ = made(slot_dropout=0.0, word_dropout=0.0)
    numbers = data.rows.padded([1] * 20_000).numpy()
    unknown, hidden = task._hiding(numbers, torch.Generator().manual_seed(0))
    assert not hidden.any()
    for t, word in enumerate(("often", "rare0")):
        n = data.counts[data.tokens.index(word)]
        expected = 0.25 / (0.25 + n)
        assert unknown[t].mean() == pytest.approx(expected, abs=5 * (expected / 20_000) ** 0.5)


def test_half_of_the_dropped_words_keep_their_letters() -> None:
    task, data, _ = made(slot_dropout=0.0, word_dropout=0.4)
    numbers = data.rows.padded([2] * 4000).numpy()
    unknown, hidden = task._hiding(numbers, torch.Generator().manual_seed(0))
    assert hidden.mean() == pytest.approx(0.2, abs=0.02)
    assert unknown.mean() == pytest.approx(0.4, abs=0.025)
    assert not (hidden & ~unknown).any()


def test_what_the_network_sees_of_unknown_and_hidden_words() -> None:
    _, data, parts = made()
    table = data.table(WordForms(parts.forms.words, parts.forms.characters))
    numbers = data.rows.padded([0]).numpy()[..., 0]
    seen = tokens_of(table, numbers)
    one = np.zeros((5, 1), bool)
    one[1] = True
    unknown, hidden = tokens_of(table, numbers, unknown=one), tokens_of(table, numbers, hidden=one)
    for name, before, after in zip(seen._fields, seen, unknown, strict=True):
        changed = (before != after).nonzero().tolist()
        assert changed == ([[1, 0]] if name == "words" else []), name
    assert [int(x[1, 0]) for x in (hidden.words, hidden.forms, hidden.cases)] == [0, 0, 0]
    assert not hidden.letters[0].any()
    assert parts.forms.characters is not None
    known = parts.forms.characters["e"] + 1  # N and w are in one word alone, so they are as good as unknown
    assert seen.letters[seen.forms[1, 0]].tolist()[:4] == [1, known, 1, 0]


@pytest.mark.parametrize("crf", [False, True])
@torch.no_grad()
def test_loss_and_errors_are_those_of_single_sentences(crf: bool, close: Callable[..., float]) -> None:
    task, data, parts = made(crf=crf, dropout=0.0, slot_dropout=0.0, word_dropout=0.0)
    network, allowed = parts.network.eval(), parts.allowed
    score = task.judge(np.arange(5))
    nats, errors = 0.0, 0
    for row in [*ROWS[:4], TaggedSentence(["often"], ["B-z"], "c")]:
        lengths = torch.tensor([len(row.tokens)])
        numbers = np.array([[data.tokens.index(token)] for token in row.tokens], np.int64).reshape(-1, 1)
        scores, intents = network(tokens_of(data.table(parts.forms), numbers), lengths)
        found = [data.tags[tag] for tag in best_tags(scores, lengths, network.crf, allowed)[:, 0].tolist()]
        errors += len(set(slots(row.tags)) ^ set(slots(found)))
        if set(row.tags) <= set(data.tags):
            target = torch.tensor([data.tags.index(tag) for tag in row.tags], dtype=torch.int64)
            if network.crf is None:
                nats += float(F.cross_entropy(scores[:, 0], target, reduction="sum")) if row.tokens else 0.0
            else:
                nats -= float(network.crf.log_probability(scores, target.unsqueeze(1), lengths))
        if row.intent is not None:
            errors += data.intents[int(intents.argmax())] != row.intent
            if row.intent in data.intents:
                nats += float(F.cross_entropy(intents, torch.tensor([data.intents.index(row.intent)])))
    assert (score.errors, score.total) == (errors, 11)
    close(torch.tensor(score.nats / 11), torch.tensor(nats / 11), "value")


def test_the_learner_counts_its_steps() -> None:
    _, data, parts = made()
    settings = TaggerHyperparameters(hidden=4, embedding=4, batch=16).completed(80, True, "words", 1.0)
    learner = tag_learner(parts.network, data, data.table(parts.forms), settings, None, 0, lambda: "shown")
    assert (learner.steps_per_epoch, learner.tokens_per_step) == (5, 40)
    assert learner.sample() == "shown"
