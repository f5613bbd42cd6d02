"""Slots as seqeval reads them, whatever the tags; schemes told apart; what may follow what."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, IOBES, Entities

from elman.data.tag_schemes import allowed_neighbours, parts, scheme_of, slots

TAGS = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in ("x", "yz"))]


@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_slots_are_those_of_seqeval(tags: list[str]) -> None:
    assert [(kind, start, end - 1) for kind, start, end in slots(tags)] == get_entities(tags)


def test_tags_without_prefix_mark_no_slots() -> None:
    assert slots(["NOUN", "VERB", "NOUN"]) == slots([]) == slots(["O"]) == []
    assert slots(["B-x", "x", "I-x"]) == [("x", 0, 1), ("x", 2, 3)]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("B-a-b", ("B", "a-b")), ("I-", ("I", "")), ("B", ("", "B")), ("b-x", ("", "b-x")), ("X-x", ("", "X-x"))],
)
def test_parts(tag: str, expected: tuple[str, str]) -> None:
    assert parts(tag) == expected


def neighbours(*sentences: str) -> list[tuple[str | None, str | None]]:
    return [pair for tags in sentences for pair in pairwise([None, *tags.split(), None])]


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (["O B-x I-x O", "B-x B-x"], "IOB2"),
        (["B-x"], "IOB2"),
        (["O B-x I-x", "I-x O"], "IOB2"),  # one mistake in the data
        (["O I-x I-x O", "I-x B-x I-x"], "IOB1"),
        (["I-x"], "IOB1"),
        (["S-x O B-y E-y"], "IOBES"),
        (["S-x O"], "IOBES"),
        (["DET NOUN"], "raw"),
        (["O O"], "raw"),
        (["B-x NOUN"], "raw"),
    ],
)
def test_schemes(sentences: list[str], expected: str) -> None:
    assert scheme_of(neighbours(*sentences)) == expected


def is_valid(tags: list[str], scheme: str) -> bool:
    """By seqeval's strict mode: valid tags are those that it rebuilds from the slots that it finds in them."""
    rebuilt = ["O"] * len(tags)
    for entity in Entities([tags], {"IOB2": IOB2, "IOBES": IOBES}[scheme]).entities[0]:
        inner = range(entity.start, entity.end)
        for position in inner:
            rebuilt[position] = f"I-{entity.tag}"
        rebuilt[entity.start] = f"B-{entity.tag}"
        if scheme == "IOBES":
            rebuilt[entity.end - 1] = f"{'S' if len(inner) == 1 else 'E'}-{entity.tag}"
    return rebuilt == tags


@pytest.mark.parametrize(("scheme", "prefixes"), [("IOB2", "BI"), ("IOBES", "BIES")])
def test_allowed_sequences_are_the_valid_ones(scheme: str, prefixes: str) -> None:
    tags = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in "xy")]
    allowed = allowed_neighbours(tags, scheme)
    for length in (1, 2, 3):
        for numbers in product(range(len(tags)), repeat=length):
            possible = all(allowed[a, b] for a, b in pairwise((-1, *numbers, -1)))
            assert possible == is_valid([tags[n] for n in numbers], scheme), [tags[n] for n in numbers]


@pytest.mark.parametrize("scheme", ["IOB1", "raw"])
def test_other_schemes_allow_all(scheme: str) -> None:
    assert allowed_neighbours(["O", "I-x", "B-x"], scheme).all()
    assert allowed_neighbours([], scheme).shape == (1, 1)
