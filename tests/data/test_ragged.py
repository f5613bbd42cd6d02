"""Rows of unequal length against lists, in memory and in a file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data import Ragged

ROWS = st.lists(st.lists(st.integers(-9, 9), max_size=7), max_size=9)


@given(ROWS, st.sampled_from([0, 8, 1 << 20]), st.data())
def test_rows_come_back_and_are_padded(rows: list[list[int]], in_memory: int, data: st.DataObject) -> None:
    kept = Ragged.collect(iter(rows), in_memory=in_memory)
    assert [kept[row].tolist() for row in range(len(kept))] == rows
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=5)) if rows else []
    batch = kept.padded(chosen, fill=77)
    T = max((len(rows[row]) for row in chosen), default=0)
    assert batch.shape == (T, len(chosen))
    assert batch.T.tolist() == [rows[row] + [77] * (T - len(rows[row])) for row in chosen]


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_steps_may_be_vectors(in_memory: int) -> None:
    rows = [np.arange(6, dtype=np.float32).reshape(3, 2), [], [[7.0, 8.0]]]
    kept = Ragged.collect(rows, np.float32, (2,), in_memory)
    assert isinstance(kept.values, np.memmap) == (in_memory == 0)
    batch = kept.padded([2, 1, 0])
    assert batch.shape == (3, 3, 2)
    assert batch[:, 2].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert batch[:, 0].tolist() == [[7, 8], [0, 0], [0, 0]]
    assert not batch[:, 1].any()


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"row 1 has shape \(3,\), expected \(T, 2\)"):
        Ragged.collect([[[1, 2]], [1, 2, 3]], shape=(2,))
    with pytest.raises(ValueError, match="the lengths add up to 4, expected the number of steps, 5"):
        Ragged(np.zeros(5), [1, 3])
