"""What dropout costs: a training step with and without each regulariser, side by side.

    python benchmarks/regularisers.py                          # every cell and shape, 2 threads
    python benchmarks/regularisers.py --cells lstm --rows 0

A training step is forward and backward with all gradients, x's too, of one layer.  All variants take turns, round after
round, and the smallest of the rounds counts.  Each layer draws new masks at every step; those of zoneout are drawn
before, for it measures what the kernels do with them.
"""

import argparse
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import elman
from elman.layers import LockedDropout, locked_mask, weight_dropped, zoneout_mask

GRID = [(64, 32, 64, 128), (64, 32, 128, 256), (64, 32, 256, 512), (35, 20, 400, 1150), (20, 1, 128, 256)]
CELLS = {"rnn_tanh": elman.RNN, "gru": elman.GRU, "lstm": elman.LSTM}
VARIANTS = ("plain", "locked", "recurrent", "weights", "both", "zoneout")
SAMPLE = 0.05  # seconds of one sample at least


class Regularised(nn.Module):
    """A layer with locked dropout behind it or dropped weights, or both, or with recurrent dropout or zoneout."""

    def __init__(self, layer: elman.RNN | elman.GRU | elman.LSTM, variant: str, T: int, N: int) -> None:
        super().__init__()
        shape = (T, N, layer.hidden_size)
        masks = [zoneout_mask(shape, 0.1) for _ in range(2 if isinstance(layer, elman.LSTM) else 1)]
        self.zoneout = (masks[0] if len(masks) == 1 else tuple(masks)) if variant == "zoneout" else None
        self.recurrent = variant == "recurrent"
        self.layer = weight_dropped(layer, 0.5) if variant in ("weights", "both") else layer
        self.dropout = LockedDropout(0.5) if variant in ("locked", "both") else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The output of the layer, (T, N, H)."""
        mask = locked_mask((1, x.shape[1], self.layer.hidden_size), 0.5) if self.recurrent else None
        return self.dropout(self.layer(x, zoneout=self.zoneout, recurrent_mask=mask)[0])


def step(module: nn.Module, x: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(module(x), [x, *module.parameters()], dy)


def seconds_of(call: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began) / calls


def measure(cell: str, shape: tuple[int, int, int, int], rounds: int) -> dict[str, float]:
    """Seconds of a step of each variant."""
    T, N, I, H = shape  # noqa: E741
    torch.manual_seed(1)
    x, dy = torch.randn(T, N, I, requires_grad=True), torch.randn(T, N, H)
    modules = {variant: Regularised(CELLS[cell](I, H), variant, T, N) for variant in VARIANTS}
    step(modules["plain"], x, dy)
    calls = max(1, math.ceil(SAMPLE / seconds_of(lambda: step(modules["plain"], x, dy), 1)))
    best = dict.fromkeys(VARIANTS, math.inf)
    for _ in range(rounds):
        for variant, module in modules.items():
            best[variant] = min(best[variant], seconds_of(lambda module=module: step(module, x, dy), calls))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--rows", default=",".join(map(str, range(len(GRID)))), help="rows of the grid, from 0")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'cell':9} {'T, N, I, H':>18} {'plain ms':>9}" + "".join(f" {name:>9}" for name in VARIANTS[1:]))
    for cell in options.cells.split(","):
        for index in map(int, options.rows.split(",")):
            seconds = measure(cell, GRID[index], options.rounds)
            plain = seconds["plain"]
            more = "".join(f" {100 * (seconds[name] / plain - 1):+8.1f}%" for name in VARIANTS[1:])
            print(f"{cell:9} {', '.join(map(str, GRID[index])):>18} {1e3 * plain:9.3f}{more}", flush=True)


if __name__ == "__main__":
    main()
