"""An n-gram model as a table: sorted arrays that answer for many words at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.models.ngram.counting import Integers

__all__ = ["NGramTable", "find"]

_LN10 = float(np.log(10))
_NONE = -1  # the number of an n-gram that is not in the table


class NGramTable:
    """Probabilities of n-grams of orders 1 … N, and the weights with which longer contexts fall back on shorter ones.

    P(w | h) is the probability of the n-gram hw if that is in the table, else the back-off weight of h (1 if h is not
    in the table) times P(w | h'), where h' is h without its first word.

    The words are numbers 0 … W-1.  W-1 begins every sentence and is never predicted, W-2 ends it.

    Parameters
    ----------
    width
        W, the number of words.
    keys
        For each order n from 2 on, (G_n,) int64, rising: the number of the n-gram's context among those of order n-1
        (of words themselves for n = 2), times W, plus its last word.
    log_probabilities
        For each order, (G_n,) float32, log10 P; G_1 = W.
    backoffs
        For each order but the highest, (G_n,) float32, log10 of the back-off weight.

    Raises
    ------
    ValueError
        If the arrays do not fit together.

    Notes
    -----
    A state is an (N-1,) array: the number of the n-gram of each order 1 … N-1 that ends with the last word, -1 where
    the table has none.  It is passed in and returned, as that of a recurrent network.
    """

    def __init__(
        self,
        width: int,
        keys: Sequence[Integers],
        log_probabilities: Sequence[npt.NDArray[np.float32]],
        backoffs: Sequence[npt.NDArray[np.float32]],
    ) -> None:
        self.width, self.keys = width, tuple(keys)
        self.log_probabilities, self.backoffs = tuple(log_probabilities), tuple(backoffs)
        _check(self)

    @property
    def order(self) -> int:
        """N, the length of the longest n-grams."""
        return len(self.log_probabilities)

    @property
    def sizes(self) -> list[int]:
        """How many n-grams of each order there are, (N,)."""
        return [len(values) for values in self.log_probabilities]

    @property
    def begin(self) -> int:
        """The word that begins a sentence."""
        return self.width - 1

    @property
    def end(self) -> int:
        """The word that ends a sentence."""
        return self.width - 2

    def find(self, order: int, contexts: Integers, words: Integers) -> Integers:
        """The numbers of n-grams of one order by their contexts' numbers and last words; -1 where there is none.

        Parameters
        ----------
        order
            n, 2 … N.
        contexts
            (K,) numbers among the n-grams of order n-1; -1: none.
        words
            (K,).
        """
        return find(self.keys[order - 2], self.width, contexts, words)

    def score(self, words: Integers) -> npt.NDArray[np.float64]:
        """How probable each word of a text is after those before it in its sentence.

        Parameters
        ----------
        words
            (L,) sentence after sentence, each beginning with ``width - 1``.

        Returns
        -------
        (L,) float64
            ln P; 0 for the beginnings of sentences, which are given.

        Examples
        --------
        >>> import numpy as np
        >>> half = np.log10(np.array([0.0, 0.5, 0.5, 0.0]) + 1e-30).astype(np.float32)
        >>> table = NGramTable(4, [], [half], [])
        >>> table.score(np.array([3, 1, 1, 2])).round(3).tolist()
        [0.0, -0.693, -0.693, -0.693]
        """
        words = words.astype(np.int64)
        begins = words == self.begin
        result = self.log_probabilities[0][words].astype(np.float64)
        numbers = words
        for n in range(2, self.order + 1):
            contexts = np.concatenate([[_NONE], numbers[:-1]])
            contexts[begins] = _NONE
            numbers = self.find(n, contexts, words)
            known = np.flatnonzero(contexts >= 0)
            result[known] += self.backoffs[n - 2][contexts[known]]
            seen = np.flatnonzero(numbers >= 0)
            result[seen] = self.log_probabilities[n - 1][numbers[seen]]
        result[begins] = 0.0
        return result * _LN10

    def initial_state(self) -> Integers:
        """The state at the beginning of a sentence."""
        return self.step(self.empty_state(), self.begin)

    def empty_state(self) -> Integers:
        """The state of which nothing is known: in the middle of a text, before its first word."""
        return np.full(max(self.order - 1, 0), _NONE, np.int64)

    def step(self, state: Integers, word: int) -> Integers:
        """The state after one more word."""
        after = np.full_like(state, _NONE)
        if len(after):
            after[0] = word
        last = np.array([word])
        for n in range(2, self.order):
            after[n - 1] = self.find(n, state[n - 2 : n - 1], last)[0]
        return after

    def distribution(self, state: Integers) -> npt.NDArray[np.float64]:
        """P of every word after a state, (W,); that of the beginning of a sentence is 0."""
        result = np.power(10.0, self.log_probabilities[0].astype(np.float64))
        result[self.begin] = 0.0
        for n, context in enumerate(state.tolist(), 2):
            if context < 0:
                continue
            result *= 10.0 ** float(self.backoffs[n - 2][context])
            keys = self.keys[n - 2]
            first, end = np.searchsorted(keys, [context * self.width, (context + 1) * self.width])
            words = keys[first:end] - context * self.width
            result[words] = np.power(10.0, self.log_probabilities[n - 1][first:end].astype(np.float64))
        return result


def find(keys: Integers, width: int, contexts: Integers, words: Integers) -> Integers:
    """The places of ``contexts · width + words`` in rising `keys`, (K,); -1 where it, or a context, is not there."""
    found = np.full(len(words), _NONE, np.int64)
    known = np.flatnonzero(contexts >= 0)
    if len(keys) and len(known):
        wanted = contexts[known] * width + words[known]
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found[known] = np.where(keys[at] == wanted, at, _NONE)
    return found


def _check(table: NGramTable) -> None:
    orders = len(table.log_probabilities)
    if orders < 1 or len(table.keys) != orders - 1 or len(table.backoffs) != orders - 1:
        raise ValueError(
            f"there are {len(table.keys)} keys, {orders} log_probabilities and {len(table.backoffs)} backoffs; "
            "expected N-1, N and N-1 arrays"
        )
    for n, (values, size) in enumerate(zip(table.log_probabilities, _sizes(table), strict=True), 1):
        if len(values) != size or (n < orders and len(table.backoffs[n - 1]) != size):
            raise ValueError(f"the arrays of order {n} are not of the same length, {size}")
    for n, keys in enumerate(table.keys, 2):
        contexts = len(table.log_probabilities[n - 2])
        rising: Any = np.all(keys[1:] > keys[:-1])
        if len(keys) and not (rising and keys[0] >= 0 and keys[-1] < contexts * table.width):
            raise ValueError(f"the keys of order {n} do not rise, or name contexts that are not there")


def _sizes(table: NGramTable) -> list[int]:
    return [table.width, *map(len, table.keys)]
