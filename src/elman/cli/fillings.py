"""How filled blanks are shown: the line, and below it what could stand in each blank."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.display import print_json, visible
from elman.cli.lines import read_lines

if TYPE_CHECKING:
    from elman.tasks.filling import Blank, Filling

__all__ = ["show_fillings"]

_COLUMNS = ("both sides", "left side", "right side")  # from which a candidate is judged


def show_fillings(answer: "Callable[[list[str]], list[Filling]]", file: Path, json: bool) -> None:
    """Fill the blanks of the lines of a file, as they come.

    Parameters
    ----------
    answer
        From lines to `Filling`.
    file
        ``-`` is standard input.
    json
        Whether to print an object a line instead.
    """
    for lines in read_lines(file):
        for line, filling in zip(lines, answer(lines), strict=True):
            if json:
                blanks = [_as_json(blank) for blank in filling.blanks]
                print_json({"text": line, "filled": filling.text, "blanks": blanks})
            else:
                print(filling.text, flush=True)
                for number, blank in enumerate(filling.blanks, 1):
                    _print_blank(blank, number if len(filling.blanks) > 1 else None)


def _as_json(blank: "Blank") -> dict[str, Any]:
    given = {"candidates": blank.candidates, "left": blank.left, "right": blank.right}
    return {
        name: [{"token": token, "probability": p} for token, p in found]
        for name, found in given.items()
        if found is not None
    }


def _print_blank(blank: "Blank", number: int | None) -> None:
    """Candidates in a row, or side by side in columns where each side was asked."""
    before = "" if number is None else f"{number}: "
    if blank.left is None or blank.right is None:
        print("  " + before + "   ".join(map(_shown, blank.candidates)), flush=True)
        return
    columns = [list(map(_shown, found)) for found in (blank.candidates, blank.left, blank.right)]
    _print_columns([[before + _COLUMNS[0], *_COLUMNS[1:]], *zip(*columns, strict=True)])


def _shown(candidate: tuple[str, float]) -> str:
    token, probability = candidate
    return f"{visible(token)} {probability:.1%}"


def _print_columns(rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len, set_cell_size

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)]
        print(("  " + "   ".join(cells)).rstrip(), flush=True)
