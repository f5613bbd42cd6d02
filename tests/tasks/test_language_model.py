"""The language model from text to text: it learns, measures, predicts, writes, and comes back from its file."""

import math
import random
import warnings
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

import elman
from elman import LanguageModel
from elman.models import CELLS
from elman.tasks import ModelFileError, Progress, TrainingError
from elman.tasks.model_file import read_file, write_file

FABLE = "a quick brown fox jumps over one lazy dog\n" * 70
SMALL = {"hidden": 32, "embedding": 16, "batch": 4, "window": 16, "learning_rate": 0.02, "dropout": 0.0}


@pytest.fixture(scope="module")
def fable() -> LanguageModel:
    return LanguageModel(cell="gru", **SMALL).fit(FABLE, epochs=8)


@pytest.mark.parametrize(
    ("cell", "tokens"), [*((cell, "chars") for cell in CELLS), ("gru", "bytes"), ("rnn", "words"), ("lstm", "segments")]
)
def test_a_repetitive_text_is_learnt_quickly(cell: str, tokens: str) -> None:
    text, epochs = (FABLE, 3) if tokens in ("chars", "bytes") else (FABLE * 2, 3)
    model = LanguageModel(cell=cell, tokens=tokens, **SMALL).fit(text, epochs=epochs)
    figures = model.evaluate(FABLE)
    assert figures["nats_per_char"] < 0.3
    assert model.metrics["validation_loss"] == pytest.approx(figures["nats_per_token"], abs=0.2)
    assert figures["chars"] > 2800


@pytest.mark.parametrize(
    "options", [{"embedding": "none"}, {"layers": 2, "dropout": 0.1}, {"tied": True, "embedding": 32}]
)
def test_other_forms_of_network_learn_too(options: dict[str, object]) -> None:
    model = LanguageModel(**{**SMALL, **options}).fit(FABLE, epochs=3)
    assert model.evaluate(FABLE)["nats_per_char"] < 0.4


def test_no_model_beats_the_entropy_of_a_random_text() -> None:
    """Validation is on text that was not trained on: coin tosses cost ln 2 a toss, and cannot be learnt by heart."""
    tosses = "".join(random.Random(0).choices("ab", k=3000))
    model = LanguageModel(**SMALL).fit(tosses, epochs=4)
    assert model.metrics["validation_loss"] > 0.98 * math.log(2)
    assert model.metrics["training_tokens"] == 2700
    assert model.metrics["validation_tokens"] == 299


def test_given_validation_text_leaves_the_whole_text_for_training() -> None:
    model = LanguageModel(**SMALL).fit(FABLE, validation="one dog", epochs=1)
    assert model.metrics["training_tokens"] == len(FABLE)
    assert model.metrics["validation_tokens"] == 6


def test_the_vocabulary_is_that_of_the_training_part() -> None:
    model = LanguageModel(**SMALL).fit(FABLE + "Z" * 200, epochs=1)
    assert "Z" not in model.lexicon
    assert "f" in model.lexicon


def test_evaluate_gives_the_likelihood_of_one_token_after_another(fable: LanguageModel) -> None:
    text = "a quick brown lazy fox"
    state, nats = fable.network.initial_state(1), 0.0
    indices = fable.lexicon.indices(text)
    for now, following in pairwise(indices):
        logits, state = fable.network.step(now.view(1), state)
        nats -= logits[0].log_softmax(0)[following].item()
    figures = fable.evaluate(text)
    assert figures["nats_per_char"] == pytest.approx(nats / 21, rel=1e-5)
    assert figures["bits_per_char"] == pytest.approx(nats / 21 / math.log(2), rel=1e-5)
    assert figures["perplexity"] == pytest.approx(math.exp(nats / 21), rel=1e-5)
    expected = {"tokens": 21, "chars": 21, "unknown": 0, "protocol": "carried"}
    assert {key: figures[key] for key in expected} == expected


def test_blocks_know_less_than_the_whole(fable: LanguageModel) -> None:
    carried, blocks = fable.evaluate(FABLE), fable.evaluate(FABLE, protocol="blocks", block=8)
    assert blocks["nats_per_char"] > 1.5 * carried["nats_per_char"]
    assert (blocks["tokens"], blocks["block"]) == (carried["tokens"], 8)


