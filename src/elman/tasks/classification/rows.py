"""Numbered rows: tokens or series, each with its labels."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data import Ragged
from elman.models.bag import Letters
from elman.tasks.classification.coding import Coding

__all__ = ["Rows", "TrainingRows"]

_ROUNDING = 1e-6  # a channel whose values differ by less, in units of their mean, is constant
_BLOCK = 1 << 22  # numbers that are hashed at once

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """R rows with the numbers of their labels."""

    inputs: Ragged
    """Numbers of tokens, or vectors of C channels."""
    labels: Ragged
    """Numbers of the labels of each row; -1 for one that the training rows have not."""
    table: Indices | None = None
    """(U,) the index in the lexicon of each of the numbers of `inputs`; None: these are series."""
    spelling: Ragged | None = None
    """U rows: the n-grams of letters of each of these numbers' tokens; None: the bag has none."""

    def __len__(self) -> int:
        """R."""
        return len(self.inputs)

    def batch(self, rows: Indices, longest: int | None = None) -> tuple[Tensor, Tensor]:
        """Some rows as (T, N) or (T, N, C), and their lengths (N,); longer ones are cut to `longest` steps."""
        steps = self.inputs.padded(rows)[:longest]
        lengths = torch.from_numpy(self.inputs.lengths[rows]).clamp(max=len(steps))
        return steps if self.table is None else torch.from_numpy(self.table[steps.numpy()]), lengths

    def letters(self, rows: Indices, longest: int | None = None) -> Letters | None:
        """The n-grams of letters in some rows, of their first `longest` tokens."""
        if self.spelling is None:
            return None
        forms = [self.inputs[row][:longest] for row in rows]
        counts = np.array([self.spelling.lengths[of_row].sum() for of_row in forms], np.int64)
        hashes = self.spelling.joined(np.concatenate([np.empty(0, np.int32), *forms])).astype(np.int64)
        return Letters(torch.from_numpy(hashes), torch.from_numpy(counts))

    def targets(self, rows: Indices) -> Tensor:
        """(N,) the number of the one label of each row."""
        return torch.from_numpy(self.labels.values[rows].astype(np.int64))

    def many_targets(self, rows: Indices, classes: int) -> Tensor:
        """(N, K): 1 for each label that a row has, else 0."""
        found = torch.zeros(len(rows), classes + 1)
        for place, row in enumerate(rows):
            found[place, self.labels[row].astype(np.int64)] = 1.0  # -1 is the last column
        return found[:, :-1]

    def unknown(self, rows: Indices) -> npt.NDArray[np.bool_]:
        """(N,) whether a row has a label that the training rows have not."""
        return np.array([bool((self.labels[row] < 0).any()) for row in rows], bool)


@dataclass(frozen=True)
class TrainingRows:
    """The rows of a training run, and what was learnt while reading them."""

    rows: Rows
    learning: Indices
    """Which of `rows` to learn from."""
    judged: Rows
    judging: Indices
    """Which of `judged` to judge progress by."""
    labels: tuple[str, ...]
    """K, sorted."""
    several: bool
    coding: Coding | None
    """None: rows are series."""

    def units(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean and standard deviation of each channel of the series to learn from, (C,); 1 for one that is constant."""
        inputs = self.rows.inputs
        total, steps = np.zeros(inputs.values.shape[1]), max(1, int(inputs.lengths[self.learning].sum()))
        for row in self.learning:
            total += inputs[row].sum(0, np.float64)
        mean, squares = total / steps, np.zeros_like(total)
        for row in self.learning:
            squares += np.square(inputs[row] - mean).sum(0)
        scale = np.sqrt(squares / steps)
        return mean, np.where(scale > _ROUNDING * np.abs(mean), scale, 1.0)

    def fingerprint(self) -> str:
        """A number that tells one set of rows from another."""
        digest = hashlib.sha256("\0".join(self.labels).encode("utf-8", "surrogatepass"))
        for rows, chosen in ((self.rows, self.learning), (self.judged, self.judging)):
            for ragged in (rows.inputs, rows.labels):
                digest.update(ragged.lengths.tobytes())
                for start in range(0, len(ragged.values), _BLOCK):
                    digest.update(np.ascontiguousarray(ragged.values[start : start + _BLOCK]).tobytes())
            digest.update(chosen.tobytes())
            for numbers in (rows.table, None if rows.spelling is None else rows.spelling.values):
                digest.update(b"" if numbers is None else np.ascontiguousarray(numbers).tobytes())
        if self.coding is not None:
            digest.update(json.dumps(self.coding.to_dict()).encode())
        return digest.hexdigest()
