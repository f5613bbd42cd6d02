"""The n-gram model as a task, beside KenLM and on texts small enough to count by hand."""

import json
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import elman
from elman import LanguageModel, NGram
from elman.tasks import ModelFileError
from elman.tasks.model_file import read_file, write_file

SAM = "I am Sam\nSam I am\nI do not like green eggs and ham\n"


@pytest.fixture(scope="module")
def shakespeare() -> tuple[str, str]:
    """The first nine tenths, in whole lines, and the rest."""
    text = elman.corpora.shakespeare()
    cut = len(text) * 9 // 10
    return text[:cut] + "\n", text[cut:]


@pytest.fixture(scope="module")
def bard(shakespeare: tuple[str, str]) -> NGram:
    return NGram(order=3).fit(shakespeare[0])


def test_figures_of_kenlm_on_shakespeare(bard: NGram, shakespeare: tuple[str, str]) -> None:
    """What KenLM 0.3.0 gives on tiny Shakespeare: ``lmplz -o 3`` for the sizes and the model, ``query`` for the rest.

    benchmarks/ngram.py --lmplz runs both again.
    """
    assert bard.table.sizes == [23844, 109114, 154793]
    with pytest.warns(UserWarning, match="2,361 tokens that the model does not know were replaced"):
        figures = bard.evaluate(shakespeare[1])
    assert figures["perplexity"] == pytest.approx(495.12875, rel=1e-6)
    assert figures["nats_per_token"] * 24628 / math.log(10) == pytest.approx(66365.51847, rel=1e-7)
    expected = {"tokens": 24628, "sentences": 4475, "unknown": 2361, "chars": len(shakespeare[1])}
    assert {key: figures[key] for key in expected} == expected
    assert figures["nats_per_char"] * figures["chars"] == pytest.approx(figures["nats_per_token"] * 24628)
    assert figures["nats_per_word"] * figures["words"] == pytest.approx(figures["nats_per_token"] * 24628)
    assert figures["bits_per_char"] == pytest.approx(figures["nats_per_char"] / math.log(2))
    assert figures["perplexity_known"] < figures["perplexity"]


def test_scores_are_sums_of_predictions() -> None:
    model = NGram(order=3).fit(SAM)
    words, nats = ["Sam", "I", "do", "not"], 0.0
    for i, word in enumerate([*words, "\n"]):
        nats += math.log(dict(model.predict([" ".join(words[:i])], top=100)[0])[word])
    assert model.score([" ".join(words)]) == pytest.approx([nats], rel=1e-6)
    figures = model.evaluate(" ".join(words))
    assert figures["perplexity"] == pytest.approx(math.exp(-nats / 5), rel=1e-6)
    assert (figures["tokens"], figures["words"], figures["chars"]) == (5, 4, 13)


def test_maximum_likelihood_by_hand() -> None:
    """P(I) = 2/3 at the start of a line, then am 2/3, Sam 1/2, the end 1/2."""
    model = NGram(order=2, smoothing="maximum-likelihood").fit(SAM)
    assert np.exp(model.score(["I am Sam", "ham I", ""])) == pytest.approx([1 / 9, 0, 0], rel=1e-6)
    assert model.evaluate("ham I")["perplexity"] == math.inf
    assert model.predict(["I"])[0] == [("am", pytest.approx(2 / 3)), ("do", pytest.approx(1 / 3))]


def test_unknown_words_are_one_word() -> None:
    model = NGram(order=2).fit(SAM)
    with pytest.warns(UserWarning, match="2 tokens that the model does not know were replaced") as caught:
        figures = model.evaluate("I am Gandalf\nI am Gandalf\n")
    assert caught[0].filename == __file__, "the warning points to the caller"
    assert (figures["unknown"], figures["tokens"]) == (2, 8)
    assert model.score(["x y"]) == model.score(["y x"]) == model.score(["<unk> <unk>"])
    with pytest.warns(UserWarning, match="1 token that the model does not know was replaced"):
        model.predict(["Gandalf", "Sam"])


def test_rare_words_teach_the_unknown_one() -> None:
    text = "the cat sat\nthe dog sat\nthe eel sat\n" * 2 + "the gnu sat\n"
    known, limited = NGram(order=2, min_count=2).fit(text), NGram(order=2, max_size=3).fit(text)
    assert list(known.lexicon) == ["<other>", "sat", "the", "cat", "dog", "eel"]
    assert known.lexicon.counts[0] == 1
    assert known.table.sizes == [8, 10]  # <s> the; the x and x sat, for cat, dog, eel, <unk>; sat </s>
    assert list(limited.lexicon) == ["<other>", "sat", "the"]
    assert limited.score(["the gnu sat"]) > NGram(order=2).fit(text).score(["the emu sat"])
    same = NGram(order=2).fit(text.replace("gnu", "<unk>"))
    assert same.score(["the emu sat"]) == known.score(["the emu sat"]), "<unk> may stand in a text itself"


