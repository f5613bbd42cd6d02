"""The hyperparameters of an n-gram model, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from elman.data.sentences import check_sentence_kind

__all__ = ["KNESER_NEY", "MAXIMUM_LIKELIHOOD", "NGramSettings", "as_limits"]

KNESER_NEY, MAXIMUM_LIKELIHOOD = "kneser-ney", "maximum-likelihood"
_SMOOTHINGS = (KNESER_NEY, MAXIMUM_LIKELIHOOD)


@dataclass(frozen=True)
class NGramSettings:
    """What `elman.NGram` takes, and what model files keep as ``config``."""

    order: int  # N
    tokens: str  # words, chars or segments
    smoothing: str | None  # kneser-ney or maximum-likelihood; None: read from an ARPA file, which does not say
    prune: tuple[int, ...]  # n-grams seen at most so often are left out, by order; the last for all higher ones
    min_count: int  # tokens seen less often are unknown
    max_size: int | None  # most tokens of the vocabulary, the unknown one included

    def check(self) -> None:
        """Raise ValueError or TypeError unless all values make sense."""
        _check_whole("order", self.order, 1)
        check_sentence_kind(self.tokens)
        if self.smoothing is not None and self.smoothing not in _SMOOTHINGS:
            near = get_close_matches(str(self.smoothing), _SMOOTHINGS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"smoothing is {self.smoothing!r}, expected one of {', '.join(_SMOOTHINGS)}{hint}")
        _check_whole("min_count", self.min_count, 1)
        if self.max_size is not None:
            _check_whole("max_size", self.max_size, 2)
        for limit in self.prune:
            _check_whole("prune", limit, 0)
        shown = ", ".join(map(str, self.prune))
        if len(self.prune) > self.order:
            raise ValueError(f"prune is {shown}: more numbers than the {self.order} orders there are")
        if self.prune[0] != 0:
            raise ValueError(f"prune is {shown}; the first number must be 0: single tokens are left out by min_count")
        if list(self.prune) != sorted(self.prune):
            raise ValueError(f"prune is {shown}; expected numbers that do not fall, as in 0, 0, 1")


def as_limits(prune: int | Sequence[int]) -> tuple[int, ...]:
    """Limits by order: one number is that of all orders from 2 on.

    >>> as_limits(1), as_limits([0, 0, 2]), as_limits(0)
    ((0, 1), (0, 0, 2), (0,))
    """
    if isinstance(prune, int):
        return (0, prune) if prune else (0,)
    if isinstance(prune, str) or not isinstance(prune, Sequence):
        raise TypeError(f"prune is {prune!r}, expected a whole number, or one for each order")
    return tuple(prune) or (0,)


def _check_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected a whole number, at least {least}")
    if value < least:
        raise ValueError(f"{name} is {value}, expected at least {least}")
