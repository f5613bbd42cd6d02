"""Are torch's operators as fast between our layers as between torch.nn's, and our layers between torch's operators?

    python benchmarks/between.py
    python benchmarks/between.py --cells gru --sizes 512 --rounds 10

A training step of Linear - recurrent layer - Linear, (T, N) = (50, 32), all widths H, forward and backward by all
parameters.  Three programs take turns, and the smallest of the rounds counts: the two Linear alone; our layer alone;
both in one step.  The last columns are the time of both in one step by the sum of the two, for our layer and for
torch.nn's: above 1, the threads of one keep those of the other from their cores.
"""

import argparse
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

import elman
from elman.benchmarking import CELLS, best_times, conditions

T, N = 50, 32
ROW = "{:5} {:>5} {:>10} {:>10} {:>10} {:>8} {:>8}"


def step(modules: list[nn.Module], x: Tensor) -> None:
    """Forward and backward through modules, one after another."""
    y = x
    for module in modules:
        found = module(y)
        y = found if isinstance(found, Tensor) else found[0]
    torch.autograd.grad(y, [x, *(p for module in modules for p in module.parameters())], y.detach())


def programs(cell: str, H: int) -> dict[str, Callable[[], None]]:
    """The steps that are timed, by name."""
    torch.manual_seed(0)
    x = torch.randn(T, N, H, requires_grad=True)
    linear: list[nn.Module] = [nn.Linear(H, H), nn.Linear(H, H)]
    found: dict[str, Callable[[], None]] = {"linear": functools.partial(step, linear, x)}
    for name, library in (("elman", elman), ("torch", nn)):
        layer: nn.Module = getattr(library, cell.upper())(H, H)
        found[name] = functools.partial(step, [layer], x)
        found[f"{name} between"] = functools.partial(step, [linear[0], layer, linear[1]], x)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--sizes", default="128,512,1024", help="H")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with conditions(options.threads):
        print(ROW.format("cell", "H", "linear ms", "elman ms", "both ms", "elman", "torch"))
        for cell in options.cells.split(","):
            for H in map(int, options.sizes.split(",")):
                ms = {name: 1e3 * time for name, time in best_times(programs(cell, H), options.rounds).items()}
                shares = [ms[f"{name} between"] / (ms["linear"] + ms[name]) for name in ("elman", "torch")]
                times = [f"{ms[name]:.3f}" for name in ("linear", "elman", "elman between")]
                print(ROW.format(cell, H, *times, *(f"{share:.2f}" for share in shares)), flush=True)


if __name__ == "__main__":
    main()
