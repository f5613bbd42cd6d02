"""Three ways to compute a layer of a TDNN, forward and backward, side by side.

    python benchmarks/time_delay.py

gather: the K + 1 delayed inputs side by side, and one product (what `elman.TDNN` does).  products: one product for each
delay, added up, without a copy of the inputs.  conv1d: torch's, with the transpositions that it asks of (T, N, ·).
Milliseconds of one training step; the smallest of the rounds, the variants taking turns.
"""

import argparse
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from elman.layers.time_delay import net

GRID = [  # T, N, I, H, K, d
    (20, 32, 64, 128, 2, 1),
    (64, 32, 128, 256, 2, 1),
    (64, 32, 128, 256, 4, 3),
    (512, 8, 40, 128, 4, 2),
    (256, 16, 1, 32, 24, 1),
    (1, 1, 128, 256, 2, 1),
]


def products(frames: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    H, taps, I = weight.shape  # noqa: E741
    T = frames.shape[0] - (taps - 1) * dilation
    found = bias.expand(T * frames.shape[1], H)
    for k, W in enumerate(weight.unbind(1)):
        found = torch.addmm(found, frames[(taps - 1 - k) * dilation :][:T].reshape(-1, I), W.T)
    return found.view(T, -1, H)


def conv1d(frames: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    kernel = weight.permute(0, 2, 1).flip(2)
    return torch.conv1d(frames.permute(1, 2, 0), kernel, bias, dilation=dilation).permute(2, 0, 1)


VARIANTS: dict[str, Callable[..., Tensor]] = {"gather": net, "products": products, "conv1d": conv1d}


def seconds_of(run: Callable[..., Tensor], tensors: tuple[Tensor, ...], dilation: int, dy: Tensor, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        torch.autograd.grad(run(*tensors, dilation), tensors, dy)
    return (time.perf_counter() - began) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'T, N, I, H, K, d':>24}" + "".join(f" {name:>9}" for name in VARIANTS))
    for T, N, I, H, K, d in GRID:  # noqa: E741
        torch.manual_seed(0)
        shapes = (T + K * d, N, I), (H, K + 1, I), (H,)
        tensors = tuple(torch.randn(shape, requires_grad=True) for shape in shapes)
        dy = torch.randn(T, N, H)
        best = dict.fromkeys(VARIANTS, math.inf)
        for _ in range(options.rounds):
            for name, run in VARIANTS.items():
                calls = max(1, min(200, int(0.05 / min(best[name], 0.05))))
                best[name] = min(best[name], seconds_of(run, tensors, d, dy, calls))
        print(f"{', '.join(map(str, (T, N, I, H, K, d))):>24}" + "".join(f" {1e3 * s:9.3f}" for s in best.values()))


if __name__ == "__main__":
    main()
