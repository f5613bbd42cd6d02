"""A recurrent language model and an n-gram model, interpolated: P = λ P_lm + (1 - λ) P_ngram.

Both must say how probable the same things are.  For chars and segments these are the tokens and the end of each line,
which is a token to the recurrent model.  An n-gram model of words knows only what stands between white space, while the
recurrent model reads white space and punctuation as tokens of their own.  To it, that a word w follows is that the
separator is read, then w's tokens, and that w ends there, for white space follows::

    P(w) = P(separator) / P(white space) · P(tokens of w) · P(white space)      after another word
    P(line end) = P("\\n") / P(white space)

P(white space), of all such tokens together, is divided out where the word before has counted it.  So words exclude one
another, as those of the n-gram model do, and over a text the factors cancel: the sum is what its own tokens cost.
"""

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from elman.data import Sentences, cut, split
from elman.data.sentences import UNKNOWN, numbered
from elman.tasks.language_model import LanguageModel
from elman.tasks.ngrams.ngram import NGram
from elman.tasks.ngrams.scoring import exponential
from elman.tasks.scoring import log_probabilities
from elman.tasks.texts import Texts, as_text, check_read_once

__all__ = ["best_weight", "evaluate_mixture"]

Reals = npt.NDArray[np.float64]

_SPACES = frozenset(" \t\r\n\v\f\0")


class _Compared(NamedTuple):
    """ln P of each token and line end that both models know, by the one and by the other."""

    recurrent: Reals
    ngram: Reals
    sentence: npt.NDArray[np.int64]  # the number of its line
    unknown: int  # how many were left out


def evaluate_mixture(
    recurrent: LanguageModel, ngram: NGram, data: Texts, *, validation: Texts | None = None
) -> dict[str, float | int | str]:
    """Measure two models and their mixture on a text: each token and line end is predicted from those before it.

    The recurrent model reads the whole text, after a line end; the n-gram model every line by itself.  Tokens that
    one of them does not know are left out of all three perplexities, for "unknown" is not one thing to both.

    Parameters
    ----------
    recurrent, ngram
        Trained, on the same kind of tokens.
    data
        A text, a file or files, as for `LanguageModel.fit`.
    validation
        Another text, from which the weight is fitted.  None: the weight for each half of `data` is fitted on the
        other half, so that no token is measured by a weight that has seen it.

    Returns
    -------
    dict
        ``perplexity`` of the mixture, ``perplexity_lm``, ``perplexity_ngram``, ``weight_lm`` (λ; the mean of both
        halves'), ``weight_fitted_on``, ``tokens`` (line ends included), ``unknown`` (how many were left out).

    Raises
    ------
    ValueError
        If the models read different tokens, the recurrent one has never met a line end, or a text is too short.

    Warns
    -----
    UserWarning
        If tokens were left out; with their number.

    Examples
    --------
    >>> import elman
    >>> text = "to be or not to be\\n" * 100
    >>> recurrent = elman.LanguageModel(hidden=16).fit(text, epochs=1)
    >>> found = evaluate_mixture(recurrent, elman.NGram(order=3, tokens="chars").fit(text), text)
    >>> found["perplexity"] <= min(found["perplexity_lm"], found["perplexity_ngram"]) + 0.01
    True
    """
    _check_fit(recurrent, ngram)
    check_read_once(data, validation)
    measured = _compare(recurrent, ngram, as_text(data, "data"))
    if validation is not None:
        fitted = _compare(recurrent, ngram, as_text(validation, "validation"))
        weights = np.full(len(measured.ngram), best_weight(fitted.recurrent, fitted.ngram))
    else:
        weights = _crosswise(measured)
    with np.errstate(divide="ignore"):
        mixed = np.logaddexp(np.log(weights) + measured.recurrent, np.log1p(-weights) + measured.ngram)
    if measured.unknown:
        noun, verb = ("token", "was") if measured.unknown == 1 else ("tokens", "were")
        message = f"{measured.unknown:,} {noun} that one of the models does not know {verb} left out"
        warnings.warn(message, stacklevel=2)
    return {
        "perplexity": exponential(-mixed.mean()),
        "perplexity_lm": exponential(-measured.recurrent.mean()),
        "perplexity_ngram": exponential(-measured.ngram.mean()),
        "weight_lm": float(weights.mean()),
        "weight_fitted_on": "the other half" if validation is None else "validation",
        "tokens": len(mixed),
        "unknown": measured.unknown,
    }


def best_weight(first: Reals, second: Reals) -> float:
    """The λ of 0 … 1 for which λ P_1 + (1 - λ) P_2 makes a text most probable.

    Its logarithm is concave in λ, so that bisection of the derivative finds the one maximum.

    Parameters
    ----------
    first, second
        (U,) ln P of each token by the two models.

    Examples
    --------
    >>> p, q = np.log([0.5, 0.5, 0.1]), np.log([0.1, 0.1, 0.5])
    >>> round(best_weight(p, q), 4)
    0.75
    """
    highest = np.maximum(first, second)
    possible = np.isfinite(highest)
    if not possible.any():
        return 0.5
    a, b = (np.exp(logs[possible] - highest[possible]) for logs in (first, second))
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if ((a - b) / (middle * a + (1 - middle) * b)).sum() > 0:
            low = middle
        else:
            high = middle
    return low if low == 0 else high if high == 1 else (low + high) / 2  # the ends are not reached by halving


