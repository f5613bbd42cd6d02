"""bench: a table of measured times as text or JSON, a chart, and one line for each wrong command."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import _kernels
from elman.benchmarking import GRID, layers

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
SMALL = ["--threads", "1", "--cells", "rnn", "--rows", "1,0", "--rounds", "1"]
LISTED = ", ".join(map(str, range(len(GRID))))

USAGE = {
    "bench": "BENCHMARK is missing; expected layers",
    "bench layer": "there is no benchmark 'layer'; did you mean 'layers'?",
    "bench layers --cells rnn,lstmm": "--cells has 'lstmm'; did you mean 'lstm'?",
    "bench layers --modes test": "--modes has 'test'; expected one of train, infer",
    "bench layers --rows 8": f"--rows has '8'; expected one of {LISTED}",
    "bench layers --rounds 0": "rounds is 0, expected at least 1",
    "bench layers --rounds few": "--rounds is 'few', expected a whole number",
    "bench layers --threads 0": "threads is 0, expected at least 1",
    "bench layers --isa sse9": f"isa is 'sse9', expected one that can run here: {', '.join(_kernels.isas())}",
    "bench layers -o no/results.json": "cannot write no/results.json: there is no folder {folder}/no; make it first",
}


@pytest.fixture(autouse=True)
def short_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    times = layers.best_times
    monkeypatch.setattr(layers, "best_times", lambda calls, rounds, sample: times(calls, rounds, 0.001))


@pytest.mark.parametrize("command", USAGE)
def test_one_line_says_what_is_wrong(command: str, elman: Command, tmp_path: Path) -> None:
    result = elman(*shlex.split(command))
    assert result == (2, "", f"elman: error: {USAGE[command].format(folder=tmp_path.resolve())}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_chart_without_matplotlib(elman: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "elman.benchmarking.chart", raising=False)
    result = elman("bench", "layers", *SMALL, "--chart", "speed.svg")
    assert result == (2, "", "elman: error: a chart needs matplotlib: pip install matplotlib\n")


def test_it_prints_a_table(elman: Command) -> None:
    code, out, err = elman("bench", "layers", *SMALL)
    assert (code, err) == (0, "")
    first, peak, head, *rows = out.splitlines()
    assert re.match(rf"1 threads, {_kernels.active_isa()}, .*; elman .*, torch {re.escape(torch.__version__)}, ", first)
    assert re.fullmatch(r"peak: \d+ GFLOP/s of multiply-adds in registers", peak)
    assert head.split()[:2] == ["cell", "mode"]
    assert head.split()[-1] == "peak"
    assert [row[12:30].strip() for row in rows[:4]] == ["100, 16, 64, 128", "100, 1, 64, 64"] * 2
    assert len(rows) == 4 + 2
    assert re.fullmatch(r"rnn   infer geometric mean [\d.]+x, without single rows [\d.]+x, least [\d.]+x", rows[-1])


def test_it_prints_json_and_keeps_it(elman: Command, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    isa = _kernels.isas()[-1]
    code, out, err = elman("bench", "layers", *SMALL, "--isa", isa, "--json", "-o", "results.json", "--chart", "a.svg")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    table = json.loads(out)
    assert json.loads((tmp_path / "results.json").read_text("utf-8")) == table
    assert (tmp_path / "a.svg").read_text("utf-8").startswith("<?xml")
    assert (table["isa"], table["threads"]) == (isa, 1)
    assert [(row["mode"], row["shape"][1]) for row in table["rows"]] == [
        ("train", 16), ("train", 1), ("infer", 16), ("infer", 1)
    ]  # fmt: skip
    for row in table["rows"]:
        assert row["ratio"] == pytest.approx(row["torch_ms"] / row["elman_ms"])
        assert 0 <= row["error"] < 1e-5
    train, infer = table["means"]
    assert (train["mode"], infer["mode"]) == ("train", "infer")
    assert train["mean_of_batches"] == pytest.approx(table["rows"][0]["ratio"])
    assert train["least"] == min(row["ratio"] for row in table["rows"][:2])
    assert (torch.get_num_threads(), _kernels.active_isa()) == (threads, _kernels.isas()[0]), "put back"


def test_a_wrong_result_is_not_timed(elman: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    run = layers.Pair.run_elman
    monkeypatch.setattr(layers.Pair, "run_elman", lambda pair: [result * 1.01 for result in run(pair)])
    code, _, err = elman("bench", "layers", *SMALL)
    assert code == 1
    assert "is off by 0.01; at most 0.0001 is rounding" in err
