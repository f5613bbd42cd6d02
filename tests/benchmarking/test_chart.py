"""The chart shows every measured row of its mode, slower ones too, and is the same file for the same table."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")
from elman.benchmarking.chart import draw


@pytest.fixture
def table() -> dict[str, Any]:
    def row(cell: str, mode: str, elman_ms: float) -> dict[str, Any]:
        return {"cell": cell, "mode": mode, "shape": [5, 1, 3, 7], "torch_ms": 1.0, "elman_ms": elman_ms}

    rows = [row("rnn", "train", 0.025), row("gru", "train", 0.2), row("lstm", "train", 1.25)]
    rows.append(row("lstm", "infer", 1 / 33))
    return {"machine": "two cores", "threads": 2, "torch": "2.x", "date": "2026-01-31", "rows": rows}


def test_chart_shows_every_row_of_the_mode(table: dict[str, Any], tmp_path: Path) -> None:
    target = tmp_path / "img" / "speed.svg"
    draw(table, target, "train")
    first = target.read_text(encoding="utf-8")
    for text in ("40×", "5×", "0.8×", "5, 1, 3, 7", "two cores", "2 threads", "2026-01-31", "training step"):
        assert text in first
    assert "33×" not in first
    draw(table, target)
    assert target.read_text(encoding="utf-8") == first