def _check_fit(recurrent: LanguageModel, ngram: NGram) -> None:
    kinds = recurrent.hyperparameters.tokens, ngram.hyperparameters.tokens
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"the recurrent model reads {kinds[0]} and the n-gram model {kinds[1]}: they cannot be mixed; "
            "train both with the same tokens"
        )
    lexicon = recurrent.lexicon
    if "\n" not in lexicon or lexicon.counts[lexicon["\n"]] == 0:
        raise ValueError(
            "the recurrent model has never met a line end, which ends every sentence of an n-gram model: "
            "train it on text with one sentence a line"
        )


def _compare(recurrent: LanguageModel, ngram: NGram, text: str) -> _Compared:
    kind = ngram.hyperparameters.tokens
    text = text.replace("\r\n", "\n").removesuffix("\n") + "\n"
    sentences = cut(text, kind)
    words = numbered(sentences, ngram.lexicon)
    follows = words != ngram.table.begin
    theirs = ngram.table.score(words)[follows]
    of_words = _word_scores if kind == "words" else _token_scores
    ours, known = of_words(recurrent, text, kind)
    if len(ours) != len(theirs):
        raise AssertionError(f"{len(ours)} units of the recurrent model, {len(theirs)} of the n-gram model")
    known = known & ((words[follows] != ngram.lexicon.other) | _named_unknown(sentences, ngram))
    if not known.any():
        raise ValueError("the text has no token that both models know")
    lines = np.repeat(np.arange(len(sentences.lengths)), sentences.lengths + 1)
    return _Compared(ours[known], theirs[known], lines[known], int((~known).sum()))


def _named_unknown(sentences: Sentences, ngram: NGram) -> npt.NDArray[np.bool_]:
    """Where a text has the word <unk> itself, which a model that has met it there predicts like any other."""
    found = np.zeros(len(sentences.tokens) + len(sentences.lengths), bool)
    if ngram.hyperparameters.tokens == "words" and ngram.lexicon.counts[0] > 0:
        places = np.flatnonzero(np.fromiter((token == UNKNOWN for token in sentences.tokens), bool))
        ends = np.cumsum(sentences.lengths)
        found[places + np.searchsorted(ends, places, side="right")] = True
    return found


def _token_scores(model: LanguageModel, text: str, kind: str) -> tuple[Reals, npt.NDArray[np.bool_]]:
    """ln P of every token, line ends too, and whether it is known."""
    sentences, lexicon = cut(text, kind), model.lexicon
    tokens = numbered(sentences, lexicon)
    tokens = tokens[tokens != len(lexicon) + 1]
    tokens[tokens == len(lexicon)] = lexicon["\n"]
    each, _ = log_probabilities(model.network, torch.from_numpy(np.insert(tokens, 0, lexicon["\n"])))
    return each.numpy(), tokens != _other(model)


def _word_scores(model: LanguageModel, text: str, kind: str) -> tuple[Reals, npt.NDArray[np.bool_]]:
    """ln P of every word between white space and of every line end, and whether all its tokens are known."""
    lexicon = model.lexicon
    texts = list(split(text, kind))
    tokens = lexicon.indices(texts).numpy()
    group = [lexicon[space] for space in sorted(_SPACES) if space in lexicon]
    found = log_probabilities(model.network, torch.from_numpy(np.insert(tokens, 0, lexicon["\n"])), group)
    each, spaces = (logs.numpy() for logs in found)
    is_space = np.fromiter((token in _SPACES for token in texts), bool, len(texts))
    is_end = np.fromiter((token == "\n" for token in texts), bool, len(texts))
    word_ends = ~is_space & np.append(is_space[1:], True)
    ends = np.flatnonzero(word_ends | is_end)  # the last token of every word, and the line ends
    starts = np.append(0, ends[:-1] + 1)  # the separators before a word are its own
    scores = np.add.reduceat(each, starts)
    is_word = word_ends[ends]
    scores[is_word] += spaces[ends[is_word] + 1]
    after_word = np.append(False, is_word[:-1])
    scores[after_word] -= spaces[starts[after_word]]
    return scores, np.add.reduceat(tokens == _other(model), starts, dtype=np.int64) == 0


def _other(model: LanguageModel) -> int:
    return -1 if model.lexicon.other is None else model.lexicon.other


def _crosswise(compared: _Compared) -> Reals:
    """For each token the weight that fits the other half of the lines best."""
    first = compared.sentence < (compared.sentence.min() + compared.sentence.max() + 1) / 2
    if first.all() or not first.any():
        raise ValueError(
            "the text has one line, and the weight for each half of the lines is fitted on the other; give more lines, "
            "or a validation text"
        )
    weights = [best_weight(compared.recurrent[half], compared.ngram[half]) for half in (first, ~first)]
    return np.where(first, weights[1], weights[0])
