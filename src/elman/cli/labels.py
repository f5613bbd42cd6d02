"""Labels as people and programs read them: a row a line, or an object a line."""

from collections.abc import Callable
from pathlib import Path

from elman.cli.display import print_json
from elman.cli.lines import read_lines

__all__ = ["show_labels"]


def show_labels(answer: Callable[[list[str]], list[list[tuple[str, float]]]], file: Path, json: bool) -> None:
    """Print the labels of each line of a file with their probabilities, the most probable first; `-` for none."""
    from rich.cells import cell_len, set_cell_size

    for lines in read_lines(file):
        predictions = answer(lines)
        width = max((cell_len(label) for found in predictions for label, _ in found), default=0)
        for line, found in zip(lines, predictions, strict=True):
            if json:
                print_json({"text": line, "labels": [{"label": label, "probability": p} for label, p in found]})
            else:
                row = "   ".join(f"{set_cell_size(label, width)} {p:6.1%}" for label, p in found)
                print(row or "-", flush=True)
