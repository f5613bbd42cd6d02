"""``elman predict MODEL``: for each line of text, what comes next."""

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.display import print_json, visible
from elman.cli.flags import Json, Model, flag, whole
from elman.cli.lines import read_lines

__all__ = ["EXAMPLES", "predict"]

EXAMPLES = """[bold]Examples[/bold]
echo "To be or not to b" | elman predict bard.elman --top 3
elman predict bard.elman lines.txt --json"""


def predict(
    model: Model,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Lines of text; - is standard input.")] = Path("-"),
    top: Annotated[int, flag(metavar="N", parser=whole, help="How many tokens to show.")] = 5,
    json: Json = False,
) -> None:
    """For each line of text, print the most probable next tokens and their probabilities."""
    from elman.tasks import load

    predictor = load(model)
    for lines in read_lines(file):
        predictions = predictor.predict(lines, top=top)
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
