"""Batches by length: every row once an epoch, bounds kept, the same from the same number."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Buckets


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 60), st.integers(0, 3))
def test_an_epoch_has_every_row_once_within_the_bounds(lengths: list[int], rows: int, steps: int, epoch: int) -> None:
    buckets = Buckets(lengths, rows=rows, steps=steps, seed=3)
    first = epoch * buckets.per_epoch
    batches = [buckets[number].tolist() for number in range(first, first + buckets.per_epoch)]
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[row] for row in batch)
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * longest <= steps
    ordered = sorted(batches, key=lambda batch: sorted(lengths[row] for row in batch))
    for shorter, longer in itertools.pairwise(ordered):  # no batch could have less padding
        assert max(lengths[row] for row in shorter) <= min(lengths[row] for row in longer)


def test_a_number_is_the_whole_position() -> None:
    lengths = np.random.default_rng(0).integers(1, 4, 100)
    one, other = (Buckets(lengths, rows=8, seed=5) for _ in range(2))
    wanted = [one[number].tolist() for number in range(3 * one.per_epoch)]
    assert [other[number].tolist() for number in reversed(range(3 * one.per_epoch))] == wanted[::-1]
    assert wanted[: one.per_epoch] != wanted[one.per_epoch : 2 * one.per_epoch]
    assert Buckets(lengths, rows=8, seed=6)[0].tolist() != wanted[0]


def test_part_of_an_epoch_has_short_and_long_rows() -> None:
    lengths = np.repeat(np.arange(1, 101), 4)
    buckets = Buckets(lengths, rows=4)
    assert sorted(np.concatenate(list(buckets.once())).tolist()) == list(range(400))
    part = np.concatenate(list(buckets.once(steps=int(lengths.sum()) // 5)))
    assert len(part) == 80
    assert abs(lengths[part].mean() - lengths.mean()) < 10
    assert [batch.tolist() for batch in buckets.once(100)] == [batch.tolist() for batch in buckets.once(100)]


def test_no_rows_no_batches() -> None:
    buckets = Buckets([], rows=4)
    assert buckets.per_epoch == 0
    assert list(buckets.once()) == []
    with pytest.raises(ValueError, match="rows is 0"):
        Buckets([1], rows=0)
