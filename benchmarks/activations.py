"""The largest error of the kernels' tanh and sigmoid over every float32, on every instruction set of this machine.

    python benchmarks/activations.py             # all 2^32 bit patterns, ten minutes
    python benchmarks/activations.py --stride 64

Errors are against float64: in units in the last place of the exact result where that is a normal float, and absolute.
Results below the normal range may be zero; their largest absolute error stands in the last column.
"""

import argparse
from dataclasses import dataclass

import torch

from elman import _kernels

FUNCTIONS = {"tanh": (0, torch.tanh), "sigmoid": (1, torch.sigmoid)}
CHUNK = 2**20
EXPONENT = 0x7FF << 52  # of a float64


@dataclass
class Largest:
    """The largest errors met so far, and where."""

    units: float = 0.0
    at: float = 0.0
    absolute: float = 0.0
    below_normal: float = 0.0
    wrong_nan: int = 0

    def take(self, x: torch.Tensor, y: torch.Tensor, exact: torch.Tensor) -> None:
        nan = exact.isnan()
        self.wrong_nan += int((nan != y.isnan()).sum())
        error = (y.double() - exact).abs_()
        error.masked_fill_(nan, 0)
        self.absolute = max(self.absolute, float(error.max()))
        power = (exact.view(torch.int64) & EXPONENT).view(torch.float64)  # the power of two at or below |exact|
        small = power < 2.0**-125
        self.below_normal = max(self.below_normal, float(error.masked_fill(~small, 0).max()))
        units = error.mul_(2.0**23).div_(power).masked_fill_(small | nan, 0)
        place = int(units.argmax())
        if float(units[place]) > self.units:
            self.units, self.at = float(units[place]), float(x[place])


def measure(name: str, stride: int) -> dict[str, Largest]:
    """Runs one function over the float32 numbers whose bits are multiples of `stride`, on every instruction set."""
    code, exact_function = FUNCTIONS[name]
    largest = {isa: Largest() for isa in _kernels.isas()}
    for first in range(-(2**31), 2**31, CHUNK * stride):
        bits = torch.arange(first, min(first + CHUNK * stride, 2**31), stride, dtype=torch.int64).to(torch.int32)
        x = bits.view(torch.float32)
        exact = exact_function(x.double())
        y = torch.empty_like(x)
        for isa, found in largest.items():
            _kernels.set_isa(isa)
            _kernels.activate(code, 4, x.numel(), x.data_ptr(), y.data_ptr())
            found.take(x, y, exact)
    return largest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--stride", type=int, default=1, help="distance between the bit patterns taken (default: 1, all)"
    )
    stride = parser.parse_args().stride
    print(f"{'isa':9} {'function':9} {'ulp':>6} {'at x =':>14} {'absolute':>10} {'below normal':>13} {'wrong NaN':>10}")
    for name in FUNCTIONS:
        for isa, found in measure(name, stride).items():
            print(
                f"{isa:9} {name:9} {found.units:6.2f} {found.at:14.7g} {found.absolute:10.2e} "
                f"{found.below_normal:13.2e} {found.wrong_nan:10d}",
                flush=True,
            )


if __name__ == "__main__":
    main()
