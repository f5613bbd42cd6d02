"""The filler as a task: it learns what both sides say, is kept in a file, and has an answer to every input."""

import gzip
import math
import warnings
from pathlib import Path

import pytest
import torch

import elman
from elman import Filler
from elman.tasks import ModelFileError
from elman.tasks.filling import answers
from tasks.fill_language import FIRST, LAST, MIDDLE, SENTENCES, TEXT, learnt


@pytest.fixture(scope="module")
def model() -> Filler:
    return learnt()


def test_both_sides_know_what_neither_knows_alone(model: Filler) -> None:
    middles = [f"{first} ___ {last} ." for first in FIRST for last in LAST]
    for line, filling in zip(middles, model.predict(middles, top=3, directions=True), strict=True):
        assert filling.text in SENTENCES
        (blank,) = filling.blanks
        assert blank.candidates[0][1] > 0.9, line
        for alone in (blank.left, blank.right):
            assert alone is not None
            assert max(p for _, p in alone) < 0.75


def test_evaluate_counts_what_a_loop_over_predict_counts(model: Filler) -> None:
    lines = [SENTENCES[0], "ann has nuts .", "bob"]
    figures = model.evaluate(lines)
    right, listed, nats = 0, 0, 0.0
    for line in lines:
        words = line.split()
        for place, word in enumerate(words):
            hidden = " ".join([*words[:place], "___", *words[place + 1 :]])
            (filling,) = model.predict([hidden], top=99)
            found = dict(filling.blanks[0].candidates)
            names = list(found)
            right += names[0] == word
            listed += word in names[:5]
            nats -= math.log(found[word])
    assert (figures["tokens"], figures["sentences"], figures["unknown"], figures["words"]) == (9, 3, 0, 7)
    assert figures["accuracy"] == right / 9
    assert figures["top_5"] == listed / 9
    assert figures["nats_per_token"] == pytest.approx(nats / 9, rel=1e-4)
    assert figures["perplexity"] == pytest.approx(math.exp(nats / 9), rel=1e-4)
    for side in ("left", "right"):
        assert figures[f"{side}_nats_per_token"] > figures["nats_per_token"]


def test_words_leave_punctuation_out(model: Filler) -> None:
    figures = model.evaluate("ann eats figs .")
    assert (figures["tokens"], figures["words"]) == (4, 3)
    assert figures["accuracy"] == figures["accuracy_words"] == 1.0


def test_an_unknown_word_is_never_found_and_said(model: Filler) -> None:
    with pytest.warns(UserWarning, match="1 token that the model does not know was replaced"):
        figures = model.evaluate("zoe eats figs .")
    assert figures["unknown"] == 1
    assert figures["accuracy"] <= 3 / 4
    with pytest.warns(UserWarning, match="1 token that the model does not know"):
        (filling,) = model.predict(["zoe ___ figs ."])
    assert filling.text.startswith("zoe ")
    assert filling.blanks[0].candidates[0][0] in MIDDLE


@pytest.mark.parametrize("line", ["", "ann", "   "])
def test_a_line_without_a_blank_comes_back(model: Filler, line: str) -> None:
    with pytest.warns(UserWarning, match="1 line has no blank, ___"):
        assert model.predict([line]) == [(line, [])]


@pytest.mark.parametrize("options", [{}, {"longest": 2}, {"directions": True}])
def test_lines_without_a_blank_are_neither_cut_nor_read(
    model: Filler, options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["ann ___ figs .", "___ eats figs ."]
    expected = model.predict(asked, **options)
    cut, seen = answers.cut_blanks, []
    monkeypatch.setattr(answers, "cut_blanks", lambda line, kind: seen.append(line) or cut(line, kind))
    with pytest.warns(UserWarning, match="^2 lines have no blank, ___$") as caught:
        found = model.predict(["zoe __ figs", asked[0], "cafe\u0301 " * 1000, asked[1]], **options)
    assert len(caught) == 1, "unknown words of these lines are nobody's business"
    assert seen == asked
    assert found == [("zoe __ figs", []), expected[0], ("café " * 1000, []), expected[1]]


@pytest.mark.parametrize("line", ["___", "___ ___", "___ eats figs .", "ann eats ___", "___ ___ ___ ___"])
def test_blanks_at_the_ends_and_blanks_alone(model: Filler, line: str) -> None:
    (filling,) = model.predict([line])
    assert len(filling.blanks) == line.count("___")
    assert "___" not in filling.text
    assert all(0 < p <= 1 for blank in filling.blanks for _, p in blank.candidates)


def test_three_blanks_make_a_sentence_of_the_language(model: Filler) -> None:
    (filling,) = model.predict(["___ ___ ___ ."])
    assert filling.text in SENTENCES
    assert [blank.candidates[0][0] for blank in filling.blanks] == filling.text.split()[:3]


def test_more_than_three_underscores_are_one_blank(model: Filler) -> None:
    assert model.predict(["ann _____ figs ."])[0] == model.predict(["ann ___ figs ."])[0]


def test_probabilities_are_over_the_vocabulary(model: Filler) -> None:
    (filling,) = model.predict(["ann ___ figs ."], top=10**6)
    found = filling.blanks[0].candidates
    assert len(found) == len(model.lexicon) - 1
    other = 1 - sum(p for _, p in found)
    assert 0 <= other < 0.05
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)


