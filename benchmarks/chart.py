"""Writes what is shown of the measured table: the chart of README.md and the tables of docs/performance.md.

    python benchmarks/chart.py [benchmarks/results/layers.json [docs/img/speed.svg [docs/performance.md]]]

The table is what `python benchmarks/layers.py --json FILE` or `elman bench layers -o FILE` keeps. All measured rows are
shown, the worst as well as the best.
"""

import json
import sys
from pathlib import Path
from typing import Any

from elman.benchmarking.chart import draw

HERE = Path(__file__).parent
TABLE = HERE / "results/layers.json"
CHART, PAGE = HERE.parent / "docs/img/speed.svg", HERE.parent / "docs/performance.md"
BEGIN, END = "<!-- written by benchmarks/chart.py -->\n", "<!-- end -->\n"
NAMES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
MODES = {"train": "Training step", "infer": "Inference"}


def tables(measured: dict[str, Any]) -> str:
    """A table for each mode: times faster than torch.nn, and in brackets GFLOP/s of ours; then the geometric means."""
    facts = "{machine}, {threads} threads, {isa}; elman {elman}, torch {torch}, {date}".format(**measured)
    text = f"{facts}:\n\n```\n{measured['command']}\n```\n"
    for mode, title in MODES.items():
        rows = [row for row in measured["rows"] if row["mode"] == mode]
        cells = [cell for cell in NAMES if any(row["cell"] == cell for row in rows)]
        text += f"\n| {title}: T, N, I, H | " + " | ".join(NAMES[cell] for cell in cells) + " |\n"
        text += "|---|" + "---|" * len(cells) + "\n"
        for shape in dict.fromkeys(tuple(row["shape"]) for row in rows):
            found = {row["cell"]: row for row in rows if tuple(row["shape"]) == shape}
            numbers = (f"{found[c]['ratio']:.2f} ({found[c]['gflops']:.0f})" if c in found else "" for c in cells)
            text += f"| {', '.join(map(str, shape))} | " + " | ".join(numbers) + " |\n"
        for key, name in (("mean", "geometric mean"), ("mean_of_batches", "without N = 1"), ("least", "least")):
            found = {mean["cell"]: mean[key] for mean in measured["means"] if mean["mode"] == mode}
            numbers = ("" if found.get(c) is None else f"**{found[c]:.2f}**" for c in cells)
            text += f"| {name} | " + " | ".join(numbers) + " |\n"
    return text


def filled(page: str, text: str) -> str:
    """The page with `text` between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"the page has no place for the tables, between {BEGIN!r} and {END!r}")
    return before + BEGIN + text + END + after


def main(source: str = str(TABLE), chart: str = str(CHART), page: str = str(PAGE)) -> None:
    measured = json.loads(Path(source).read_text(encoding="utf-8"))
    draw(measured, Path(chart), "train")
    Path(page).write_text(filled(Path(page).read_text(encoding="utf-8"), tables(measured)), encoding="utf-8")
    print(f"wrote {chart} and {page}")


if __name__ == "__main__":
    main(*sys.argv[1:])
