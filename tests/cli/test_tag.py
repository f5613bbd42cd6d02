"""Taggers from the command line: train, predict, evaluate, info; the same answers as from Python."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from elman import Tagger, load
from elman.corpora import FLIGHT_SLOTS

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
ROWS = [(["from", a, "to", b], ["O", "B-from", "O", "B-to"], "ask" if a < b else "go") for a in "RST" for b in "UVRW"]
COLUMNS = "\n".join(
    f"# intent: {intent}\n" + "".join(f"{token} {tag}\n" for token, tag in zip(tokens, tags, strict=True))
    for tokens, tags, intent in ROWS * 6
)
SMALL = ["--hidden", "8", "--embedding", "6", "--epochs", "1", "--threads", "1"]


@pytest.fixture
def columns(tmp_path: Path) -> Path:
    path = tmp_path / "flights.conll"
    path.write_text(COLUMNS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file; W, of the slot "to", holds a date by what the model is told."""
    path = tmp_path_factory.mktemp("tagger") / "t.elman"
    model = Tagger(hidden=12, embedding=8, learning_rate=0.02, slots={"to": "date"})
    model.fit(ROWS * 8, epochs=10, threads=1).save(path)
    return path


def test_every_flag_reaches_the_model(elman: Command, columns: Path, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("from 1 2\nto 2 1\n")
    numbers = {"layers": 2, "hidden": 6, "delays": 1, "embedding": 5, "spelling": 4, "batch": 9}
    numbers |= {"learning_rate": 0.002, "dropout": 0.25, "word_dropout": 0.125, "slot_dropout": 0.5}
    words = [w for name, value in numbers.items() for w in (f"--{name.replace('_', '-')}", str(value))]
    words += ["--encoder", "gru", "--one-direction", "--crf", "--tokens", "mixed", "--vectors", "v.txt"]
    words += ["--slot", "to=city", "--slot", "from=text", "--epochs", "2", "--seed", "5"]
    done = elman("train", "tag", "flights.conll", "-o", "a.elman", "--json", "--threads", "1", *words)
    assert (done.code, json.loads(done.out)["seed"]) == (0, 5)
    assert done.err.startswith("elman: a.elman: validation loss ")
    info = json.loads(elman("info", "a.elman", "--json").out)
    expected = {**numbers, "encoder": "gru", "bidirectional": False, "crf": True, "tokens": "mixed", "vectors": "v.txt"}
    assert {name: info[name] for name in expected} == expected
    assert info["slots"] == {"to": "city", "from": "text"}
    assert (info["task"], info["tags"], info["intents"], info["scheme"]) == ("tag", 3, 2, "IOB2")
    assert "encoder" in elman("info", "a.elman").out


def test_export_has_lengths_if_they_are_wanted(elman: Command, tagger: Path) -> None:
    for words, more in (([], []), (["--lengths"], ["lengths"])):
        assert elman("export", str(tagger), "t.onnx", *words) == (0, "", "")
        inputs = [value.name for value in onnxruntime.InferenceSession("t.onnx").get_inputs()]
        assert sorted(inputs) == sorted(["words", "forms", "cases", "letters", *more])


def test_the_same_as_from_python(elman: Command, columns: Path) -> None:
    assert elman("train", "tag", "flights.conll", "-o", "a.elman", "-q", *SMALL).code == 0
    other = Tagger(hidden=8, embedding=6).fit(columns, epochs=1)
    ours, theirs = load("a.elman").network.state_dict(), other.network.state_dict()
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert json.loads(elman("evaluate", "a.elman", "flights.conll", "--json").out) == other.evaluate(columns)


def test_slots_are_shown_by_name(elman: Command, tagger: Path) -> None:
    done = elman("predict", str(tagger), stdin=b"from R to W\n\nfrom T to 2020-02-30\n")
    assert done.code == 0
    blocks = done.out.split("\n\n")
    assert len(blocks) == 3
    assert blocks[0].split("\n") == ["intent: ask", "from: R", "to: W  (not understood as a date)"]
    assert blocks[1].startswith("intent: ")


def test_dates_are_read_unless_raw(elman: Command, tagger: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"tokens": ["from", "R", "to", "Friday"]}\n{"no": 1}\n{open\n')
    read = elman("predict", str(tagger), "a.jsonl", "--today", "2020-06-01", "--json")
    first, *others = map(json.loads, read.out.splitlines())
    assert first["slots"][1] == {"name": "to", "start": 3, "end": 4, "text": "Friday", "value": "2020.06.05"}
    assert [other["text"] for other in others] == ['{"no": 1}', "{open"]  # text like any other
    raw = json.loads(elman("predict", str(tagger), "a.jsonl", "--raw", "--json").out.splitlines()[0])
    assert raw["slots"][1]["value"] == "Friday"
    assert "probabilities" not in raw
    asked = json.loads(elman("predict", str(tagger), "a.jsonl", "--json", "--probabilities").out.splitlines()[0])
    assert [max(row, key=row.get) for row in asked["probabilities"]] == asked["tags"]


def test_tags_that_mark_no_slots_are_shown_token_by_token(elman: Command, tmp_path: Path) -> None:
    Tagger(hidden=8, embedding=6).fit([(["the", "cat"], ["DET", "NOUN"])] * 30, epochs=5).save(tmp_path / "pos.elman")
    assert elman("predict", "pos.elman", stdin=b"the cat\n\ncat").out == "the\tDET\ncat\tNOUN\n\n\ncat\tNOUN\n"


def test_half_a_surrogate_pair_can_be_shown(elman: Command, tagger: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(r'{"tokens": ["from", "\ud83d", "to", "\ud83d\ude00"]}' + "\n")
    done = elman("predict", str(tagger), "a.jsonl")
    assert (done.code, done.err) == (0, "")
    assert "😀" in done.out
    (line,) = elman("predict", str(tagger), "a.jsonl", "--json").out.splitlines()
    assert json.loads(line)["tokens"] == ["from", "\ud83d", "to", "😀"]


@pytest.mark.filterwarnings("always::UserWarning")
def test_wrong_sentences_and_confusions_are_shown(elman: Command, tagger: Path, tmp_path: Path) -> None:
    lines = [{"tokens": t, "tags": g, "intent": i} for t, g, i in ROWS[:5]]
    lines.append({"tokens": ["from", "R", "to", "W"], "tags": ["O", "B-to", "O", "B-from"], "intent": "fly"})
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = elman("evaluate", str(tagger), "a.jsonl", "--wrong", "3", "--confusion")
    assert done.code == 0
    assert done.err == "elman: warning: 1 intent of the data training did not meet (fly): they count as wrong\n"
    table, confusions, sentence = done.out.split("\n\n")
    assert "slot f1 strict" in table
    assert confusions.split("\n") == [
        "count  true    predicted",
        "1      B-from  B-to",
        "1      B-to    B-from",
        "1      fly     ask",
    ]
    assert sentence.split("\n")[:3] == ["from R to W", "  intent fly, predicted ask", "  token  true    predicted"]
    asked = json.loads(elman("evaluate", str(tagger), "a.jsonl", "--wrong", "1", "--json").out)
    assert len(asked["wrong"]) == 1
    assert "confusion" not in asked


def test_the_booking_sentences(elman: Command) -> None:
    tiny = ["--hidden", "4", "--embedding", "4", "--epochs", "1", "--threads", "1", "-q"]
    assert elman("train", "tag", "--corpus", "flights", "-o", "f.elman", *tiny).code == 0
    info = json.loads(elman("info", "f.elman", "--json").out)
    assert (info["slots"], info["tokens"]) == (FLIGHT_SLOTS, "mixed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "tag", "-o", "a.elman"], "expected the sentences to learn: either FILE… or --corpus NAME"),
        (["train", "tag", "--corpus", "fligts", "-o", "a.elman"], "corpus is 'fligts'; .*did you mean 'flights'"),
        (["train", "tag", "bad.conll", "-o", "a.elman"], "bad.conll:2: 3 columns, expected 2 as in the first line"),
        (["train", "tag", "none.conll", "-o", "a.elman"], "cannot read none.conll: no such file or directory"),
        (["train", "tag", "bad.conll", "--slot", "x", "-o", "a.elman"], "--slot x: expected NAME=KIND"),
        (["train", "tag", "bad.conll", "--encoder", "ltsm", "-o", "a.elman"], "did you mean 'lstm'"),
        (["train", "tag", "bad.conll", "-o", "bad.conll"], "bad.conll would be used twice and overwritten"),
        (["predict", "MODEL", "--today", "soon"], "today is 'soon', expected a day as in 2020-06-01"),
        (["predict", "MODEL", "--steps", "3"], "--steps is not for predict .* tag; it takes --today, --raw"),
        (["predict", "MODEL", "--csv"], "--csv and --plot are for forecasts"),
        (["evaluate", "MODEL", "bad.conll"], "bad.conll:2: 3 columns"),
        (["export", "MODEL", "a.arpa"], "of the task tag, which is written as .onnx, not a.arpa"),
        (["generate", "MODEL"], "a model of the task tag does not generate; it can predict, evaluate, info, export"),
    ],
)
def test_errors_are_one_line(elman: Command, words: list[str], message: str, tagger: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.conll").write_text("fly O\nto TO O\n")
    done = elman(*(str(tagger) if word == "MODEL" else word for word in words), stdin=b"hello\n")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert re.search(message, done.err), done.err
    assert not (tmp_path / "a.elman").exists()


def test_lines_of_json_that_are_no_sentences_are_named(elman: Command, tagger: Path) -> None:
    expected = elman("predict", str(tagger), stdin=b'{"tokens": ["from", "R"]}')
    assert elman("predict", str(tagger), stdin=b'\xef\xbb\xbf  {"tokens": ["from", "R"]}') == expected
    for line in ('{"tokens": ["from", 1]}', '{"tokens": "from"}'):
        code, _, err = elman("predict", str(tagger), stdin=f"from R\n{line}\n".encode())
        assert (code, err.strip().endswith("standard input:2: tokens is no list of texts")) == (2, True)
    code, _, err = elman("predict", str(tagger), stdin=b'{"a":' * 100_000)
    assert (code, err) == (0, err), "a text may begin like that"
