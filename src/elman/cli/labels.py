"""Labels as people and programs read them: a row a line, or an object a line."""

import re
from collections.abc import Callable
from pathlib import Path

from elman.cli.display import print_json
from elman.cli.errors import CommandLineError
from elman.cli.lines import read_lines

__all__ = ["show_labels"]

Rankings = list[list[tuple[str, float]]]


def show_labels(answer: Callable[[list[str]], Rankings], file: Path, json: bool) -> None:
    """Print the labels of each line of a file with their probabilities, the most probable first; `-` for none.

    Raises
    ------
    CommandLineError
        If a line cannot be read by the model; the message names file and line.
    """
    from rich.cells import cell_len, set_cell_size

    count = 0
    for lines in read_lines(file):
        predictions = _asked(answer, lines, "standard input" if str(file) == "-" else str(file), count)
        count += len(lines)
        width = max((cell_len(label) for found in predictions for label, _ in found), default=0)
        for line, found in zip(lines, predictions, strict=True):
            if json:
                print_json({"text": line, "labels": [{"label": label, "probability": p} for label, p in found]})
            else:
                row = "   ".join(f"{set_cell_size(label, width)} {p:6.1%}" for label, p in found)
                print(row or "-", flush=True)


def _asked(answer: Callable[[list[str]], Rankings], lines: list[str], name: str, count: int) -> Rankings:
    """What the model says of some lines, `count` after the first: an error that names an input names its line."""
    try:
        return answer(lines)
    except ValueError as error:
        place = re.match(r"inputs\[(\d+)\]", str(error))
        if place is None:
            raise
        raise CommandLineError(f"{name}:{count + int(place[1]) + 1}{str(error)[place.end() :]}") from error
