"""Two models mixed: aligned token by token, weighed by what the weight has not been measured on."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman import LanguageModel, NGram
from elman.data import split
from elman.tasks import evaluate_mixture
from elman.tasks.ngrams.mixture import _compare, best_weight
from elman.tasks.scoring import log_probabilities, score_carried

TEXT = "the cat sat, on the mat\nthe dog sat on the cat.\n\na dog, a cat and a mat\n" * 40
SMALL = {"cell": "gru", "hidden": 16, "batch": 4, "window": 16, "learning_rate": 0.02}
LOGS = st.lists(st.tuples(st.floats(-9, 0), st.floats(-9, 0)), min_size=1, max_size=20)


def trained(kind: str, text: str = TEXT) -> tuple[LanguageModel, NGram]:
    return LanguageModel(tokens=kind, **SMALL).fit(text, epochs=2), NGram(order=3, tokens=kind).fit(text)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def chars() -> tuple[LanguageModel, NGram]:
    return trained("chars")


@pytest.fixture(scope="module")
def words() -> tuple[LanguageModel, NGram]:
    return trained("words")


def step_by_step(model: LanguageModel, tokens: list[str]) -> list[torch.Tensor]:
    """ln P of every entry at each place of a text that is read after a line end, by single steps of the network."""
    state, before, found = model.network.initial_state(1), "\n", []
    for token in tokens:
        logits, state = model.network.step(torch.tensor([model.lexicon[before]]), state)
        found.append(logits[0].double().log_softmax(0))
        before = token
    return found


def test_characters_are_compared_one_by_one(chars: tuple[LanguageModel, NGram]) -> None:
    recurrent, ngram = chars
    text = "a cat\n\nthe dog"
    compared = _compare(recurrent, ngram, text)
    logs = step_by_step(recurrent, list(text + "\n"))
    expected = [row[recurrent.lexicon[token]].item() for row, token in zip(logs, text + "\n", strict=True)]
    np.testing.assert_allclose(compared.recurrent, expected, atol=1e-5)
    theirs = [math.log(dict(ngram.predict([""], top=99)[0])[token]) for token in "a\nt"]
    np.testing.assert_allclose(compared.ngram[[0, 6, 7]], theirs, atol=1e-5)
    assert compared.sentence.tolist() == [0] * 6 + [1] + [2] * 8


def test_words_are_compared_as_they_stand_between_spaces(words: tuple[LanguageModel, NGram]) -> None:
    recurrent, ngram = words
    tokens = ["the", " ", "cat", ",", " ", " ", "a", "\n", " ", "dog", " ", "\n"]
    compared = _compare(recurrent, ngram, "".join(tokens))
    logs, lexicon = step_by_step(recurrent, tokens), recurrent.lexicon
    each = [row[lexicon[token]].item() for row, token in zip(logs, tokens, strict=True)]
    spaces = [row[[lexicon[" "], lexicon["\n"]]].logsumexp(0).item() for row in logs]
    expected = [
        each[0] + spaces[1],  # the, and that it ends
        each[1] + each[2] + each[3] + spaces[4] - spaces[1],  # a space, given that there is one; cat and , and an end
        each[4] + each[5] + each[6] + spaces[7] - spaces[4],
        each[7] - spaces[7],
        each[8] + each[9] + spaces[10],  # a space after a line end is not given
        each[10] + each[11] - spaces[10],
    ]
    theirs = ngram.score(["the cat, a", "dog"]).sum()
    assert "cat," not in ngram.lexicon, "left out, for one of the two does not know it"
    np.testing.assert_allclose(compared.recurrent, np.delete(expected, 1), atol=1e-5)
    assert compared.unknown == 1
    assert sum(expected) == pytest.approx(sum(each)), "over a text the spaces cancel"
    assert compared.ngram.sum() > theirs


def test_next_words_exclude_one_another(words: tuple[LanguageModel, NGram]) -> None:
    """All words of one token and the line end together are at most 1: a distribution, as the n-gram model's is."""
    recurrent, _ = words
    known = [word for word in recurrent.lexicon if word.isalpha()]
    probe = NGram(order=1).fit("\n".join(known) + "\n")
    following = [_compare(recurrent, probe, f"the {word}").recurrent[1] for word in known]
    end = _compare(recurrent, probe, "the").recurrent[1]
    assert 0.5 < np.exp(following).sum() + np.exp(end) <= 1 + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.text("ab,. \t\r\n\v\f\0\u3000\x85", max_size=12))
def test_any_white_space_is_aligned(words: tuple[LanguageModel, NGram], text: str) -> None:
    """Both cut the text into the same words and lines, or this would raise."""
    compared = _compare(*words, f"{text}\nthe cat\n")
    assert len(compared.ngram) == len(compared.recurrent) == len(compared.sentence) >= 3


def test_segments() -> None:
    recurrent, ngram = trained("segments", "我昨天迟到了，老师批评了我。\n他 没有迟到。\n" * 60)
    text = "他昨天迟到了。\n我没有迟到。\n"
    compared = _compare(recurrent, ngram, text)
    tokens = list(split(text, "segments"))
    logs = step_by_step(recurrent, tokens)
    expected = [row[recurrent.lexicon[token]].item() for row, token in zip(logs, tokens, strict=True)]
    np.testing.assert_allclose(compared.recurrent, expected, atol=1e-5)
    assert -compared.ngram.sum() == pytest.approx(-ngram.score(text).sum())


