"""Batches of rows of similar length, so that little of a batch is padding.

>>> lengths = [3, 9, 3, 1, 9, 8]
>>> buckets = Buckets(lengths, rows=2)
>>> sorted(sorted(lengths[row] for row in buckets[number]) for number in range(buckets.per_epoch))
[[1, 3], [3, 8], [9, 9]]
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["Buckets"]

Rows = np.ndarray[tuple[int], np.dtype[np.int64]]


class Buckets:
    """The batches of a set of rows, epoch after epoch, by number.

    Rows are sorted by length and cut into batches; which of the rows of one length come together, and the order of
    the batches, is drawn anew in every epoch from the seed and the epoch alone.  As with `Windows`, the number of a
    batch is the whole position in the data.

    Parameters
    ----------
    lengths
        (R,) steps of each row.
    rows
        N, of a batch at most.
    steps
        T·N of a batch at most, padding counted; a longer row is a batch of its own.  It bounds the memory.
    seed
        Of the drawing.

    Attributes
    ----------
    per_epoch : int
        Batches of an epoch; 0 if there are no rows.

    Raises
    ------
    ValueError
        If `rows` or `steps` is less than 1.
    """

    def __init__(self, lengths: npt.ArrayLike, *, rows: int, steps: int = 1 << 16, seed: int = 0) -> None:
        if rows < 1 or steps < 1:
            raise ValueError(f"rows is {rows} and steps {steps}; both are at least 1")
        self.seed = seed
        self._lengths = np.asarray(lengths, np.int64)
        self._bounds = _bounds(np.sort(self._lengths), rows, steps)
        self.per_epoch = len(self._bounds) - 1
        self._epoch: int | None = None
        self._order: Rows = np.empty(0, np.int64)
        self._batches: Rows = np.empty(0, np.int64)

    def __getitem__(self, number: int) -> Rows:
        """The rows of batch `number`, 0 … without end; ``number // per_epoch`` is its epoch."""
        epoch, index = divmod(number, self.per_epoch)
        if epoch != self._epoch:
            self._draw(epoch)
        batch = self._batches[index]
        return self._order[self._bounds[batch] : self._bounds[batch + 1]]

    def once(self, steps: int | None = None) -> Iterator[Rows]:
        """The batches of an epoch, or of them so many, from short rows to long ones alike, that have about `steps`."""
        total = int(self._lengths.sum())
        part = 1.0 if steps is None or total == 0 else min(1.0, steps / total)
        wanted = max(min(1, self.per_epoch), round(part * self.per_epoch))
        self._draw(0)
        for batch in np.linspace(0, max(0, self.per_epoch - 1), wanted).round().astype(np.int64):
            yield self._order[self._bounds[batch] : self._bounds[batch + 1]]

    def _draw(self, epoch: int) -> None:
        chance = np.random.default_rng((self.seed, epoch))
        shuffled = chance.permutation(len(self._lengths))
        self._order = shuffled[np.argsort(self._lengths[shuffled], kind="stable")]
        self._batches = chance.permutation(self.per_epoch)
        self._epoch = epoch


def _bounds(lengths: npt.NDArray[np.int64], rows: int, steps: int) -> npt.NDArray[np.int64]:
    """Where the batches of rows of rising length begin and end."""
    bounds = [0]
    for row, length in enumerate(lengths.tolist()):
        size = row - bounds[-1]  # of the batch that the row would join
        if size == rows or (size > 0 and (size + 1) * length > steps):
            bounds.append(row)
    if len(lengths):
        bounds.append(len(lengths))
    return np.asarray(bounds, np.int64)
