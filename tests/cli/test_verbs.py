"""evaluate, predict, generate and info: the same answers as from Python, as a table or as JSON."""

import gzip
import json
import math
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman import load

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)


def test_evaluate_prints_a_table(elman: Command, trained: Path, text: Path) -> None:
    code, out, err = elman("evaluate", str(trained), str(text))
    rows = {line[:14].rstrip(): line[14:].strip() for line in out.splitlines()}
    expected = load(trained).evaluate(text)
    assert (code, err) == (0, "")
    assert rows["chars"] == rows["tokens"] == "2,639"
    assert float(rows["nats per char"]) == pytest.approx(expected["nats_per_char"], rel=1e-3)
    assert float(rows["bits per char"]) == pytest.approx(expected["nats_per_char"] / math.log(2), rel=1e-3)
    assert rows["protocol"] == "carried"
    assert len({line.index(line[14:].strip()) for line in out.splitlines()}) == 1, "the values are aligned"


@pytest.mark.parametrize("flags", [{}, {"protocol": "blocks"}, {"protocol": "blocks", "block": 16}])
def test_evaluate_prints_json(elman: Command, trained: Path, text: Path, flags: dict[str, Any]) -> None:
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    code, out, err = elman("evaluate", str(trained), str(text), "--json", *words)
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    assert json.loads(out) == load(trained).evaluate(text, **flags)


def test_evaluate_reads_standard_input(elman: Command, trained: Path, text: Path) -> None:
    from_file = elman("evaluate", str(trained), str(text), "--json")
    assert elman("evaluate", str(trained), "-", "--json", stdin=text.read_bytes()) == from_file


@pytest.mark.filterwarnings("always::UserWarning")
def test_unknown_characters_are_a_warning_of_one_line(elman: Command, trained: Path) -> None:
    code, out, err = elman("evaluate", str(trained), "-", "--json", stdin="the 狐狸 fox".encode())
    assert code == 0
    assert json.loads(out)["unknown"] == 2
    assert err == "elman: warning: 2 characters that the model does not know were replaced\n"


def test_predict_prints_a_row_of_tokens_a_line(elman: Command, trained: Path) -> None:
    code, out, err = elman("predict", str(trained), "--top", "3", stdin=b"the quic\nthe quick\nthe lazy dog\n")
    first, second, third = out.splitlines()
    assert (code, err) == (0, "")
    assert first.startswith("k  ")
    assert second.startswith("␣  ")
    assert third.startswith("\\n ")
    assert all(len(line) == len("\\n  99.9%   a    0.1%   b    0.1%") for line in (first, second, third))


def test_predict_prints_an_object_a_line(elman: Command, trained: Path) -> None:
    lines = ["the quic", "", "over the lazy dog"]
    code, out, err = elman("predict", str(trained), "--json", stdin="\r\n".join(lines).encode())
    expected = load(trained).predict(lines)
    assert (code, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"text": line, "next": [{"token": token, "probability": p} for token, p in found]}
        for line, found in zip(lines, expected, strict=True)
    ]


def test_predict_reads_a_file(elman: Command, trained: Path, text: Path) -> None:
    assert elman("predict", str(trained), str(text)) == elman("predict", str(trained), stdin=text.read_bytes())


def test_predict_unpacks_gzip_and_takes_off_a_byte_order_mark(elman: Command, trained: Path, tmp_path: Path) -> None:
    expected = elman("predict", str(trained), stdin=b"the quic\nover")
    packed = gzip.compress(b"\xef\xbb\xbfthe quic\nover")
    (tmp_path / "text.gz").write_bytes(packed)
    assert elman("predict", str(trained), "text.gz") == expected
    assert elman("predict", str(trained), stdin=packed) == expected
    assert elman("predict", str(trained), stdin=gzip.decompress(packed)) == expected
    (tmp_path / "cut.gz").write_bytes(packed[:-12])
    code, _, err = elman("predict", str(trained), "cut.gz")
    assert (code, err.count("\n")) == (2, 1)
    assert "cut.gz: the gzip file is damaged after line" in err


def test_closed_streams(trained: Path) -> None:
    command = f"{sys.executable} -m elman predict {trained}"
    done = subprocess.run(f"{command} <&-", shell=True, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "standard input is closed" in done.stderr) == (2, True)
    training = f"{sys.executable} -m elman train lm - -o {trained}.new --epochs 1 <&-"
    done = subprocess.run(training, shell=True, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "standard input is closed" in done.stderr) == (2, True)
    done = subprocess.run(f"echo the | {command} >&-", shell=True, capture_output=True, text=True, timeout=120)
    assert "AttributeError" not in done.stderr


def test_threads_that_no_machine_has(elman: Command, text: Path) -> None:
    for number in ("99999999999", "100000", "0"):
        code, _, err = elman("train", "lm", str(text), "--threads", number, "--epochs", "1", "-o", "m")
        assert (code, err.count("\n")) == (2, 1)
        assert f"threads is {number}, expected at" in err.replace("--", "")


def test_predict_aligns_wide_characters(elman: Command, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("老师批评了我 a\n" * 100, encoding="utf-8")
    assert elman("train", "lm", "text.txt", "-o", "m", "--hidden", "16", "--epochs", "1").code == 0
    _, out, _ = elman("predict", "m", "--top", "8", stdin="老师批评了\n".encode())
    widths = [2 if unicodedata.east_asian_width(character) == "W" else 1 for character in out]
    ends = [sum(widths[: place + 1]) for place, character in enumerate(out) if character == "%"]
    assert {"老", "a", "\\"} < set(out)
    assert ends == [9 + 12 * column for column in range(8)], "two columns for each Chinese character, as for \\n"


def test_generate_writes_prompt_and_continuation(elman: Command, trained: Path) -> None:
    flags = {"length": 40, "temperature": 0.5, "top_k": 5, "top_p": 0.9, "seed": 3}
    words = [word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    written = "".join(load(trained).generate("the qui", **flags))
    expected = (0, f"the qui{written}".removesuffix("\n") + "\n", "")
    assert elman("generate", str(trained), "--prompt", "the qui", *words) == expected
    assert elman("generate", str(trained), "--prompt", "-", *words, stdin=b"the qui") == expected


def test_generate_stops(elman: Command, trained: Path) -> None:
    command = ["generate", str(trained), "--prompt", "the", "--temperature", "0"]
    whole = elman(*command).out
    stop = whole[10:14]
    assert elman(*command, "--stop", stop) == (0, whole[: whole.index(stop, len("the"))] + "\n", "")


def test_generate_without_a_seed_differs(elman: Command, trained: Path) -> None:
    command = ["generate", str(trained), "--length", "100", "--temperature", "2"]
    assert elman(*command).out != elman(*command).out


def test_info_prints_what_the_file_holds(elman: Command, trained: Path) -> None:
    code, out, err = elman("info", str(trained))
    assert (code, err) == (0, "")
    rows = dict(line.strip().split(maxsplit=1) for line in out.splitlines() if len(line.split()) == 2)
    assert (rows["task"], rows["cell"], rows["hidden"], rows["tied"]) == ("lm", "lstm", "16", "no")
    assert rows["parameters"] == f"{load(trained).info()['parameters']:,}"


def test_info_prints_json(elman: Command, trained: Path) -> None:
    code, out, err = elman("info", str(trained), "--json")
    assert (code, err, json.loads(out)) == (0, "", load(trained).info())