def test_choices(model: Filler) -> None:
    (filling,) = model.predict(["ann ___ figs ."], choices=["has", "eats"])
    (first, p), (second, q) = filling.blanks[0].candidates
    assert (first, second) == ("eats", "has")
    assert p + q == pytest.approx(1)
    free = dict(model.predict(["ann ___ figs ."], top=99)[0].blanks[0].candidates)
    assert p / q == pytest.approx(free["eats"] / free["has"], rel=1e-3)


def test_choices_of_several_words(model: Filler) -> None:
    (filling,) = model.predict(["ann ___ ."], choices=["eats figs", "has nuts", "bob"])
    found = dict(filling.blanks[0].candidates)
    assert sum(found.values()) == pytest.approx(1)
    assert found["eats figs"] + found["has nuts"] > 0.99
    assert filling.text in ("ann eats figs .", "ann has nuts .")
    (twice,) = model.predict(["ann ___ . ___ eats figs ."], choices=["eats figs", "has nuts", "bob", "ann"])
    assert len(twice.blanks) == 2


def test_unknown_choices_are_left_out_and_said(model: Filler) -> None:
    with pytest.warns(UserWarning, match="the model does not know 'drinks': left out of the choices"):
        (filling,) = model.predict(["ann ___ figs ."], choices=["drinks", "eats"])
    assert filling.blanks[0].candidates == [("eats", pytest.approx(1))]
    with pytest.raises(ValueError, match="the model knows none of the choices, drinks, grows"):
        model.predict(["ann ___ figs ."], choices=["drinks", "grows"])


def test_a_blank_of_unknown_length(model: Filler) -> None:
    """One word where a sentence of the language has one missing, two where it has two."""
    one, two = model.predict(["ann ___ figs .", "ann ___ ."], longest=3, top=4)
    assert one.text == "ann eats figs ."
    assert two.text in [line for line in SENTENCES if line.startswith("ann ")]
    assert sum(p for _, p in two.blanks[0].candidates) <= 1 + 1e-6
    assert sum(p for _, p in two.blanks[0].candidates) > 0.9


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"top": 0}, "top is 0, expected at least 1"),
        ({"longest": 0}, "longest is 0, expected at least 1"),
        ({"longest": 2, "choices": ["ann"]}, "longest is 2, with choices, whose lengths are known"),
        ({"longest": 2, "directions": True}, "directions compares blanks of one token"),
        ({"directions": True, "choices": ["ann eats"]}, "directions compares blanks of one token"),
        ({"choices": []}, "choices is empty, expected one word or more"),
        ({"choices": [" "]}, "choices has ' ', which has no token"),
    ],
)
def test_bad_questions_are_named(model: Filler, question: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model.predict(["ann ___"], **question)


def test_choices_are_a_list(model: Filler) -> None:
    with pytest.raises(TypeError, match="choices is 'ann', expected a list of words"):
        model.predict(["ann ___"], choices="ann")


def test_one_side_alone_answers_but_has_no_directions() -> None:
    model = learnt(reads="left")
    (filling,) = model.predict(["ann eats ___"], top=1)
    assert filling.blanks[0].candidates[0][0] == "figs"
    keys = {"accuracy", "top_5", "nats_per_token", "perplexity", "accuracy_words", "top_5_words", "nats_per_word"}
    assert set(model.evaluate(TEXT)) == keys | {"tokens", "words", "sentences", "unknown"}
    with pytest.raises(ValueError, match="the model reads left of a blank only"):
        model.predict(["ann ___"], directions=True)
    assert model.predict(["ann ___ ."], longest=2)[0].text.endswith(".")


def test_save_and_load(model: Filler, tmp_path: Path) -> None:
    model.save(tmp_path / "m.elman")
    again = elman.load(tmp_path / "m.elman")
    assert isinstance(again, Filler)
    assert again.info() == model.info()
    assert again.history == model.history
    lines = ["ann ___ figs .", "___ sees ___"]
    assert again.predict(lines) == model.predict(lines)
    assert again.evaluate(TEXT) == model.evaluate(TEXT)
    data = (tmp_path / "m.elman").read_bytes()
    (tmp_path / "short.elman").write_bytes(data[:-10])
    with pytest.raises(ModelFileError, match="truncated"):
        elman.load(tmp_path / "short.elman")


def test_the_same_seed_gives_the_same_bits_and_a_resumed_run_too(tmp_path: Path) -> None:
    options = {"tokens": "chars", "hidden": 8, "embedding": 6, "samples": 5, "batch": 8}
    whole = Filler(**options).fit(TEXT, epochs=4, seed=3, threads=1)
    path = tmp_path / "run.checkpoint"

    def stop(progress: object) -> None:
        if progress.step == 30:  # type: ignore[attr-defined]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        Filler(**options).fit(TEXT, epochs=4, seed=3, threads=1, checkpoint=path, checkpoint_every=1e-6, progress=stop)
    resumed = Filler().fit(TEXT, resume=path, threads=1)
    assert resumed.settings == whole.settings
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="hidden is 9 here and 8 in the checkpoint"):
        Filler(hidden=9).fit(TEXT, resume=path)
    with pytest.raises(ValueError, match=r"the sentences are not those that .* was made with"):
        Filler().fit(TEXT + "\nann", resume=path)


