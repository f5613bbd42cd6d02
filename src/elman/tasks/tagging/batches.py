"""From numbers of tokens to what the network reads, and from its scores to tags."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.word_forms import FormTable
from elman.models.crf import CRF
from elman.models.tagger import Tokens

__all__ = ["best_tags", "tokens_of"]


def tokens_of(
    table: FormTable,
    numbers: npt.NDArray[np.int64],
    *,
    unknown: npt.NDArray[np.bool_] | None = None,
    hidden: npt.NDArray[np.bool_] | None = None,
) -> Tokens:
    """A batch for the network.

    Parameters
    ----------
    table
        Of the different tokens.
    numbers
        (T, N) rows of it.
    unknown
        (T, N): words that are to be taken for unknown; letters and case stay.
    hidden
        (T, N): tokens of which nothing is to be seen.
    """
    words, cases, vectors = table.words[numbers], table.cases[numbers], table.vectors[numbers]
    if table.letters.shape[1]:
        different, forms = np.unique(numbers, return_inverse=True)
        forms = forms.reshape(numbers.shape) + 1
        spelt = table.letters[different]
        longest = int((spelt != 0).any(0).sum())
        letters = np.zeros((len(different) + 1, longest), np.int64)
        letters[1:] = spelt[:, :longest]
    else:
        forms, letters = np.zeros_like(numbers), np.zeros((1, 0), np.int64)
    if unknown is not None:
        words[unknown] = 0
    if hidden is not None:
        words[hidden] = forms[hidden] = cases[hidden] = vectors[hidden] = 0
    return Tokens(*map(torch.from_numpy, (words, forms, cases, letters, vectors)))


@torch.no_grad()
def best_tags(scores: Tensor, lengths: Tensor, crf: CRF | None, allowed: Tensor | None) -> Tensor:
    """The best tags of each sentence among those that its scheme allows.

    With a CRF it is the most probable sequence.  Without one, each tag is the best that may follow the one before: what
    comes later, the end included, does not change it, so that a stream gives the same.

    Parameters
    ----------
    scores
        (T, N, K).
    lengths
        (N,).
    crf
        Of the network.
    allowed
        (K + 1, K + 1) booleans of `elman.data.tag_schemes.allowed_neighbours`, or None.

    Returns
    -------
    Tensor
        (T, N) int64, -1 behind the end.
    """
    if crf is not None:
        return crf.decode(scores, lengths, allowed)
    T, N, K = scores.shape
    there = torch.arange(T).unsqueeze(1) < lengths
    if T == 0 or N == 0:
        return torch.full((T, N), -1)
    tags = scores.argmax(2)
    if allowed is not None:
        before = torch.cat((torch.full((1, N), K), tags[:-1]))
        wrong = (~allowed[before, tags] & there).any(0).nonzero().squeeze(1)
        if len(wrong):
            tags[:, wrong] = _one_by_one(scores[:, wrong], allowed)
    return tags.where(there, -1)


def _one_by_one(scores: Tensor, allowed: Tensor) -> Tensor:
    """Each tag in turn, the best that may follow the one before."""
    T, N, K = scores.shape
    penalty = torch.where(allowed[:, :K], 0.0, -torch.inf)
    tags, before = torch.empty(T, N, dtype=torch.int64), torch.full((N,), K)
    for t in range(T):
        before = tags[t] = (scores[t] + penalty[before]).argmax(1)
    return tags
