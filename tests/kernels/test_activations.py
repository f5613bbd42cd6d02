"""tanh and sigmoid of the kernels against float64, on every instruction set."""

import math

import pytest
import torch

from elman import _kernels

FUNCTIONS = {"tanh": (0, torch.tanh), "sigmoid": (1, torch.sigmoid), "relu": (2, torch.relu)}
# Units in the last place of the result, where that is a normal number; benchmarks/activations.py prints the maxima
# over all 2^32 floats.
BOUND = 4.0


def activate(name: str, x: torch.Tensor) -> torch.Tensor:
    y = torch.empty_like(x)
    _kernels.activate(FUNCTIONS[name][0], x.element_size(), x.numel(), x.data_ptr(), y.data_ptr())
    return y


def sample_floats() -> torch.Tensor:
    """Every 4099th float by its bits: all signs and exponents, 2^20 values, none of them NaN or infinite."""
    bits = torch.arange(-(2**31), 2**31 - 1, 4099, dtype=torch.int64).to(torch.int32)
    x = bits.view(torch.float32)
    return x[x.isfinite()].contiguous()


def units_in_the_last_place(y: torch.Tensor, exact: torch.Tensor) -> float:
    normal = exact.abs() >= torch.finfo(y.dtype).tiny
    spacing = torch.ldexp(torch.ones_like(exact), torch.frexp(exact)[1] + (-24 if y.dtype == torch.float32 else -53))
    return float(((y.double() - exact).abs() / spacing)[normal].max())


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_float_error_is_a_few_units_in_the_last_place(isa: str, name: str) -> None:
    x = sample_floats()
    exact = FUNCTIONS[name][1](x.double())
    y = activate(name, x)
    flushed = exact.abs() < 1.2e-38 * (1 if name == "tanh" else 2)  # results below the normal range may be 0
    assert units_in_the_last_place(y[~flushed], exact[~flushed]) < BOUND
    assert float((y.double() - exact)[flushed].abs().max()) < 2.4e-38


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_double_agrees_with_torch(isa: str, name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.cat([torch.randn(20001, generator=generator, dtype=torch.float64) * s for s in (1e-8, 0.1, 1, 20, 300)])
    # Results below the normal range may be 0: hence the smallest normal number as absolute tolerance.
    torch.testing.assert_close(activate(name, x), FUNCTIONS[name][1](x), rtol=1.5e-15, atol=2.3e-308)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nan_infinities_and_zeros(isa: str, dtype: torch.dtype) -> None:
    x = torch.tensor([math.nan, math.inf, -math.inf, 0.0, -0.0], dtype=dtype)
    for name, (_, exact) in FUNCTIONS.items():
        y = activate(name, x)
        torch.testing.assert_close(y, exact(x), equal_nan=True, rtol=0, atol=0)
    assert activate("tanh", x).signbit().tolist()[3:] == [False, True]


def test_saturation_is_exact(isa: str) -> None:
    x = torch.tensor([10.0, -10.0, 100.0, -100.0, 3e38, -3e38])
    assert activate("tanh", x).tolist() == [1, -1] * 3
    assert activate("sigmoid", x).tolist()[2:] == [1, 0] * 2
