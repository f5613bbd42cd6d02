"""The struct that docs/custom_cells.md adds to the kernels compiles against them, and computes what it says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from elman.layers import Weights

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "custom_cells.md").read_text(encoding="utf-8")
COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")

# Reads net_f, h_n, x_n, h and dE/dh'; writes h', delta_f, delta_n, last, carry: one unit a line.
MAIN = """
#include <cstdio>
#include "cells.h"
namespace elman { namespace {
%s
} }
int main() {
  using namespace elman;
  double in[5], save[Mgu::saved * lanes<double>];
  while (std::scanf("%%lf %%lf %%lf %%lf %%lf", in, in + 1, in + 2, in + 3, in + 4) == 5) {
    const Vec<double> net[2] = {broadcast(in[0]), broadcast(in[1])};
    Vec<double> delta[2], cell{}, h = broadcast(in[3]);
    StepGradient<double> d{};
    d.h = broadcast(in[4]);
    const Vec<double> after = Mgu::forward<double>(net, broadcast(in[2]), h, cell, save);
    Mgu::backward<double>(d, h, after, save, delta);
    std::printf("%%.17g %%.17g %%.17g %%.17g %%.17g\\n", after[0], delta[0][0], delta[1][0], d.last[0], d.carry[0]);
  }
}
"""


def mgu():
    """The function of the page."""
    (block,) = (block for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S) if "def mgu" in block)
    namespace = {"torch": torch}
    exec(block, namespace)
    return namespace["mgu"]


@pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
def test_the_struct_of_the_page_is_the_function_of_the_page(tmp_path, close) -> None:
    (struct,) = re.findall(r"^```cpp\n(.*?)^```$", PAGE, re.M | re.S)
    (tmp_path / "main.cc").write_text(MAIN % struct, encoding="utf-8")
    flags = ["-std=c++20", "-O1", "-Wno-psabi", f"-I{ROOT / 'kernels'}"]
    command = [COMPILER, *flags, "main.cc", "-o", "main"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr

    units = 50
    inputs = torch.randn(5, units, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    lines = "\n".join(" ".join(map(repr, unit)) for unit in inputs.T.tolist())
    printed = subprocess.run([tmp_path / "main"], input=lines, capture_output=True, text=True, check=True).stdout
    found = torch.tensor([list(map(float, line.split())) for line in printed.splitlines()], dtype=torch.float64).T

    # Without weights the biases are the sums.
    net_f, h_n, x_n, h = (tensor.clone().requires_grad_() for tensor in inputs[:4])
    none = torch.zeros(2 * units, units, dtype=torch.float64)
    x_part = torch.cat([net_f, x_n])
    h_part = torch.cat([torch.zeros(units, dtype=torch.float64), h_n])
    (after,) = mgu()(torch.zeros_like(h), (h,), Weights(none, none, x_part, h_part))
    gradients = torch.autograd.grad(after, [net_f, h_n, x_n, h], inputs[4])
    close(found[0], after.detach(), "value")
    for actual, expected in zip(found[1:], gradients, strict=True):
        close(actual, expected, "gradient")
