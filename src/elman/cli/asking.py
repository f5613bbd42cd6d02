"""What a verb asks of a model: a method of its task, with the flags that were given."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from elman.cli.errors import CommandLineError

__all__ = ["ask", "load_model"]


def load_model(path: Path) -> Any:
    """Read a model, as the verbs use it."""
    from elman.tasks import load
    from elman.tasks.forecasting.autoregressive import on_table

    return on_table(load(path))


def ask(model: Any, verb: str, **flags: Any) -> Callable[..., Any]:
    """The method `verb` of a model with the flags that were given, those that are not None.

    Defaults are the method's own, so that they are written once.

    Raises
    ------
    CommandLineError
        If models of this task have no such method, or it knows nothing of a flag.

    Examples
    --------
    >>> class Model:
    ...     task = "lm"
    ...     def predict(self, lines, top=5):
    ...         return f"{lines} {top}"
    >>> ask(Model(), "predict", top=None)("a"), ask(Model(), "predict", top=2)("a")
    ('a 5', 'a 2')
    >>> ask(Model(), "predict", stride=3)
    Traceback (most recent call last):
    elman.cli.errors.CommandLineError: --stride is not for predict with a model of the task lm; leave it out
    """
    method = getattr(model, verb, None)
    if method is None:
        raise CommandLineError(f"a model of the task {model.task} does not {verb}; it can {', '.join(_verbs(model))}")
    given = {name: value for name, value in flags.items() if value is not None}
    known = list(inspect.signature(method).parameters)
    for name in given:
        if name not in known:
            listed = ", ".join(_flag(other) for other in flags if other in known)
            raise CommandLineError(
                f"{_flag(name)} is not for {verb} with a model of the task {model.task}; "
                + (f"it takes {listed}" if listed else "leave it out")
            )
    return partial(method, **given)


def _verbs(model: Any) -> list[str]:
    """What the command line can do with a model."""
    from elman.export.onnx_file import EXPORTED
    from elman.tasks import NGram

    methods = [name for name in ("predict", "generate", "evaluate", "info") if hasattr(model, name)]
    return [*methods, "export"] if isinstance(model, (NGram, *EXPORTED)) else methods


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