def test_predictions_are_the_probabilities_after_each_line(fable: LanguageModel, tmp_path: Path) -> None:
    lines = ["a quick brown f", "", "jumps o"]
    found = fable.predict(lines, top=3)
    assert [row[0][0] for row in found] == ["o", "a", "v"]
    logits, _ = fable.network(fable.lexicon.indices("\njumps o").unsqueeze(1), fable.network.initial_state(1))
    assert dict(found[2])["v"] == pytest.approx(logits[-1, 0].softmax(0)[fable.lexicon["v"]].item(), rel=1e-5)
    assert all(len(row) == 3 and row == sorted(row, key=lambda pair: -pair[1]) for row in found)
    (tmp_path / "lines.txt").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    assert fable.predict("\n".join(lines), top=3) == fable.predict(tmp_path / "lines.txt", top=3) == found
    everything = fable.predict(["a"], top=1000)[0]
    assert len(everything) == len(fable.lexicon) - 1, "all but the entry for unknown ones"
    assert sum(p for _, p in everything) == pytest.approx(1.0, abs=1e-3)


def test_writing_continues_the_prompt(fable: LanguageModel) -> None:
    assert "".join(fable.generate("a quick br", length=11, temperature=0)) == "own fox jum"
    assert "".join(fable.generate("a quick", stop=" jumps", temperature=0)) == " brown fox"
    assert "".join(fable.generate(length=7, temperature=0)) == "a quick", "a text begins as lines do"
    assert list(fable.generate("x", length=0)) == []


def test_writing_is_streamed_and_repeatable(fable: LanguageModel) -> None:
    pieces = fable.generate("dog", length=10**9, seed=3)
    assert isinstance(pieces, Iterator)
    first = list(islice(pieces, 50))
    assert [len(piece) for piece in first] == [1] * 50
    assert first == list(fable.generate("dog", length=50, seed=3))
    assert len({"".join(fable.generate("dog", length=80, temperature=2.0)) for _ in range(3)}) > 1
    before = torch.get_rng_state()
    list(fable.generate("dog", length=5))
    assert torch.equal(before, torch.get_rng_state())


def test_bytes_write_whole_characters() -> None:
    model = LanguageModel(tokens="bytes", **SMALL).fit("我爱你。\n" * 300, epochs=4)
    assert "".join(model.generate("我", length=9, temperature=0)) == "爱你。"
    assert list(model.generate("我", length=6, temperature=0)) == ["爱", "你"]
    assert model.evaluate("我爱😀")["unknown"] == 0, "every byte is known"
    assert model.evaluate("我爱你。")["tokens"] == 11


def test_words_are_predicted_as_words() -> None:
    model = LanguageModel(tokens="words", **SMALL).fit(FABLE * 2, epochs=3)
    assert model.predict(["a quick brown fox "], top=1)[0][0][0] == "jumps"
    figures = model.evaluate("a quick brown fox jumps")
    assert (figures["words"], figures["tokens"], figures["chars"]) == (4, 8, 22)
    assert figures["nats_per_word"] == pytest.approx(figures["nats_per_token"] * 2)


def test_unknown_characters_are_replaced_and_counted_once(fable: LanguageModel) -> None:
    with pytest.warns(UserWarning, match="3 characters that the model does not know were replaced") as caught:
        assert fable.evaluate("a fóx ju我我s")["unknown"] == 3
    assert len(caught) == 1
    assert caught[0].filename == __file__, "the warning points to the caller"
    with pytest.warns(UserWarning, match="1 character that the model does not know was replaced"):
        fable.predict(["a", "fóx"])
    with pytest.warns(UserWarning, match="2 characters that"):
        text = "".join(fable.generate("我我", length=200, temperature=5.0, seed=0))
    assert set(text) <= set(FABLE), "what is unknown is never written"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fable.evaluate("a fox")


def test_texts_are_composed_before_they_are_read() -> None:
    model = LanguageModel(**SMALL).fit("cafe\u0301 " * 300, epochs=1)
    assert "é" in model.lexicon
    assert "\u0301" not in model.lexicon
    assert model.evaluate("e\u0301e\u0301")["unknown"] == 0
    assert model.predict(["cafe\u0301"]) == model.predict(["café"])


def test_files_and_lists_of_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(FABLE, encoding="utf-8")
    (tmp_path / "b.txt").write_text("fin", encoding="utf-8")
    from_text = LanguageModel(**SMALL).fit(FABLE + "fin", validation="one dog", epochs=1)
    paths = [tmp_path / "a.txt", str(tmp_path / "b.txt")]
    (tmp_path / "v.txt").write_text("one dog", encoding="utf-8")
    from_files = LanguageModel(**SMALL).fit(paths, validation=tmp_path / "v.txt", epochs=1)
    assert from_files.metrics["validation_loss"] == from_text.metrics["validation_loss"]
    assert from_files.evaluate(tmp_path / "a.txt") == from_text.evaluate(FABLE)


