"""Counting the n-grams of a text of all orders, by sorting.

An n-gram is its context, the n-1 words before the last, and that last word.  The context is itself an n-gram of the
order below and has a number there, so one integer says it all: ``key = context · W + word``, W the number of words.
Counting is then sorting keys, one order after another, and the sorted keys are the table to look up in.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Integers", "Level", "count_ngrams"]

Integers = npt.NDArray[np.integer[Any]]
"""An array of whole numbers."""


class Level(NamedTuple):
    """The different n-grams of one order, n, sorted by key; G of them.

    Of order 1 there is one for every word, seen or not, in the order of the words.
    """

    keys: Integers
    """(G,) int64: the number of the context among the (n-1)-grams, times W, plus the last word."""
    suffixes: Integers
    """(G,) the number of the n-gram without its first word among the (n-1)-grams; zeros for n = 1."""
    counts: Integers
    """(G,) how often each was seen."""
    adjusted: Integers
    """(G,) of the highest order, and of n-grams at the beginning of a sentence: `counts`; of the others: how many
    different words were seen before it."""


def count_ngrams(words: Integers, order: int, width: int) -> list[Level]:
    """Count all n-grams up to an order.

    Parameters
    ----------
    words
        (L,) numbers of words, sentence after sentence; each sentence begins with the word ``width - 1``, which
        occurs nowhere else.  No n-gram reaches over the beginning of a sentence.
    order
        N, the highest order, at least 1.
    width
        W, the number of words.

    Returns
    -------
    list of Level
        Of orders 1 … N.  The beginning of a sentence is context only, and not counted as a word.

    Notes
    -----
    The adjusted counts are those of Kneser and Ney (1995) as Heafield et al. (2013) define them.  Memory is about
    35 bytes for each word of the text and order; time is N sorts of L integers.

    Examples
    --------
    >>> unigrams, bigrams = count_ngrams(np.array([4, 1, 2, 3, 4, 1, 1, 3]), order=2, width=5)
    >>> unigrams.counts.tolist(), unigrams.adjusted.tolist()
    ([0, 3, 1, 2, 0], [0, 2, 1, 2, 0])
    >>> [divmod(key, 5) for key in bigrams.keys.tolist()], bigrams.counts.tolist()
    ([(1, 1), (1, 2), (1, 3), (2, 3), (4, 1)], [1, 1, 1, 1, 2])
    """
    words = words.astype(np.int64)
    begins = words == width - 1
    seen = np.bincount(words, minlength=width)
    seen[width - 1] = 0
    levels = [Level(np.arange(width), np.zeros(width, np.int64), seen, seen)]
    place = _places_in_sentence(begins)
    numbers = words  # of the n-gram that ends at each place
    initial = np.arange(width) == width - 1  # which of them begin a sentence
    for n in range(2, order + 1):
        ends = np.flatnonzero(place >= n - 1)
        keys, example, numbers_here, counts = _distinct(numbers[ends - 1] * width + words[ends])
        suffixes = numbers[ends[example]]
        levels[-1] = _with_adjusted(levels[-1], suffixes, initial)
        levels.append(Level(keys, suffixes, counts, counts))
        initial = place[ends[example]] == n - 1
        numbers = np.full(len(words), -1)
        numbers[ends] = numbers_here
    return levels


def _with_adjusted(level: Level, suffixes: Integers, initial: npt.NDArray[np.bool_]) -> Level:
    """Fill in the adjusted counts, now that the n-grams one longer are known: each stands for one word before."""
    before = np.bincount(suffixes, minlength=len(level.keys))
    return level._replace(adjusted=np.where(initial, level.counts, before))


def _distinct(keys: Integers) -> tuple[Integers, Integers, Integers, Integers]:
    """The different keys, sorted; where one of each is; for every key its number among them; how often each is there.

    `numpy.unique` by an unstable sort, which is several times faster: any place of a key will do.
    """
    order = np.argsort(keys)
    ranked = keys[order]
    first = np.ones(len(keys), bool)
    first[1:] = ranked[1:] != ranked[:-1]
    starts = np.flatnonzero(first)
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = np.cumsum(first) - 1
    return ranked[starts], order[starts], numbers, np.diff(starts, append=len(keys))


def _places_in_sentence(begins: npt.NDArray[np.bool_]) -> Integers:
    """For each word how many of its sentence stand before it."""
    every = np.arange(len(begins))
    return every - np.maximum.accumulate(np.where(begins, every, 0))
