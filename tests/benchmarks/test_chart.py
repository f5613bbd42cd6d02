"""docs/performance.md shows the table that was kept, and nothing else."""

import json
import runpy
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script() -> dict:
    return runpy.run_path(str(HERE / "chart.py"))


def test_the_page_holds_the_tables_of_the_kept_measurement(script) -> None:
    measured, page = json.loads(script["TABLE"].read_text("utf-8")), script["PAGE"].read_text("utf-8")
    assert script["filled"](page, script["tables"](measured)) == page, "run benchmarks/chart.py"


def test_every_row_is_shown_and_gaps_stay_empty(script) -> None:
    row = {"mode": "infer", "shape": [5, 1, 2, 3], "gflops": 1.4}
    means = {"mode": "infer", "mean": 1.5, "mean_of_batches": None, "least": 1.0}
    measured = {
        **dict.fromkeys(("machine", "threads", "isa", "elman", "torch", "date", "command"), "-"),
        "rows": [{**row, "cell": "rnn", "ratio": 0.5}, {**row, "cell": "lstm", "ratio": 2.25, "shape": [7, 1, 2, 3]}],
        "means": [{**means, "cell": "rnn"}, {**means, "cell": "lstm"}],
    }
    text = script["tables"](measured)
    assert "| Inference: T, N, I, H | RNN | LSTM |" in text
    assert "| 5, 1, 2, 3 | 0.50 (1) |  |" in text
    assert "| 7, 1, 2, 3 |  | 2.25 (1) |" in text
    assert "| without N = 1 |  |  |" in text


def test_the_script_writes_chart_and_page(script, tmp_path: Path) -> None:
    chart, page = tmp_path / "speed.svg", tmp_path / "page.md"
    page.write_text(script["BEGIN"] + script["END"] + "after\n", "utf-8")
    script["main"](chart=str(chart), page=str(page))
    assert chart.read_bytes() == script["CHART"].read_bytes()
    assert page.read_text("utf-8").endswith(script["END"] + "after\n")


def test_a_page_without_a_place_is_said(script) -> None:
    with pytest.raises(SystemExit, match="has no place for the tables"):
        script["filled"]("# A page\n", "table")
