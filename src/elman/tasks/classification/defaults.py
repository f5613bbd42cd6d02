"""Which network, and how to train it, when the user says nothing: from what the rows are and how many there are.

docs/classification.md says on which data the numbers were found.
"""

from dataclasses import dataclass

__all__ = ["LARGEST_VOCABULARY", "ClassifierChoice", "Size", "defaults_for", "letters_for"]

LARGEST_VOCABULARY = 50_000
"""Entries of the table of tokens at most, if nothing is said."""


@dataclass(frozen=True)
class Size:
    """How much there is to learn from."""

    rows: int
    """R."""
    classes: int
    """K."""
    vocabulary: int
    """V; 0 of series."""


@dataclass(frozen=True)
class ClassifierChoice:
    """The hyperparameters of a classifier that follow from the data unless they are given."""

    hidden: int  # H, the width of each layer and direction
    embedding: int  # E, the width of a token's vector
    ngrams: int  # n, of the bag
    bag_rate: float  # how many times faster than the encoder the bag learns
    dropout: float
    word_dropout: float
    passes: int  # over the rows, of a timed run at most
    learning_rate: float
    batch: int = 32  # N, rows of a training step
    buckets: int = 1 << 18  # places that n-grams of two and more tokens, and those of letters, share
    vocabulary: int = LARGEST_VOCABULARY
    smoothing: float = 0.0
    longest: int = 1024  # steps of a row that training reads


_ALPHABET = 512  # tokens: fewer are letters
_LARGEST_BAG = 1 << 22  # weights of it, buckets times classes: each step of the optimiser touches them all
_FEWEST_STEPS = 25  # of a pass over few rows, which are cut into smaller batches


def letters_for(tokens: str | None, ngrams: int | None) -> int:
    """How many letters the n-grams inside a token have at most: of words 6, with the marks of their ends; else 0."""
    return 6 if tokens == "words" and ngrams != 0 else 0


def defaults_for(size: Size, tokens: str | None) -> ClassifierChoice:
    """Choose the hyperparameters; `tokens` is what a text is cut into, None for series.

    >>> defaults_for(Size(rows=200, classes=2, vocabulary=0), None).batch
    8
    >>> defaults_for(Size(rows=10_000, classes=18, vocabulary=60), "chars").ngrams
    4
    """
    if tokens is None:
        few = size.rows < 2000
        choice = ClassifierChoice(32 if few else 64, 1, 0, 1.0, 0.2, 0.0, 60 if few else 20, 2e-3)
    elif size.vocabulary <= _ALPHABET:
        choice = ClassifierChoice(96, 32, 4, 1.0, 0.3, 0.0, 12, 4e-3, batch=64)
    elif tokens in ("chars", "bytes"):
        choice = ClassifierChoice(64, 64, 2, 15.0, 0.4, 0.1, 5, 2e-3, batch=64, buckets=1 << 20)
    elif tokens == "words":
        choice = ClassifierChoice(64, 64, 2, 7.0, 0.6, 0.5, 7, 2e-3)
    else:
        choice = ClassifierChoice(64, 64, 2, 15.0, 0.5, 0.3, 7, 2e-3)
    buckets = choice.buckets
    while buckets > 1024 and buckets * size.classes > _LARGEST_BAG:
        buckets //= 2
    batch = max(8, min(choice.batch, size.rows // _FEWEST_STEPS))
    return ClassifierChoice(**{**vars(choice), "buckets": buckets, "batch": batch})
