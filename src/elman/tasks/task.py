"""What all tasks have in common: a file, a description, and, where the loop trains them, the course of a training."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

from torch import Tensor

from elman import __version__
from elman.tasks.checkpoint import Run, read_checkpoint
from elman.tasks.model_file import FORMAT, Stored, check_replaceable, write_file
from elman.tasks.parts import rebuilding
from elman.tasks.plan import Plan, make_plan
from elman.tasks.training import Learner, Progress, TrainingError, train, using_threads

__all__ = ["LearningTask", "Task"]

_Path = str | os.PathLike[str]


class Task(ABC):
    """A model that can be written to a file and described.

    A subclass says what is in it: `_stored` and its inverse `_rebuilt`, and `_described`.
    """

    task: ClassVar[str]
    """Name of the task in model files and on the command line."""

    metrics: dict[str, Any]
    """Figures of the training."""

    def save(self, path: _Path) -> None:
        """Write the model to one file, whole or not at all; `elman.load` reads it.

        Raises
        ------
        ValueError
            If the model is not trained, or there is a file at `path` that is no model, which is not overwritten.
        OSError
            If the file cannot be written; what was there before is still there.
        """
        facts, tensors = self._stored()
        check_replaceable(path)
        write_file(path, "model", {"task": self.task, **facts, "metrics": self.metrics}, tensors)

    @classmethod
    def from_stored(cls, stored: Stored) -> Self:
        """The model of a file that `elman.tasks.model_file.read_file` has read; `elman.load` does both.

        Raises
        ------
        ModelFileError
            If the parts of the file do not fit together.
        """
        with rebuilding():
            model = cls._rebuilt(stored)
            model.metrics = stored.description["metrics"]
        return model

    def info(self) -> dict[str, Any]:
        """What the model is and how it was trained, ready for JSON; ValueError if it is not trained."""
        described = self._described()
        return {"task": self.task, **described, "metrics": self.metrics, "format": FORMAT, "version": __version__}

    @abstractmethod
    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What the file holds: JSON-able facts, ``config`` among them, and tensors."""

    @classmethod
    @abstractmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        """The model of what `_stored` gave; any error of values that do not fit is turned into a ModelFileError."""

    @abstractmethod
    def _described(self) -> dict[str, Any]:
        """What `info` says of the model besides what it says of every one."""


class LearningTask(Task):
    """A model that the one training loop trains."""

    history: list[tuple[int, float, float]]
    """The validations of the training: step, seconds, loss."""

    _parts: Any
    """Network, vocabulary and the like; None before they are trained."""

    def _begin(
        self,
        *,
        time: str | float | None,
        epochs: int | None,
        seed: int,
        resume: _Path | None,
        checkpoint: _Path | None,
        checkpoint_every: str | float,
    ) -> tuple[Plan, Stored | None]:
        """Make a plan of the arguments of `fit`, and read the checkpoint that the run goes on from, if there is one."""
        stored = None if resume is None else read_checkpoint(resume, self.task)
        plan = make_plan(
            time=time,
            epochs=epochs,
            seed=seed,
            checkpoint=resume if checkpoint is None else checkpoint,
            checkpoint_every=checkpoint_every,
            resumed=stored,
        )
        return plan, stored

    def _facts(
        self, config: dict[str, Any], data: str, what: str, stored: Stored | None, resume: _Path | None
    ) -> dict[str, Any]:
        """What a checkpoint says of the run; ValueError if the one to go on from was made with other data.

        Parameters
        ----------
        config
            The settings in use.
        data
            The data's fingerprint.
        what
            How the data are called, in the plural.
        stored, resume
            The checkpoint and its name.
        """
        if stored is not None and stored.description["data"] != data:
            raise ValueError(f"the {what} are not those that {resume} was made with; resume with the same")
        return {"task": self.task, "config": config, "data": data}

    def _learn(
        self,
        learner: Learner,
        plan: Plan,
        learning_rate: float,
        figures: Callable[[Run], dict[str, Any]],
        *,
        facts: dict[str, Any],
        stored: Stored | None,
        threads: int | None,
        progress: Callable[[Progress], None] | None,
        log: _Path | None,
    ) -> None:
        """Train, and keep history and metrics however it ends; `figures` says what else the metrics have.

        Without good weights at the end of a run that went astray the model is not trained.
        """
        run = Run()
        try:
            with using_threads(threads):
                train(learner, plan, learning_rate, run, task=facts, resume=stored, progress=progress, log=log)
        except TrainingError:
            self._parts = self._parts if run.best else None
            raise
        finally:
            self.history = run.history
            self.metrics = {**figures(run), "epochs": run.step / learner.steps_per_epoch, "seed": plan.seed}
