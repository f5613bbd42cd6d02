"""The script skips what is not installed, and says which rows are beyond the tolerance."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "third_party.py"


@pytest.fixture
def script(threads, monkeypatch: pytest.MonkeyPatch) -> dict:
    """The script's names; `threads` puts the number of threads back that it sets."""
    monkeypatch.setattr(sys, "argv", ["third_party.py", "--threads", "1", "--rounds", "1"])
    return runpy.run_path(str(SCRIPT))


def test_rows_and_skips(script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    trained = []

    def present():
        yield script["Case"]("small", nn.GRU(3, 4), torch.randn(5, 2, 3))
        yield script["Case"]("cell", nn.GRUCell(3, 4), torch.randn(2, 3))
        yield script["Fit"]("run", lambda: nn.LSTM(3, 4), lambda module: [module], trained.append)

    def absent():
        import no_such_package  # noqa: F401

        yield

    monkeypatch.setitem(script["main"].__globals__, "PACKAGES", {"present": present, "absent": absent})
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--only", "present,absent"])
    script["main"]()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["small", "small", "cell:"]
    assert "a cell runs one step a call" in lines[4]
    assert lines[5].startswith("run  ")
    assert lines[6] == "absent is skipped: No module named 'no_such_package'"
    assert [type(module) is nn.LSTM for module in trained] == [True, False]


def test_a_difference_beyond_the_tolerance_is_marked(script) -> None:
    assert script["row"]("a", "forward", 1.0, 0.5, 1e-6, 5e-6).endswith("1000.00     500.00   2.00x       1e-06")
    assert script["row"]("a", "forward", 1.0, 0.5, 1e-5, 5e-6).endswith("1e-05  more than 5e-06")
