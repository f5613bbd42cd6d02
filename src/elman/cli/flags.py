"""The flags that mean the same everywhere, and how their values are read.

Numbers are read here so that the words of an error are ours in every version of typer; whether a value makes sense
is for the task to say, so that ranges and defaults are written once.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "DATA",
    "NETWORK",
    "OUTPUT",
    "TRAINING",
    "CheckpointEvery",
    "Epochs",
    "Json",
    "Log",
    "Model",
    "Output",
    "Quiet",
    "Resume",
    "Seed",
    "Threads",
    "Time",
    "Validation",
    "flag",
    "number",
    "whole",
]

DATA, NETWORK, TRAINING, OUTPUT = "Data", "Network", "Training", "Output"
"""Titles under which the help of ``train`` lists the flags."""


def flag(*names: str, help: str, metavar: str | None = None, panel: str | None = None, **more: Any) -> Any:
    """Describe a flag: `typer.Option` with short names.  Without `names` it is called like the parameter."""
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel=panel, **more)


def whole(text: str | int) -> int:
    """Read a whole number, as in ``--layers 2``; typer.BadParameter if it is none.

    >>> whole("2")
    2
    """
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"is {text!r}, expected a whole number") from None


def number(text: str | float) -> float:
    """Read a number, as in ``--temperature 0.8``; typer.BadParameter if it is none.

    >>> number("1e-3")
    0.001
    """
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"is {text!r}, expected a number") from None


Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A file that train wrote.", show_default=False)]
Json = Annotated[bool, flag("--json", help="Print JSON, for programs.")]

Validation = Annotated[
    Path | None,
    flag(metavar="FILE", panel=DATA, help="Judge progress by this.", show_default="the last tenth of the data"),
]
Time = Annotated[
    str | None,
    flag(metavar="DURATION", panel=TRAINING, help="How long, as in 90s, 3m, 1h30m.", show_default="3m"),
]
Epochs = Annotated[
    int | None,
    flag(metavar="N", panel=TRAINING, parser=whole, help="Instead of --time: so many passes over the data."),
]
Seed = Annotated[int, flag(metavar="N", panel=TRAINING, parser=whole, help="Where chance begins.")]
Threads = Annotated[
    int | None, flag(metavar="N", panel=TRAINING, parser=whole, help="Processor cores to use.", show_default="all")
]
Resume = Annotated[bool, flag("--resume", panel=TRAINING, help="Go on from MODEL.checkpoint.")]
CheckpointEvery = Annotated[str, flag(metavar="DURATION", panel=TRAINING, help="How often to write MODEL.checkpoint.")]

Output = Annotated[Path, flag("-o", "--output", metavar="MODEL", panel=OUTPUT, help="Where to write the model.")]
Log = Annotated[Path | None, flag(metavar="FILE.csv", panel=OUTPUT, help="Write a line for every step.")]
Quiet = Annotated[bool, flag("--quiet", "-q", panel=OUTPUT, help="Say nothing unless something is wrong.")]
