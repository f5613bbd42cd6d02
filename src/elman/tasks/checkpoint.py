"""Checkpoints: all that a run needs to go on after a stop as if there had been none."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from elman.tasks.model_file import ModelFileError, Stored, read_file, write_file

__all__ = ["Run", "read_checkpoint", "restore", "save_checkpoint"]


@dataclass
class Run:
    """What has happened in a training run so far."""

    step: int = 0  # steps done
    seconds: float = 0.0  # since the first one began, earlier parts of a resumed run included
    step_seconds: float = 0.0  # of one step, smoothed
    loss: float | None = None  # of training, nats a token, smoothed
    validation_loss: float | None = None  # the last one
    validation_tokens: int | None = None  # how much of the validation data is used; None: all
    validation_seconds: float = 0.0  # what the last validation took
    validated_step: int = 0
    validated_at: float = 0.0  # seconds, as `seconds`
    saving_seconds: float = 0.0  # what the last checkpoint took
    best_rank: float | None = None  # what the weights that are kept were chosen by: the lowest
    best_loss: float | None = None  # their validation loss
    best_step: int = 0
    history: list[tuple[int, float, float]] = field(default_factory=list)  # step, seconds, validation loss
    best: dict[str, Tensor] = field(default_factory=dict)  # the weights of best_step

    def figures(self, validation_tokens: int) -> dict[str, Any]:
        """What a model file says of the run; `validation_tokens` there were, if fewer were not enough."""
        return {
            "validation_loss": self.best_loss,
            "validation_tokens": min(validation_tokens, self.validation_tokens or validation_tokens),
            "training_loss": self.loss,
            "steps": self.step,
            "best_step": self.best_step,
            "seconds": self.seconds,
        }


def save_checkpoint(
    path: str | os.PathLike[str],
    task: dict[str, Any],
    network: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    generator: torch.Generator,
    position: dict[str, Tensor],
    run: Run,
    keep_earlier: bool = False,
) -> None:
    """Write everything to one file, whole or not at all.

    Parameters
    ----------
    path
        Of the checkpoint, NAME.elman.checkpoint by custom.
    task
        What the task wants to find again: JSON-able.
    network, optimisers, generator, position, run
        The run's parts: weights, moments, random state, place in the data with the carried hidden state, and
        history with the best weights.
    keep_earlier
        Whether a file that is there stays, under another name: it may be of a run that can go on.
    """
    facts = asdict(Run(**{**vars(run), "best": {}}))
    del facts["best"]
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in run.best.items()}
    tensors |= {f"position.{name}": tensor for name, tensor in position.items()}
    for number, optimiser in enumerate(optimisers):
        for index, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{index}.{name}": tensor for name, tensor in moments.items()}
    tensors["generator"] = generator.get_state()
    write_file(path, "checkpoint", {**task, "run": facts}, tensors, keep_earlier)


def read_checkpoint(path: str | os.PathLike[str], task: str) -> Stored:
    """Read a checkpoint of a task; ModelFileError if it is anything else."""
    stored = read_file(path, "checkpoint")
    if stored.description["task"] != task:
        raise ModelFileError(f"{os.fspath(path)} is of the task {stored.description['task']!r}, expected {task!r}")
    return stored


def restore(
    stored: Stored,
    network: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    generator: torch.Generator,
    run: Run,
) -> dict[str, Tensor]:
    """Put a checkpoint's weights, moments, random state and history in place.

    Returns
    -------
    dict
        Where the learner stood in its data.

    Raises
    ------
    ModelFileError
        If the checkpoint is of another network.
    """
    try:
        network.load_state_dict(dict(_under("network.", stored)))
        for number, optimiser in enumerate(optimisers):
            moments: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _under(f"optimiser.{number}.", stored):
                index, key = name.split(".")
                moments.setdefault(int(index), {})[key] = tensor
            optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
        generator.set_state(stored.tensors["generator"])
        past = Run(**stored.description["run"], best=dict(_under("best.", stored)))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFileError(f"the checkpoint is of another network or run: {str(error).splitlines()[0]}") from error
    vars(run).update(vars(past))
    return dict(_under("position.", stored))


def _under(prefix: str, stored: Stored) -> Iterator[tuple[str, Tensor]]:
    return ((name.removeprefix(prefix), t) for name, t in stored.tensors.items() if name.startswith(prefix))
