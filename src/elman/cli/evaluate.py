"""``elman evaluate MODEL FILE``: how well a model predicts a text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.cli.display import print_json, print_table
from elman.cli.errors import CommandLineError
from elman.cli.flags import Json, Model, flag, whole

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = """[bold]Examples[/bold]
elman evaluate bard.elman held-out.txt
elman evaluate bard.elman held-out.txt --json | jq .bits_per_char
elman evaluate bard.elman held-out.txt --mix ngram.elman"""


def evaluate(
    model: Model,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Data to judge it by; - is standard input.", show_default=False)
    ],
    protocol: Annotated[
        str | None,
        flag(
            metavar="carried|blocks",
            help="Carry the state through the whole text, or cut it into blocks.",
            show_default="carried",
        ),
    ] = None,
    block: Annotated[int | None, flag(metavar="N", parser=whole, help="Tokens of a block.", show_default="64")] = None,
    mix: Annotated[
        Path | None, flag(metavar="MODEL", help="Interpolate a language model with an n-gram model of the same tokens.")
    ] = None,
    validation: Annotated[
        Path | None,
        flag(
            metavar="FILE", help="Fit the weight of --mix on this.", show_default="each half of FILE on the other half"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Measure how well a model does on data that it has not seen."""
    from elman.tasks import load

    given: dict[str, Any] = {
        name: item for name, item in (("protocol", protocol), ("block", block)) if item is not None
    }
    if validation is not None and mix is None:
        raise CommandLineError("--validation is what the weight of --mix is fitted on; there is no --mix")
    judged = load(model)
    if mix is not None:
        metrics = _mixture(judged, load(mix), file, validation, list(given))
    elif given and judged.task != "lm":
        raise CommandLineError(f"--{next(iter(given))} is for recurrent models; {model} is of the task {judged.task}")
    else:
        metrics = judged.evaluate(file, **given)
    (print_json if json else print_table)(metrics)


def _mixture(first: Any, second: Any, file: Path, validation: Path | None, given: Sequence[str]) -> dict[str, Any]:
    from elman.tasks import evaluate_mixture

    models = {model.task: model for model in (first, second)}
    if set(models) != {"lm", "ngram"}:
        raise CommandLineError(f"--mix needs a model of lm and one of ngram, got {first.task} and {second.task}")
    if given:
        raise CommandLineError(f"--{given[0]} does not go with --mix, which carries the state")
    return evaluate_mixture(models["lm"], models["ngram"], file, validation=validation)
