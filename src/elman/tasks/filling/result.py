"""What a filler says of a line."""

from typing import NamedTuple

__all__ = ["Blank", "Candidates", "Filling"]

Candidates = list[tuple[str, float]]
"""What can stand in a blank and how probable it is, falling."""


class Blank(NamedTuple):
    """What can stand in one blank."""

    candidates: Candidates
    """By what stands on both sides of it; the other blanks of the line hold what `Filling.text` shows."""
    left: Candidates | None = None
    """By what stands to the left of it alone, where that was asked for."""
    right: Candidates | None = None
    """By what stands to the right of it alone, where that was asked for."""


class Filling(NamedTuple):
    """A line with its blanks filled."""

    text: str
    """The line with the best candidate in every blank."""
    blanks: list[Blank]
    """From left to right."""
