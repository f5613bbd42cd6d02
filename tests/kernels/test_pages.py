"""Large results ask for huge pages, where Linux has them: the flag is read, for no page can be promised."""

import re
from pathlib import Path

import pytest
import torch

import elman

HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
needs_huge_pages = pytest.mark.skipif(not HUGE.exists(), reason="this system has no transparent huge pages")


def flags_at(address: int) -> set[str]:
    """What /proc says of the memory at an address; `hg` where huge pages were asked for."""
    here = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if place := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            here = int(place[1], 16) <= address < int(place[2], 16)
        elif here and line.startswith("VmFlags:"):
            return set(line.split()[1:])
    raise AssertionError(f"no memory at {address:#x}")


def middle(x: torch.Tensor) -> int:
    return x.data_ptr() + x.nbytes // 2


@needs_huge_pages
@pytest.mark.parametrize("cell", [elman.RNN, elman.LSTM])
def test_large_results_ask_for_huge_pages(cell: type) -> None:
    x = torch.ones(200, 128, 96, requires_grad=True)
    y, _ = cell(96, 500)(x)  # 51 MB: more than malloc ever keeps for later
    (dx,) = torch.autograd.grad(y, x, torch.ones_like(y))
    assert "hg" in flags_at(middle(y))
    assert "hg" in flags_at(middle(dx))


@needs_huge_pages
def test_results_in_any_layout_are_covered() -> None:
    layer = elman.GRU(3, 500, batch_first=True, bidirectional=True)
    y, _ = layer(torch.ones(100, 80, 3))
    assert "hg" in flags_at(middle(y))
