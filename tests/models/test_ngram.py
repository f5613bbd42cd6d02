"""N-gram tables against dictionaries: modified Kneser-Ney word for word, maximum likelihood by counting."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.models.ngram import NGramTable, count_ngrams, discounts, kneser_ney, maximum_likelihood
from models.kneser_ney_oracle import BEGIN, END, UNKNOWN, Gram, Oracle

TOLERANCE = 2e-6  # tables keep log10 P as float32, of which the last digit is worth 2e-7 at 10⁻⁴

Corpus = list[list[str]]
CORPORA = st.lists(st.lists(st.sampled_from("abcd"), max_size=7), min_size=1, max_size=12)
LIMITS = st.sampled_from([(0,), (0, 0, 1), (0, 1), (0, 1, 1, 2)])
VOCABULARY = [UNKNOWN, "a", "b", "c", "d", END, BEGIN]
NUMBER = {word: number for number, word in enumerate(VOCABULARY)}
# Contexts in and out of the corpus, with an unknown word, at the beginning of a sentence and within.
CONTEXTS: list[Gram] = [
    (),
    (BEGIN,),
    (BEGIN, "a"),
    ("a",),
    ("a", "b"),
    ("c", "a", "b"),
    (UNKNOWN, "a"),
    (BEGIN, "d", "d"),
]


def encoded(corpus: Corpus) -> np.ndarray:
    return np.array([NUMBER[word] for line in corpus for word in (BEGIN, *line, END)])


def state_after(table: NGramTable, context: Gram) -> np.ndarray:
    state = table.empty_state()
    for word in context:
        state = table.step(state, NUMBER[word])
    return state


@settings(max_examples=60, deadline=None)
@given(CORPORA, st.integers(1, 4), LIMITS)
def test_kneser_ney_is_that_of_the_definitions(corpus: Corpus, order: int, prune: tuple[int, ...]) -> None:
    corpus = [*corpus, list("abcd")]  # every word occurs: one vocabulary for all corpora
    oracle = Oracle(corpus, order, prune)
    table = kneser_ney(count_ngrams(encoded(corpus), order, len(VOCABULARY)), prune[:order])
    assert table.sizes[1:] == [sum(len(gram) == n for gram in oracle.kept) for n in range(2, order + 1)]
    for context in CONTEXTS:
        found = table.distribution(state_after(table, context))
        for word in VOCABULARY[:-1]:
            expected = oracle.probability(word, context)
            assert found[NUMBER[word]] == pytest.approx(expected, rel=TOLERANCE), (context, word)


@settings(max_examples=60, deadline=None)
@given(CORPORA, st.integers(1, 4), LIMITS, st.sampled_from([kneser_ney, maximum_likelihood]))
def test_probabilities_sum_to_one_after_any_context(
    corpus: Corpus, order: int, prune: tuple[int, ...], estimate: object
) -> None:
    table = estimate(count_ngrams(encoded(corpus), order, len(VOCABULARY)), prune[:order])  # type: ignore[operator]
    for context in CONTEXTS:
        found = table.distribution(state_after(table, context))
        assert found.sum() == pytest.approx(1, rel=TOLERANCE), context
        assert found[NUMBER[BEGIN]] == 0
        assert (found >= 0).all()


@settings(max_examples=40, deadline=None)
@given(CORPORA, CORPORA, st.integers(1, 4), LIMITS)
def test_texts_are_scored_as_word_after_word(corpus: Corpus, text: Corpus, order: int, prune: tuple[int, ...]) -> None:
    """Two ways through the table: all words at once, and the distribution after each state."""
    table = kneser_ney(count_ngrams(encoded(corpus), order, len(VOCABULARY)), prune[:order])
    words = encoded(text)
    state, expected = table.empty_state(), []
    for word in words:
        if word == table.begin:
            state = table.initial_state()
            expected.append(0.0)
        else:
            expected.append(np.log(table.distribution(state)[word]))
            state = table.step(state, int(word))
    np.testing.assert_allclose(table.score(words), expected, rtol=1e-9, atol=1e-9)


def test_maximum_likelihood_is_relative_frequency() -> None:
    """Jurafsky and Martin, Speech and Language Processing (3rd ed.), section 3.1: the figures printed there."""
    corpus = [line.split() for line in ("I am Sam", "Sam I am", "I do not like green eggs and ham")]
    words = [UNKNOWN, *sorted({word for line in corpus for word in line}), END, BEGIN]
    number = {word: i for i, word in enumerate(words)}
    stream = np.array([number[word] for line in corpus for word in (BEGIN, *line, END)])
    table = maximum_likelihood(count_ngrams(stream, 2, len(words)))

    def probability(word: str, before: str) -> float:
        return float(table.distribution(table.step(table.empty_state(), number[before]))[number[word]])

    assert [round(probability(*pair), 2) for pair in (("I", BEGIN), ("Sam", BEGIN), ("am", "I"))] == [0.67, 0.33, 0.67]
    assert [round(probability(*pair), 2) for pair in ((END, "Sam"), ("Sam", "am"), ("do", "I"))] == [0.5, 0.5, 0.33]
    assert probability("ham", "I") == 0
    # "ham" never came before another word; a context that was not seen backs off to the unigrams: 3 of 17 are I.
    assert probability("I", UNKNOWN) == pytest.approx(3 / 17)


def test_counts_are_those_of_a_counter() -> None:
    corpus = [list("abab"), [], list("ba")]
    levels = count_ngrams(encoded(corpus), 3, len(VOCABULARY))
    padded = [[BEGIN, *line, END] for line in corpus]
    grams = [(level.keys % 7).tolist() for level in levels]
    contexts = [level.keys // 7 for level in levels]
    found = {}
    for three, count in enumerate(levels[2].counts.tolist()):
        two = contexts[2][three]
        found[VOCABULARY[contexts[1][two]], VOCABULARY[grams[1][two]], VOCABULARY[grams[2][three]]] = count
    assert found == Counter(tuple(line[i : i + 3]) for line in padded for i in range(len(line) - 2))
    suffixes = [VOCABULARY[grams[1][two]] for two in levels[2].suffixes]
    assert suffixes == [VOCABULARY[word] for word in grams[2]], "a trigram and its suffix end in the same word"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([1] * 60 + [2] * 20 + [3] * 10 + [4] * 6, (0.6, 2 - 3 * 0.6 * 0.5, 3 - 4 * 0.6 * 0.6)),
        ([1] * 60 + [2] * 20 + [3] * 10, (0.6, 1.1, 3.0)),
        ([1] * 60 + [2] * 20, (0.5, 1.0, 1.5)),  # t_3 = 0
        ([2] * 5 + [3] * 5 + [4] * 5, (0.5, 1.0, 1.5)),  # t_1 = 0
        ([1] * 10 + [2] * 5 + [3] * 50, (0.5, 1.0, 1.5)),  # D_2 = 2 - 3 · 0.5 · 10 < 0
        ([], (0.5, 1.0, 1.5)),
    ],
)
def test_discounts(counts: list[int], expected: tuple[float, float, float]) -> None:
    assert discounts(np.array([0, 0, *counts, 9], np.int64)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prune", "words"),
    [
        ((1,), "prune begins with 1, expected 0: single words are left out by min_count"),
        ((0, 2, 1), "prune is 0, 2, 1; expected numbers that do not fall"),
        ((0, 0, 0, 0), "prune has 4 numbers, expected at most one for each of the 3 orders"),
    ],
)
def test_wrong_limits(prune: tuple[int, ...], words: str) -> None:
    levels = count_ngrams(encoded([list("ab")]), 3, len(VOCABULARY))
    with pytest.raises(ValueError, match=words):
        kneser_ney(levels, prune)


def test_arrays_that_do_not_fit() -> None:
    logs = [np.zeros(3, np.float32), np.zeros(1, np.float32)]
    with pytest.raises(ValueError, match="there are 0 keys, 2 log_probabilities and 0 backoffs"):
        NGramTable(3, [], logs, [])
    with pytest.raises(ValueError, match="the arrays of order 1 are not of the same length, 4"):
        NGramTable(4, [np.zeros(1, np.int64)], logs, logs[:1])
    with pytest.raises(ValueError, match="the keys of order 2 do not rise, or name contexts that are not there"):
        NGramTable(3, [np.array([9])], logs, logs[:1])
