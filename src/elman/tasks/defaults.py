"""Which network, and how to train it, when the user says nothing: from the time there is and the size of the text.

A longer budget pays for a wider network, which needs more dropout.  The rows of `TABLE` come from
a search on tiny Shakespeare (docs/language_model.md says what it was); `defaults_for` fits them to shorter and
longer texts.
"""

import math
from dataclasses import dataclass, replace

__all__ = ["TABLE", "Choice", "budget_of", "defaults_for"]


@dataclass(frozen=True)
class Choice:
    """The hyperparameters of a language model that follow from budget and text unless they are given."""

    layers: int  # L
    hidden: int  # H, the width of each
    embedding: int  # E, the width of a token's vector; 0 feeds 1-of-N codes
    dropout: float  # part of each layer's outputs that is blanked in training
    batch: int  # N, streams read side by side
    window: int  # T, steps over which gradients are propagated
    learning_rate: float  # of AdamW, the highest of the schedule


# cell: (budget in seconds up to which a row holds, the row), the last row for all longer ones
TABLE: dict[str, tuple[tuple[float, Choice], ...]] = {
    "lstm": (
        (150, Choice(1, 256, 64, 0.15, 32, 64, 4e-3)),
        (400, Choice(1, 384, 64, 0.25, 32, 64, 4e-3)),
        (math.inf, Choice(1, 512, 64, 0.4, 32, 64, 4e-3)),
    ),
    "gru": (
        (150, Choice(1, 256, 64, 0.15, 32, 64, 4e-3)),
        (400, Choice(1, 384, 64, 0.25, 32, 64, 4e-3)),
        (math.inf, Choice(1, 512, 64, 0.4, 32, 64, 4e-3)),
    ),
    "rnn": (
        (150, Choice(1, 384, 64, 0.1, 32, 64, 4e-3)),
        (math.inf, Choice(1, 384, 64, 0.2, 32, 64, 4e-3)),
    ),
}

_SPEED = 40_000  # tokens a second: turns a run over epochs into about the time that it takes
_FEWEST_WINDOWS = 8  # of a stream: a short text is cut into fewer streams, so that the state has somewhere to go
_SHORT, _SHORT_DROPOUT = 200_000, 0.5  # shorter texts are soon known by heart
_LONG, _LONG_DROPOUT = 20_000_000, 0.1  # longer ones are hardly read once


def budget_of(epochs: int, size: int) -> float:
    """About the seconds that some epochs over `size` tokens take, by a round number for any machine.

    >>> budget_of(epochs=4, size=1_000_000)
    100.0
    """
    return epochs * size / _SPEED


def defaults_for(budget: float, size: int, cell: str) -> Choice:
    """Choose the hyperparameters.

    Parameters
    ----------
    budget
        Seconds of training; of a run over epochs, `budget_of` them.
    size
        Tokens of the training text.
    cell
        ``rnn``, ``gru`` or ``lstm``.

    Returns
    -------
    Choice
        A row of `TABLE`, its batch and dropout fitted to the text.

    Examples
    --------
    >>> defaults_for(90, 1_000_000, "lstm").hidden, defaults_for(600, 1_000_000, "lstm").hidden
    (256, 512)
    >>> defaults_for(90, 2_000, "lstm").batch
    3
    """
    row = next(row for limit, row in TABLE[cell] if budget <= limit)
    batch = max(1, min(row.batch, size // (_FEWEST_WINDOWS * row.window)))
    dropout = row.dropout
    if size < _SHORT:
        dropout = max(dropout, _SHORT_DROPOUT)
    elif size > _LONG:
        dropout = min(dropout, _LONG_DROPOUT)
    return replace(row, batch=batch, dropout=dropout)
