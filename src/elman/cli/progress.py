"""The line that shows how a training goes, on a terminal."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from elman.cli.display import clock, quantity

if TYPE_CHECKING:
    from elman.tasks import Progress

__all__ = ["ProgressLine", "on_terminal"]

_INTERVAL = 0.2  # seconds; drawing takes a quarter to half a millisecond, so a quarter of a percent at most
_BAR = 24  # characters, where there is room
_SAMPLE_EVERY = 15.0  # seconds, at least


def on_terminal() -> bool:
    """Whether standard error is a terminal on which a line can be drawn again."""
    return sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal


class ProgressLine:
    """Draws each `Progress` on one line of standard error; validations and samples stay above it.

    Use it in a ``with`` statement, which takes the line away at the end, and call it after each step: it draws at
    most five times a second, and a call that draws nothing costs less than a microsecond.

    Parameters
    ----------
    title
        Says what is trained; asked for at the first step.
    unit
        What the speed counts, in the plural.
    """

    def __init__(self, title: Callable[[], str], unit: str) -> None:
        self._title, self._unit = title, unit
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
        self._started = False
        self._line_due = self._sample_due = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, progress: "Progress") -> None:
        """Show how a training stands, unless that has just been shown."""
        now = time.monotonic()
        if now < self._line_due and progress.sample is None:
            return
        self._line_due = now + _INTERVAL
        if not self._started:
            self._started = True
            self._console.print(Text(self._title()))
        if progress.sample is not None:
            self._show_validation(progress, progress.sample, with_sample=now >= self._sample_due)
        self._live.update(self._line(progress), refresh=True)

    def _show_validation(self, progress: "Progress", sample: str, with_sample: bool) -> None:
        loss = progress.validation_loss
        self._console.print(Text(f"{clock(progress.seconds):>7}  validation loss {loss:.3f}"))
        if with_sample:
            self._sample_due = time.monotonic() + _SAMPLE_EVERY
            self._console.print(Padding(Text(sample.strip("\n"), style="dim"), (0, 0, 0, 9)))

    def _line(self, progress: "Progress") -> Table:
        """Bar, losses, speed and time left; what does not fit is cut off at the right."""
        loss = progress.validation_loss
        parts = [
            f"loss {progress.loss:.3f}",
            *([] if loss is None else [f"validation {loss:.3f}"]),
            f"{quantity(progress.tokens_per_second)} {self._unit}/s",
            f"{clock(progress.seconds_left)} left",
        ]
        line = Table.grid(padding=(0, 2))
        line.add_row(
            ProgressBar(1.0, min(progress.fraction, 1.0), width=_BAR, complete_style="cyan", finished_style="cyan"),
            Text("   ".join(parts), no_wrap=True, overflow="ellipsis"),
        )
        return line
