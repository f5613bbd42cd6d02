"""Draws the chart of README.md: how many times faster than torch.nn a training step is, from the measured table.

    python benchmarks/chart.py [benchmarks/results/layers.json [docs/img/speed.svg]]

The table is what `python benchmarks/layers.py --json FILE` keeps; times are milliseconds of one call:

    {"machine": "2 cores of ...", "threads": 2, "torch": "2.13.0", "date": "2026-01-31",
     "rows": [{"cell": "lstm", "mode": "train", "shape": [T, N, I, H], "torch_ms": 3.6, "elman_ms": 3.0}, ...]}

All measured rows of the mode are drawn, the worst as well as the best.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

HERE = Path(__file__).parent
TITLES = {"rnn_tanh": "RNN (tanh)", "gru": "GRU", "lstm": "LSTM"}


def panel(axes: Axes, title: str, ratios: dict[tuple[int, ...], float]) -> None:
    """One cell: a bar from 1 for each shape, first shape on top, its ratio written beside it."""
    labels = [", ".join(map(str, shape)) for shape in ratios]
    colours = ["#2a6f97" if ratio >= 1 else "#b23a48" for ratio in ratios.values()]
    axes.barh(labels, [ratio - 1 for ratio in ratios.values()], left=1, color=colours)
    for place, ratio in enumerate(ratios.values()):
        axes.text(max(1, ratio) * 1.1, place, f"{ratio:.3g}×", va="center", fontsize=8)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(title=title, xscale="log")
    axes.set_xticks([1, 10, 100], ["1", "10", "100"])
    axes.xaxis.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)


def draw(table: dict[str, Any], path: Path, mode: str = "train") -> None:
    """Write the chart of one mode ("train": forward and backward; "infer": forward) as SVG."""
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "elman", "font.family": "sans-serif"}):
        figure, panels = plt.subplots(1, len(TITLES), figsize=(9, 3.4), sharex=True, sharey=True, layout="constrained")
        for axes, (cell, title) in zip(panels, TITLES.items(), strict=True):
            rows = [row for row in table["rows"] if (row["cell"], row["mode"]) == (cell, mode)]
            panel(axes, title, {tuple(row["shape"]): row["torch_ms"] / row["elman_ms"] for row in rows})
        least = min(row["torch_ms"] / row["elman_ms"] for row in table["rows"])
        panels[0].set_xlim(0.8 * min(0.6, least), 200)
        panels[0].invert_yaxis()
        panels[0].set_ylabel("T, N, I, H")
        what = {"train": "training step", "infer": "forward pass"}[mode]
        figure.supxlabel(
            f"times faster than torch.nn {table['torch']}, {what}, float32, log scale\n"
            f"{table['threads']} threads, {table['machine']}, {table['date']}",
            fontsize=9,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None})
        plt.close(figure)


def main(
    source: str = str(HERE / "results/layers.json"), target: str = str(HERE.parent / "docs/img/speed.svg")
) -> None:
    draw(json.loads(Path(source).read_text(encoding="utf-8")), Path(target))
    print(f"wrote {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