def test_a_text_sentences_and_files_are_the_same(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_text(TEXT.replace("\n", "\r\n\n"), encoding="utf-8")
    packed.write_bytes(gzip.compress(TEXT.encode()))
    options, run = {"hidden": 4, "embedding": 4}, {"epochs": 1, "threads": 1}
    expected = Filler(**options).fit(TEXT, **run).network.state_dict()
    for data in (TEXT.split("\n"), plain, packed, [plain]):
        found = Filler(**options).fit(data, **run).network.state_dict()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ("", ValueError, "inputs is an empty text"),
        (["", " "], ValueError, "inputs has 0 sentences; expected at least 2"),
        (["one"], ValueError, "inputs has 1 sentence; expected at least 2"),
        (["a b", "c d"], ValueError, "no token is seen 2 times or more, so that the vocabulary is empty"),
        (7, TypeError, "inputs is a int; expected a text"),
        ([7], TypeError, "inputs is a list; expected a text"),
        (Path("nowhere.txt"), FileNotFoundError, "cannot read nowhere.txt"),
    ],
)
def test_bad_inputs_are_named(inputs: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Filler(hidden=4).fit(inputs, epochs=1)


def test_a_file_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"fine\nbad \xff\n")
    with pytest.raises(ValueError, match=r"x\.txt:2: not UTF-8: byte 0xff at offset 4"):
        Filler(hidden=4).fit(tmp_path / "x.txt", epochs=1)


def test_files_without_a_sentence_are_named(tmp_path: Path) -> None:
    files = [tmp_path / "x.txt", tmp_path / "y.txt"]
    for file in files:
        file.write_text("\n \n")
    with pytest.raises(ValueError, match=r"x\.txt, .*y\.txt has 0 sentences; expected at least 2"):
        Filler(hidden=4).fit(files, epochs=1)
    with pytest.raises(ValueError, match=r"y\.txt has no sentence"):
        Filler(hidden=4).fit(TEXT, validation=files[1], epochs=1)


