"""What dropout costs: a training step with and without each regulariser, side by side.

    python benchmarks/regularisers.py                          # every cell and shape, 2 threads
    python benchmarks/regularisers.py --cells lstm --rows 0

A training step is forward and backward with all gradients, x's too, of one layer.  The variants take turns, step by
step and in an order that is drawn anew for each turn, for each line of the table some seconds; what one costs is the
median, over the turns, of its step beside the plain step of the same turn: a machine whose speed wanders, and what one
leaves in the caches for the next, mislead nobody.  Each layer draws new masks at every step;
those of zoneout are drawn before, for it measures what the kernels do with them.

    module     LockedDropout behind the layer
    locked     the same mask passed to the layer, as output_mask
    recurrent  a mask passed as recurrent_mask
    weights    weight_dropped
    both       locked and weights
    zoneout    masks passed as zoneout
"""

import argparse
import random
import statistics
import time

import torch
from torch import Tensor, nn

import elman
from elman.layers import LockedDropout, locked_mask, weight_dropped, zoneout_mask

GRID = [(64, 32, 64, 128), (64, 32, 128, 256), (64, 32, 256, 512), (35, 20, 400, 1150), (20, 1, 128, 256)]
CELLS = {"rnn_tanh": elman.RNN, "gru": elman.GRU, "lstm": elman.LSTM}
VARIANTS = ("plain", "module", "locked", "recurrent", "weights", "both", "zoneout")
LEAST = 11  # turns


class Regularised(nn.Module):
    """A layer with a mask of its output, be it in a module behind it or in the layer, or of its state, its weights or
    of the output and the weights, or with zoneout.
    """

    def __init__(self, layer: elman.RNN | elman.GRU | elman.LSTM, variant: str, T: int, N: int) -> None:
        super().__init__()
        shape = (T, N, layer.hidden_size)
        masks = [zoneout_mask(shape, 0.1) for _ in range(2 if isinstance(layer, elman.LSTM) else 1)]
        self.zoneout = (masks[0] if len(masks) == 1 else tuple(masks)) if variant == "zoneout" else None
        self.masked = {"locked": "output_mask", "both": "output_mask", "recurrent": "recurrent_mask"}.get(variant)
        self.layer = weight_dropped(layer, 0.5) if variant in ("weights", "both") else layer
        self.dropout = LockedDropout(0.5) if variant == "module" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The output of the layer, (T, N, H)."""
        masks = {self.masked: locked_mask((1, x.shape[1], self.layer.hidden_size), 0.5)} if self.masked else {}
        return self.dropout(self.layer(x, zoneout=self.zoneout, **masks)[0])


def step(module: nn.Module, x: Tensor, dy: Tensor) -> tuple[Tensor, ...]:
    """Forward and backward, with all gradients."""
    return torch.autograd.grad(module(x), [x, *module.parameters()], dy)


def measure(cell: str, shape: tuple[int, int, int, int], seconds: float) -> dict[str, list[float]]:
    """Seconds of each step of each variant; the steps of one place in the lists followed one another."""
    T, N, I, H = shape  # noqa: E741
    torch.manual_seed(1)
    x, dy = torch.randn(T, N, I, requires_grad=True), torch.randn(T, N, H)
    modules = {variant: Regularised(CELLS[cell](I, H), variant, T, N) for variant in VARIANTS}
    times: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    for module in modules.values():
        step(module, x, dy)
    order = random.Random(1)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["plain"]) < LEAST:
        for variant in order.sample(VARIANTS, len(VARIANTS)):
            began = time.perf_counter()
            step(modules[variant], x, dy)
            times[variant].append(time.perf_counter() - began)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--rows", default=",".join(map(str, range(len(GRID)))), help="rows of the grid, from 0")
    parser.add_argument("--seconds", type=float, default=20, help="of each line")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'cell':9} {'T, N, I, H':>18} {'plain ms':>9}" + "".join(f" {name:>9}" for name in VARIANTS[1:]))
    for cell in options.cells.split(","):
        for index in map(int, options.rows.split(",")):
            times = measure(cell, GRID[index], options.seconds)
            plain = times["plain"]
            more = ""
            for name in VARIANTS[1:]:
                ratios = [with_it / without for with_it, without in zip(times[name], plain, strict=True)]
                more += f" {100 * (statistics.median(ratios) - 1):+8.1f}%"
            print(f"{cell:9} {', '.join(map(str, GRID[index])):>18} {1e3 * min(plain):9.3f}{more}", flush=True)


if __name__ == "__main__":
    main()
