"""Our layers beside torch.nn's on a GPU, where both are cuDNN's: the same numbers, and never slower.

    python benchmarks/gpu.py               # every cell, mode and shape of `elman bench layers`
    python benchmarks/gpu.py --rounds 20

Each line has the milliseconds of both, how many times faster ours is, and the largest difference of outputs and
gradients, relative to the largest number of each.  The clock stops when the device has finished.
"""

import argparse
import sys
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from elman.benchmarking.cases import CELLS, GRID, MODES, Case, Pair
from elman.benchmarking.layers import difference
from elman.benchmarking.timing import best_times


def on(device: torch.device, pair: Pair) -> Pair:
    """The pair, moved there."""
    pair.theirs, pair.ours = pair.theirs.to(device), pair.ours.to(device)
    pair.x, pair.dy = pair.x.to(device), pair.dy.to(device)
    return pair


def finished(step: Callable[[], list[Tensor]], device: torch.device) -> Callable[[], None]:
    """The step, over when the device has done its work."""

    def call() -> None:
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    options = parser.parse_args()
    device: torch.device = options.device
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("gpu.py: torch sees no GPU here")
    print(f"{torch.cuda.get_device_name(device) if device.type == 'cuda' else device}, torch {torch.__version__}")
    print(f"{'cell':5} {'mode':6} {'T, N, I, H':>18} {'torch ms':>9} {'elman ms':>9} {'ratio':>7} {'difference':>11}")
    ratios = []
    for mode, cell, shape in product(MODES, CELLS, GRID):
        pair = on(device, Pair(Case(cell, mode, shape)))
        error = difference(pair.run_elman(), [tensor.double() for tensor in pair.run_torch()])
        calls = {"torch": finished(pair.run_torch, device), "elman": finished(pair.run_elman, device)}
        times = best_times(calls, options.rounds, sample=0.02)
        ratios.append(times["torch"] / times["elman"])
        where = ", ".join(map(str, shape))
        print(
            f"{cell:5} {mode:6} {where:>18} {1e3 * times['torch']:9.3f} {1e3 * times['elman']:9.3f}"
            f" {ratios[-1]:6.2f}x {error:11.1e}",
            flush=True,
        )
    print(f"least {min(ratios):.2f}x")


if __name__ == "__main__":
    main()
