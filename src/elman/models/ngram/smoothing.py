"""From counts to probabilities: interpolated modified Kneser-Ney, and maximum likelihood with back-off."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from elman.models.ngram.counting import Integers, Level
from elman.models.ngram.table import NGramTable

__all__ = ["FALLBACK", "discounts", "kneser_ney", "maximum_likelihood"]

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of counts 1, 2 and 3 or more where the counts do not give any, as KenLM's ``--discount_fallback``."""

Reals = npt.NDArray[np.float64]


def discounts(adjusted: Integers) -> tuple[float, float, float]:
    """What modified Kneser-Ney takes off a count of 1, 2, and 3 or more.

    With t_k the number of n-grams whose adjusted count is k, Chen and Goodman (1998, equation 26) take

    D_k = k - (k + 1) Y t_{k+1} / t_k,  Y = t_1 / (t_1 + 2 t_2).

    Parameters
    ----------
    adjusted
        Adjusted counts of all n-grams of one order; zeros are passed over.

    Returns
    -------
    (D_1, D_2, D_3)
        `FALLBACK` if one of t_1, t_2, t_3 is zero, or a D_k is not within 0 … k: the text is small or artificial.

    Examples
    --------
    >>> [round(d, 3) for d in discounts(np.array([1] * 60 + [2] * 20 + [3] * 10 + [4] * 6))]
    [0.6, 1.1, 1.56]
    >>> discounts(np.array([1, 1, 1]))
    (0.5, 1.0, 1.5)
    """
    t = np.bincount(np.minimum(adjusted, 5), minlength=6).astype(float)
    if not t[1:4].all():
        return FALLBACK
    y = t[1] / (t[1] + 2 * t[2])
    found = [float(k - (k + 1) * y * t[k + 1] / t[k]) for k in (1, 2, 3)]
    if any(not 0 <= d <= k for k, d in enumerate(found, 1)):
        return FALLBACK
    return found[0], found[1], found[2]


def kneser_ney(levels: Sequence[Level], prune: Sequence[int] = ()) -> NGramTable:
    """Interpolated modified Kneser-Ney smoothing (Chen and Goodman, 1998), as KenLM's ``lmplz`` estimates it.

    With a the adjusted count, h the context and h' that context without its first word,

    P(w | h) = (a(hw) - D(a(hw))) / Σ_v a(hv) + γ(h) P(w | h'),  γ(h) = Σ_v D(a(hv)) / Σ_v a(hv);

    below the unigrams there is the uniform distribution over all words but the beginning of a sentence.

    Parameters
    ----------
    levels
        Of `count_ngrams`.
    prune
        n-grams seen at most so often are left out, a number for each order, none falling, the first 0; what they had
        goes to γ(h).  Orders that are not given have the last number, 0 if there is none.  Discounts are made before.

    Returns
    -------
    NGramTable
        Its probabilities are interpolated, its back-off weights the γ.

    Raises
    ------
    ValueError
        If `prune` is not as it should be.
    """
    probabilities, weights = [], []
    lower: Reals = np.empty(0)
    for n, (level, contexts, size, kept) in enumerate(_orders(levels, prune), 1):
        counts = level.adjusted.astype(float)
        taken = np.array([0.0, *discounts(level.adjusted)])[np.minimum(level.adjusted, 3)]
        taken[~kept] = counts[~kept]
        total = np.bincount(contexts, counts, size)
        weight = np.divide(np.bincount(contexts, taken, size), total, out=np.ones(size), where=total > 0)
        share = np.divide(counts - taken, total[contexts], out=np.zeros(len(counts)), where=counts > 0)
        base = lower[level.suffixes] if n > 1 else np.where(_predicted(len(counts)), 1 / (len(counts) - 1), 0.0)
        lower = share + weight[contexts] * base
        probabilities.append(lower)
        if n > 1:
            weights.append(weight)
    return _table(levels, prune, probabilities, weights)


def maximum_likelihood(levels: Sequence[Level], prune: Sequence[int] = ()) -> NGramTable:
    """Relative frequencies; a context that was never seen backs off to the one without its first word.

    P(w | h) = c(hw) / Σ_v c(hv) if h was seen in the text before some word, else P(w | h').  A word that was never
    seen after h then has probability 0, whatever h' says: this is what smoothing is for.

    Parameters
    ----------
    levels, prune
        As for `kneser_ney`.  What pruned n-grams had is shared out as h' says (Katz, 1987).
    """
    probabilities, weights = [], []
    lower: Reals = np.empty(0)
    for n, (level, contexts, size, kept) in enumerate(_orders(levels, prune), 1):
        counts = level.counts.astype(float)
        total = np.bincount(contexts, counts, size)
        share = np.divide(counts, total[contexts], out=np.zeros(len(counts)), where=counts > 0)
        if n > 1:
            left = np.bincount(contexts, np.where(kept, 0.0, share), size)
            room = 1 - np.bincount(contexts, np.where(kept, lower[level.suffixes], 0.0), size)
            weight = np.divide(left, room, out=np.zeros(size), where=(left > 0) & (room > 0))
            weights.append(np.where(total > 0, weight, 1.0))
        lower = share
        probabilities.append(lower)
    return _table(levels, prune, probabilities, weights)


def _orders(levels: Sequence[Level], prune: Sequence[int]) -> list[tuple[Level, Integers, int, npt.NDArray[np.bool_]]]:
    """For each order: the n-grams, the number of each one's context, how many contexts there are, which are kept."""
    width = len(levels[0].keys)
    limits = _limits(prune, len(levels))
    found = []
    for n, level in enumerate(levels):
        contexts = level.keys // width if n else np.zeros(width, np.int64)
        kept = level.counts > limits[n] if n else np.ones(width, bool)
        found.append((level, contexts, len(levels[n - 1].keys) if n else 1, kept))
    return found


def _limits(prune: Sequence[int], order: int) -> list[int]:
    given = list(prune) or [0]
    if len(given) > order:
        raise ValueError(f"prune has {len(given)} numbers, expected at most one for each of the {order} orders")
    if given[0] != 0:
        raise ValueError(f"prune begins with {given[0]}, expected 0: single words are left out by min_count")
    if given != sorted(given):
        raise ValueError(f"prune is {', '.join(map(str, given))}; expected numbers that do not fall, as in 0, 0, 1")
    return given + [given[-1]] * (order - len(given))


def _predicted(width: int) -> npt.NDArray[np.bool_]:
    """Every word but the beginning of a sentence, which is given."""
    return np.arange(width) < width - 1


def _table(
    levels: Sequence[Level], prune: Sequence[int], probabilities: Sequence[Reals], weights: Sequence[Reals]
) -> NGramTable:
    """Leave the pruned n-grams out, number the contexts anew, and go over to logarithms."""
    width = len(levels[0].keys)
    numbers: Integers = np.arange(width)  # of each context among those that are kept
    keys, logs, backoffs = [], [_log10(np.minimum(probabilities[0], 1.0))], []
    for n, (level, contexts, _, kept) in enumerate(_orders(levels, prune)):
        if n:
            keys.append((numbers[contexts] * width + level.keys % width)[kept])
            logs.append(_log10(np.minimum(probabilities[n][kept], 1.0)))
            numbers = np.cumsum(kept) - 1
        if n < len(levels) - 1:
            backoffs.append(_log10(weights[n][kept]))
    return NGramTable(width, keys, logs, backoffs)


def _log10(values: Reals) -> npt.NDArray[np.float32]:
    with np.errstate(divide="ignore"):
        found: npt.NDArray[np.float32] = np.log10(values).astype(np.float32)
    return found
