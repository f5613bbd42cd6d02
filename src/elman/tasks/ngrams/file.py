"""An n-gram table as the tensors of a model file: about ten bytes an n-gram.

Of each n-gram the file keeps its last word, log10 of its probability, log10 of its back-off weight, and how many
n-grams of the next order begin with it; each in the smallest type that holds it.  The last gives every context.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.models.ngram import NGramTable

__all__ = ["table_from_tensors", "tensors_of"]


def tensors_of(table: NGramTable) -> dict[str, Tensor]:
    """The arrays of a table: ``log_probabilities.n``, ``backoffs.n``, ``words.n``, ``followers.n``."""
    found = {f"log_probabilities.{n}": torch.from_numpy(v) for n, v in enumerate(table.log_probabilities, 1)}
    found |= {f"backoffs.{n}": torch.from_numpy(values) for n, values in enumerate(table.backoffs, 1)}
    for n, keys in enumerate(table.keys, 2):
        contexts, words = np.divmod(keys, table.width)
        found[f"words.{n}"] = _small(words)
        found[f"followers.{n - 1}"] = _small(np.bincount(contexts, minlength=table.sizes[n - 2]))
    return found


def table_from_tensors(tensors: Mapping[str, Tensor], order: int, width: int) -> NGramTable:
    """The inverse of `tensors_of`.

    Raises
    ------
    KeyError, ValueError
        If tensors are missing or do not fit together.
    """
    keys = []
    for n in range(2, order + 1):
        words = tensors[f"words.{n}"].numpy().astype(np.int64)
        followers = tensors[f"followers.{n - 1}"].numpy().astype(np.int64)
        if followers.min(initial=0) < 0 or followers.sum() != len(words):
            raise ValueError(f"followers.{n - 1} does not add up to the {len(words)} n-grams of order {n}")
        keys.append(np.repeat(np.arange(len(followers)), followers) * width + words)
    logs = [tensors[f"log_probabilities.{n}"].numpy() for n in range(1, order + 1)]
    backoffs = [tensors[f"backoffs.{n}"].numpy() for n in range(1, order)]
    if len(logs[0]) != width:
        raise ValueError(f"there are {len(logs[0])} unigrams for a vocabulary of {width}")
    return NGramTable(width, keys, logs, backoffs)


def _small(values: npt.NDArray[np.int64]) -> Tensor:
    """In the smallest integer type that holds all of them."""
    most = int(values.max(initial=0))
    kind = next(kind for kind in (np.uint8, np.int16, np.int32, np.int64) if most <= np.iinfo(kind).max)
    return torch.from_numpy(values.astype(kind))
