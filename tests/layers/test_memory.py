"""Memory that is shared with other programs, or laid out by them: nothing is read or written out of its bounds."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import elman
from layers.problem import KINDS, Problem

all_kinds = pytest.mark.parametrize("kind", KINDS)


@all_kinds
def test_windows_of_a_signal_that_overlap(kind, close) -> None:
    signal = torch.randn(30, requires_grad=True)
    layer = Problem(kind, I=24, L=1, dtype=torch.float32).module()
    found, expected = (
        torch.autograd.grad(layer(x)[0].square().sum(), signal)[0]
        for x in (signal.unfold(0, 24, 1).unsqueeze(1), signal.unfold(0, 24, 1).unsqueeze(1).contiguous())
    )
    close(found, expected, "gradient")


def test_an_array_of_lengths_may_be_filled_anew_before_the_backward_pass() -> None:
    layer, x, lengths = elman.GRU(3, 4), torch.randn(5, 2, 3), np.array([5, 2])
    expected = torch.autograd.grad(layer(x, lengths=[5, 2])[0].sum(), layer.weight_hh_l0)[0]
    y, _ = layer(x, lengths=lengths)
    lengths[:] = 1
    assert torch.equal(torch.autograd.grad(y.sum(), layer.weight_hh_l0)[0], expected)


def test_lengths_and_codes_that_have_changed_are_checked_again() -> None:
    """Tensors over the memory of an array: autograd sees no change of them."""
    layer, lengths, codes = elman.GRU(3, 4), np.array([5, 2]), np.array([[1, 2], [0, 1]])
    y, _ = layer(torch.randn(5, 2, 3), lengths=torch.from_numpy(lengths))
    lengths[:] = 100_000
    with pytest.raises(ValueError, match=r"lengths\[0\] is 100000; expected 0 <= length <= T = 5"):
        y.sum().backward()
    y, _ = layer(torch.from_numpy(codes))
    codes[:] = 10**7
    with pytest.raises(ValueError, match="input holds the code 10000000 at step 0 of row 0"):
        y.sum().backward()


@all_kinds
def test_what_is_saved_may_come_back_in_another_layout(kind) -> None:
    """As hooks that compress or move it may have it."""
    problem = Problem(kind, L=1, dtype=torch.float32)
    layer, x = problem.module(), problem.input().requires_grad_()
    expected = torch.autograd.grad(layer(x)[0].sum(), [x, *layer.parameters()])
    turned = lambda t: t.transpose(0, -1).contiguous().transpose(0, -1) if t.dim() > 1 else t  # noqa: E731
    with torch.autograd.graph.saved_tensors_hooks(turned, lambda t: t):
        y = layer(x)[0].sum()
    for found, wanted in zip(torch.autograd.grad(y, [x, *layer.parameters()]), expected, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_an_infinite_input_spoils_no_more_than_it_does_in_torch(name) -> None:
    """Units are padded to whole vectors, and 0 times infinity is NaN."""
    theirs = getattr(nn, name)(3, 5).double()
    ours = getattr(elman, name)(3, 5).double()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    x[1, 0, 1] = torch.inf
    x.requires_grad_()
    for layer in (theirs, ours):
        layer.spoilt = [
            gradient.isnan() for gradient in torch.autograd.grad(layer(x)[0].sum(), [x, *layer.parameters()])
        ]
    for found, expected in zip(ours.spoilt, theirs.spoilt, strict=True):
        assert torch.equal(found, expected)


def test_a_runtime_that_gives_no_threads_is_not_waited_for() -> None:
    program = (
        "import torch, elman; torch.set_num_threads(2);print(elman.LSTM(128, 256)(torch.randn(20, 1, 128))[0].shape)"
    )
    environment = os.environ | {"OMP_MAX_ACTIVE_LEVELS": "0", "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "torch.Size([20, 1, 256])\n", done.stderr
