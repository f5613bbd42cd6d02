"""Draws the chart of README.md: how many times faster than torch.nn a training step is, from the measured table.

    python benchmarks/chart.py [benchmarks/results/layers.json [docs/img/speed.svg]]

The table is what `python benchmarks/layers.py --json FILE` or `elman bench layers -o FILE` keeps. All measured rows of
the mode are drawn, the worst as well as the best.
"""

import json
import sys
from pathlib import Path

from elman.benchmarking.chart import draw

HERE = Path(__file__).parent


def main(
    source: str = str(HERE / "results/layers.json"), target: str = str(HERE.parent / "docs/img/speed.svg")
) -> None:
    draw(json.loads(Path(source).read_text(encoding="utf-8")), Path(target), "train")
    print(f"wrote {target}")


if __name__ == "__main__":
    main(*sys.argv[1:])
