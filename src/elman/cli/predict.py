"""``elman predict MODEL``: what comes next, after each line of text or after the end of each series."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.cli.asking import ask, load_model
from elman.cli.display import print_json, visible
from elman.cli.errors import CommandLineError
from elman.cli.fillings import show_fillings
from elman.cli.flags import Json, Model, flag, whole
from elman.cli.forecasts import show_forecasts
from elman.cli.labels import show_labels
from elman.cli.lines import read_lines
from elman.cli.tags import show_tags

__all__ = ["EXAMPLES", "predict"]

EXAMPLES = """[bold]Examples[/bold]
echo "To be or not to b" | elman predict bard.elman --top 3
elman predict bard.elman lines.txt --json
echo "a quiet joy" | elman predict reviews.elman --top 2
elman predict load.elman
elman predict load.elman load.csv --plot load.svg
echo "I would like to arrive in Taipei on August 2" | elman predict flights.elman --today 2020-06-01
echo "I would like ___ coffee." | elman predict fill.elman --directions"""

_TEXT, _SERIES, _TAGS, _BLANKS = "Of a language model", "Of a forecaster", "Of a tagger", "Of a filler"


def predict(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Lines of text, or series; - is standard input.",
            show_default="standard input; of a forecaster the series it was trained on",
        ),
    ] = None,
    top: Annotated[
        int | None,
        flag(
            metavar="N", panel=_TEXT, parser=whole, help="How many tokens, or labels, to show.", show_default="5, or 1"
        ),
    ] = None,
    steps: Annotated[
        int | None,
        flag(
            metavar="N",
            panel="Of an autoregression",
            parser=whole,
            help="Steps to forecast.",
            show_default="the horizon of its training",
        ),
    ] = None,
    csv: Annotated[bool, flag("--csv", panel=_SERIES, help="Print CSV, a row for each step.")] = False,
    plot: Annotated[
        Path | None, flag(metavar="FILE.svg|.png", panel=_SERIES, help="Draw the forecasts with their bands.")
    ] = None,
    today: Annotated[
        str | None, flag(metavar="DATE", panel=_TAGS, help="What dates are counted from.", show_default="today")
    ] = None,
    raw: Annotated[bool, flag("--raw", panel=_TAGS, help="Leave the words of slots as they stand.")] = False,
    probabilities: Annotated[
        bool, flag("--probabilities", panel=_TAGS, help="With --json: those of each token's tags.")
    ] = False,
    choices: Annotated[
        str | None,
        flag(metavar="A,B,…", panel=_BLANKS, help="What alone can stand in a blank.", show_default="any token"),
    ] = None,
    longest: Annotated[
        int | None,
        flag(metavar="N", panel=_BLANKS, parser=whole, help="A blank holds 1 to N tokens.", show_default="1"),
    ] = None,
    directions: Annotated[
        bool | None, flag("--directions", panel=_BLANKS, help="Show what each side of a blank alone says, too.")
    ] = None,
    json: Json = False,
) -> None:
    """Print what comes next after each line or series; the label, the slots, or the filled blanks of each line."""
    predictor = load_model(model)
    listed = None if choices is None else [choice.strip() for choice in re.split("[,，]", choices) if choice.strip()]
    tags = {"today": today, "raw": raw or None, "probabilities": probabilities or None}
    blanks = {"choices": listed, "longest": longest, "directions": directions}
    answer = ask(predictor, "predict", top=top, steps=steps, **tags, **blanks)
    if predictor.predicts == "series":
        show_forecasts(answer, file, json=json, csv=csv, plot=plot)
    elif csv or plot:
        raise CommandLineError(f"--csv and --plot are for forecasts; {model} is of the task {predictor.task}")
    else:
        _SHOW[predictor.predicts](answer, file or Path("-"), json)


def _show_tokens(answer: Callable[[list[str]], list[list[tuple[str, float]]]], file: Path, json: bool) -> None:
    for lines in read_lines(file):
        predictions: list[Any] = answer(lines)
        if json:
            for line, found in zip(lines, predictions, strict=True):
                print_json({"text": line, "next": [{"token": token, "probability": p} for token, p in found]})
        else:
            _print_rows(predictions)


def _print_rows(predictions: list[list[tuple[str, float]]]) -> None:
    """One row a line of text: token and probability, falling; the columns aligned."""
    from rich.cells import cell_len, set_cell_size

    shown = [[(visible(token), p) for token, p in found] for found in predictions]
    width = max((cell_len(token) for row in shown for token, _ in row), default=0)
    for row in shown:
        print("   ".join(f"{set_cell_size(token, width)} {p:6.1%}" for token, p in row), flush=True)


# What `predicts` of a task says -> how its predictions of the lines of a file are shown.
_SHOW: dict[str, Callable[[Any, Path, bool], None]] = {
    "tokens": _show_tokens,
    "labels": show_labels,
    "tags": show_tags,
    "blanks": show_fillings,
}
