"""What fills blanks, beside all that could: brute force over small vocabularies."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from elman.models.filler import FillNetwork
from elman.tasks.filling import phrases as phrases_module
from elman.tasks.filling.conditionals import contexts_at, likely, sentence_scores
from elman.tasks.filling.phrases import among_phrases, best_phrases
from elman.tasks.filling.search import Line, fill_lines, likely_in
from tasks.fill_language import framed_row, random_network


def log_p(network: FillNetwork, tokens: list[int], place: int, side: str | None = None) -> torch.Tensor:
    """ln P of each token at one place of a sentence, (V,), by the network's own `forward`."""
    logits = network(network.framed(torch.tensor(tokens).unsqueeze(1)), side=side)
    return logits[place, 0].detach().log_softmax(-1)


def chain(network: FillNetwork, left: list[int], right: list[int], phrase: tuple[int, ...]) -> float:
    """ln q, as `elman.tasks.filling.phrases` defines it."""
    found = 0.0
    for i, token in enumerate(phrase):
        line = [*left, *phrase[:i], *[0] * (len(phrase) - i), *right]
        found += log_p(network, line, len(left) + i)[token].item()
    return found


def whole(network: FillNetwork, tokens: list[int]) -> float:
    """ln s: the mean of the two language models, step by step from their own states."""
    left, right = network.contexts(network.vectors(torch.from_numpy(framed_row(network, tokens)).unsqueeze(1)))
    marked = [network.begin, *tokens, network.end]
    total = 0.0
    for t in range(len(tokens) + 1):
        for side, state, target in (("left", left[t], marked[t + 1]), ("right", right[t], marked[t])):
            logits = network.logits(network.read_out(side, state), range(network.vocabulary + 2))
            total += logits.log_softmax(-1)[0, target].item() / 2
    return total


@pytest.mark.parametrize("encoder", ["rnn", "lstm", "tdnn"])
def test_contexts_of_places_are_those_of_the_whole(
    encoder: str, monkeypatch: pytest.MonkeyPatch, close: Callable[..., float]
) -> None:
    """Read in batches, sorted, and a long sentence in pieces with the state carried on."""
    from elman.tasks.filling import conditionals

    torch.manual_seed(1)
    network = FillNetwork(9, encoder=encoder, layers=2, hidden=6, embedding=5)
    chance = np.random.default_rng(0)
    rows = [framed_row(network, chance.integers(0, 9, length).tolist()) for length in (3, 40, 1, 7, 25)]
    at = [[2], [0, 39, 17], [0], [], [24, 3, 3]]
    monkeypatch.setattr(conditionals, "_STEPS", 12)
    found = contexts_at(network, rows, at)
    expected_left, expected_right = [], []
    for row, places in zip(rows, at, strict=True):
        left, right = network.contexts(network.vectors(torch.from_numpy(row).unsqueeze(1)))
        expected_left += [left[place, 0] for place in places]
        expected_right += [right[place + 1, 0] for place in places]
    close(found.left, torch.stack(expected_left).detach(), "value")
    close(found.right, torch.stack(expected_right).detach(), "value")


@pytest.mark.parametrize("side", ["both", "left", "right"])
@pytest.mark.parametrize("among", [None, [4, 7, 2]])
def test_likely_tokens(side: str, among: list[int] | None, close: Callable[..., float]) -> None:
    network, tokens = random_network(), [3, 1, 4, 1, 5]
    contexts = contexts_at(network, [framed_row(network, tokens)], [[2]])
    found = likely(network, side, contexts, 9, None if among is None else torch.tensor(among))
    values = log_p(network, tokens, 2, side)
    if among is None:
        expected = sorted(range(1, 9), key=lambda token: -values[token])
    else:
        values = values - values[among].logsumexp(0)
        expected = sorted(among, key=lambda token: -values[token])
    assert found.tokens[0].tolist() == expected
    close(found.log_probabilities[0], values[expected], "value")


def test_several_blanks_end_where_no_single_change_is_better() -> None:
    """The conditionals of random networks may chase one another in circles; most do not."""
    blanks, settled = [0, 2, 3, 5], 0
    for seed in range(20):
        network = random_network(seed=seed)
        line = Line(framed_row(network, [0, 1, 0, 0, 5, 0, 2]), blanks)
        fill_lines(network, [line])
        tokens = line.row[1:-1].tolist()
        assert (tokens[1], tokens[4], tokens[6]) == (1, 5, 2)
        best = [int(log_p(network, tokens, place)[1:].argmax()) + 1 for place in blanks]
        (found,) = likely_in(network, [line], ["both"], top=1)
        assert found["both"].tokens[:, 0].tolist() == best
        settled += best == [tokens[place] for place in blanks]
    assert settled >= 15


