"""Our layers beside torch.nn's and others': time, arithmetic a second and the largest error, side by side.

    python benchmarks/layers.py                              # the whole grid, both modes, 2 threads
    python benchmarks/layers.py --cells gru --rows 0,1 --json benchmarks/results/layers.json
    python benchmarks/layers.py --off-grid                   # odd sizes, two directions, two layers, lengths
    python benchmarks/layers.py --float64                    # both in float64
    python benchmarks/layers.py --modes infer --peers onnxruntime,jax --peers onednn=./libonednn_peer.so

The measuring is that of `elman bench layers`, in `src/elman/benchmarking`: the layers take turns and the smallest of
the rounds counts; errors are relative to the largest number of torch.nn in float64. benchmarks/peers.py says what each
peer needs. benchmarks/scaling.py measures time against each size, and memory.
"""

import argparse
import itertools
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import peers

from elman.benchmarking import CELLS, GRID, MODES, Case, Measurement, conditions, facts, means, measure

ODD = [
    (100, 16, 100, 100), (100, 16, 200, 200), (100, 16, 300, 300), (35, 20, 650, 650),
    (100, 3, 64, 128), (100, 17, 64, 128), (100, 50, 64, 128),
]  # fmt: skip
SHAPE = (100, 16, 64, 128)
OPTIONS = [{"bidirectional": True}, {"layers": 2}, {"lengths": True}, {"bidirectional": True, "lengths": True}]


def cases_of(options: argparse.Namespace) -> list[Case]:
    """The cases in the order of the table."""
    pairs = list(itertools.product(options.modes.split(","), options.cells.split(",")))
    if options.off_grid:
        found = [Case(cell, mode, shape) for mode, cell in pairs for shape in ODD]
        found += [Case(cell, mode, SHAPE, **option) for mode, cell in pairs for option in OPTIONS]
    else:
        found = [Case(cell, mode, GRID[int(row)]) for mode, cell in pairs for row in options.rows.split(",")]
    return [replace(case, double=True) for case in found] if options.float64 else found


def line(one: Measurement, names: list[str]) -> str:
    """A line of the table; a peer that cannot do the case has a dash."""
    case = one.case
    kind = ("b" if case.bidirectional else "") + ("2" if case.layers > 1 else "") + ("l" if case.lengths else "")
    others = "".join(f" {one.others_ms[name]:11.3f}" if name in one.others_ms else f" {'-':>11}" for name in names)
    shape = ", ".join(map(str, case.shape))
    return (
        f"{case.cell:5} {case.mode:6} {shape:>18} {kind:3} {one.torch_ms:9.3f} {one.elman_ms:9.3f} {one.ratio:6.2f}x "
        f"{one.gflops:7.1f} {one.error:8.0e}{others}"
    )


def summary(mean: dict[str, Any]) -> str:
    """The geometric means of a cell and mode in a line."""
    batches, share = mean["mean_of_batches"], mean["percent_of_peak"]
    without = "" if batches is None else f"without single rows {batches:.2f}x, "
    of_peak = "" if share is None else f"; wide rows {share:.0f} % of the peak, least {mean['least_percent']:.0f} %"
    ratio = f"geometric mean {mean['mean']:.2f}x, {without}least {mean['least']:.2f}x"
    return f"{mean['cell']:5} {mean['mode']:6} {ratio}{of_peak}"


def best_peers(measured: list[Measurement]) -> list[float]:
    """How many times faster we are than the best of the others, torch.nn among them, row by row."""
    return [min(one.torch_ms, *one.others_ms.values()) / one.elman_ms for one in measured if one.others_ms]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--rows", default=",".join(map(str, range(len(GRID)))), help="rows of the grid, from 0")
    parser.add_argument("--off-grid", action="store_true", help="other shapes; b both directions, 2 layers, l lengths")
    parser.add_argument("--peers", action="append", default=[], metavar="NAMES", help=", ".join(peers.BUILDERS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--float64", action="store_true", help="compute in float64, both")
    parser.add_argument("--isa", help="instruction set of our layers (default: the best)")
    parser.add_argument("--machine", help="name for the table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the table; benchmarks/chart.py draws it")
    options = parser.parse_args()
    names = [name for given in options.peers for name in given.split(",")]
    libraries = peers.find(names, options.threads)
    with conditions(options.threads, options.isa):
        table = facts(options.machine, options.float64)
        print(*(f"{name} {value}" for name, value in table.items()), sep=", ")
        print(
            f"{'cell':5} {'mode':6} {'T, N, I, H':>18} {'':3} {'torch ms':>9} {'elman ms':>9} {'ratio':>7} {'GF/s':>7} "
            f"{'error':>8}" + "".join(f" {name:>11}" for name in libraries)
        )
        measured = []
        for case in cases_of(options):
            able = {name: build for name, build in libraries.items() if peers.able(name, case)}
            measured.append(measure(case, options.rounds, peers=able))
            print(line(measured[-1], list(libraries)), flush=True)
    peak = table["peak_gflops"]
    table["rows"] = [one.as_row(peak) for one in measured]
    table["means"] = means(measured, peak)
    for mean in table["means"]:
        print(summary(mean))
    if libraries and (beside := best_peers(measured)):
        table["beside_best"] = {"mean": statistics.geometric_mean(beside), "least": min(beside)}
        print(
            "beside the best of all for each row: geometric mean {mean:.2f}x, least {least:.2f}x".format(
                **table["beside_best"]
            )
        )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
