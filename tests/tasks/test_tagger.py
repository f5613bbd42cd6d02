"""The tagger: it learns, keeps what it has learnt, goes on where it was stopped, and answers to every kind of input."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import elman
from elman.corpora import flights
from elman.data.tagged import TaggedSentence
from elman.data.word_forms import WordForms
from elman.tasks import ModelFileError, Progress, Tagger
from elman.tasks.model_file import read_file, write_file
from elman.tasks.tagging import data as tag_data

CITIES = ["Rome", "Oslo", "Lima", "Bonn", "New York", "Den Haag", "Porto", "Quito"]
Close = Callable[..., float]  # the fixture `close`
SMALL = {"hidden": 12, "embedding": 8, "learning_rate": 0.02}


def sentences(number: int = 120, start: int = 0) -> list[TaggedSentence]:
    """From A to B, in two wordings, with an intent; what is asked comes last."""
    made = []
    for n in range(start, start + number):
        origin, goal = CITIES[n % 8].split(), CITIES[(n // 8 + n + 1) % 8].split()
        asked = n % 3 == 0
        tokens = ["from", *origin, "to", *goal, "?" if asked else "!"]
        tags = ["O", *_slot("origin", origin), "O", *_slot("goal", goal), "O"]
        made.append(TaggedSentence(tokens, tags, "ask" if asked else "order"))
    return made


def _slot(name: str, words: list[str]) -> list[str]:
    return [f"{'I' if n else 'B'}-{name}" for n in range(len(words))]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger(**SMALL).fit(sentences(), epochs=10, seed=3)


@pytest.fixture(scope="module")
def chain() -> Tagger:
    """With a CRF."""
    return Tagger(**SMALL, crf=True, encoder="gru").fit(sentences(), epochs=10, seed=3)


def test_it_learns(tagger: Tagger) -> None:
    found = tagger.evaluate(sentences(60, start=500))
    assert found["slot_f1"] == found["slot_f1_strict"] == found["intent_accuracy"] == found["sentence_accuracy"] == 1.0
    assert (found["sentences"], found["slots"], found["scheme"]) == (60, 120, "IOB2")
    assert tagger.metrics["training_sentences"] == 108
    assert tagger.metrics["validation_sentences"] == 12
    assert tagger.metrics["epochs"] == 10


def test_it_goes_by_what_stands_around_a_word(tagger: Tagger) -> None:
    (found,) = tagger.predict(["from Kaohsiung to Taipei ?"])
    assert [(s.name, s.text, s.start, s.end) for s in found.slots] == [
        ("origin", "Kaohsiung", 1, 2),
        ("goal", "Taipei", 3, 4),
    ]
    assert (found.intent, len(found.tags)) == ("ask", 5)
    assert found.intent_probability is not None
    assert 0.5 < found.intent_probability <= 1


@pytest.mark.parametrize("which", ["tagger", "chain"])
def test_saved_and_loaded(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    model = request.getfixturevalue(which)
    model.save(tmp_path / "a.elman")
    read = elman.load(tmp_path / "a.elman")
    assert isinstance(read, Tagger)
    texts = [" ".join(s.tokens) for s in sentences(20, start=900)]
    for ours, theirs in zip(
        model.predict(texts, probabilities=True), read.predict(texts, probabilities=True), strict=True
    ):
        assert ours.to_dict() == theirs.to_dict()
        assert np.array_equal(ours.probabilities, theirs.probabilities)
    assert read.info() == model.info()
    assert read.history == model.history


def test_a_damaged_file_is_refused(tagger: Tagger, tmp_path: Path) -> None:
    tagger.save(tmp_path / "a.elman")
    stored = read_file(tmp_path / "a.elman", "model")
    for key, value in (("tags", ["O"]), ("vocabulary", {"words": None, "characters": None, "vectors": None})):
        write_file(tmp_path / "b.elman", "model", {**stored.description, key: value}, stored.tensors)
        with pytest.raises(ModelFileError, match=r"b.elman: the file is damaged"):
            elman.load(tmp_path / "b.elman")


@pytest.mark.parametrize("which", ["tagger", "chain"])
def test_probabilities(which: str, request: pytest.FixtureRequest, close: Close) -> None:
    model = request.getfixturevalue(which)
    texts = ["from Rome to Oslo ?", "", "Lima"]
    for tagging in model.predict(texts, probabilities=True):
        T, K = len(tagging.tokens), len(model.tags)
        assert tagging.probabilities is not None
        assert tagging.probabilities.shape == (T, K)
        close(torch.from_numpy(tagging.probabilities.sum(1)), torch.ones(T), "value")
        facts = tagging.to_dict()
        assert [max(row, key=row.get) for row in facts["probabilities"]] == tagging.tags  # on easy sentences
    assert model.predict(texts)[0].probabilities is None


@pytest.mark.parametrize("which", ["tagger", "chain"])
def test_a_sentence_alone_is_the_sentence_in_its_batch(
    which: str, request: pytest.FixtureRequest, close: Close
) -> None:
    model = request.getfixturevalue(which)
    rows = [s.tokens for s in sentences(30, start=77)] + [[], ["Rome"], ["to"] * 40]
    together = model.predict(rows, probabilities=True)
    for row, tagging in zip(rows, together, strict=True):
        (alone,) = model.predict([row], probabilities=True)
        assert (alone.tags, alone.intent, alone.slots) == (tagging.tags, tagging.intent, tagging.slots)
        close(torch.from_numpy(alone.probabilities), torch.from_numpy(tagging.probabilities), "value")


def test_a_list_of_tokens_is_the_text_that_is_cut_like_it(tagger: Tagger) -> None:
    cut, text = tagger.predict([["from", "New", "York", "to", "Porto", "!"], "  from New York to Porto!\n"])
    assert (cut.tokens, cut.tags, cut.intent) == (text.tokens, text.tags, text.intent)
    assert cut.text == "from New York to Porto !"
    assert text.text == "from New York to Porto!"
    assert cut.slots == text.slots
    assert cut.slots[0].text == "New York"


def test_the_forms_of_input(tagger: Tagger, tmp_path: Path) -> None:
    lines = "from Rome to Oslo ?\nfrom Lima to Bonn !"
    (tmp_path / "a.txt").write_text(lines + "\n", encoding="utf-8")
    expected = [t.to_dict() for t in tagger.predict(lines.split("\n"))]
    assert [t.to_dict() for t in tagger.predict(lines)] == expected
    assert [t.to_dict() for t in tagger.predict(tmp_path / "a.txt")] == expected
    assert tagger.predict([]) == []


@pytest.mark.parametrize("which", ["tagger", "chain"])
def test_unusual_sentences(which: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)
    empty, blank, one, emoji, half, long_word = model.predict(
        ["", " \t ", "Rome", "👩‍👩‍👧 to e\u0301 \u0301", "a\ud83d", "x" * 100_000]
    )
    assert empty.tokens == blank.tokens == empty.tags == empty.slots == []
    assert empty.intent in ("ask", "order")
    assert len(one.tags) == 1
    assert "".join(emoji.tokens) == "👩‍👩‍👧toé\u0301"
    assert len(half.tags) == len(half.tokens)
    assert long_word.tokens == ["x" * 100_000]


@pytest.mark.parametrize(("which", "length"), [("tagger", 100_000), ("chain", 5_000)])
def test_a_sentence_of_a_hundred_thousand_tokens(which: str, length: int, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)
    some = sentences(1)[0].tokens
    (tagging,) = model.predict([some * (length // len(some))])
    assert len(tagging.tags) == length // len(some) * len(some)
    assert tagging.slots[-1].text == model.predict([some])[0].slots[-1].text


def test_a_long_training_sentence_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_data, "LONGEST", 4)
    monkeypatch.setattr(tag_data, "_CHUNK", 5)
    read = tag_data.read_data([(list("abcdefghi"), ["B-x", "I-x", "O"] * 3, "i"), ([], [])], None, [(["a"], ["O"])], 0)
    assert read.rows.lengths.tolist() == [4, 4, 1, 0, 1]
    assert read.intents_of.tolist() == [0, 0, 0, -1, -1]
    assert read.training.tolist() == [0, 1, 2, 3]
    assert read.validation.tolist() == [4]
    assert read.counts.tolist() == [1] * 9  # the validation's a does not count
    assert read.scheme == "IOB2"


def test_words_and_neighbours_are_counted_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    many = sentences(50)
    whole = tag_data.read_data(many, None, None, 0)
    forms = WordForms(whole.lexicons(letters=False)[0])
    pairs = whole.pairs(forms)
    monkeypatch.setattr(tag_data, "_CHUNK", 7)
    assert np.array_equal(whole.pairs(forms), pairs)
    trained = [many[n] for n in whole.training]
    V, seen = len(forms.words), Counter[int]()
    for sentence in trained:
        row = [V, *(forms.words[token] for token in sentence.tokens), V]
        seen.update(a * (V + 1) + b for a, b in pairwise(row))
    assert pairs.tolist() == sorted(key for key, count in seen.items() if count > 1)
    parts = tag_data.read_data(many, None, None, 0)
    assert parts.counts.tolist() == whole.counts.tolist()
    assert tag_data._neighbours(parts.rows, 50, parts.tags) == {
        (a, b) for s in many for a, b in zip([None, *s.tags], [*s.tags, None], strict=True)
    }
    assert {token: sum(s.tokens.count(token) for s in trained) for token in whole.tokens} == dict(
        zip(whole.tokens, whole.counts.tolist(), strict=True)
    )


def test_unknown_tags_and_intents_are_wrong_and_named(tagger: Tagger) -> None:
    strange = [TaggedSentence(["from", "Rome"], ["O", "B-place"], "sing"), *sentences(3)]
    with pytest.warns(UserWarning, match="training did not meet") as warned:
        found = tagger.evaluate(strange, wrong=5, confusion=True)
    assert [str(w.message) for w in warned] == [
        "1 tag of the data training did not meet (B-place): they count as wrong",
        "1 intent of the data training did not meet (sing): they count as wrong",
    ]
    assert found["unknown_tags"] == 1
    assert found["intent_accuracy"] == 3 / 4
    assert found["slot_recall"] == 6 / 7
    assert [w["tokens"] for w in found["wrong"]] == [["from", "Rome"]]
    assert {"what": "intent", "true": "sing", "predicted": found["wrong"][0]["predicted_intent"], "count": 1} in found[
        "confusion"
    ]
    assert tagger.evaluate(sentences(3), wrong=0)["wrong"] == []


def test_validation_with_tags_that_training_has_not() -> None:
    for crf in (False, True):
        other = [TaggedSentence(["from", "Rome"], ["O", "B-place"], "sing"), *sentences(6)]
        with pytest.warns(UserWarning, match="training did not meet") as said:
            model = Tagger(**SMALL, crf=crf).fit(sentences(40), validation=other, epochs=2)
        assert [str(one.message) for one in said] == [
            "1 tag of the validation training did not meet (B-place): they count as wrong",
            "1 intent of the validation training did not meet (sing): they count as wrong",
        ]
        assert np.isfinite(model.metrics["validation_loss"])
        assert set(model.tags) == {t for s in sentences(40) for t in s.tags}
        assert set(model.intents) == {"ask", "order"}


def test_files_with_different_tags_are_learnt_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("Rome B-city\n\n" * 20)
    (tmp_path / "b").write_text('{"tokens": ["Monday"], "tags": ["B-day"], "intent": "when"}\n' * 20)
    model = Tagger(**SMALL).fit([tmp_path / "a", tmp_path / "b"], epochs=5)
    assert set(model.tags) == {"B-city", "B-day"}
    assert model.intents == ["when"]
    assert model.evaluate([tmp_path / "a", tmp_path / "b"])["slot_f1"] == 1.0


def test_a_scheme_is_kept_even_where_the_network_would_break_it() -> None:
    model = Tagger(hidden=4, embedding=4).fit(sentences(30), epochs=1, seed=1)
    with torch.no_grad():
        model.network.output.weight.normal_(std=5)  # the network now says anything
    for tagging in model.predict([s.tokens for s in sentences(60)]):
        for before, tag in zip(["O", *tagging.tags], tagging.tags, strict=False):
            assert tag[0] != "I" or before[1:] == tag[1:]


def test_tags_that_mark_no_slots() -> None:
    words = {"the": "DET", "cat": "NOUN", "dog": "NOUN", "runs": "VERB", "sees": "VERB"}
    rows = [["the", "cat", "sees", "the", "dog"], ["the", "dog", "runs"]] * 20
    model = Tagger(**SMALL, encoder="rnn").fit(rows, [[words[word] for word in row] for row in rows], epochs=8)
    found = model.evaluate([(row, [words[w] for w in row]) for row in rows])
    assert found == {
        "token_accuracy": 1.0,
        "sentence_accuracy": 1.0,
        "sentences": 40,
        "tokens": 160,
        "unknown_tags": 0,
    }
    assert model.predict(["the dog runs"])[0].slots == []


@pytest.mark.parametrize("scheme", ["IOB1", "IOBES"])
def test_other_schemes(scheme: str) -> None:
    change = {"B": "I", "I": "I"} if scheme == "IOB1" else {"B": "S", "I": "E"}
    rows = [s for s in sentences(80) if scheme == "IOB1" or all("I-" not in t for t in s.tags)]
    changed = [(s.tokens, [f"{change[t[0]]}{t[1:]}" if t != "O" else t for t in s.tags]) for s in rows]
    model = Tagger(**SMALL).fit(changed, epochs=10)
    found = model.evaluate(changed)
    assert found["scheme"] == scheme
    assert found["slot_f1"] == found["slot_f1_strict"] == 1.0


def same(one: Tagger, two: Tagger) -> bool:
    ours, theirs = one.network.state_dict(), two.network.state_dict()
    losses = [[(step, loss) for step, _, loss in model.history] for model in (one, two)]
    return all(torch.equal(ours[name], theirs[name]) for name in ours) and losses[0] == losses[1]


@pytest.mark.parametrize("stop", [1, 9, 20])
def test_stopped_and_resumed_is_unbroken(stop: int, tmp_path: Path) -> None:
    def interrupt(report: Progress) -> None:
        if report.step == stop:
            os.kill(os.getpid(), signal.SIGINT)

    options = {**SMALL, "crf": True, "dropout": 0.3, "slots": {"goal": "city"}}
    unbroken = Tagger(**options).fit(sentences(64), epochs=3, seed=7)
    assert same(Tagger(**options).fit(sentences(64), epochs=3, seed=7), unbroken)
    path = tmp_path / "a.elman.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        Tagger(**options).fit(sentences(64), epochs=3, seed=7, checkpoint=path, progress=interrupt)
    resumed = Tagger().fit(sentences(64), resume=path)
    assert resumed.settings == unbroken.settings
    assert same(resumed, unbroken)
    with pytest.raises(ValueError, match=r"the sentences are not those that .*a.elman.checkpoint was made with"):
        Tagger().fit(sentences(63), resume=path)
    with pytest.raises(ValueError, match="hidden is 13 here and 12 in the checkpoint"):
        Tagger(hidden=13).fit(sentences(64), resume=path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"encoder": "ltsm"}, ValueError, "encoder is 'ltsm', expected one of .*; did you mean 'lstm'"),
        ({"encoder": "feedforward", "bidirectional": True}, ValueError, "bidirectional adds nothing"),
        ({"hidden": 0}, ValueError, "hidden is 0, expected at least 1"),
        ({"layers": 1.5}, TypeError, "layers is 1.5, expected a whole number"),
        ({"word_dropout": 1}, ValueError, "word_dropout is 1, expected from 0 up to, not including, 1"),
        ({"tokens": "bytes"}, ValueError, "tokens is 'bytes', expected one of chars, words, segments, mixed"),
        ({"slots": {"when": "dates"}}, ValueError, "the kind of the slot when is 'dates', .*did you mean 'date'"),
        ({"learning_rate": 0}, ValueError, "learning_rate is 0, expected more than 0"),
    ],
)
def test_hyperparameters_are_checked(options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Tagger(**options)


def test_what_cannot_be_learnt_or_answered(tagger: Tagger) -> None:
    with pytest.raises(ValueError, match="has no token to learn from"):
        Tagger().fit([([], [])], epochs=1)
    with pytest.raises(ValueError, match="the model is not trained"):
        Tagger().predict(["a"])
    with pytest.raises(ValueError, match="data has no sentence"):
        tagger.evaluate([])
    with pytest.raises(ValueError, match="wrong is -1, expected 0 or more"):
        tagger.evaluate(sentences(1), wrong=-1)
    with pytest.raises(ValueError, match="today is 'now', expected a day as in 2020-06-01"):
        tagger.predict(["a"], today="now")
    with pytest.raises(TypeError, match=r"inputs\[1\] is int; expected a text or a list of tokens"):
        tagger.predict(["a", 3])
    with pytest.raises(TypeError, match=r"inputs\[0\] has 3; expected tokens \(str\) alone"):
        tagger.predict([["a", 3]])


def test_a_run_of_a_given_time() -> None:
    model = Tagger(**SMALL).fit(sentences(), time="3s")
    assert model.metrics["seconds"] < 3.5
    assert model.metrics["steps"] > 10
    assert len(model.history) > 1


def test_two_sentences_are_enough() -> None:
    """One to learn from, one to judge by; or one with another to judge by."""
    rome = (["Rome"], ["B-city"])
    for model in (Tagger(**SMALL).fit([rome] * 2, epochs=3), Tagger(**SMALL).fit([rome], validation=[rome], epochs=3)):
        assert model.predict(["Rome"])[0].tags == ["B-city"]


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (None, "inputs has 1 sentence; expected at least 2, to learn from and to judge by"),
        ([], "validation has no sentence; expected at least 1"),
        ([(["Rome"], ["B-place"]), ([], [])], "validation: no tag of its sentences occurs in training"),
    ],
)
def test_too_little_to_judge_by(validation: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tagger(**SMALL).fit([(["Rome"], ["B-city"])], validation=validation, epochs=1)


def test_pretrained_vectors_help_words_that_training_has_not(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    kinds = {"Rome": (1, 0), "Oslo": (1, 0), "Kiel": (1, 0), "apples": (0, 1), "plums": (0, 1), "beans": (0, 1)}
    path.write_text("".join(f"{word} {x} {y}\n" for word, (x, y) in kinds.items()))
    rows = [(["see", "Rome"], ["O", "B-city"]), (["see", "apples"], ["O", "B-food"])] * 30
    rows += [(["see", "Oslo"], ["O", "B-city"]), (["see", "plums"], ["O", "B-food"])] * 30
    options = {**SMALL, "spelling": 0, "slot_dropout": 0, "word_dropout": 0.5, "vectors": path}
    model = Tagger(**options).fit(rows, epochs=10)
    model.save(tmp_path / "a.elman")
    path.unlink()  # they are in the model
    read = elman.load(tmp_path / "a.elman")
    assert [t.tags[1] for t in read.predict([["see", "Kiel"], ["see", "beans"]])] == ["B-city", "B-food"]


def test_text_is_cut_as_the_training_data_were() -> None:
    some = flights("train", "zh-Hans")[:60]
    english = flights("train", "en")[:60]
    tiny = {"hidden": 4, "embedding": 4}
    for part, cut in ((some, "chars"), (english, "words"), ([*some, *english], "mixed")):
        model = Tagger(**tiny).fit(part, epochs=1)
        assert model.settings is not None
        assert model.settings.tokens == cut
        for tokens, _ in part[:10]:
            text = "".join(tokens) if part is some or max(map(len, tokens)) == 1 else " ".join(tokens)
            assert model.predict([text])[0].tokens == tokens


def test_slots_are_read(tmp_path: Path) -> None:
    rows = [(["on", "August", "2", ",", "2021"], ["O", "B-day", "I-day", "I-day", "I-day"])] * 30
    rows += [(["on", "Monday"], ["O", "B-day"]), (["on", "February", "30"], ["O", "B-day", "I-day"])] * 30
    model = Tagger(**SMALL, slots={"day": "date"}).fit(rows, epochs=10)
    texts = ["on August 2, 2021", "on Monday", "on February 30"]
    read, monday, none = (t.slots[0] for t in model.predict(texts, today="2020-06-01"))
    assert [str(slot) for slot in (read, monday, none)] == ["2021.08.02", "2020.06.01", "February 30"]
    assert none.to_dict()["note"] == "February has no day 30"
    assert [str(t.slots[0]) for t in model.predict(texts, raw=True)] == ["August 2, 2021", "Monday", "February 30"]


def test_the_network_does_not_depend_on_the_validation_sentences() -> None:
    training = [(["a", "b"], ["O", "B-x"])] * 20
    alone = Tagger(hidden=4).fit(training, epochs=1).settings
    other = [(["apples", "are", "not", "pears"], ["B-x", "I-x", "I-x", "I-x"])] * 40
    with pytest.warns(UserWarning, match="1 tag of the validation training did not meet"):
        assert Tagger(hidden=4).fit(training, validation=other, epochs=1).settings == alone


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES"])
@pytest.mark.parametrize("tags", [["O", "NOUN"], ["S-x", "E-y"], ["E-y", "O"], ["h", "N"], ["B-", "-x"]])
def test_tags_of_another_scheme_are_wrong(scheme, tags) -> None:
    ending = {"IOB2": "B-x", "IOBES": "S-x"}[scheme]
    model = Tagger(**SMALL).fit([(["a", "b"], ["O", ending])] * 20, epochs=1)
    with pytest.warns(UserWarning, match="training did not meet"):
        figures = model.evaluate([(["a", "b"], tags)] * 2)
    assert figures["slot_f1"] == figures["slot_f1_strict"] == 0
    assert figures["unknown_tags"] >= 2


def test_a_kind_for_a_slot_that_is_none() -> None:
    with pytest.raises(ValueError, match="slots says how 'foo' is read, which no tag names; the slots are x"):
        Tagger(**SMALL, slots={"foo": "date"}).fit([(["a", "b"], ["O", "B-x"])] * 20, epochs=1)
    arrivals = [(["on", "Monday"], ["O", "B-arrival"])] * 20
    with pytest.raises(ValueError, match="'arival' is read, which no tag names; did you mean 'arrival'"):
        Tagger(**SMALL, slots={"arrival": "date", "arival": "date"}).fit(arrivals, epochs=1)
    model = Tagger(**SMALL, slots={"arrival": "date", "到达时间": "date"}).fit(arrivals, epochs=1)
    assert model.hyperparameters.slots == {"arrival": "date", "到达时间": "date"}, "of another language"
