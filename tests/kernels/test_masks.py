"""Masks of dropout are the bits of SplitMix64, computed here in NumPy, whichever instruction set draws them."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from elman import _kernels
from elman.layers import locked_mask, zoneout_mask

COUNTS = [0, 1, 3, 4, 255, 256, 257, 1000]
FLOATS = {torch.float32: np.float32, torch.float64: np.float64}


def split_mix(seed: int, words: int) -> np.ndarray:
    """The first words of SplitMix64 (Steele, Lea and Flood, 2014) as 16 bits each."""
    count = np.arange(1, words + 1, dtype=np.uint64)
    z = np.uint64(seed % 2**64) + count * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).astype("<u8").view("<u2")


def test_the_generator_is_the_published_one() -> None:
    first = split_mix(1234567, 1).view("<u8")[0]  # https://rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
    assert first == 6457827717110365317


@pytest.mark.parametrize("isa", _kernels.isas())
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("count", COUNTS)
def test_a_mask_is_what_the_bits_say(isa: str, dtype: torch.dtype, count: int) -> None:
    seed, kept, value = -(2**63) + 12345, 40_000, 65_536 / 40_000
    expected = np.where(split_mix(seed, count // 4 + 1)[:count] < kept, value, 0).astype(FLOATS[dtype])
    room = torch.full((count + 1,), -1.0, dtype=dtype)
    active = _kernels.active_isa()
    _kernels.set_isa(isa)
    try:
        _kernels.drop(dtype.itemsize, 1, count, seed, kept, value, 0, room.data_ptr())
    finally:
        _kernels.set_isa(active)
    np.testing.assert_array_equal(room[:count].numpy(), expected)
    assert room[count] == -1  # nothing is written behind the mask


@pytest.mark.parametrize("isa", _kernels.isas())
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("count", [5, 1024, 100_003])
def test_threads_share_the_work_and_change_no_number(isa: str, dtype: torch.dtype, count: int) -> None:
    x, room = torch.randn(count, dtype=dtype), torch.full((count + 1,), -1.0, dtype=dtype)
    kept = 20_000
    mask = np.where(split_mix(99, count // 4 + 1)[:count] < kept, 65_536 / kept, 0).astype(FLOATS[dtype])
    active = _kernels.active_isa()
    _kernels.set_isa(isa)
    try:
        for threads in (1, 2, 3):
            room.fill_(-1)
            _kernels.drop(dtype.itemsize, threads, count, 99, kept, 65_536 / kept, x.data_ptr(), room.data_ptr())
            np.testing.assert_array_equal(room[:count].numpy(), x.numpy() * mask)
            assert room[count] == -1
    finally:
        _kernels.set_isa(active)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_layers_draw_so_from_one_number_of_the_generator(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(7)
    seed = int(torch.empty((), dtype=torch.int64).random_(-(2**63), None, generator=generator))
    bits = split_mix(seed, 100)
    again = torch.Generator().manual_seed(7)
    mask = locked_mask((1, 20, 20), 0.75, generator=again, dtype=dtype)
    np.testing.assert_array_equal(mask.flatten().numpy(), np.where(bits < 2**14, FLOATS[dtype](4), 0))
    assert torch.equal(generator.get_state(), again.get_state())
    states = zoneout_mask((2, 10, 20), 0.25, generator=torch.Generator().manual_seed(7), dtype=dtype)
    np.testing.assert_array_equal(states.flatten().numpy(), (bits < 2**14).astype(FLOATS[dtype]))


@pytest.mark.parametrize("kept", [-1, 65_536])
def test_what_16_bits_cannot_say_is_refused(kept: int) -> None:
    with pytest.raises(ValueError, match="kept: expected 0 to 65535"):
        _kernels.drop(4, 1, 0, 0, kept, 1.0, 0, 0)


@pytest.mark.parametrize(("itemsize", "threads", "count"), [(2, 1, 0), (4, 0, 0), (4, 1, -1)])
def test_sizes_are_checked(itemsize: int, threads: int, count: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        _kernels.drop(itemsize, threads, count, 0, 1, 1.0, 0, 0)


def test_a_profiler_changes_no_number() -> None:
    plain = locked_mask((1, 5, 7), 0.5, generator=torch.Generator().manual_seed(7))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]):
        profiled = locked_mask((1, 5, 7), 0.5, generator=torch.Generator().manual_seed(7))
    assert torch.equal(plain, profiled)


def test_another_default_device_is_no_matter() -> None:
    with torch.device("meta"):
        mask = locked_mask((1, 5, 7), 0.5, generator=torch.Generator("cpu").manual_seed(7), device="cpu")
    assert torch.equal(mask, locked_mask((1, 5, 7), 0.5, generator=torch.Generator().manual_seed(7)))


def test_without_numbers_there_is_a_mask_all_the_same() -> None:
    with FakeTensorMode():
        assert locked_mask((1, 5, 7), 0.5).shape == (1, 5, 7)


def test_under_vmap_every_call_has_a_mask_of_its_own() -> None:
    masks = torch.func.vmap(lambda _: locked_mask((1000,), 0.5), randomness="different")(torch.zeros(3))
    assert masks.shape == (3, 1000)
    assert masks.unique().tolist() == [0, 2]
    assert not torch.equal(masks[0], masks[1])