def test_predictions(bard: NGram, tmp_path: Path) -> None:
    lines = ["MENENIUS:", "", "First Senator:"]
    found = bard.predict(lines, top=3)
    assert [row[0][0] for row in found] == ["\n"] * 3
    assert all(len(row) == 3 and row == sorted(row, key=lambda pair: -pair[1]) for row in found)
    (tmp_path / "lines.txt").write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    assert bard.predict(tmp_path / "lines.txt", top=3) == bard.predict("\n".join(lines), top=3) == found
    everything = bard.predict(["to be"], top=10**6)[0]
    assert len(everything) == len(bard.lexicon), "all words and the end, but the unknown one"
    assert sum(p for _, p in everything) == pytest.approx(1, abs=1e-4)


def test_a_context_is_its_last_words() -> None:
    model = NGram(order=4, tokens="chars").fit("abcabdabc\n")
    assert model.predict(["abcab"]) == model.predict(["dcbcab"]) != model.predict(["ab"])
    assert NGram(order=1).fit(SAM).predict(["I"]) == NGram(order=1).fit(SAM).predict([""])


def test_writing() -> None:
    model = NGram(order=4).fit(SAM)
    assert "".join(model.generate("I do not", length=6, temperature=0)) == " like green eggs and ham\n"
    assert "".join(model.generate("I do not ", length=1, temperature=0)) == "like"
    assert "".join(model.generate("Sam\nI do", length=1, temperature=0)) == " not"
    assert "".join(model.generate(length=2, temperature=0, stop="am")).startswith("I ")
    assert list(model.generate("I", length=0)) == []
    pieces = model.generate("Sam", length=10**9, seed=3)
    assert isinstance(pieces, Iterator)
    first = [next(pieces) for _ in range(30)]
    assert first == list(model.generate("Sam", length=30, seed=3)) != list(model.generate("Sam", length=30, seed=4))
    assert "<" not in "".join(model.generate(length=300, temperature=5.0, seed=0)), "the unknown word is not written"
    chars = NGram(order=5, tokens="chars").fit("the cat sat on the mat\n" * 3)
    assert "".join(chars.generate("the c", length=6, temperature=0)) == "at sat"


def test_a_model_that_knows_only_the_unknown_word_ends_its_sentences() -> None:
    model = NGram(order=2, smoothing="maximum-likelihood", max_size=2).fit("a b\na b\na c\n")
    assert "".join(model.generate("a", length=3, temperature=0)) == "\na\n"


def test_chinese_words() -> None:
    model = NGram(order=3, tokens="segments").fit("我昨天上学迟到了，老师批评了我。\n他迟到了，老师批评了他。\n")
    assert {token for token, _ in model.predict(["我昨天上学迟到了，老师批评了"], top=2)[0]} == {"我", "他"}
    assert "".join(model.generate("老师", length=2, temperature=0)) == "批评了"
    assert model.evaluate("老师批评了我。")["words"] == 4


@pytest.mark.parametrize("kind", ["words", "chars", "segments"])
@pytest.mark.parametrize("smoothing", ["kneser-ney", "maximum-likelihood"])
def test_a_saved_model_is_the_same_model(kind: str, smoothing: str, tmp_path: Path) -> None:
    text = "我 昨天迟到了，\ttoo “late”!\n\n我 too\n"
    model = NGram(order=4, tokens=kind, smoothing=smoothing, prune=[0, 0, 1], max_size=30).fit(text, validation=text)
    model.save(tmp_path / "a.elman")
    again = elman.load(tmp_path / "a.elman")
    assert isinstance(again, NGram)
    assert json.loads(json.dumps(again.info())) == json.loads(json.dumps(model.info()))
    assert again.lexicon == model.lexicon
    assert again.evaluate(text) == model.evaluate(text)
    assert again.metrics["validation_loss"] == pytest.approx(model.evaluate(text)["nats_per_token"])
    assert list(again.generate("too", length=30, seed=0)) == list(model.generate("too", length=30, seed=0))


def test_info_and_metrics(bard: NGram) -> None:
    info = bard.info()
    assert info["ngrams"] == {"1": 23844, "2": 109114, "3": 154793}
    expected = {"task": "ngram", "order": 3, "tokens": "words", "prune": [0], "vocabulary": 23842}
    assert {key: info[key] for key in expected} == expected
    assert info["metrics"]["sentences"] == 35526
    assert info["metrics"]["training_tokens"] == 218025


