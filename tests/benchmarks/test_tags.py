"""The benchmark of taggers: parts are kept beside each other, intervals are Student's."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

SCRIPT = str(Path(__file__).parents[2] / "benchmarks" / "tag.py")
TINY = ["--epochs", "1", "--threads", "1", "--options", '{"hidden": 4, "embedding": 4}']


def test_parts_are_merged_in_one_file(
    threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "atis").mkdir()
    rows = [{"tokens": ["from", a, "to", b], "tags": ["O", "B-x", "O", "B-y"]} for a in "RST" for b in "UVW"]
    for part, times in (("train", 4), ("dev", 1)):
        lines = "".join(json.dumps({**row, "intent": "go"}) + "\n" for row in rows * times)
        (tmp_path / "atis" / f"{part}.jsonl.gz").write_text(lines)  # what is packed is seen from the bytes
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path))
    results = tmp_path / "results" / "tag.json"
    for words in (["sets", "--names", "atis"], ["networks", "--names", "rnn,bi-lstm-crf", "--seeds", "0,1"]):
        monkeypatch.setattr(sys, "argv", ["tag.py", *words, *TINY, "--results", str(results)])
        runpy.run_path(SCRIPT, run_name="__main__")
    kept = json.loads(results.read_text("utf-8"))
    assert sorted(kept["sets"]) == ["atis, dev, seed 0", "atis, tenth, seed 0"]
    assert sorted(kept["networks"]) == ["bi-lstm-crf", "rnn"]
    row = kept["networks"]["rnn"]
    assert row["slot_f1"] == pytest.approx(np.mean(row["runs"]))
    assert row["interval"]["slot_f1"] == pytest.approx(12.71 * np.std(row["runs"], ddof=1) / 2**0.5)
    assert capsys.readouterr().out.count("\n") == 4


def test_the_table_of_students_t() -> None:
    table = runpy.run_path(SCRIPT)["STUDENT"]
    assert table == {n: pytest.approx(stats.t.ppf(0.975, n - 1), abs=0.006) for n in table}


def test_an_unknown_part(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["tag.py", "set"])
    with pytest.raises(SystemExit):
        runpy.run_path(SCRIPT, run_name="__main__")
    assert "there is no part 'set'; expected sets, networks, flights, speed" in capsys.readouterr().err
