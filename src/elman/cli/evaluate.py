"""``elman evaluate MODEL FILE``: how well a model predicts a text."""

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.display import print_json, print_table
from elman.cli.flags import Json, Model, flag, whole

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = """[bold]Examples[/bold]
elman evaluate bard.elman held-out.txt
elman evaluate bard.elman held-out.txt --json | jq .bits_per_char"""


def evaluate(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Data to judge it by; - is standard input.", show_default=False)
    ],
    protocol: Annotated[
        str, flag(metavar="carried|blocks", help="Carry the state through the whole text, or cut it into blocks.")
    ] = "carried",
    block: Annotated[int, flag(metavar="N", parser=whole, help="Tokens of a block.")] = 64,
    json: Json = False,
) -> None:
    """Measure how well a model does on data that it has not seen."""
    from elman.tasks import load

    metrics = load(model).evaluate(file, protocol=protocol, block=block)
    (print_json if json else print_table)(metrics)
