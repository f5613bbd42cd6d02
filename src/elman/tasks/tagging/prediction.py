"""From what a user gives to tagged sentences: raw text or tokens, cut, read by the network, with the slots' values."""

import os
from collections.abc import Mapping, Sequence
from datetime import date

from elman.data.tokens import normalise
from elman.tasks.tagging.cutting import Cut, cut_text, joined
from elman.tasks.tagging.parts import TaggerParts
from elman.tasks.tagging.result import Tagging, slots_of
from elman.tasks.texts import as_lines

__all__ = ["Sentences", "as_date", "cuts_of", "tag_cuts"]

_AT_ONCE = 4096  # sentences that are numbered together: bounds the memory

Sentences = str | os.PathLike[str] | Sequence[str | Sequence[str]]
"""Text or a file, a sentence a line; or a list of sentences, each text or a list of tokens."""


def cuts_of(inputs: Sentences, kind: str) -> list[Cut]:
    """The sentences that are meant, cut by `kind` where they are raw text.

    Raises TypeError if one of them is neither a text nor tokens.
    """
    if isinstance(inputs, (str, os.PathLike)):
        return [cut_text(line, kind) for line in as_lines(inputs)]
    return [_cut_of(item, kind, f"inputs[{number}]") for number, item in enumerate(inputs)]


def tag_cuts(
    parts: TaggerParts, cuts: Sequence[Cut], kinds: Mapping[str, str], today: date | None, probabilities: bool
) -> list[Tagging]:
    """Tag sentences; the words of slots of `kinds` are read."""
    found: list[Tagging] = []
    names = tuple(parts.tags)
    for start in range(0, len(cuts), _AT_ONCE):
        some = cuts[start : start + _AT_ONCE]
        results: dict[int, Tagging] = {}
        for row, said in parts.read([cut.tokens for cut in some], probabilities):
            tags = [names[tag] for tag in said.tags.tolist()]
            intent, chance = None, None
            if said.intents is not None:
                best = int(said.intents.argmax())
                intent, chance = parts.intents[best], float(said.intents[best])
            slots = slots_of(some[row], tags, kinds, today)
            results[row] = Tagging(
                some[row].text, some[row].tokens, tags, slots, intent, chance, said.probabilities, names
            )
        found += [results[row] for row in range(len(some))]
    return found


def _cut_of(item: str | Sequence[str], kind: str, name: str) -> Cut:
    """A sentence, given as a text or as tokens."""
    if isinstance(item, str):
        return cut_text(item, kind)
    if not isinstance(item, Sequence):
        raise TypeError(f"{name} is {type(item).__name__}; expected a text or a list of tokens")
    for token in item:
        if not isinstance(token, str):
            raise TypeError(f"{name} has {token!r}; expected tokens (str) alone")
    return joined([token if token.isascii() else normalise(token) for token in item])


def as_date(today: str | date | None) -> date | None:
    """A day, also as text in the form 2020-06-01; ValueError if it is none."""
    if not isinstance(today, str):
        return today
    try:
        return date.fromisoformat(today)
    except ValueError:
        raise ValueError(f"today is {today!r}, expected a day as in 2020-06-01") from None