@pytest.mark.parametrize("tokens", ["chars", "bytes", "words", "segments"])
def test_a_saved_model_is_the_same_model(tokens: str, tmp_path: Path) -> None:
    text = "我昨天迟到了，\ttoo “late”!\n" * 100
    options = {"layers": 2, "tied": True, "hidden": 8, "batch": 8, "window": 8}
    model = LanguageModel(cell="rnn", tokens=tokens, **options).fit(text, epochs=1)
    before = torch.get_rng_state()
    model.save(tmp_path / "a.elman")
    again = elman.load(tmp_path / "a.elman")
    assert torch.equal(before, torch.get_rng_state())
    assert again.info() == model.info()
    assert again.history == model.history
    assert again.lexicon == model.lexicon
    assert again.evaluate(text) == model.evaluate(text)
    assert list(again.generate("too", length=30, seed=0)) == list(model.generate("too", length=30, seed=0))


def test_info_tells_what_the_model_is(fable: LanguageModel) -> None:
    info = fable.info()
    expected = {"task": "lm", "cell": "gru", "tokens": "chars", "hidden": 32, "layers": 1, "version": elman.__version__}
    assert {key: info[key] for key in expected} == expected
    assert info["vocabulary"] == len(set(FABLE)) + 1
    assert info["parameters"] == sum(p.numel() for p in fable.network.parameters())
    assert info["metrics"]["epochs"] == 8
    assert info["metrics"]["validation_loss"] == min(loss for _, _, loss in fable.history)


def test_a_run_that_diverges_at_once_leaves_no_model() -> None:
    model = LanguageModel(cell="rnn", **{**SMALL, "learning_rate": 1e30})
    with pytest.raises(TrainingError, match="at step 3, before the first validation, so that there is nothing to keep"):
        model.fit(FABLE, epochs=5)
    with pytest.raises(ValueError, match="the model is not trained"):
        model.evaluate(FABLE)


def test_a_run_that_diverges_late_keeps_good_weights() -> None:
    model = LanguageModel(cell="rnn", **SMALL)

    def spoil(report: Progress) -> None:
        if report.step == 100:
            model.network.output_bias.data.fill_(math.nan)

    with pytest.raises(TrainingError) as error:
        model.fit(FABLE, epochs=5, progress=spoil)
    best, _, _ = min(model.history, key=lambda validation: validation[2])
    assert str(error.value).startswith(f"the loss became nan at step 101, the weights of step {best} with validation")
    assert model.metrics["best_step"] == best in (41, 82)
    assert model.evaluate(FABLE)["nats_per_char"] < 1


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    seen = []
    LanguageModel(**SMALL).fit(FABLE, epochs=1, threads=1, progress=lambda _: seen.append(torch.get_num_threads()))
    assert set(seen) == {1}
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="threads is 0, expected at least 1"):
        LanguageModel(**SMALL).fit(FABLE, epochs=1, threads=0)