def test_each_half_is_weighed_by_the_other(chars: tuple[LanguageModel, NGram]) -> None:
    text = "the cat sat on the mat\na dog and a cat\nthe dog\nthe mat and the cat\n"
    found = evaluate_mixture(*chars, text)
    compared = _compare(*chars, text)
    first = compared.sentence < 2
    weights = [best_weight(compared.recurrent[half], compared.ngram[half]) for half in (~first, first)]
    weight = np.where(first, *weights)
    mixed = np.log(weight * np.exp(compared.recurrent) + (1 - weight) * np.exp(compared.ngram))
    assert found["perplexity"] == pytest.approx(math.exp(-mixed.mean()))
    assert found["weight_lm"] == pytest.approx(weight.mean())
    assert found["weight_fitted_on"] == "the other half"
    assert found["perplexity_ngram"] == pytest.approx(chars[1].evaluate(text)["perplexity"])
    assert found["tokens"] == len(text)
    carried = chars[0].evaluate("\n" + text)["perplexity"]
    assert found["perplexity_lm"] == pytest.approx(carried, rel=1e-5)


def test_the_weight_may_come_from_another_text(chars: tuple[LanguageModel, NGram]) -> None:
    found = evaluate_mixture(*chars, "the cat\r\n", validation="a dog sat\non the mat\n")
    compared = _compare(*chars, "a dog sat\non the mat\n")
    assert found["weight_lm"] == pytest.approx(best_weight(compared.recurrent, compared.ngram))
    assert (found["weight_fitted_on"], found["tokens"]) == ("validation", 8)


def test_mixing_helps() -> None:
    """Each knows what the other does not: the order of words within a line, and what the line before was."""
    text = "".join(f"{a} is {b}\nyes {a}\n" for a, b in zip("abcdefgh" * 60, "stuvwxyz" * 60, strict=True))
    recurrent = LanguageModel(tokens="chars", **SMALL).fit(text, epochs=4)  # type: ignore[arg-type]
    found = evaluate_mixture(recurrent, NGram(order=6, tokens="chars").fit(text[:600]), text[-900:])
    assert found["perplexity"] < min(found["perplexity_lm"], found["perplexity_ngram"])
    assert 0 < found["weight_lm"] < 1


@given(LOGS)
def test_no_other_weight_is_better(logs: list[tuple[float, float]]) -> None:
    first, second = np.array(logs).T
    grid = np.linspace(0, 1, 1001)[:, None]
    sums = np.log(grid * np.exp(first) + (1 - grid) * np.exp(second)).sum(1)
    weight = best_weight(first, second)
    assert 0 <= weight <= 1
    assert np.log(weight * np.exp(first) + (1 - weight) * np.exp(second)).sum() >= sums.max() - 1e-9


def test_impossible_tokens_decide_the_weight() -> None:
    impossible = np.array([-math.inf, 0.0])
    assert 0 < best_weight(np.log([0.1, 0.1]), impossible) < 1
    assert best_weight(np.log([0.1, 0.1]), np.log([0.2, 0.2])) == 0
    assert best_weight(np.log([0.2, 0.2]), np.log([0.1, 0.1])) == 1
    assert best_weight(impossible[:1], impossible[:1]) == 0.5


def test_probabilities_token_by_token_add_up(chars: tuple[LanguageModel, NGram]) -> None:
    recurrent, _ = chars
    tokens = recurrent.lexicon.indices(TEXT)
    each, grouped = log_probabilities(recurrent.network, tokens, range(len(recurrent.lexicon)))
    nats, count = score_carried(recurrent.network, tokens)
    assert (-each.sum().item(), len(each)) == (pytest.approx(nats, rel=1e-6), count)
    assert grouped.abs().max() < 1e-6, "one of all tokens is certain"
    assert log_probabilities(recurrent.network, tokens[:3])[1].tolist() == [-math.inf] * 2


def test_models_that_do_not_go_together(chars: tuple[LanguageModel, NGram], words: tuple[LanguageModel, NGram]) -> None:
    with pytest.raises(ValueError, match="the recurrent model reads chars and the n-gram model words: they cannot be"):
        evaluate_mixture(chars[0], words[1], TEXT)
    lineless = LanguageModel(tokens="chars", **SMALL).fit("no line end " * 60, epochs=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the recurrent model has never met a line end"):
        evaluate_mixture(lineless, chars[1], TEXT)
    with pytest.raises(ValueError, match="the text has one line, and the weight for each half"):
        evaluate_mixture(*chars, "the cat")
    with pytest.raises(ValueError, match="data is an empty text"):
        evaluate_mixture(*chars, "")
    with pytest.warns(UserWarning, match="2 tokens that one of the models does not know were left out") as caught:
        assert evaluate_mixture(*chars, "the cät\nthe c我t\n")["unknown"] == 2
    assert caught[0].filename == __file__


def test_standard_input_is_read_once(chars: tuple[LanguageModel, NGram]) -> None:
    with pytest.raises(ValueError, match="standard input, -, is given for the text and for the validation text"):
        evaluate_mixture(*chars, Path("-"), validation=Path("-"))