def test_the_most_certain_blank_is_filled_first() -> None:
    """By hand: predict both with the other unknown, fill the surer one, predict the other with it in place."""
    for seed in range(20):
        network = random_network(seed=seed)
        line = Line(framed_row(network, [3, 0, 2, 0, 4]), [1, 3])
        start = [3, 0, 2, 0, 4]
        sure = {place: log_p(network, start, place)[1:] for place in (1, 3)}
        first = max((1, 3), key=lambda place: sure[place].max())
        start[first] = int(sure[first].argmax()) + 1
        other = 4 - first
        start[other] = int(log_p(network, start, other)[1:].argmax()) + 1
        for _ in range(16):
            best = {place: log_p(network, start, place)[1:].max(0) for place in (1, 3)}
            differ = [place for place in (1, 3) if int(best[place].indices) + 1 != start[place]]
            if not differ:
                break
            change = max(differ, key=lambda place: best[place].values)
            start[change] = int(best[change].indices) + 1
        fill_lines(network, [line])
        assert line.row[1:-1].tolist() == start


def test_many_blanks_are_filled_in_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.tasks.filling import search

    network, rounds = random_network(), []
    real = search.contexts_at
    monkeypatch.setattr(search, "contexts_at", lambda *args: rounds.append(1) or real(*args))
    line = Line(framed_row(network, [0] * 1000), range(1000))
    fill_lines(network, [line])
    assert len(rounds) < 80
    assert (line.row[1:-1] > 0).all()


def test_lines_together_are_filled_as_each_alone() -> None:
    network = random_network()
    chance = np.random.default_rng(3)
    lines = []
    for length in (1, 5, 12, 3, 0):
        blanks = sorted(chance.choice(length, min(length, 3), replace=False).tolist())
        lines.append((framed_row(network, chance.integers(1, 9, length).tolist()), blanks))
    together = [Line(row.copy(), blanks) for row, blanks in lines]
    fill_lines(network, together)
    for (row, blanks), found in zip(lines, together, strict=True):
        alone = Line(row.copy(), blanks)
        fill_lines(network, [alone])
        assert alone.row.tolist() == found.row.tolist()


def test_sentence_scores_are_the_two_chains() -> None:
    network = random_network()
    lines = [[3, 1, 4], [], [5], [2, 7, 1, 8, 2, 8]]
    found = sentence_scores(network, [framed_row(network, line) for line in lines])
    assert found.tolist() == pytest.approx([whole(network, line) for line in lines], abs=1e-5)


def test_given_phrases_of_one_length_are_compared_by_the_chain() -> None:
    network, left, right = random_network(), [3, 1], [2, 5]
    phrases = [(1, 2), (4, 4), (8, 6)]
    found = among_phrases(network, framed_row(network, [*left, 0, *right]), 2, phrases)
    q = {phrase: chain(network, left, right, phrase) for phrase in phrases}
    total = torch.tensor(list(q.values())).logsumexp(0).item()
    assert {one.tokens: one.log_probability for one in found} == pytest.approx(
        {phrase: value - total for phrase, value in q.items()}, abs=1e-5
    )
    assert [one.tokens for one in found] == sorted(phrases, key=lambda phrase: -q[phrase])


def test_one_phrase_of_each_length_is_weighed_by_the_whole_sentence() -> None:
    """Z q is then s, whatever q."""
    network, left, right = random_network(), [3, 1], [2, 5]
    phrases = [(1,), (4, 4), (8, 6, 3)]
    found = among_phrases(network, framed_row(network, [*left, 0, *right]), 2, phrases)
    s = torch.tensor([whole(network, [*left, *phrase, *right]) for phrase in phrases]).log_softmax(0)
    assert {one.tokens: one.log_probability for one in found} == pytest.approx(
        dict(zip(phrases, s.tolist(), strict=True)), abs=1e-5
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_search_over_lengths_beside_all_phrases(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for all beginnings the search is the formula over every phrase of 1 to 3 tokens."""
    monkeypatch.setattr(phrases_module, "_WIDEST", 200)
    network, left, right = random_network(6, seed), [3], [2, 5]
    row = framed_row(network, [*left, 0, *right])
    everything = [p for length in (1, 2, 3) for p in itertools.product(range(1, 6), repeat=length)]
    q = {phrase: chain(network, left, right, phrase) for phrase in everything}
    s = {phrase: whole(network, [*left, *phrase, *right]) for phrase in everything}

    def total(values: dict[tuple[int, ...], float], length: int) -> torch.Tensor:
        return torch.tensor([value for phrase, value in values.items() if len(phrase) == length]).logsumexp(0)

    evidence = torch.stack([total(s, length) - total(q, length) for length in (1, 2, 3)]).log_softmax(0)
    expected = {phrase: q[phrase] + evidence[len(phrase) - 1].item() for phrase in everything}
    found = best_phrases(network, row, 1, longest=3, top=200)
    assert {one.tokens: one.log_probability for one in found} == pytest.approx(expected, abs=1e-4)
    few = best_phrases(network, row, 1, longest=3, top=3)
    assert few[0].tokens == found[0].tokens


def test_a_blank_of_one_token_is_the_same_in_either_search() -> None:
    network = random_network()
    row = framed_row(network, [3, 0, 2])
    found = best_phrases(network, row, 1, longest=1, top=4)
    values = log_p(network, [3, 0, 2], 1)
    assert {one.tokens[0]: one.log_probability for one in found} == pytest.approx(
        {token: values[token].item() for (token,) in (one.tokens for one in found)}, abs=1e-5
    )