def test_a_model_that_is_not_trained() -> None:
    for use in (LanguageModel().info, lambda: LanguageModel().evaluate("a b"), lambda: LanguageModel().generate("a")):
        with pytest.raises(ValueError, match=r"the model is not trained: call fit, or read a trained one with elman"):
            use()


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"inputs": ""}, ValueError, "inputs is an empty text"),
        ({"inputs": 3}, TypeError, r"inputs is a int; expected a text \(str\), a pathlib\.Path or a list of paths"),
        ({"inputs": b"bytes"}, TypeError, "inputs is a bytes"),
        ({"inputs": "short"}, ValueError, r"the training text has 4 tokens; expected at least N·T \+ 1 = 65"),
        ({"inputs": FABLE, "validation": "x"}, ValueError, "the validation text has 1 token; expected at least 2"),
        ({"inputs": FABLE, "validation": ""}, ValueError, "validation is an empty text"),
        ({"inputs": Path("none.txt")}, FileNotFoundError, r"cannot read none\.txt: no such file or directory"),
        (
            {"inputs": ["a.txt", "none.txt"]},
            FileNotFoundError,
            r"cannot read none\.txt: no such file or directory; inputs is a list, which holds the paths of files: "
            r"to give texts, join them into one str, \"\\n\"\.join\(texts\)",
        ),
        (
            {"inputs": FABLE, "validation": ["to be\nor not " * 100, "be\0"]},
            FileNotFoundError,
            r"cannot read to be or not .{47}….{60} \(1,300 characters\): no such .*; validation is a list, which",
        ),
        ({"inputs": ["a", "none.txt"]}, FileNotFoundError, "cannot read a: no such file or directory; inputs is a"),
        ({"inputs": Path("-"), "validation": ["-"]}, ValueError, "standard input, -, is given for the text and for"),
        (
            {"inputs": "a.txt"},
            ValueError,
            r"inputs is 'a\.txt', the name of a file; to read the file pass pathlib\.Path",
        ),
        ({"inputs": Path("empty.txt")}, ValueError, r"empty\.txt is empty; expected a text"),
        ({"inputs": Path("latin.txt")}, ValueError, r"latin\.txt is not UTF-8: byte 0xe9 at offset 3 \(line 1\)"),
        ({"inputs": FABLE, "targets": FABLE}, TypeError, "a language model takes no targets"),
        ({"inputs": FABLE, "time": "3m", "epochs": 1}, ValueError, "give one of them"),
        ({"inputs": FABLE, "resume": "none"}, FileNotFoundError, "cannot read none: no such file or directory"),
        ({"inputs": FABLE, "resume": "a.txt"}, ModelFileError, r"a\.txt is not an Elman checkpoint"),
        ({"inputs": FABLE, "checkpoint": "no/c"}, FileNotFoundError, "cannot write no/c: there is no folder"),
    ],
)
def test_bad_input(
    arguments: dict[str, object], kind: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(FABLE, encoding="utf-8")
    Path("empty.txt").write_bytes(b"")
    Path("latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(kind, match=words):
        LanguageModel().fit(**{"epochs": 1, **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_files_change_nothing(fable: LanguageModel, end: str, tmp_path: Path) -> None:
    text = "a quick fox\n\na lazy dog\n"
    path = tmp_path / "ends.txt"
    path.write_bytes(text.replace("\n", end).encode())
    assert fable.evaluate(path) == fable.evaluate([str(path)]) == fable.evaluate(text)
    assert fable.predict(path) == fable.predict(text)
    path.write_bytes(FABLE.replace("\n", end).encode())
    for kind in ("chars", "bytes"):
        ours, theirs = (LanguageModel(tokens=kind, **SMALL).fit(given, epochs=1, threads=1) for given in (path, FABLE))
        assert torch.equal(ours.network.output_bias, theirs.network.output_bias)
        assert list(ours.lexicon) == list(theirs.lexicon)
    assert LanguageModel(**SMALL).fit(FABLE.replace("\n", "\r\n"), epochs=1).lexicon["\r"], "a str is as it is"


def test_bad_questions(fable: LanguageModel) -> None:
    with pytest.raises(ValueError, match="protocol is 'block', expected carried or blocks"):
        fable.evaluate("a fox", protocol="block")
    with pytest.raises(ValueError, match="block is 0, expected at least 1"):
        fable.evaluate("a fox", protocol="blocks", block=0)
    with pytest.raises(ValueError, match="the text has 1 token; expected at least 2"):
        fable.evaluate("a")
    with pytest.raises(ValueError, match="top is 0, expected at least 1"):
        fable.predict(["a"], top=0)
    with pytest.raises(TypeError, match="top is 'x', expected a whole number, 1 or more"):
        fable.predict(["a"], top="x")  # type: ignore[arg-type]
    expected = r"expected a text \(str\), a pathlib\.Path or a list of lines \(str\)"
    with pytest.raises(TypeError, match=rf"inputs\[1\] is a int; {expected}"):
        fable.predict(["a", 1])  # type: ignore[list-item]
    for wrong in (1, b"a"):
        with pytest.raises(TypeError, match=rf"inputs is a {type(wrong).__name__}; {expected}"):
            fable.predict(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="length is -1, expected 0 or more"):
        fable.generate(length=-1)
    with pytest.raises(ValueError, match="stop is an empty text"):
        fable.generate(stop="")
    with pytest.raises(ValueError, match=r"temperature is -1, expected 0 \(always"):
        fable.generate(temperature=-1)


def test_files_whose_parts_do_not_fit(fable: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "a.elman"
    fable.save(path)
    stored = read_file(path, "model")
    weights = {name: tensor for name, tensor in stored.tensors.items() if name != "output_bias"}
    write_file(path, "model", stored.description, weights)
    with pytest.raises(ModelFileError, match=r"a\.elman: the file is damaged: .*output_bias"):
        elman.load(path)
    write_file(path, "model", {**stored.description, "task": "weather"}, stored.tensors)
    with pytest.raises(ModelFileError, match=r"a\.elman is of the task 'weather'; known are lm, ngram"):
        elman.load(path)
    write_file(path, "model", {"task": "lm"}, stored.tensors)
    with pytest.raises(ModelFileError, match=r"a\.elman: the file is damaged: 'config'"):
        elman.load(path)
