"""Windows are the text, cut up: nothing is read twice in an epoch, and rows go on where they stopped."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Windows


@given(length=st.integers(2, 200), batch=st.integers(1, 7), window=st.integers(1, 9), epoch=st.integers(0, 3))
def test_an_epoch_is_one_stretch_of_the_text_in_parallel_streams(
    length: int, batch: int, window: int, epoch: int
) -> None:
    if length <= batch * window:
        return
    windows = Windows(torch.arange(length, dtype=torch.uint8), batch, window, seed=5)
    cut = [windows[epoch * windows.per_epoch + index] for index in range(windows.per_epoch)]
    assert [part.fresh for part in cut] == [True] + [False] * (windows.per_epoch - 1)
    inputs = torch.cat([part.inputs for part in cut])  # (length of a stream, N)
    targets = torch.cat([part.targets for part in cut])
    assert inputs.dtype == targets.dtype == torch.int64
    start = int(inputs[0, 0])
    assert torch.equal(inputs.T.reshape(-1), torch.arange(start, start + inputs.numel()))
    assert torch.equal(targets, inputs + 1)
    assert int(targets.max()) < length
    assert length - 1 - inputs.numel() < batch * window, "no further window would fit"


def test_windows_are_found_by_number_alone() -> None:
    tokens = torch.arange(1000, dtype=torch.int16)
    numbers = [7, 0, 61, 8, 30, 7]
    one = Windows(tokens, 4, 8, seed=3)
    for number in numbers:
        other = Windows(tokens, 4, 8, seed=3)
        assert torch.equal(one[number].inputs, other[number].inputs)


def epoch_starts(seed: int) -> list[int]:
    windows = Windows(torch.arange(1000), 4, 60, seed=seed)
    return [int(windows[epoch * windows.per_epoch].inputs[0, 0]) for epoch in range(20)]


def test_epochs_are_cut_at_different_places_which_depend_on_the_seed() -> None:
    assert len(set(epoch_starts(0))) > 10
    assert epoch_starts(0) == epoch_starts(0) != epoch_starts(1)


def test_batches_are_contiguous_and_the_text_is_not_copied() -> None:
    tokens = torch.arange(100, dtype=torch.uint8)
    windows = Windows(tokens, 3, 5)
    part = windows[1]
    assert part.inputs.is_contiguous()
    assert part.inputs.shape == (5, 3)
    assert windows._inputs.untyped_storage().data_ptr() == tokens.untyped_storage().data_ptr()


def test_too_short() -> None:
    with pytest.raises(
        ValueError, match=r"has 12 tokens; expected at least N·T \+ 1 = 13 for 3 streams of one window of 4: tak"
    ):
        Windows(torch.arange(12), 3, 4)
    with pytest.raises(
        ValueError, match="= 65 for 1 stream of one window of 64: take a longer text or a smaller window"
    ):
        Windows(torch.arange(12), 1, 64)
    assert Windows(torch.arange(13), 3, 4).per_epoch == 1
