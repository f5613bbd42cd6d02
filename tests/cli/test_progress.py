"""The line that shows how a training goes."""

import dataclasses
import io
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from elman.cli import progress
from elman.cli.progress import ProgressLine
from elman.tasks import Progress


def at(step: int, **facts: Any) -> Progress:
    """A report half way through a run."""
    report = Progress(
        step=step,
        seconds=41.6,
        fraction=0.5,
        loss=1.6789,
        validation_loss=None,
        best_validation_loss=None,
        tokens_per_second=181_818.0,
        seconds_left=42.0,
        learning_rate=1e-3,
        epoch=3.5,
        sample=None,
    )
    return dataclasses.replace(report, **facts)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal of 100 columns without colours."""
    written = io.StringIO()
    terminal = Console(file=written, force_terminal=True, color_system=None, width=100, highlight=False)
    monkeypatch.setattr(progress, "Console", lambda **how: terminal)
    return written


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time that `progress` sees."""

    def set_to(seconds: float) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: seconds)

    set_to(100.0)
    return set_to


def test_the_line(screen: io.StringIO, clock: Callable[[float], None]) -> None:
    with ProgressLine(lambda: "lstm 1 × 512", "characters") as line:
        line(at(1))
        clock(101.0)
        line(at(2, validation_loss=1.7, tokens_per_second=999.0))
    text = screen.getvalue()
    assert "lstm 1 × 512\n" in text
    assert re.search(r"\x1b\[2K━{12} +loss 1\.679   182 k characters/s   0:42 left", text), "half of the bar is filled"
    assert "  loss 1.679   validation 1.700   999 characters/s   0:42 left" in text
    assert text.endswith("\x1b[2K"), "it is gone at the end"


def test_five_times_a_second_at_most(screen: io.StringIO, clock: Callable[[float], None]) -> None:
    with ProgressLine(lambda: "", "tokens") as line:
        for step in range(1000):
            clock(100.0 + step / 1000)
            line(at(step))
    assert 4 <= screen.getvalue().count("tokens/s") <= 6


def test_validations_and_samples_stay(screen: io.StringIO, clock: Callable[[float], None]) -> None:
    with ProgressLine(lambda: "", "tokens") as line:
        for step in range(4):
            clock(100.0 + 6 * step)
            line(
                at(step, seconds=6.0 * step, validation_loss=2.0 - step / 10, sample=f"\nsample {step}\nof two lines\n")
            )
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    kept = [line for line in lines if "sample" in line or "validation loss" in line]
    assert [line.removeprefix("\x1b[2K") for line in kept] == [
        "   0:00  validation loss 2.000",
        "         sample 0",
        "   0:06  validation loss 1.900",
        "   0:12  validation loss 1.800",
        "   0:18  validation loss 1.700",
        "         sample 3",
    ]