def test_texts_and_files(tmp_path: Path) -> None:
    path = tmp_path / "sam.txt"
    path.write_text(SAM, encoding="utf-8")
    assert NGram().fit(path).evaluate(path) == NGram().fit(SAM).evaluate([path]) == NGram().fit([path]).evaluate(SAM)
    assert NGram(tokens="chars").fit("cafe\u0301\n").evaluate("café")["unknown"] == 0


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"order": 0}, ValueError, "order is 0, expected at least 1"),
        ({"order": "5"}, TypeError, "order is '5', expected a whole number, at least 1"),
        ({"tokens": "bytes"}, ValueError, "tokens is 'bytes', expected one of words, chars, segments"),
        ({"smoothing": "kneser"}, ValueError, "smoothing is 'kneser', expected one of .*; did you mean 'kneser-ney'"),
        ({"prune": -1}, ValueError, "prune is -1, expected at least 0"),
        ({"prune": "0,1"}, TypeError, "prune is '0,1', expected a whole number, or one for each order"),
        ({"prune": [1, 1]}, ValueError, "prune is 1, 1; the first number must be 0"),
        ({"prune": [0, 2, 1]}, ValueError, "prune is 0, 2, 1; expected numbers that do not fall"),
        ({"order": 2, "prune": [0, 1, 1]}, ValueError, "prune is 0, 1, 1: more numbers than the 2 orders there are"),
        ({"min_count": 0}, ValueError, "min_count is 0, expected at least 1"),
        ({"max_size": 1}, ValueError, "max_size is 1, expected at least 2"),
    ],
)
def test_bad_hyperparameters(options: dict[str, object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        NGram(**options)  # type: ignore[arg-type]


def test_bad_questions() -> None:
    model = NGram(order=2)
    for use in (model.info, lambda: model.evaluate("a"), lambda: model.predict(["a"]), lambda: model.generate("a")):
        with pytest.raises(ValueError, match=r"the model is not trained: call fit, or read a trained one with elman"):
            use()
    with pytest.raises(ValueError, match="inputs is an empty text"):
        model.fit("")
    with pytest.raises(TypeError, match="a language model takes no targets"):
        model.fit(SAM, SAM)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="line 2 has the word </s>"):
        model.fit("a\n</s>\n")
    with pytest.raises(ValueError, match=r"^validation: line 1 has the word <s>, which"):
        model.fit("a", validation="<s>")
    with pytest.raises(TypeError, match="inputs is a int; expected a text"):
        model.fit(3)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match=r"cannot read a b c: no such file .*; inputs is a list, which holds"):
        model.fit(["a b c", "b c"])
    with pytest.raises(ValueError, match="standard input, -, is given for the text and for the validation text; it"):
        model.fit([Path("a.txt"), Path("-")], validation=Path("-"))
    model.fit(SAM)
    with pytest.raises(ValueError, match="top is 0, expected at least 1"):
        model.predict(["a"], top=0)
    with pytest.raises(ValueError, match="length is -1, expected 0 or more"):
        model.generate(length=-1)
    with pytest.raises(ValueError, match="stop is an empty text"):
        model.generate(stop="")
    with pytest.raises(ValueError, match=r"temperature is -1, expected 0 \(always"):
        model.generate(temperature=-1)


def test_the_name_of_a_mark_in_a_text_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    good, bad, pipe = tmp_path / "good.txt", tmp_path / "bad.txt", tmp_path / "pipe"
    good.write_text("a\n" * 5, encoding="utf-8")
    bad.write_bytes(b"a\r\nb\r\n<s> c")
    words = r"bad\.txt: line 3 has the word <s>, which is the name for the beginning of a sentence"
    for given in (bad, [bad], [good, bad], [str(good), str(bad)], (pipe, bad)):
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=("a\n",), daemon=True)
        writer.start()
        with pytest.raises(ValueError, match=words):
            NGram(order=2).fit(given)
        pipe.unlink()
    with pytest.raises(ValueError, match=words):
        NGram(order=2).fit("a", validation=bad)
    with pytest.raises(ValueError, match=words):
        NGram(order=2).fit("a").evaluate(bad)


def test_files_whose_parts_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.elman"
    NGram(order=2).fit(SAM).save(path)
    stored = read_file(path, "model")
    for name, tensor, words in (
        ("words.2", stored.tensors["words.2"][1:], "followers.1 does not add up to the"),
        ("backoffs.1", stored.tensors["backoffs.1"][1:], "the arrays of order 1 are not of the same length"),
        ("words.2", stored.tensors["words.2"].flip(0), "the keys of order 2 do not rise"),
        ("log_probabilities.1", stored.tensors["log_probabilities.1"][1:], "unigrams for a vocabulary of"),
    ):
        write_file(path, "model", stored.description, {**stored.tensors, name: tensor})
        with pytest.raises(ModelFileError, match=rf"a\.elman: the file is damaged: .*{words}"):
            elman.load(path)
    write_file(path, "model", {"task": "ngram"}, stored.tensors)
    with pytest.raises(ModelFileError, match=r"a\.elman: the file is damaged: 'config'"):
        elman.load(path)


def test_a_file_of_another_task_is_of_another_class(tmp_path: Path) -> None:
    LanguageModel(hidden=4, batch=2, window=4).fit("ab\n" * 40, epochs=1).save(tmp_path / "lm.elman")
    assert isinstance(elman.load(tmp_path / "lm.elman"), LanguageModel)


def test_long_texts_are_scored_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = NGram(order=3).fit(SAM)
    whole = model.evaluate(SAM * 5)
    monkeypatch.setattr("elman.tasks.ngrams.scoring._LONGEST", 7)
    assert model.evaluate(SAM * 5) == pytest.approx(whole)
