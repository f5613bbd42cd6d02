"""Reading any model: the file knows its task."""

import os
from typing import Any

from elman.tasks.autoregression.ar import AR
from elman.tasks.autoregression.narx import NARX
from elman.tasks.classification.classifier import Classifier
from elman.tasks.filling.filler import Filler
from elman.tasks.forecasting.forecaster import Forecaster
from elman.tasks.language_model import LanguageModel
from elman.tasks.model_file import ModelFileError, read_file
from elman.tasks.ngrams.arpa import is_arpa
from elman.tasks.ngrams.ngram import NGram
from elman.tasks.tagging.tagger import Tagger

__all__ = ["load"]

_TASKS: dict[str, Any] = {
    LanguageModel.task: LanguageModel,
    NGram.task: NGram,
    AR.task: AR,
    NARX.task: NARX,
    Forecaster.task: Forecaster,
    Classifier.task: Classifier,
    Tagger.task: Tagger,
    Filler.task: Filler,
}


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that `save` or ``elman train`` wrote; the file says of which task.

    Parameters
    ----------
    path
        Of the file; an ARPA file, plain or compressed with gzip, is an n-gram model.

    Returns
    -------
    LanguageModel, NGram, AR, NARX, Forecaster, Classifier, Tagger, Filler
        As the file says.

    Raises
    ------
    ModelFileError
        If the file is foreign, truncated, or from a newer version; the message says which.  A ValueError.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import elman
    >>> elman.LanguageModel(hidden=16).fit("to be or not to be, " * 200, epochs=1).save("be.elman")
    >>> elman.load("be.elman").info()["hidden"]
    16
    """
    if _is_arpa(path):
        return NGram.from_arpa(path)
    stored = read_file(path, "model")
    task = stored.description.get("task")
    if task not in _TASKS:
        raise ModelFileError(f"{os.fspath(path)} is of the task {task!r}; known are {', '.join(_TASKS)}")
    try:
        return _TASKS[task].from_stored(stored)
    except ModelFileError as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from error


def _is_arpa(path: str | os.PathLike[str]) -> bool:
    try:
        return is_arpa(path)
    except OSError:  # reading a model says what is wrong
        return False
