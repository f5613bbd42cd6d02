"""The table of tolerances, and what a test may need to set and must put back.

An error is measured as the largest difference, divided by the largest expected magnitude of the same tensor where that
exceeds 1; inputs, weights and cotangents of the tests are of size 1. A test names the quantity, never a tolerance.
"""

import signal
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from elman import _kernels
from elman.layers import fallback

# (dtype, quantity) -> largest error; in brackets the largest that tests/layers meets on an AVX-512 machine. Limits are
# about three times that, for other processors and other builds of torch, whose products sum in other orders.
TOLERANCES = {
    # Sums of up to 130 products in another order than the oracle's, through 13 steps and 3 layers. In float32 the
    # kernels' tanh and sigmoid are good to 4e-7.
    (torch.float32, "value"): 5e-6,  # [1.7e-6]
    (torch.float64, "value"): 1.5e-14,  # [4.7e-15]
    # The same backwards, and sums over time and batch.
    (torch.float32, "gradient"): 1e-5,  # [3.5e-6]
    (torch.float64, "gradient"): 1.5e-14,  # [3.1e-15]
    # Parameters after twenty steps of Adam, which divides a gradient by its own size, small ones and their errors too.
    (torch.float64, "trained"): 1e-12,
    # 8 bits of significand (2^-9 = 2e-3 an operation), of which each step rounds several times, on both sides.
    (torch.bfloat16, "value"): 3e-2,
    (torch.bfloat16, "gradient"): 1e-1,
}


def _error(actual: Tensor, expected: Tensor) -> float:
    scale = max(1.0, expected.abs().max().item())
    return (actual.double() - expected.double()).abs().max().item() / scale


def pytest_configure() -> None:
    """Ctrl-C is tested, so it must arrive: a shell starts what it runs in the background with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def close() -> Callable[..., float]:
    """``close(actual, expected, quantity)`` asserts shape, dtype and values by the table.

    It returns how much of the tolerance the error takes, 0 to 1.
    """

    def check(actual: Tensor, expected: Tensor, quantity: str, name: str = "") -> float:
        assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype), name
        if not expected.numel():
            return 0.0
        error, limit = _error(actual, expected), TOLERANCES[expected.dtype, quantity]
        assert error <= limit, f"{name} is off by {error:.2g}; a {quantity} may be by {limit}"
        return error / limit

    return check


@pytest.fixture(autouse=True)
def every_fallback_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test hears of its own fallbacks; as warnings are errors, one that it does not expect fails it."""
    monkeypatch.setattr(fallback, "_said", set())


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """``threads(n)`` sets torch's number of threads until the end of the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(params=_kernels.isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set that can run here, in use until the end of the test."""
    before = _kernels.active_isa()
    _kernels.set_isa(request.param)
    yield request.param
    found = _kernels.active_isa()
    _kernels.set_isa(before)
    assert found == request.param, f"the test was to run on {request.param} and ended on {found}"
