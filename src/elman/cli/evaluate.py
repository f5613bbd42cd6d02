"""``elman evaluate MODEL FILE``: how well a model does on data that it has not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.cli.asking import ask, load_model
from elman.cli.display import print_json, print_table
from elman.cli.errors import CommandLineError
from elman.cli.flags import Json, Model, flag, whole
from elman.cli.tags import print_measures

__all__ = ["EXAMPLES", "evaluate"]

EXAMPLES = """[bold]Examples[/bold]
elman evaluate bard.elman held-out.txt
elman evaluate bard.elman held-out.txt --json | jq .bits_per_char
elman evaluate bard.elman held-out.txt --mix ngram.elman
elman evaluate reviews.elman dev.tsv
elman evaluate load.elman load.csv --last 2880
elman evaluate slots.elman held-out.conll --wrong 10 --confusion"""

_TEXT, _SERIES, _TAGS = "Of a language model", "Of a forecaster", "Of a tagger"


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
        int | None,
        flag(metavar="N", panel=_TEXT, parser=whole, help="Tokens of a block of --protocol blocks.", show_default="64"),
    ] = None,
    mix: Annotated[
        Path | None,
        flag(
            metavar="MODEL", panel=_TEXT, help="Interpolate a recurrent model with an n-gram model of the same tokens."
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        flag(
            metavar="FILE",
            panel=_TEXT,
            help="Fit the weight of --mix on this.",
            show_default="each half of FILE on the other half",
        ),
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
    wrong: Annotated[
        int | None, flag(metavar="N", panel=_TAGS, parser=whole, help="Show so many sentences that are not right.")
    ] = None,
    confusion: Annotated[
        bool, flag("--confusion", panel=_TAGS, help="Show which tags were taken for which, how often.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure how well a model does on data that it has not seen."""
    if validation is not None and mix is None:
        raise CommandLineError("--validation is what the weight of --mix is fitted on; there is no --mix")
    judged = load_model(model)
    flags: dict[str, Any] = {"protocol": protocol, "block": block, "last": last, "stride": stride}
    flags |= {"wrong": wrong, "confusion": confusion or None}
    if mix is None and judged.task == "lm" and block is not None and protocol in (None, "carried"):
        raise CommandLineError("--block is for --protocol blocks; carried, the default, cuts no blocks")
    if mix is None:
        metrics = ask(judged, "evaluate", **flags)(file)
    else:
        given = [name for name, value in flags.items() if value is not None]
        metrics = _mixture(judged, load_model(mix), file, validation, given)
    if json:
        print_json(metrics)
    else:
        (print_measures if judged.task == "tag" else print_table)(metrics)


def _mixture(first: Any, second: Any, file: Path, validation: Path | None, given: Sequence[str]) -> dict[str, Any]:
    from elman.tasks import evaluate_mixture

    models = {model.task: model for model in (first, second)}
    if set(models) != {"lm", "ngram"}:
        raise CommandLineError(f"--mix needs a model of lm and one of ngram, got {first.task} and {second.task}")
    if given:
        raise CommandLineError(f"--{given[0]} does not go with --mix, which carries the state")
    return evaluate_mixture(models["lm"], models["ngram"], file, validation=validation)
