"""The chart of a measured table, as SVG. Needs matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.benchmarking.cases import MODES

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError("a chart needs matplotlib: pip install matplotlib") from error

__all__ = ["draw"]

_TITLES = {"rnn": "RNN (tanh)", "gru": "GRU", "lstm": "LSTM"}


def draw(table: Mapping[str, Any], path: Path, mode: str | None = None) -> None:
    """Write the chart of one mode: how many times faster than torch.nn each row is, the worst as well as the best.

    Parameters
    ----------
    table : mapping
        What ``elman bench layers --json`` prints: machine, threads, torch, date, and rows with times in milliseconds.
    path : Path
        The SVG file; the same bytes for the same table.
    mode : "train" or "infer"
        Default: training, where it was measured.
    """
    rows = table["rows"]
    mode = mode or next(one for one in MODES if any(row["mode"] == one for row in rows))
    drawn = [row for row in rows if row["mode"] == mode]
    cells = [cell for cell in _TITLES if any(row["cell"] == cell for row in drawn)]
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "elman", "font.family": "sans-serif"}):
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        panels = figure.subplots(1, len(cells), sharex=True, sharey=True, squeeze=False)[0]
        for axes, cell in zip(panels, cells, strict=True):
            own = [row for row in drawn if row["cell"] == cell]
            _panel(axes, _TITLES[cell], {tuple(row["shape"]): row["torch_ms"] / row["elman_ms"] for row in own})
        panels[0].set_xlim(0.8 * min(0.6, *(row["torch_ms"] / row["elman_ms"] for row in rows)), 200)
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


def _panel(axes: Axes, title: str, ratios: dict[tuple[int, ...], float]) -> None:
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
