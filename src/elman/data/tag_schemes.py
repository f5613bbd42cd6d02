"""Tags of tokens and the slots that they mark: IOB1, IOB2, IOBES, or tags that say nothing about neighbours.

========  ====================================================================================
IOB2      B-x begins a slot of the kind x, I-x goes on with it, O stands outside
IOBES     the same, but E-x ends it, and S-x is a slot of one token
IOB1      I-x also begins a slot; B-x only where one of the same kind ends right before
raw       any other tags, parts of speech say; each token stands for itself
========  ====================================================================================

Whatever the scheme, `slots` reads tags as the scorer of the CoNLL shared tasks does (conlleval), which forgives a slot
that begins with I-x.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["OUTSIDE", "Slot", "allowed_neighbours", "parts", "scheme_of", "slots"]

OUTSIDE = "O"
"""The tag of a token that is in no slot."""

_PREFIXES = "BIES"

Neighbours = Iterable[tuple[str | None, str | None]]


class Slot(NamedTuple):
    """A kind, and the tokens start … end - 1."""

    kind: str
    start: int
    end: int


@cache
def parts(tag: str) -> tuple[str, str]:
    """Prefix and kind of a tag; the prefix of a tag that has none of B-, I-, E-, S- is empty.

    >>> parts("B-city"), parts("O"), parts("NOUN"), parts("B-to-city")
    (('B', 'city'), ('O', ''), ('', 'NOUN'), ('B', 'to-city'))
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if len(tag) > 1 and tag[0] in _PREFIXES and tag[1] == "-":
        return tag[0], tag[2:]
    return "", tag


def slots(tags: Sequence[str]) -> list[Slot]:
    """The slots that tags mark, in order.

    A slot begins at B-x and S-x, and at I-x and E-x where none of the kind x is under way; it ends at E-x and S-x, and
    where another begins or stands outside.  A tag without a prefix marks no slot.

    Examples
    --------
    >>> slots(["O", "B-city", "I-city", "B-city", "I-day"])
    [Slot(kind='city', start=1, end=3), Slot(kind='city', start=3, end=4), Slot(kind='day', start=4, end=5)]
    """
    found: list[Slot] = []
    before, kind_before, start = OUTSIDE, "", 0
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = parts(tag)
        inside = before in ("B", "I") and prefix in ("I", "E") and kind == kind_before
        if before in _PREFIXES and before and not inside:
            found.append(Slot(kind_before, start, position))
        if not inside:
            start = position
        before, kind_before = prefix, kind
    return found


def scheme_of(neighbours: Neighbours) -> str:
    """The scheme of the tags that were seen beside each other: ``IOB2``, ``IOBES``, ``IOB1`` or ``raw``.

    It is IOBES if there are tags E-x or S-x; IOB1 if every B-x stands right after its own kind, which it does nowhere
    else; raw if a tag other than O has no prefix.  A few tags that stand where the scheme does not allow them do not
    change that.

    Parameters
    ----------
    neighbours
        Pairs of tags; None stands before the first and behind the last of a sentence.

    Examples
    --------
    >>> scheme_of([(None, "O"), ("O", "B-city"), ("B-city", "I-city"), ("I-city", None)])
    'IOB2'
    >>> scheme_of([(None, "B-city"), ("B-city", "E-city"), ("E-city", None)])
    'IOBES'
    >>> scheme_of([(None, "I-city"), ("I-city", None)]), scheme_of([(None, "NOUN")])
    ('IOB1', 'raw')
    """
    pairs = list(neighbours)
    prefixes = {parts(tag)[0] for pair in pairs for tag in pair if tag is not None}
    if not prefixes & set(_PREFIXES) or "" in prefixes:
        return "raw"
    if prefixes & {"E", "S"}:
        return "IOBES"
    beginnings = [pair for pair in pairs if pair[1] is not None and parts(pair[1])[0] == "B"]
    return "IOB2" if any(_kind(before) != _kind(after) for before, after in beginnings) else "IOB1"


def allowed_neighbours(tags: Sequence[str], scheme: str) -> npt.NDArray[np.bool_]:
    """Which tag may follow which in a scheme.

    Parameters
    ----------
    tags
        K of them.
    scheme
        From `scheme_of`; IOB1 and raw forbid nothing.

    Returns
    -------
    array
        (K + 1, K + 1): whether tag k (column) may follow tag j (row); in the last row whether it may come first, in the
        last column whether it may come last.

    Examples
    --------
    >>> allowed_neighbours(["O", "B-city", "I-city"], "IOB2").astype(int).tolist()
    [[1, 1, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 1]]
    """
    known: list[str | None] = [*tags, None]
    return np.array([[_follows(before, after, scheme) for after in known] for before in known], bool)


def _kind(tag: str | None) -> str:
    return "" if tag is None else parts(tag)[1]


def _follows(before: str | None, after: str | None, scheme: str) -> bool:
    if scheme not in ("IOB2", "IOBES"):
        return True
    (first, kind), (second, own) = (parts(OUTSIDE if tag is None else tag) for tag in (before, after))
    goes_on = second in ("I", "E")
    if goes_on and not (first in ("B", "I") and kind == own):
        return False
    return scheme == "IOB2" or first not in ("B", "I") or goes_on
