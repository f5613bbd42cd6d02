"""One time step in one native call: a stepper's whole Python call beside torch.nn's layer, on one thread.

    python benchmarks/stepper.py
    python benchmarks/stepper.py --rounds 20 --threads 2

The first table is one stream, N = 1, whose step is bound by reading the weights and by the call itself; the second is
many streams, whose step is a product, in percent of the peak of the threads.
"""

import argparse
import functools
from collections.abc import Callable

import torch
from torch import nn

import elman
from elman.benchmarking import CELLS, best_times, conditions, facts

ONE = (64, 256)  # I, H
MANY = (256, 512, 512)  # N, I, H


def calls(cell: str, N: int, I: int, H: int) -> dict[str, Callable[[], object]]:  # noqa: E741
    """The same step by torch.nn and by a stepper, of the same state."""
    theirs: nn.RNNBase = getattr(nn, cell.upper())(I, H)
    ours = getattr(elman, cell.upper())(I, H)
    ours.load_state_dict(theirs.state_dict())
    x, stepper = torch.randn(N, I), ours.stepper()
    _, state = stepper(x, None)
    _, hidden = theirs(x.unsqueeze(0))
    return {
        "torch": functools.partial(theirs, x.unsqueeze(0), hidden),
        "elman": functools.partial(stepper, x, state),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with conditions(options.threads), torch.inference_mode():
        print(f"{'cell':5} {'N, I, H':>13} {'torch us':>9} {'elman us':>9} {'ratio':>7} {'GF/s':>7} {'peak':>6}")
        peak = facts()["peak_gflops"]
        for N, I, H in ((1, *ONE), MANY):  # noqa: E741
            for cell in options.cells.split(","):
                times = best_times(calls(cell, N, I, H), options.rounds)
                gflops = 2e-9 * N * CELLS[cell] * H * (I + H) / times["elman"]
                print(
                    f"{cell:5} {f'{N}, {I}, {H}':>13} {1e6 * times['torch']:9.1f} {1e6 * times['elman']:9.1f} "
                    f"{times['torch'] / times['elman']:6.2f}x {gflops:7.1f} {100 * gflops / peak:5.0f}%"
                )


if __name__ == "__main__":
    main()
