"""Sequences of unequal length, kept one after another in one array: labelled sentences, series with a class.

>>> rows = Ragged.collect([[3, 1, 4], [], [1, 5]])
>>> len(rows), rows.lengths.tolist(), rows[2].tolist()
(3, [3, 0, 2], [1, 5])
>>> rows.padded([2, 0], fill=-1).T.tolist()  # (T, N), shown row by row
[[1, 5, -1], [3, 1, 4]]
>>> rows.joined([2, 0]).tolist()
[1, 5, 3, 1, 4]
"""

import contextlib
import tempfile
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Ragged"]

_IN_MEMORY = 1 << 27  # bytes that `Ragged.collect` holds before it goes on in a file


class Ragged:
    """R sequences of numbers, or of vectors, of unequal length.

    Parameters
    ----------
    values
        (total, …): the steps of all rows, one row after another.
    lengths
        (R,) how many steps each has; 0 is allowed.

    Attributes
    ----------
    values
        As given.
    lengths
        (R,) int64.

    Raises
    ------
    ValueError
        If the lengths do not add up to the number of steps.

    Examples
    --------
    >>> Ragged(np.arange(5), [2, 3])[1].tolist()
    [2, 3, 4]
    """

    def __init__(self, values: npt.NDArray[Any], lengths: npt.ArrayLike) -> None:
        self.values = values
        self.lengths = np.asarray(lengths, np.int64)
        ends = np.cumsum(self.lengths)
        total = int(ends[-1]) if len(ends) else 0
        if self.lengths.ndim != 1 or (self.lengths < 0).any() or total != len(values):
            raise ValueError(f"the lengths add up to {total:,}, expected the number of steps, {len(values):,}")
        self._starts = ends - self.lengths

    @classmethod
    def collect(
        cls,
        rows: Iterable[npt.ArrayLike],
        dtype: npt.DTypeLike = np.int32,
        shape: tuple[int, ...] = (),
        in_memory: int = _IN_MEMORY,
    ) -> "Ragged":
        """Collect rows as they come, in memory or, from some size on, in a temporary file that is mapped into it.

        Parameters
        ----------
        rows
            Each (T, \\*shape); nothing of a row is kept but its numbers.
        dtype
            Of the numbers kept.
        shape
            Of a step: () for a number, (C,) for C channels.
        in_memory
            Bytes that are held before they go to the file.  It has no name and vanishes with the process.

        Raises
        ------
        ValueError
            If a row has another shape; the message says which.
        """
        waiting: list[npt.NDArray[Any]] = []
        lengths: list[int] = []
        held = 0
        with contextlib.ExitStack() as opened:
            file: IO[bytes] | None = None
            for number, row in enumerate(rows):
                array = np.asarray(row, dtype)
                if array.shape == (0,):  # an empty list does not say what its steps would be
                    array = array.reshape(0, *shape)
                if array.shape[1:] != shape:
                    expected = str(("T", *shape)).replace("'", "")
                    raise ValueError(f"row {number} has shape {array.shape}, expected {expected}")
                waiting.append(array)
                lengths.append(len(array))
                held += array.nbytes
                if held > in_memory:
                    file = file or opened.enter_context(tempfile.TemporaryFile())
                    _write(waiting, file)
                    waiting, held = [], 0
            if file is None:
                return cls(np.concatenate([np.empty((0, *shape), dtype), *waiting]), lengths)
            _write(waiting, file)
            return cls(np.memmap(file, dtype, "r", shape=(sum(lengths), *shape)), lengths)

    def __len__(self) -> int:
        """R."""
        return len(self.lengths)

    def __getitem__(self, row: int) -> npt.NDArray[Any]:
        """The steps of one row, (T, …), not copied."""
        start = self._starts[row]
        return self.values[start : start + self.lengths[row]]

    def joined(self, rows: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The steps of some rows, one row after another, (total, …)."""
        chosen = np.asarray(rows, np.int64)
        lengths = self.lengths[chosen]
        gaps = self._starts[chosen] - (np.cumsum(lengths) - lengths)  # from where a step comes to where it stands
        steps: npt.NDArray[Any] = self.values[np.repeat(gaps, lengths) + np.arange(lengths.sum())]
        return steps

    def padded(self, rows: Sequence[int] | npt.NDArray[Any], fill: float = 0) -> Tensor:
        """Some rows as a batch.

        Parameters
        ----------
        rows
            N numbers of rows.
        fill
            What stands behind the end of a row.

        Returns
        -------
        Tensor
            (T, N, …), T the longest of their lengths; int64 for whole numbers, float32 for others.
        """
        chosen = np.asarray(rows, np.int64)
        lengths, starts = self.lengths[chosen], self._starts[chosen]
        T = int(lengths.max(initial=0))
        kind: npt.DTypeLike = np.int64 if np.issubdtype(self.values.dtype, np.integer) else np.float32
        batch = np.full((T, len(chosen), *self.values.shape[1:]), fill, kind)
        there = np.arange(T)[:, None] < lengths
        steps = starts + np.arange(T)[:, None]
        batch[there] = self.values[steps[there]]
        return torch.from_numpy(batch)


def _write(arrays: Iterable[npt.NDArray[Any]], file: IO[bytes]) -> None:
    for array in arrays:
        file.write(array.tobytes())
    file.flush()
