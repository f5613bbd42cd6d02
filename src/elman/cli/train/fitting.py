"""What ``train`` does with every task: check the files, fit, show how it goes, write the model."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import typer

from elman.cli.display import clock, print_json
from elman.cli.errors import note
from elman.cli.train.files import check_files

__all__ = ["Fitting", "Trainable"]


class Trainable(Protocol):
    """What a task must do to be trained from the command line."""

    metrics: dict[str, Any]
    """What came out: ``validation_loss``, ``seconds``, ``steps``, ``epochs`` and more."""

    @property
    def fit(self) -> Callable[..., Any]:
        """Learn; takes what `Fitting.fit` hands on."""

    def save(self, path: Path) -> None:
        """Write the model to a file."""


@dataclass(frozen=True)
class Fitting:
    """The flags that every task takes; the names are theirs."""

    output: Path
    validation: Path | None
    time: str | None
    epochs: int | None
    seed: int
    threads: int | None
    resume: bool
    checkpoint_every: str
    log: Path | None
    json: bool
    quiet: bool

    @property
    def checkpoint(self) -> Path:
        """Beside the model: NAME.elman.checkpoint."""
        return Path(f"{self.output}.checkpoint")

    def check_files(self, inputs: Sequence[Path]) -> None:
        """Raise ValueError or OSError for what would otherwise be found after hours of training (`check_files`)."""
        read = [*inputs, *([self.validation] if self.validation else [])]
        check_files(read, self.output, self.checkpoint, self.log, self.resume)

    def fit(self, model: Trainable, inputs: Any, title: Callable[[], str], unit: str) -> None:
        """Train a model, show how it goes, and write it.

        Parameters
        ----------
        model
            Made, but not trained.
        inputs
            What its `fit` takes.
        title, unit
            For the `ProgressLine`.

        Raises
        ------
        typer.Exit
            With code 130, after Ctrl-C.
        """
        from elman.cli.progress import ProgressLine, on_terminal
        from elman.tasks import TrainingError

        line = ProgressLine(title, unit) if on_terminal() and not self.quiet else None
        before = self._written()
        try:
            with line or nullcontext():
                model.fit(
                    inputs,
                    validation=self.validation,
                    time=self.time,
                    epochs=self.epochs,
                    seed=self.seed,
                    resume=self.checkpoint if self.resume else None,
                    checkpoint=self.checkpoint,
                    checkpoint_every=self.checkpoint_every,
                    threads=self.threads,
                    progress=line,
                    log=self.log,
                )
        except KeyboardInterrupt:
            raise self._interrupted(before) from None
        except TrainingError as error:
            if model.metrics["validation_loss"] is None:  # there was no good model yet
                raise
            model.save(self.output)
            raise TrainingError(f"{error}; {self.output} holds the weights that were kept") from error
        model.save(self.output)
        self.checkpoint.unlink(missing_ok=True)
        self._summarise(model)

    def _written(self) -> int | None:
        """When the checkpoint was written; None if there is none."""
        return self.checkpoint.stat().st_mtime_ns if self.checkpoint.exists() else None

    def _interrupted(self, before: int | None) -> typer.Exit:
        written = self._written()
        if written is not None and (self.resume or written != before):
            note(f"stopped; {self.checkpoint} holds the run: the same command with --resume goes on")
        else:
            note("stopped before training began; nothing was written")
        return typer.Exit(130)

    def _summarise(self, model: Trainable) -> None:
        metrics = model.metrics
        if self.json:
            print_json(metrics)
        if not self.quiet:
            note(
                f"{self.output}: validation loss {metrics['validation_loss']:.4f} after {clock(metrics['seconds'])}, "
                f"{metrics['steps']:,} steps, {metrics['epochs']:.1f} epochs"
            )
