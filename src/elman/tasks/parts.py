"""The parts of a trained model, network, vocabulary and state: there only once it is trained, and kept in its file."""

import contextlib
from collections.abc import Iterator
from typing import TypeVar

from elman.tasks.model_file import ModelFileError

__all__ = ["rebuilding", "trained"]

Parts = TypeVar("Parts")


def trained(parts: Parts | None) -> Parts:
    """The parts of a model; ValueError if there are none yet."""
    if parts is None:
        raise ValueError("the model is not trained: call fit, or read a trained one with elman.load")
    return parts


@contextlib.contextmanager
def rebuilding() -> Iterator[None]:
    """Turn what goes wrong while a model is made of what its file holds into a ModelFileError: they do not fit."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise ModelFileError(f"the file is damaged: {' '.join(str(error).split())}") from error
