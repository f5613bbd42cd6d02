"""N-grams of letters: what tokens that are spelled alike have in common.

>>> spelled = letter_grams(["film", "films", ""], longest=3)
>>> spelled.lengths.tolist()  # <f fi il lm m> and <fi fil ilm lm>; of nothing nothing
[9, 11, 0]
>>> len(set(spelled[0]) & set(spelled[1]))  # all but m> and lm>
7
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from elman.data.ragged import Ragged

__all__ = ["MOST_LETTERS", "letter_grams"]

MOST_LETTERS = 24
"""Letters of a token that are looked at, from its beginning: few words are longer, and what is may be anything."""

_SHORTEST = 2  # letters of an n-gram; of one nearly every word has the same
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ divided by the golden ratio: Fibonacci hashing (Knuth)
_TOP_BITS = np.uint64(40)  # of the 64 are the hash: a number below 2²⁴
_BLOCK = 1 << 14  # tokens that are spelled at once: bounds the memory
_EDGE = 1  # stands before and behind a token; no text has this character


def letter_grams(tokens: Sequence[str], longest: int) -> Ragged:
    """A number for each n-gram of 2 to `longest` letters of each token, between marks of its beginning and its end.

    Parameters
    ----------
    tokens
        U.
    longest
        Letters of an n-gram at most, the marks included.

    Returns
    -------
    Ragged
        U rows of hashes, int32 from 0 to 2²⁴ - 1, as of Bojanowski et al., Enriching word vectors with subword
        information, 2017.  An n-gram that is in a token twice is there twice.
    """
    blocks = [_grams(tokens[begin : begin + _BLOCK], longest) for begin in range(0, len(tokens), _BLOCK)]
    values = np.concatenate([np.empty(0, np.int32), *(block.values for block in blocks)])
    return Ragged(values, np.concatenate([np.empty(0, np.int64), *(block.lengths for block in blocks)]))


def _grams(tokens: Sequence[str], longest: int) -> Ragged:
    """Those of some tokens, all at once."""
    sizes = np.array([min(len(token), MOST_LETTERS) for token in tokens], np.int64)
    sizes += 2 * (sizes > 0)
    marked = "".join(chr(_EDGE) + token[:MOST_LETTERS] + chr(_EDGE) for token in tokens if token)
    letters = np.frombuffer(marked.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(tokens), dtype=np.int32), sizes)
    left = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(letters))  # letters of the token from this one on
    found, owners = [], []
    code = np.zeros_like(letters)
    for length in range(1, min(longest, int(sizes.max(initial=0))) + 1):
        begins = len(letters) - length + 1
        code = _mixed(code[:begins], letters[length - 1 :])
        if length >= _SHORTEST:
            whole = left[:begins] >= length
            found.append(_hash(code[whole], length))
            owners.append(owner[:begins][whole])
    return _sorted_by(owners, found, len(tokens))


def _mixed(code: npt.NDArray[np.uint64], letters: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    code = (code + letters) * _MULTIPLIER
    return code ^ (code >> np.uint64(29))


def _hash(code: npt.NDArray[np.uint64], length: int) -> npt.NDArray[np.int32]:
    return ((code + np.uint64(length)) * _MULTIPLIER >> _TOP_BITS).astype(np.int32)


def _sorted_by(owners: list[npt.NDArray[np.int32]], found: list[npt.NDArray[np.int32]], count: int) -> Ragged:
    owner = np.concatenate([np.empty(0, np.int32), *owners])
    order = np.argsort(owner, kind="stable")
    places = np.concatenate([np.empty(0, np.int32), *found])[order]
    return Ragged(places, np.bincount(owner, minlength=count))
