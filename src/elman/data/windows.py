"""A long text as parallel streams of windows, for truncated back-propagation through time (BPTT).

The text is cut into N equally long parts that are read side by side.  Window k of all of them is one batch;
a row goes on in window k + 1 exactly where it stopped in window k, so the hidden state can be carried over::

    text      a b c d e f g h i j k l m        N = 2, T = 3
    stream 0  a b c | d e f                    inputs of windows 0 and 1
    stream 1  g h i | j k l
    targets   b c d | e f g
              h i j | k l m
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["Window", "Windows"]


class Window(NamedTuple):
    """One batch: ``targets[t, n]`` is the token that follows ``inputs[t, n]``; both int64, (T, N), time-major."""

    inputs: Tensor
    targets: Tensor
    fresh: bool  # whether this is the first window of an epoch, where the hidden state starts from zeros


class Windows:
    """The windows of a text, epoch after epoch, by number.

    Window numbers count on through the epochs, so the number alone is the whole position in the data: what a
    checkpoint has to keep.  Every epoch drops a different few tokens at the start, fewer than N·T + 1 of them,
    so that the streams and windows are cut elsewhere; which ones depends on the seed and the epoch alone.

    Parameters
    ----------
    tokens
        (length,) indices in any integer dtype; kept as they are, turned to int64 window by window.
    batch
        N, the number of streams.
    window
        T, the number of steps of a window, over which gradients are propagated.
    seed
        Of the drawing of each epoch's start.

    Raises
    ------
    ValueError
        If the text is too short for a single window.

    Examples
    --------
    >>> windows = Windows(torch.arange(13), batch=2, window=3)
    >>> windows.per_epoch
    2
    >>> inputs, targets, fresh = windows[1]
    >>> inputs.T.tolist(), targets.T.tolist(), fresh
    ([[3, 4, 5], [9, 10, 11]], [[4, 5, 6], [10, 11, 12]], False)
    """

    def __init__(self, tokens: Tensor, batch: int, window: int, seed: int = 0) -> None:
        needed = batch * window + 1
        if len(tokens) < needed:
            streams, smaller = ("1 stream", "window") if batch == 1 else (f"{batch} streams", "batch or window")
            raise ValueError(
                f"the training text has {len(tokens):,} tokens; expected at least N·T + 1 = {needed:,} for {streams} "
                f"of one window of {window}: take a longer text or a smaller {smaller}"
            )
        self.batch, self.window, self.seed = batch, window, seed
        self.per_epoch = (len(tokens) - 1) // (batch * window)
        self._tokens = tokens
        self._slack = len(tokens) - 1 - batch * window * self.per_epoch  # tokens an epoch has no place for
        self._epoch: int | None = None
        self._inputs = self._targets = tokens

    def __getitem__(self, number: int) -> Window:
        """Window `number`, 0 … without end; ``number // per_epoch`` is its epoch."""
        epoch, index = divmod(number, self.per_epoch)
        if epoch != self._epoch:
            self._cut(epoch)
        rows = slice(index * self.window, (index + 1) * self.window)
        return Window(_int64(self._inputs[rows]), _int64(self._targets[rows]), fresh=index == 0)

    def _cut(self, epoch: int) -> None:
        start = int(np.random.default_rng((self.seed, epoch)).integers(self._slack + 1))
        length = self.per_epoch * self.window
        end = start + self.batch * length
        self._inputs = self._tokens[start:end].view(self.batch, length).T  # (length, N), no copy
        self._targets = self._tokens[start + 1 : end + 1].view(self.batch, length).T
        self._epoch = epoch


def _int64(indices: Tensor) -> Tensor:
    return indices.to(torch.int64, memory_format=torch.contiguous_format)
