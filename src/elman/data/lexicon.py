"""The vocabulary: tokens, their indices, and their 1-of-N codes."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Lexicon"]

_OTHER_NAME = "<other>"  # how the entry for unknown tokens is shown; it equals no token, not even this one
_CHUNK = 1 << 20  # characters looked up at once: bounds the memory for texts of any size


class Lexicon:
    """A two-way table between tokens and the indices 0 … V-1.

    One entry, "other", may stand for every token that is not in the table; it has index 0.  A token's
    1-of-N code is row ``index`` of the V by V identity matrix (`one_of_n`).

    Parameters
    ----------
    tokens
        Different tokens, in the order of their indices.
    counts
        How often each token was seen, in the same order; all 0 if left out.  Given one number more than
        there are tokens (only with ``other=True``), the first one counts "other".
    other
        Whether there is an entry for unknown tokens.  Without one, looking up an unknown token is a ValueError.

    Raises
    ------
    ValueError
        If a token appears twice, or `counts` does not fit.

    Examples
    --------
    >>> lexicon = Lexicon.build("to be or not to be")
    >>> len(lexicon), lexicon["b"], lexicon["?"] == lexicon.other
    (8, 4, True)
    >>> lexicon.indices("bet").tolist(), lexicon.tokens([4, 5, 3])
    ([4, 5, 3], ['b', 'e', 't'])

    The 1-of-N codes of five words:

    >>> words = Lexicon(["apple", "bag", "cat", "dog", "elephant"], other=False)
    >>> words.one_of_n(["apple", "dog"])
    tensor([[1., 0., 0., 0., 0.],
            [0., 0., 0., 1., 0.]])
    """

    def __init__(self, tokens: Iterable[str], *, counts: Sequence[int] | None = None, other: bool = True) -> None:
        listed = list(tokens)
        first = int(other)
        self._tokens = [_OTHER_NAME, *listed] if other else listed
        self._index = {token: index for index, token in enumerate(listed, first)}
        if len(self._index) != len(listed):
            twice = next(token for token, count in Counter(listed).items() if count > 1)
            raise ValueError(f"the token {twice!r} is listed twice; every token has one index")
        given = [0] * len(self._tokens) if counts is None else list(counts)
        self._counts = [0, *given] if other and len(given) == len(listed) else given
        if len(self._counts) != len(self._tokens):
            raise ValueError(f"counts has {len(given)} numbers; expected one for each of the {len(listed)} tokens")
        self.other: int | None = 0 if other else None
        self._by_code_point = _code_point_table(self._index, 0 if other else -1)

    @classmethod
    def build(
        cls, tokens: Iterable[str], *, min_count: int = 1, max_size: int | None = None, other: bool = True
    ) -> "Lexicon":
        """Count tokens and give the most frequent ones an index.

        Parameters
        ----------
        tokens
            The tokens of a text.  A str is the sequence of its characters, and the fast case.
        min_count
            Tokens seen less often are left to "other".
        max_size
            At most so many entries, "other" included; the rarest are left out.  None: no limit.
        other
            Whether there is an entry for unknown tokens.

        Returns
        -------
        Lexicon
            Ordered by falling count; equal counts by code points, so that the order is the same everywhere.
        """
        counts = _count_characters(tokens) if isinstance(tokens, str) else Counter(tokens)
        return cls.from_counts(counts, min_count=min_count, max_size=max_size, other=other)

    @classmethod
    def from_counts(
        cls,
        counts: Mapping[str, int],
        *,
        unknown: int = 0,
        min_count: int = 1,
        max_size: int | None = None,
        other: bool = True,
    ) -> "Lexicon":
        """Give the most frequent of counted tokens an index: `build` without the counting.

        Parameters
        ----------
        counts
            How often each token was seen.
        unknown
            How often something was seen that is in no table; it adds to the count of "other".
        min_count, max_size, other
            As for `build`.

        Examples
        --------
        >>> list(Lexicon.from_counts({"cat": 2, "dog": 3, "eel": 1}, min_count=2))
        ['<other>', 'dog', 'cat']
        """
        room = max_size if max_size is None else max_size - int(other)
        if min_count < 1 or (room is not None and room < 1):
            raise ValueError(f"min_count is {min_count} and max_size {max_size}; both must leave room for a token")
        return cls._ranked(counts.items(), unknown, other=other, min_count=min_count, room=room)

    def merge(self, more: "Lexicon") -> "Lexicon":
        """The lexicon of both texts: the tokens of either, their counts added, in the order of `build`.

        Indices change: what was encoded with either lexicon has to be encoded anew.  There is an entry "other" if
        either has one, and it counts what both had left to theirs.

        Parameters
        ----------
        more
            Another lexicon.

        Examples
        --------
        >>> merged = Lexicon.build("aab").merge(Lexicon.build("bbc"))
        >>> list(merged), merged.counts
        (['<other>', 'b', 'a', 'c'], [0, 3, 2, 1])
        """
        counts = dict(self._counted())
        for token, count in more._counted():
            counts[token] = counts.get(token, 0) + count
        unknown = [lexicon._counts[0] for lexicon in (self, more) if lexicon.other is not None]
        return Lexicon._ranked(counts.items(), sum(unknown), other=bool(unknown))

    def limit(self, *, min_count: int = 0, max_size: int | None = None) -> "Lexicon":
        """A smaller lexicon: the rarest tokens are left to "other".

        Parameters
        ----------
        min_count
            Tokens seen less often are left out.
        max_size
            At most so many entries, "other" included.

        Raises
        ------
        ValueError
            If there is no "other" to leave them to, or no room for a token.

        Examples
        --------
        >>> list(Lexicon.build("aaabbc").limit(max_size=2))
        ['<other>', 'a']
        """
        if self.other is None:
            raise ValueError(
                "a lexicon without an entry for unknown tokens cannot be limited: build it with other=True"
            )
        if max_size is not None and max_size < 2:
            raise ValueError(f"max_size is {max_size}, expected at least 2: a token and the entry for unknown ones")
        room = None if max_size is None else max_size - 1
        return Lexicon._ranked(self._counted(), self._counts[0], other=True, min_count=min_count, room=room)

    def __len__(self) -> int:
        """V, the number of entries, "other" included."""
        return len(self._tokens)

    def __iter__(self) -> Iterator[str]:
        """The tokens in the order of their indices; "other" is shown as ``<other>``."""
        return iter(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._index

    def __getitem__(self, token: str) -> int:
        """Index of a token; that of "other" for an unknown one, or ValueError if there is no "other"."""
        index = self._index.get(token, self.other)
        if index is None:
            raise _unknown(token)
        return index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lexicon) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # compared by content, and large

    def __repr__(self) -> str:
        return f"Lexicon({len(self)} entries{'' if self.other is None else ', one of them for unknown tokens'})"

    @property
    def counts(self) -> list[int]:
        """How often each entry was seen when the lexicon was built, (V,)."""
        return list(self._counts)

    @property
    def smallest_dtype(self) -> torch.dtype:
        """The smallest integer type that holds every index: long texts are kept in it."""
        return torch.uint8 if len(self) <= 2**8 else torch.int16 if len(self) <= 2**15 else torch.int32

    def indices(self, tokens: Iterable[str], dtype: torch.dtype = torch.int64) -> Tensor:
        """Look up a sequence of tokens.

        Parameters
        ----------
        tokens
            T tokens.  A str is the sequence of its characters, and the fast case.
        dtype
            Integer type of the result; int64 is what an embedding takes, `smallest_dtype` what memory likes.

        Returns
        -------
        Tensor
            (T,) indices; unknown tokens have that of "other".

        Raises
        ------
        ValueError
            If a token is unknown and there is no "other".
        """
        kind = torch.empty(0, dtype=dtype).numpy().dtype
        if isinstance(tokens, str):
            return torch.from_numpy(self._look_up_characters(tokens, kind))
        return torch.from_numpy(np.fromiter((self[token] for token in tokens), kind))

    def tokens(self, indices: Iterable[int] | Tensor) -> list[str]:
        """The tokens of a sequence of indices; "other" is shown as ``<other>``."""
        return [self._tokens[index] for index in (indices.tolist() if isinstance(indices, Tensor) else indices)]

    def one_of_n(self, indices: Tensor | Sequence[str], *, sparse: bool = False) -> Tensor:
        """1-of-N codes: rows of the identity matrix.

        A code times a matrix is a row of that matrix, to the bit: what an embedding looks up.

        Parameters
        ----------
        indices
            Integers of shape (…), or T tokens as for `indices`.
        sparse
            Whether to store the ones alone, as a coalesced COO tensor: V numbers a row become one.

        Returns
        -------
        Tensor
            (…, V) float32, a single 1 in each row.

        Raises
        ------
        ValueError
            If an index is not one of 0 … V-1, or a token is unknown and there is no "other".

        Examples
        --------
        >>> Lexicon("ab", other=False).one_of_n(torch.tensor([1, 0]))
        tensor([[0., 1.],
                [1., 0.]])
        """
        given = indices if isinstance(indices, Tensor) else self.indices(indices)
        given = given.to(torch.int64)
        if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < len(self):
            raise ValueError(f"indices are from {given.min()} to {given.max()}, expected 0 … V-1 = {len(self) - 1}")
        shape = (*given.shape, len(self))
        if not sparse:
            return torch.zeros(shape).scatter_(-1, given.unsqueeze(-1), 1.0)
        places = torch.ones(given.shape).nonzero().T  # (dimensions, rows), in order
        where = torch.cat([places, given.reshape(1, -1)])
        return torch.sparse_coo_tensor(
            where, torch.ones(given.numel()), shape, check_invariants=False, is_coalesced=True
        )

    def from_one_of_n(self, codes: Tensor) -> Tensor:
        """The inverse of `one_of_n`: the indices (…) int64 of rows (…, V), dense or sparse.

        Raises
        ------
        ValueError
            If the rows are not V wide, or one of them is not a 1-of-N code; the message names the first.

        Examples
        --------
        >>> lexicon = Lexicon("ab", other=False)
        >>> lexicon.tokens(lexicon.from_one_of_n(torch.tensor([[0.0, 1.0], [1.0, 0.0]])))
        ['b', 'a']
        """
        if codes.dim() < 1 or codes.shape[-1] != len(self):
            raise ValueError(f"codes has shape {tuple(codes.shape)}; expected (…, V) = (…, {len(self)})")
        dense = codes.to_dense()
        wrong = ((dense != 0).sum(-1) != 1) | ((dense == 1).sum(-1) != 1)
        if wrong.any():
            place = tuple(wrong.nonzero()[0].tolist())
            raise ValueError(f"row {place} of codes is not a 1-of-N code: expected a single 1 among zeros")
        return dense.argmax(-1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the lexicon to a JSON file in UTF-8, whole or not at all; `load` reads it back.

        Raises
        ------
        OSError
            If the file cannot be written; what was there before is still there.
        """
        target = Path(path)
        unfinished = target.with_name(f".{target.name}.unfinished")
        text = json.dumps(self.to_dict(), ensure_ascii=False)
        try:
            unfinished.write_text(text, encoding="utf-8", errors="surrogatepass")
            unfinished.replace(target)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise type(error)(f"cannot write {os.fspath(path)}: {reason}") from error
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Lexicon":
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file holds no lexicon.
        OSError
            If it cannot be read.

        Examples
        --------
        >>> Lexicon.build("to be").save("letters.json")
        >>> Lexicon.load("letters.json") == Lexicon.build("to be")
        True
        """
        name = os.fspath(path)
        try:
            values = json.loads(Path(path).read_bytes().decode("utf-8", "surrogatepass"))
        except OSError as error:
            raise type(error)(f"cannot read {name}: {(error.strerror or str(error)).lower()}") from error
        except ValueError as error:
            raise ValueError(f"{name} is not a lexicon: it is not JSON in UTF-8 ({error})") from error
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """The lexicon as plain lists, ready for JSON; `from_dict` reads it back."""
        first = int(self.other is not None)
        return {"tokens": self._tokens[first:], "counts": self.counts, "other": self.other is not None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Lexicon":
        """The inverse of `to_dict`.  Raises ValueError if `values` is something else."""
        try:
            return cls(values["tokens"], counts=values["counts"], other=values["other"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a lexicon: {error!r}; expected the keys tokens, counts and other") from error

    @classmethod
    def _ranked(
        cls,
        counts: Iterable[tuple[str, int]],
        unknown: int,
        *,
        other: bool,
        min_count: int = 0,
        room: int | None = None,
    ) -> "Lexicon":
        """The first `room` of the tokens seen often enough, by falling count, equal ones by code points."""
        ordered = sorted((-count, token) for token, count in counts)
        taken = [entry for entry in ordered if -entry[0] >= min_count][:room]
        seen = [-count for count, _ in taken]
        left = unknown - sum(count for count, _ in ordered) - sum(seen)
        return cls((token for _, token in taken), counts=[left, *seen] if other else seen, other=other)

    def _counted(self) -> Iterable[tuple[str, int]]:
        """The tokens with their counts, without "other"."""
        first = int(self.other is not None)
        return zip(self._tokens[first:], self._counts[first:], strict=True)

    def _look_up_characters(self, text: str, kind: np.dtype[Any]) -> npt.NDArray[Any]:
        found = np.empty(len(text), kind)
        for start in range(0, len(text), _CHUNK):
            points = _code_points(text[start : start + _CHUNK])
            beyond = len(self._by_code_point) - 1  # the last entry answers for every code point after it
            indices = self._by_code_point[np.minimum(points, beyond)]
            if self.other is None and (indices < 0).any():
                raise _unknown(chr(points[int(np.argmax(indices < 0))]))
            found[start : start + _CHUNK] = indices
        return found


def _unknown(token: str) -> ValueError:
    return ValueError(f"the token {token!r} is not in the lexicon, which has no entry for unknown tokens")


def _code_points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _code_point_table(index: dict[str, int], unknown: int) -> npt.NDArray[np.int32]:
    """Entry c: the index of the character with code point c, or `unknown`; so also the last, extra entry."""
    characters = {ord(token): i for token, i in index.items() if len(token) == 1}
    table = np.full(max(characters, default=0) + 2, unknown, np.int32)
    table[list(characters)] = list(characters.values())
    return table


def _count_characters(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for start in range(0, len(text), _CHUNK):
        points, times = np.unique(_code_points(text[start : start + _CHUNK]), return_counts=True)
        counts.update({chr(point): n for point, n in zip(points.tolist(), times.tolist(), strict=True)})
    return counts
