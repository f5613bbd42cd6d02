"""A bag of n-grams: a linear classifier over what occurs in a sequence, blind to the order beyond n tokens.

Letters: T time, N batch, K classes, V vocabulary, B buckets, G n-grams of letters.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["LETTER_WEIGHT", "MULTIPLIER", "TOP_BITS", "Bag", "BagMasks", "Letters"]

MULTIPLIER = -7046029254386353131  # 2⁶⁴ divided by the golden ratio, as a signed number: Fibonacci hashing (Knuth)
TOP_BITS = 40  # of the 64 are the hash: a table has less than 2²³ buckets
LETTER_WEIGHT = 0.5  # of an n-gram of letters: a word has one of its own, and twenty of letters


class Letters(NamedTuple):
    """The n-grams of letters inside the tokens of N rows (`elman.data.spelling.letter_grams`)."""

    hashes: Tensor
    """(G,) int64, one row after another; their last bits are their place."""
    counts: Tensor
    """(N,) int64: how many of them are of each row."""


class BagMasks(NamedTuple):
    """What training leaves out of a batch."""

    grams: Tensor
    """(T, N, n) bool: of n-grams of tokens."""
    letters: Tensor
    """(G,) bool: of those of letters."""


class Bag(nn.Module):
    """Sums a weight for each n-gram of tokens, and of letters inside tokens, and each class.

    Parameters
    ----------
    classes
        K.
    vocabulary
        V, different tokens: each has a place of its own.
    ngrams
        n, at least 1: how many tokens the longest n-grams have.
    buckets
        B, a power of 2: places that n-grams of two and more tokens, and those of letters, share by a hash; 0: there
        are none of these.

    Raises
    ------
    ValueError
        If a size is out of range.

    Notes
    -----
    The sums over n-grams of weight times rarity, divided by the root of the sum of the rarities' squares, are a linear
    classifier over TF-IDF vectors of length one (`weigh` sets the rarities), whose n-grams are hashed as those of
    Joulin et al., Bag of tricks for efficient text classification, 2016; an n-gram that is there twice counts twice.
    Letters inside words are those of Bojanowski et al., Enriching word vectors with subword information, 2017.
    """

    def __init__(self, classes: int, vocabulary: int, ngrams: int, buckets: int) -> None:
        super().__init__()
        if ngrams < 1:
            raise ValueError(f"ngrams is {ngrams}, expected at least 1")
        if not (ngrams > 1) <= buckets < 1 << (63 - TOP_BITS) or buckets & (buckets - 1):
            raise ValueError(f"buckets is {buckets}, expected a power of 2 below 2 ** {63 - TOP_BITS}")
        self.vocabulary, self.ngrams, self.buckets = vocabulary, ngrams, buckets
        self.none = vocabulary + buckets
        self.weight = nn.Parameter(torch.zeros(self.none + 1, classes))
        self.register_buffer("rarity", torch.ones(self.none + 1))
        self.rarity: Tensor

    def initial(self, batch: int) -> Tensor:
        """The n - 1 tokens before the first of N = `batch` rows: -1, none."""
        return torch.full((batch, self.ngrams - 1), -1)

    def weigh(self, rows: Tensor, total: int) -> None:
        """Set how rare each n-gram is: ln((1 + R) / (1 + r)) + 1 for one that is in r of R = `total` rows.

        Parameters
        ----------
        rows
            (V + B + 1,) r of each of the `places`.  What is in no row does not count at all.
        total
            R.
        """
        rarity = torch.log((1 + total) / (1 + rows.double())) + 1
        self.rarity.copy_(rarity * (rows > 0))

    def forward(
        self,
        input: Tensor,
        lengths: Tensor,
        before: Tensor,
        letters: Letters | None = None,
        masks: BagMasks | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Read the tokens (T, N) of N rows, of `lengths` (N,), behind the n - 1 tokens `before` (N, n - 1).

        Returns
        -------
        sums
            (N, K) of weight times rarity of the n-grams that end in this part of the rows.
        squares
            (N,) sums of the squares of their rarities.
        before
            (N, n - 1) the last tokens: what the next part takes.
        """
        places = self.places(input, lengths, before)
        if masks is not None:
            places = places.masked_fill(masks.grams.transpose(0, 1).reshape(places.shape), self.none)
        rarity = self.rarity[places].masked_fill(places == self.none, 0.0)
        sums = F.embedding_bag(places, self.weight, mode="sum", per_sample_weights=rarity)
        squares = rarity.square().sum(1)
        if letters is not None:
            more, theirs = self._read_letters(letters, None if masks is None else masks.letters)
            sums, squares = sums + more, squares + theirs
        ends = lengths + torch.arange(self.ngrams - 1).unsqueeze(1)  # of the last n - 1 tokens of each row
        return sums, squares, torch.cat((before.T, input)).gather(0, ends).T

    def _read_letters(self, letters: Letters, left_out: Tensor | None) -> tuple[Tensor, Tensor]:
        """The same sums over n-grams of letters."""
        places = self.letter_places(letters.hashes)
        rarity = LETTER_WEIGHT * self.rarity[places]
        rarity = rarity if left_out is None else rarity.masked_fill(left_out, 0.0)
        begins = letters.counts.cumsum(0) - letters.counts
        sums = F.embedding_bag(places, self.weight, begins, mode="sum", per_sample_weights=rarity)
        rows = torch.repeat_interleave(letters.counts)
        return sums, rarity.new_zeros(len(begins)).index_add(0, rows, rarity.square())

    def letter_places(self, hashes: Tensor) -> Tensor:
        """Where n-grams of letters stand in the table, of the same shape."""
        return self.vocabulary + (hashes & (self.buckets - 1))

    def places(self, input: Tensor, lengths: Tensor, before: Tensor) -> Tensor:
        """Where the n-grams of tokens (T, N) stand in the table: (N, T·n), the last place for none.

        `before` (N, n - 1) are the tokens before the first step, -1 where there are none.
        """
        (T, N), n = input.shape, self.ngrams
        read = torch.cat((before.T, input))  # (n - 1 + T, N)
        found = torch.stack([input, *(self._hashed(read, length) for length in range(2, n + 1))], 2)  # (T, N, n)
        beyond = (torch.arange(T).unsqueeze(1) >= lengths).unsqueeze(2)
        return found.masked_fill(beyond, self.none).transpose(0, 1).reshape(N, T * n)

    def _hashed(self, read: Tensor, length: int) -> Tensor:
        """The places in the table of the n-grams of one length that end at each step, (T, N)."""
        T = len(read) - self.ngrams + 1
        code = torch.full_like(read[:T], length)
        for back in range(length):
            start = len(read) - T - back
            code = (code + read[start : start + T] + 2) * MULTIPLIER
            code = code ^ (code >> 29)
        return self.vocabulary + ((code * MULTIPLIER >> TOP_BITS) & (self.buckets - 1))
