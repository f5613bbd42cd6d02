"""How well a language model predicts a text, fast: the text is read by many rows of a batch at once.

Two protocols.  *Carried*: every token is predicted from all that comes before it.  *Blocks*: the text is cut into
blocks, and each is predicted from an empty context, as models with a fixed context length are often measured.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data import split
from elman.models.language_model import LanguageNetwork, State, state_from_tensors, state_tensors

__all__ = ["WARM_UP", "Score", "log_probabilities", "measures", "score_blocks", "score_carried"]

WARM_UP = 256
"""Tokens that a stream reads before the first that it predicts."""

_STREAMS = 64  # rows read at once: enough to keep the products of the recurrence busy
_SHORTEST = 4 * WARM_UP  # tokens of a stream at least: warming up adds at most a quarter
_WINDOW = 256  # time steps at once
_LOGITS = 2**24  # T·N·V at most: bounds the memory whatever the vocabulary
_IGNORED = -100  # target of what is not to be counted


class Score(NamedTuple):
    """The sum of -log p over the predicted tokens, in nats, and their number."""

    nats: float
    tokens: int


def measures(score: Score, text: str, kind: str) -> dict[str, float]:
    """A score in the usual units.

    Parameters
    ----------
    score
        Of all tokens of `text` but the first.
    text, kind
        What was scored, and how it is cut into tokens.

    Returns
    -------
    dict
        nats_per_char, bits_per_char, nats_per_token, perplexity, tokens, chars; for words and segments also
        nats_per_word, perplexity_per_word and words: tokens with a letter or digit in them.  Text that is no word,
        as spaces, costs nats too, which are shared out among the characters, tokens or words alike.
    """
    tokens = iter(split(text, kind))
    chars = len(text) - len(next(tokens))
    figures = {
        "nats_per_char": score.nats / chars,
        "bits_per_char": score.nats / chars / math.log(2),
        "nats_per_token": score.nats / score.tokens,
        "perplexity": math.exp(score.nats / score.tokens),
        "tokens": score.tokens,
        "chars": chars,
    }
    if kind in ("words", "segments"):
        words = sum(any(map(str.isalnum, token)) for token in tokens)
        per_word = score.nats / words if words else math.nan
        figures |= {"nats_per_word": per_word, "perplexity_per_word": math.exp(per_word), "words": words}
    return figures


@torch.inference_mode()
def score_carried(network: LanguageNetwork, tokens: Tensor, most: int | None = None) -> Score:
    """Predict each token of a text, but the first, from all those before it.

    Parameters
    ----------
    network
        Any; no dropout is applied.
    tokens
        (length,) indices in any integer dtype, at least two.
    most
        Predict about so many tokens at most, in pieces from all over the text; None: all.

    Returns
    -------
    Score
        Over ``length - 1`` tokens, or fewer if `most` says so.

    Notes
    -----
    A text of 2048 tokens or less is read by one row, strictly in sequence.  A longer one is cut into up to 64 streams
    of 1024 tokens at least, read side by side; each first reads the `WARM_UP` tokens before its own from zeros, and so
    starts from nearly the state it would have.  docs/language_model.md shows how near.
    """
    inputs, nats, count = len(tokens) - 1, 0.0, 0
    for at, logits in _read_carried(network, tokens, most):
        targets = tokens[(at + 1).clamp(max=inputs)].to(torch.int64).masked_fill(at >= inputs, _IGNORED)
        nats += _nats(logits, targets)
        count += int((at < inputs).sum())
    return Score(nats, count)


@torch.inference_mode()
def log_probabilities(network: LanguageNetwork, tokens: Tensor, group: Sequence[int] = ()) -> tuple[Tensor, Tensor]:
    """Predict each token of a text, but the first, from all those before it, as `score_carried` does.

    Parameters
    ----------
    network, tokens
        As in `score_carried`.
    group
        Indices of some tokens.

    Returns
    -------
    each
        (length - 1,) float64, ln P of each token but the first.
    grouped
        (length - 1,) float64, ln P that one of the group stands in its place; -inf if there is none.
    """
    inputs = len(tokens) - 1
    each, grouped = torch.empty(2, inputs, dtype=torch.float64)
    for at, logits in _read_carried(network, tokens):
        within = at < inputs
        places, flat = at[within], logits[within]
        total = flat.double().logsumexp(-1)
        targets = tokens[places + 1].to(torch.int64).unsqueeze(-1)
        each[places] = flat.gather(-1, targets).squeeze(-1).double() - total
        grouped[places] = flat[:, list(group)].double().logsumexp(-1) - total if group else -torch.inf
    return each, grouped


@torch.inference_mode()
def score_blocks(network: LanguageNetwork, tokens: Tensor, block: int = 64) -> Score:
    """Cut the text into blocks of `block` inputs and predict each from an empty context, the last, shorter one too.

    Parameters
    ----------
    network, tokens
        As in `score_carried`.
    block
        Inputs of a block: its k-th token is predicted from the k - 1 before it and the one before the block.

    Returns
    -------
    Score
        Over ``length - 1`` tokens.
    """
    inputs = len(tokens) - 1
    whole = inputs // block * block
    rows = max(1, _LOGITS // (block * network.vocabulary))
    pieces = [(first, min(first + rows * block, whole), block) for first in range(0, whole, rows * block)]
    pieces += [(whole, inputs, inputs - whole)] if inputs > whole else []
    nats = 0.0
    for first, end, width in pieces:
        read = tokens[first:end].view(-1, width).T.to(torch.int64)  # (T, N)
        targets = tokens[first + 1 : end + 1].view(-1, width).T.to(torch.int64)
        logits, _ = network(read, network.initial_state(read.shape[1]))
        nats += _nats(logits, targets)
    return Score(nats, inputs)


def _read_carried(network: LanguageNetwork, tokens: Tensor, most: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Read a text in streams side by side: the places of the tokens read (T, N), and the logits (T, N, V) after them.

    Places from ``length - 1`` on are not in the text.
    """
    inputs = len(tokens) - 1
    streams = max(1, min(_STREAMS, inputs // _SHORTEST))
    length = -(-inputs // streams)
    starts = torch.arange(streams) * length
    read = length if most is None else min(length, max(1, most // streams))
    state = _warm_state(network, tokens, starts)
    window = _window(streams, network.vocabulary)
    for first in range(0, read, window):
        at = starts + torch.arange(first, min(first + window, read)).unsqueeze(1)  # (T, N) places in the text
        logits, state = network(tokens[at.clamp(max=inputs)].to(torch.int64), state)
        yield at, logits


def _window(streams: int, vocabulary: int) -> int:
    return max(1, min(_WINDOW, _LOGITS // (streams * vocabulary)))


def _warm_state(network: LanguageNetwork, tokens: Tensor, starts: Tensor) -> State:
    """The state at the start of each stream: zeros for the first, after `WARM_UP` tokens for the others."""
    beginning = network.initial_state(1)
    if len(starts) == 1:
        return beginning
    state = network.initial_state(len(starts) - 1)
    window = _window(len(starts), network.vocabulary)
    for first in range(-WARM_UP, 0, window):
        at = starts[1:] + torch.arange(first, min(first + window, 0)).unsqueeze(1)
        _, state = network(tokens[at].to(torch.int64), state)
    pairs = zip(state_tensors(beginning), state_tensors(state), strict=True)
    return state_from_tensors(beginning, [torch.cat(pair, dim=1) for pair in pairs])


def _nats(logits: Tensor, targets: Tensor) -> float:
    flat = logits.reshape(-1, logits.shape[-1])
    return F.cross_entropy(flat, targets.reshape(-1), ignore_index=_IGNORED, reduction="sum").item()
