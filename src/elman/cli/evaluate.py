"""``elman evaluate MODEL FILE``: how well a model does on data that it has not seen."""

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.asking import ask, load_model
from elman.cli.display import print_json, print_table
from elman.cli.flags import Json, Model, flag, whole

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = """[bold]Examples[/bold]
elman evaluate bard.elman held-out.txt
elman evaluate bard.elman held-out.txt --json | jq .bits_per_char
elman evaluate load.elman load.csv --last 2880"""

_TEXT, _SERIES = "Of a language model", "Of a forecaster"


def evaluate(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Data to judge it by; - is standard input.", show_default=False)
    ],
    protocol: Annotated[
        str | None,
        flag(
            metavar="carried|blocks",
            panel=_TEXT,
            help="Carry the state through the whole text, or cut it into blocks.",
            show_default="carried",
        ),
    ] = None,
    block: Annotated[
        int | None, flag(metavar="N", panel=_TEXT, parser=whole, help="Tokens of a block.", show_default="64")
    ] = None,
    last: Annotated[
        int | None,
        flag(
            metavar="N",
            panel=_SERIES,
            parser=whole,
            help="Judge by the last N values of each series.",
            show_default="all",
        ),
    ] = None,
    stride: Annotated[
        int | None,
        flag(metavar="N", panel=_SERIES, parser=whole, help="Steps between two forecasts.", show_default="1"),
    ] = None,
    json: Json = False,
) -> None:
    """Measure how well a model does on data that it has not seen."""
    judge = ask(load_model(model), "evaluate", protocol=protocol, block=block, last=last, stride=stride)
    (print_json if json else print_table)(judge(file))
