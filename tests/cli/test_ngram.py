"""``elman train ngram`` and what the other verbs do with its models."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import elman as package
from elman import LanguageModel, NGram

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
SAM = "I am Sam\nSam I am\nI do not like green eggs and ham\n"


@pytest.fixture
def sam(tmp_path: Path) -> Path:
    path = tmp_path / "sam.txt"
    path.write_text(SAM, encoding="utf-8")
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "sam.elman"
    NGram(order=3).fit(SAM).save(path)
    return path


def test_train(elman: Command, sam: Path) -> None:
    result = elman("train", "ngram", "sam.txt", "--order", "3", "-o", "m.elman", "--validation", "sam.txt")
    assert (result.code, result.out) == (0, "")
    figures = package.load("m.elman").evaluate(sam)
    loss = figures["nats_per_token"]
    assert result.err.startswith(
        f"elman: m.elman: validation loss {loss:.4f}, 13 1-grams, 15 2-grams, 14 3-grams of 17 tokens"
    )
    assert figures == NGram(order=3).fit(SAM).evaluate(SAM)


def test_train_with_every_flag(elman: Command, sam: Path) -> None:
    flags = "--order 2 --tokens chars --smoothing maximum-likelihood --prune 0,1 --min-count 2 --max-size 9 -q --json"
    result = elman("train", "ngram", "-", "-o", "m.elman", *flags.split(), stdin=SAM.encode())
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == package.load("m.elman").metrics
    expected = NGram(order=2, tokens="chars", smoothing="maximum-likelihood", prune=1, min_count=2, max_size=9).fit(SAM)
    again = package.load("m.elman")
    assert again.hyperparameters == expected.hyperparameters
    assert again.score([SAM]) == expected.score([SAM])
    assert elman("train", "ngram", "sam.txt", "-o", "n.elman", "-q", "--prune", "1") == (0, "", "")
    assert package.load("n.elman").hyperparameters.prune == (0, 1)
    assert elman("train", "ngram", "--corpus", "shakespeare", "--order", "1", "-q", "-o", "s.elman").code == 0


def test_evaluate_predict_generate_info(elman: Command, model: Path) -> None:
    code, out, err = elman("evaluate", "sam.elman", "-", "--json", stdin=b"I am Sam\n")
    assert (code, err, json.loads(out)) == (0, "", package.load(model).evaluate("I am Sam\n"))
    code, out, _ = elman("predict", "sam.elman", "--top", "2", stdin=b"I do\nham\n")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["not", r"\n"]
    assert elman("generate", "sam.elman", "--prompt", "I do", "--length", "3", "--temperature", "0").out == (
        "I do not like green\n"
    )
    code, out, _ = elman("info", "sam.elman", "--json")
    assert json.loads(out) == json.loads(json.dumps(package.load(model).info()))


def test_export_and_use_as_arpa(elman: Command, model: Path, tmp_path: Path) -> None:
    for name in ("sam.arpa", "sam.arpa.gz"):
        assert elman("export", "sam.elman", name) == (0, "", "")
        package.load(model).save_arpa(tmp_path / "same.arpa")
        assert package.load(name).score(SAM).tolist() == package.load(model).score(SAM).tolist()
        assert (
            elman("evaluate", name, "-", stdin=SAM.encode()).out
            == elman("evaluate", "sam.elman", "-", stdin=SAM.encode()).out
        )
    assert (tmp_path / "sam.arpa").read_bytes() == (tmp_path / "same.arpa").read_bytes()
    assert elman("export", "sam.arpa", "again.arpa").code == 0
    assert (tmp_path / "again.arpa").read_bytes() == (tmp_path / "sam.arpa").read_bytes()


def test_mix(elman: Command, trained: Path, text: Path, tmp_path: Path) -> None:
    NGram(order=3, tokens="chars").fit(text.read_text()).save(tmp_path / "n.elman")
    words = ["fox.txt", "--json", "--mix"]
    code, out, err = elman("evaluate", str(trained), *words, "n.elman")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["perplexity"] <= min(found["perplexity_lm"], found["perplexity_ngram"]) + 1e-3
    assert found["weight_fitted_on"] == "the other half"
    assert elman("evaluate", "n.elman", *words, str(trained)) == (code, out, err), "in either order"
    code, out, _ = elman("evaluate", str(trained), *words, "n.elman", "--validation", "fox.txt")
    assert json.loads(out)["weight_fitted_on"] == "validation"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train ngram -o m", "expected the text to learn: either FILE… or --corpus NAME"),
        ("train ngram sam.txt", "-o MODEL is missing; see elman train ngram --help"),
        ("train ngram sam.txt -o m --order 0", "order is 0, expected at least 1"),
        ("train ngram sam.txt -o m --order five", "--order is 'five', expected a whole number"),
        ("train ngram sam.txt -o m --prune 0,a", "--prune is '0,a', expected whole numbers, as in 0,0,1"),
        ("train ngram sam.txt -o m --prune 1,0", "prune is 1, 0; the first number must be 0"),
        ("train ngram sam.txt -o m --tokens bytes", "tokens is 'bytes', expected one of words, chars, segments"),
        ("train ngram sam.txt -o sam.txt", "sam.txt would be used twice and overwritten; give the output another name"),
        ("train ngram sam.txt -o no/m", "cannot write no/m: there is no folder"),
        ("train ngram none.txt -o m", "cannot read none.txt: no such file or directory"),
        (
            "train ngram sam.txt marked.txt -o m",
            "marked.txt: line 2 has the word <s>, which is the name for the beginning of a sentence",
        ),
        ("train ngram - -o m --validation -", "standard input, -, is given for the text and for the validation text;"),
        (
            "evaluate sam.elman sam.txt --protocol blocks",
            "--protocol is not for evaluate with a model of the task ngram; leave it out",
        ),
        (
            "evaluate sam.elman sam.txt --block 3",
            "--block is not for evaluate with a model of the task ngram; leave it out",
        ),
        (
            "evaluate sam.elman sam.txt --mix sam.elman",
            "--mix needs a model of lm and one of ngram, got ngram and ngram",
        ),
        ("evaluate sam.elman sam.txt --mix lm.elman", "the recurrent model reads chars and the n-gram model words"),
        ("evaluate lm.elman sam.txt --mix sam.elman --block 3", "--block does not go with --mix, which carries"),
        ("evaluate sam.elman sam.txt --validation sam.txt", "--validation is what the weight of --mix is fitted on"),
        (
            "export sam.elman sam.onnx",
            "sam.elman is of the task ngram, which is written as .arpa or .arpa.gz, not sam.onnx",
        ),
        ("export lm.elman lm.arpa", "lm.elman is of the task lm, which is written as .onnx, not lm.arpa"),
        (
            "export sam.elman sam.txt",
            "sam.txt does not end in .onnx, .arpa or .arpa.gz, the formats that export writes",
        ),
        ("evaluate half.arpa sam.txt", "half.arpa:4: the file ends here: it is truncated; expected 3 1-grams"),
    ],
)
def test_one_line_says_what_is_wrong(
    command: str, words: str, elman: Command, sam: Path, model: Path, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "lm.elman").write_bytes(trained.read_bytes())
    (tmp_path / "half.arpa").write_text("\\data\\\nngram 1=3\n\\1-grams:\n", encoding="utf-8")
    (tmp_path / "marked.txt").write_text("a\nb <s> c\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, out, err = elman(*command.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"elman: error: {words}"), err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before, "nothing is written, nothing is lost"


def test_models_of_words_mix(elman: Command, text: Path, tmp_path: Path) -> None:
    LanguageModel(tokens="words", hidden=8, batch=4, window=8).fit(text.read_text(), epochs=1).save("lm.elman")
    assert elman("train", "ngram", "fox.txt", "-q", "-o", "n.elman").code == 0
    code, out, err = elman("evaluate", "lm.elman", "fox.txt", "--mix", "n.elman")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()][:3] == ["perplexity"] * 3
