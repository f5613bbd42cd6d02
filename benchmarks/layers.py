"""Our layers beside torch.nn's: time, arithmetic a second and the largest error, side by side.

    python benchmarks/layers.py                              # the whole grid, both modes, 2 threads
    python benchmarks/layers.py --cells gru --rows 0,1 --json benchmarks/results/layers.json

A training step is forward and backward with all gradients, x's too; inference is forward under inference_mode.  The
two take turns (torch, elman, torch, elman, ...), and the smallest of the rounds counts.  Differences are relative to
the largest number of torch.nn in float64.  2 T N G H (I + H) operations forward, three times that for a step.
"""

import argparse
import datetime
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import elman

GRID = [
    (100, 1, 64, 64), (100, 16, 64, 128), (100, 32, 128, 128), (50, 64, 128, 256),
    (100, 32, 256, 512), (35, 64, 512, 1024), (784, 128, 1, 128), (1000, 1, 128, 128),
]  # fmt: skip
CELLS = {
    "rnn_tanh": (torch.nn.RNN, elman.RNN, 1),
    "gru": (torch.nn.GRU, elman.GRU, 3),
    "lstm": (torch.nn.LSTM, elman.LSTM, 4),
}
HEAD = f"{'cell':9} {'mode':6} {'T, N, I, H':>18} {'torch ms':>9} {'elman ms':>9} {'ratio':>7} {'GF/s':>7} {'error':>8}"
SAMPLE = 0.05  # seconds of one sample at least


def step(layer: nn.Module, x: Tensor, dy: Tensor, mode: str) -> list[Tensor]:
    """One inference or training step; returns the output and the gradients."""
    if mode == "infer":
        with torch.inference_mode():
            return [layer(x)[0]]
    y = layer(x)[0]
    return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], dy)]


def difference(found: list[Tensor], exact: list[Tensor]) -> float:
    """The largest error relative to the largest number of each result."""
    return max(float((a.double() - b).abs().max() / b.abs().max()) for a, b in zip(found, exact, strict=True))


def seconds_of(call: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began) / calls


def measure(cell: str, shape: tuple[int, int, int, int], mode: str, rounds: int) -> dict[str, object]:
    """Times both layers on one row of the grid."""
    T, N, I, H = shape  # noqa: E741
    theirs_class, ours_class, gates = CELLS[cell]
    torch.manual_seed(1)
    theirs, ours = theirs_class(I, H), ours_class(I, H)
    ours.load_state_dict(theirs.state_dict())
    x, dy = torch.randn(T, N, I, requires_grad=mode == "train"), torch.randn(T, N, H)
    exact_layer = theirs_class(I, H).double()
    exact_layer.load_state_dict(theirs.state_dict())
    exact = step(exact_layer, x.detach().double().requires_grad_(mode == "train"), dy.double(), mode)
    calls = {"torch": lambda: step(theirs, x, dy, mode), "elman": lambda: step(ours, x, dy, mode)}
    error = difference(step(ours, x, dy, mode), exact)
    counts = {name: max(1, math.ceil(SAMPLE / max(seconds_of(call, 1), 1e-6))) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            samples[name].append(seconds_of(call, counts[name]))
    best = {name: min(times) for name, times in samples.items()}
    work = 2 * T * N * gates * H * (I + H) * (3 if mode == "train" else 1)
    return {
        "cell": cell,
        "mode": mode,
        "shape": list(shape),
        "torch_ms": 1e3 * best["torch"],
        "elman_ms": 1e3 * best["elman"],
        "ratio": best["torch"] / best["elman"],
        "gflops": work / best["elman"] / 1e9,
        "error": error,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--modes", default="train,infer")
    parser.add_argument("--rows", default=",".join(map(str, range(len(GRID)))), help="rows of the grid, from 0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--machine", default=platform.processor() or platform.machine(), help="name for the table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the table; benchmarks/chart.py draws it")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    print(HEAD)
    for mode in options.modes.split(","):
        for cell in options.cells.split(","):
            for index in map(int, options.rows.split(",")):
                row = measure(cell, GRID[index], mode, options.rounds)
                rows.append(row)
                shape = ", ".join(map(str, row["shape"]))
                print(f"{cell:9} {mode:6} {shape:>18} {row['torch_ms']:9.3f} {row['elman_ms']:9.3f} "
                      f"{row['ratio']:6.2f}x {row['gflops']:7.1f} {row['error']:8.0e}", flush=True)  # fmt: skip
    for mode in options.modes.split(","):
        for cell in options.cells.split(","):
            ratios = [row["ratio"] for row in rows if (row["cell"], row["mode"]) == (cell, mode)]
            print(
                f"{cell:9} {mode:6} geometric mean {statistics.geometric_mean(ratios):.2f}x, least {min(ratios):.2f}x"
            )
    if options.json:
        facts = {"machine": options.machine, "threads": options.threads, "torch": torch.__version__}
        table = {**facts, "date": datetime.date.today().isoformat(), "rows": rows}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
