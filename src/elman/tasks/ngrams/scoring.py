"""How well an n-gram model predicts sentences, and how it writes them."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from elman.data import Lexicon, Sentences
from elman.data.sentences import numbered
from elman.models.ngram import NGramTable
from elman.models.ngram.counting import Integers
from elman.tasks.sampling import Sampling, draw

__all__ = ["SentenceScore", "exponential", "logits_after", "sentence_measures", "score_sentences", "write_on"]

_LONGEST = 1 << 22  # words scored at once: bounds the memory


class SentenceScore(NamedTuple):
    """Sums of -ln P, in nats, over tokens and ends of sentences."""

    nats: float
    tokens: int
    known_nats: float  # without the unknown tokens
    known: int


def score_sentences(table: NGramTable, lexicon: Lexicon, sentences: Sentences) -> SentenceScore:
    """Predict every token and the end of every sentence."""
    words = numbered(sentences, lexicon)
    nats = known_nats = 0.0
    begins = np.flatnonzero(words == table.begin)
    unknown = int((words == lexicon.other).sum())
    first = 0
    while first < len(words):
        later = begins[begins > first + _LONGEST]
        end = int(later[0]) if len(later) else len(words)
        scores = table.score(words[first:end])
        nats -= scores.sum()
        known_nats -= scores[words[first:end] != lexicon.other].sum()
        first = end
    tokens = len(words) - len(begins)
    return SentenceScore(float(nats), tokens, float(known_nats), tokens - unknown)


def sentence_measures(score: SentenceScore, sentences: Sentences, text: str, kind: str) -> dict[str, float | int]:
    """A score in the usual units: the keys of `elman.tasks.scoring.measures`, and more.

    Parameters
    ----------
    score
        Of all tokens and ends of sentences of `text`.
    sentences, text, kind
        What was scored, and how it is cut.
    """
    chars = len(text.replace("\r\n", "\n")) + (not text.endswith("\n"))
    per_token = score.nats / score.tokens
    figures: dict[str, float | int] = {
        "nats_per_char": score.nats / chars,
        "bits_per_char": score.nats / chars / math.log(2),
        "nats_per_token": per_token,
        "perplexity": exponential(per_token),
        "perplexity_known": exponential(score.known_nats / score.known),
        "tokens": score.tokens,
        "chars": chars,
    }
    if kind != "chars":
        words = sum(any(map(str.isalnum, token)) for token in sentences.tokens)
        per_word = score.nats / words if words else math.nan
        figures |= {"nats_per_word": per_word, "perplexity_per_word": exponential(per_word), "words": words}
    return {**figures, "sentences": len(sentences.lengths), "unknown": score.tokens - score.known}


def exponential(nats: float) -> float:
    """Perplexity of mean nats; infinite where that is, or too large for a number."""
    return math.exp(nats) if nats < 700 else math.inf if nats == nats else math.nan


def logits_after(table: NGramTable, state: Integers) -> torch.Tensor:
    """ln P of each word that can follow a state, the end of the sentence last, (W-1,) float64."""
    with np.errstate(divide="ignore"):
        return torch.from_numpy(np.log(table.distribution(state)[:-1]))


def write_on(
    table: NGramTable,
    state: Integers,
    length: int,
    sampling: Sampling,
    generator: torch.Generator,
    never: int,
) -> Iterator[int]:
    """Write words, sentence after sentence.

    Parameters
    ----------
    table
        To draw from.
    state
        After what was read last.
    length
        Words to write, ends of sentences included.
    sampling, generator
        How to draw them.
    never
        The word that is not written: the unknown one.

    Yields
    ------
    int
        The words; ``table.end`` ends a sentence, also where the model knows nothing but the unknown word.
    """
    for _ in range(length):
        logits = logits_after(table, state)
        logits[never] = -torch.inf
        word = draw(logits, sampling, generator) if logits.isfinite().any() else table.end
        yield word
        state = table.initial_state() if word == table.end else table.step(state, word)
