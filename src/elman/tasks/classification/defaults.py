"""Which network, and how to train it, when the user says nothing: from what the rows are and how many there are."""

from dataclasses import dataclass

__all__ = ["ClassifierChoice", "Size", "defaults_for"]


@dataclass(frozen=True)
class Size:
    """How much there is to learn from."""

    rows: int
    """R."""
    steps: int
    """Of all rows together."""
    classes: int
    """K."""


@dataclass(frozen=True)
class ClassifierChoice:
    """The hyperparameters of a classifier that follow from the data unless they are given."""

    hidden: int
    embedding: int
    ngrams: int
    buckets: int
    vocabulary: int
    dropout: float
    token_dropout: float
    smoothing: float
    batch: int
    longest: int
    passes: int
    learning_rate: float


_LARGEST_BAG = 1 << 22  # weights of it, buckets times classes


def defaults_for(size: Size, tokens: str | None) -> ClassifierChoice:
    """Choose the hyperparameters."""
    buckets = 1 << 17
    while buckets > 1024 and buckets * size.classes > _LARGEST_BAG:
        buckets //= 2
    batch = max(8, min(64, size.rows // 100))
    if tokens is None:
        return ClassifierChoice(64, 1, 0, 1024, 2, 0.2, 0.0, 0.0, batch, 1024, 150, 2e-3)
    return ClassifierChoice(
        hidden=128,
        embedding=128,
        ngrams=2 if tokens in ("words", "segments", "subwords") else 3,
        buckets=buckets,
        vocabulary=50_000,
        dropout=0.5,
        token_dropout=0.1,
        smoothing=0.0,
        batch=batch,
        longest=1024,
        passes=15,
        learning_rate=2e-3,
    )