def test_validation_of_nothing_and_targets_are_refused(model: Filler) -> None:
    with pytest.raises(ValueError, match="validation has no sentence"):
        Filler(hidden=4).fit(TEXT, validation=[""], epochs=1)
    with pytest.raises(TypeError, match="a filler takes no targets"):
        Filler(hidden=4).fit(TEXT, ["x"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="data has no sentence"):
        model.evaluate(["", " "])
    with pytest.raises(ValueError, match="the model is not trained"):
        Filler().predict(["___"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": "letters"}, "tokens is 'letters'"),
        ({"encoder": "lstn"}, "encoder is 'lstn'.*did you mean 'lstm'"),
        ({"reads": "up"}, "reads is 'up', expected one of both, left, right"),
        ({"hidden": 0}, "hidden is 0, expected at least 1"),
        ({"word_dropout": 1.0}, "word_dropout is 1.0"),
        ({"max_size": 1}, "max_size is 1, expected at least 2"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
    ],
)
def test_bad_hyperparameters_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Filler(**options)


def test_a_sentence_of_100_000_tokens(model: Filler) -> None:
    words = " ".join(SENTENCES[:4]).split() * 6251
    assert len(words) == 100_016
    line = " ".join([*words[:50_000], "___", *words[50_001:]])
    (filling,) = model.predict([line], top=1)
    assert (len(filling.text.split()), filling.text[:100]) == (len(words), line[:100])
    figures = model.evaluate([" ".join(words)])
    assert figures["tokens"] == len(words)
    trained = Filler(hidden=4, embedding=4).fit([" ".join(words)], epochs=1, threads=1)
    pieces = -(-len(words) // 254)
    assert trained.metrics["sentences"] == pieces - pieces // 10


def test_chinese_characters_segments_and_odd_signs() -> None:
    lines = ["他买了一部手机", "她修了一台电脑", "他很😀", "her e\u0301 \u202e"] * 30
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("chars", "segments"):
            if kind == "segments":
                pytest.importorskip("rjieba")
            model = Filler(tokens=kind, hidden=8, embedding=8, learning_rate=0.04, batch=8).fit(
                lines, epochs=8, threads=1
            )
            found = model.predict(["他买了一部___", "他___了一部手机", "他很___"], top=2)
            assert [len(filling.blanks) for filling in found] == [1, 1, 1]
            assert found[2].text == "他很😀"


def test_a_row_alone_is_the_row_among_others(model: Filler) -> None:
    lines = ["ann ___ figs .", "___", "bob sees ___ .", "bob", "___ has ___ . " * 7]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = model.predict(lines, directions=True)
        for line, found in zip(lines, together, strict=True):
            (alone,) = model.predict([line], directions=True)
            assert alone.text == found.text
            for one, other in zip(alone.blanks, found.blanks, strict=True):
                for left, right in zip(one, other, strict=True):
                    assert [word for word, _ in left] == [word for word, _ in right]
                    assert [p for _, p in left] == pytest.approx([p for _, p in right], abs=5e-6)


def test_the_sample_shows_a_blank() -> None:
    shown: list[str] = []
    Filler(hidden=4, embedding=4).fit(
        TEXT, epochs=1, progress=lambda report: shown.append(report.sample) if report.sample else None
    )
    assert shown
    assert "___" in shown[0]
    assert "; it was " in shown[0]


@pytest.mark.parametrize("kind", ["chars", "words"])
def test_a_character_that_utf_8_does_not_have_is_a_character(kind: str, tmp_path: Path) -> None:
    """As JSON may bring it: half of a surrogate pair."""
    line = "a \ud83d b"
    model = Filler(tokens=kind, hidden=4, embedding=4).fit([line] * 20, epochs=1)
    model.save(tmp_path / "m.elman")
    (filling,) = elman.load(tmp_path / "m.elman").predict([f"\ud83d ___ {line}"], top=9)
    assert "\ud83d" in dict(filling.blanks[0].candidates)
    assert filling.text.endswith(line)


def test_choices_come_back_as_they_were_given() -> None:
    lines = ["it is 2:30 now", "it is late now", "it is a T-shirt now"] * 10
    model = elman.Filler(tokens="words", hidden=8, embedding=8, min_count=1).fit(lines, epochs=1)
    (found,) = model.predict(["it is ___ now"], choices=["2:30", "late", "T-shirt"])
    assert {token for token, _ in found.blanks[0].candidates} == {"2:30", "late", "T-shirt"}
    assert found.text == f"it is {found.blanks[0].candidates[0][0]} now"
    (found,) = model.predict(["it is ___ now"], choices=["late", "it"])
    assert {token for token, _ in found.blanks[0].candidates} == {"late", "it"}


def test_halves_of_surrogate_pairs_in_chinese(tmp_path) -> None:
    lines = ["我想你\ud800", "我爱你", "他爱好你"] * 10
    model = elman.Filler(tokens="segments", hidden=8, embedding=8).fit(lines, epochs=1)
    with pytest.warns(UserWarning, match="the model does not know '买'"):
        assert model.predict(["我___\ud800你"], choices=["\ud800", "买"])[0].text == "我\ud800\ud800你"
    model.save(tmp_path / "m.elman")
    assert elman.load(tmp_path / "m.elman").evaluate(lines) == model.evaluate(lines)


def test_blanks_that_are_too_long() -> None:
    model = elman.Filler(tokens="chars", hidden=8, embedding=8).fit(["ab ab"] * 10, epochs=1)
    with pytest.raises(ValueError, match="longest is 51, expected at most 50"):
        model.predict(["a___"], longest=51)
