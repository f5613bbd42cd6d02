"""The record of a training run as a CSV file, a line a step."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["COLUMNS", "Log"]

COLUMNS = ("step", "seconds", "epoch", "learning_rate", "loss", "validation_loss")
"""Losses in nats a token, that of training smoothed; validation_loss is empty but where it was measured."""


class Log:
    """A CSV file that is open while a run goes on.

    Parameters
    ----------
    path
        Of the file; None records nothing.
    step
        The step after which the run starts.  Of a resumed run the lines up to this step are kept, later ones,
        which the run is about to repeat, dropped; a run that starts at 0 starts a new file.

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str] | None, step: int = 0) -> None:
        self._file = None
        if path is None:
            return
        self._path, kept = path, _rows_up_to(Path(path), step) if step else []
        try:
            self._file = open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115
        except OSError as error:
            raise _unwritable(path, error) from error
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerows([COLUMNS, *kept])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with self._named_errors():
                self._file.close()

    def __call__(
        self, step: int, seconds: float, epoch: float, rate: float, loss: float, validation_loss: float | None
    ) -> None:
        """Add a line; the file is up to date on disk at every validation."""
        if self._file is None:
            return
        shown = "" if validation_loss is None else f"{validation_loss:.6f}"
        with self._named_errors():
            self._writer.writerow((step, f"{seconds:.3f}", f"{epoch:.4f}", f"{rate:.4g}", f"{loss:.6f}", shown))
            if validation_loss is not None:
                self._file.flush()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # a full disk
            raise _unwritable(self._path, error) from error


def _unwritable(path: str | os.PathLike[str], error: OSError) -> OSError:
    return type(error)(f"cannot write the log {os.fspath(path)}: {error.strerror}")


def _rows_up_to(path: Path, step: int) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row for row in rows if len(row) == len(COLUMNS) and row[0].isdigit() and int(row[0]) <= step]
