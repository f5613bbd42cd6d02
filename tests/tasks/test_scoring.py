"""Fast scoring against slow: one token at a time, strictly in sequence, in plain Python."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from elman.models import CELLS, LanguageNetwork
from elman.tasks import scoring
from elman.tasks.scoring import Score, measures, score_blocks, score_carried

V = 9


def network(cell: str = "lstm", **options: object) -> LanguageNetwork:
    torch.manual_seed(0)
    return LanguageNetwork(V, cell=cell, hidden=8, embedding=4, **options).double()


def text(length: int) -> Tensor:
    return torch.randint(V, (length,), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@torch.no_grad()
def in_sequence(net: LanguageNetwork, tokens: Tensor) -> float:
    state, nats = net.initial_state(1), 0.0
    for now, following in pairwise(tokens):
        logits, state = net.step(now.long().view(1), state)
        nats -= logits[0].log_softmax(0)[int(following)].item()
    return nats


@pytest.mark.parametrize("cell", CELLS)
def test_a_short_text_is_scored_strictly_in_sequence(cell: str) -> None:
    net, tokens = network(cell, layers=2), text(300)
    nats, count = score_carried(net, tokens)
    assert count == 299
    assert nats == pytest.approx(in_sequence(net, tokens), rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("length", [1026, 1500])
def test_a_long_text_is_scored_as_if_in_sequence(cell: str, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_SHORTEST", 256)
    monkeypatch.setattr(scoring, "WARM_UP", 256)
    monkeypatch.setattr(scoring, "_WINDOW", 100)
    net, tokens = network(cell), text(length)
    assert score_carried(net, tokens).nats == pytest.approx(in_sequence(net, tokens), rel=1e-9)


@pytest.mark.parametrize("most", [1, 40, 1000, 10**9])
def test_a_part_of_a_text_is_taken_from_all_over_it(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_SHORTEST", 128)
    monkeypatch.setattr(scoring, "WARM_UP", 128)
    net, tokens = network(), text(1400)  # 10 streams of 140
    read = max(1, min(140, most // 10))
    expected = 0.0
    for start in range(0, 1399, 140):
        end = min(start + read, 1399)
        expected += in_sequence(net, tokens[: end + 1]) - in_sequence(net, tokens[: start + 1])
    nats, count = score_carried(net, tokens, most)
    assert count == min(1399, 10 * read)
    assert nats == pytest.approx(expected, rel=1e-6)


def test_streams_start_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that remembers for long shows what warming up is for."""
    net, tokens = network(), text(3000)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=0.1)
        net.layers[0].bias_ih_l0[8:16] = 3.0  # forget gates: memory of about 20 steps
    exact = in_sequence(net, tokens)
    monkeypatch.setattr(scoring, "_SHORTEST", 512)
    errors = []
    for warm_up in (1, 256, 512):
        monkeypatch.setattr(scoring, "WARM_UP", warm_up)
        errors.append(abs(score_carried(net, tokens).nats - exact) / exact)
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


@pytest.mark.parametrize("length", [2, 64, 65, 66, 200])
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_start_from_an_empty_context(length: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_LOGITS", 3 * block * V)  # three blocks at once
    net, tokens = network("gru"), text(length)
    starts = range(0, length - 1, block)
    expected = sum(in_sequence(net, tokens[start : min(start + block, length - 1) + 1]) for start in starts)
    nats, count = score_blocks(net, tokens, block)
    assert count == length - 1
    assert nats == pytest.approx(expected, rel=1e-12)


def test_large_vocabularies_are_scored_in_short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_SHORTEST", 128)
    monkeypatch.setattr(scoring, "WARM_UP", 16)
    net, tokens = network(), text(300)
    whole = score_carried(net, tokens)
    monkeypatch.setattr(scoring, "_LOGITS", 1)
    assert score_carried(net, tokens).nats == pytest.approx(whole.nats, rel=1e-12)


def test_units() -> None:
    figures = measures(Score(nats=10.0, tokens=5), "a 'cat', ok", "words")  # a| |'|cat|'|,| |ok
    assert figures["chars"] == 10
    assert figures["nats_per_char"] == 1.0
    assert figures["bits_per_char"] == pytest.approx(1 / math.log(2))
    assert figures["perplexity"] == pytest.approx(math.exp(2))
    assert (figures["words"], figures["nats_per_word"]) == (2, 5.0)
    assert "words" not in measures(Score(1.0, 3), "abcd", "chars")
    assert measures(Score(1.0, 4), "aéé", "bytes")["chars"] == 2
