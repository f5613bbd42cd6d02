"""Nothing of a hidden token reaches its own prediction, all other tokens do; a row alone is the row in a batch."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.layers import reference
from elman.models import FillNetwork
from elman.models.filler import SIDES

VOCABULARY = 11
LENGTHS = [5, 1, 3, 0]


def network_of(encoder: str = "gru", layers: int = 2, **options: object) -> FillNetwork:
    torch.manual_seed(0)
    network = FillNetwork(VOCABULARY, encoder=encoder, layers=layers, hidden=7, embedding=5, **options)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return network


def sentences(seed: int = 0) -> Tensor:
    return torch.randint(VOCABULARY, (max(LENGTHS), len(LENGTHS)), generator=torch.Generator().manual_seed(seed))


ENCODERS = pytest.mark.parametrize("encoder", ["rnn", "gru", "lstm", "tdnn", "feedforward"])


@ENCODERS
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("side", SIDES)
def test_the_hidden_token_cannot_leak_in(encoder: str, layers: int, side: str) -> None:
    """Whatever stands at a place, what is predicted there has the same bits; what is predicted elsewhere changes."""
    network, tokens = network_of(encoder, layers), sentences()
    before = network(network.framed(tokens, LENGTHS), LENGTHS, side)
    for row, length in enumerate(LENGTHS):
        for place in range(length):
            for other in range(VOCABULARY):
                changed = tokens.clone()
                changed[place, row] = other
                after = network(network.framed(changed, LENGTHS), LENGTHS, side)
                assert torch.equal(after[place, row], before[place, row])
                if other != tokens[place, row]:
                    reached = (after[:length, row] != before[:length, row]).any(-1)
                    expected = {
                        "left": place + 1,
                        "right": place - 1,
                        "both": place + (1 if place + 1 < length else -1),
                    }
                    if 0 <= expected[side] < length:
                        assert reached[expected[side]]


@ENCODERS
@pytest.mark.parametrize("layers", [1, 3])
def test_gradients_to_the_hidden_token_are_exactly_zero(encoder: str, layers: int) -> None:
    network, tokens = network_of(encoder, layers), sentences()
    vectors = network.vectors(network.framed(tokens, LENGTHS)).detach().requires_grad_()
    left, right = network.contexts(vectors, LENGTHS)
    logits = network.logits(network.read_out("both", left[:-1], right[1:]))
    near = layers if encoder == "feedforward" else None  # which sees one token on either side, whatever its layers
    for row, length in enumerate(LENGTHS):
        for place in range(length):
            cotangent = torch.randn(VOCABULARY)
            (gradient,) = torch.autograd.grad(logits[place, row] @ cotangent, vectors, retain_graph=True)
            touched = (gradient != 0).any(-1)
            assert not touched[place + 1, row], "the token itself"
            assert not touched[:, [n for n in range(len(LENGTHS)) if n != row]].any(), "other sentences"
            assert not touched[length + 2 :, row].any(), "what is behind the end"
            assert touched[place, row], "the token before, or the begin mark"
            assert touched[place + 2, row], "the token after, or the end mark"
            if near is None and encoder != "tdnn":
                assert touched[: place + 1, row].all()
                assert touched[place + 2 : length + 2, row].all()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_it_is_two_scans_and_one_linear_layer(cell: str, close: Callable[..., float]) -> None:
    """Beside the definition, written out with the reference's cells, a sentence at a time."""
    network, tokens = network_of(cell, layers=2), sentences()
    logits = network(network.framed(tokens, LENGTHS), LENGTHS)
    step = {"rnn": reference.rnn_tanh, "gru": reference.gru, "lstm": reference.lstm}[cell]
    E = network.embedding.weight

    def last(encoder: torch.nn.Module, read: list[int]) -> Tensor:
        x = [E[token] * 5**0.5 for token in read]
        for weights in encoder.layer.all_weights:
            state = tuple(torch.zeros(1, 7) for _ in range(2 if cell == "lstm" else 1))
            outputs = []
            for vector in x:
                state = step(vector.unsqueeze(0), state, reference.Weights(*weights))
                outputs.append(state[0][0])
            x = outputs
        return x[-1]

    for row, length in enumerate(LENGTHS):
        words = tokens[:length, row].tolist()
        for place in range(length):
            s = last(network.forwards, [VOCABULARY, *words[:place]])
            s_ = last(network.backwards, [VOCABULARY + 1, *reversed(words[place + 1 :])])
            A = network.outputs["both"]
            z = torch.tanh(A.weight[:, :7] @ s + A.weight[:, 7:] @ s_ + A.bias)
            close(logits[place, row], E[:VOCABULARY] @ z + network.bias[:VOCABULARY], "value")


@ENCODERS
def test_a_row_alone_is_the_row_in_a_batch(encoder: str, close: Callable[..., float]) -> None:
    network, tokens = network_of(encoder), sentences()
    together = network(network.framed(tokens, LENGTHS), LENGTHS)
    for row, length in enumerate(LENGTHS):
        if length:
            alone = network(network.framed(tokens[:length, row : row + 1]))
            close(alone[:, 0], together[:length, row], "value")


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(0, 1000))
def test_what_is_behind_the_end_of_a_row_does_not_matter(lengths: list[int], seed: int) -> None:
    network = network_of("lstm", 1)
    chance = torch.Generator().manual_seed(seed)
    tokens = torch.randint(VOCABULARY, (9, len(lengths)), generator=chance)
    rows = network.framed(tokens, lengths)
    noise = torch.randint(VOCABULARY + 2, rows.shape, generator=chance)
    behind = torch.arange(len(rows)).unsqueeze(1) >= torch.tensor(lengths) + 2
    first, second = network(rows, lengths), network(torch.where(behind, noise, rows), lengths)
    inside = torch.arange(9).unsqueeze(1) < torch.tensor(lengths)
    assert torch.equal(first[inside], second[inside])


def test_one_side_alone_has_one_stack() -> None:
    rows = network_of().framed(sentences())
    for side in ("left", "right"):
        network = network_of(reads=side)
        assert network.sides == (side,)
        assert (network.forwards is None, network.backwards is None) == (side == "right", side == "left")
        assert network(rows).shape == (5, 4, VOCABULARY)
        assert sum(p.numel() for p in network.parameters()) < sum(p.numel() for p in network_of().parameters())


def test_masks_hold_for_all_steps_of_a_row_and_none_are_drawn_to_predict() -> None:
    network = network_of(dropout=0.5)
    assert network_of().masks(3) is None
    masks = network.masks(3, torch.Generator().manual_seed(1))
    assert masks is not None
    assert [tuple(mask.shape) for mask in masks] == [(1, 3, 5), (1, 3, 7), (1, 3, 7)]
    assert set(torch.cat([mask.flatten() for mask in masks]).tolist()) == {0.0, 2.0}
    rows = network.framed(sentences()[:, :3])
    left, _ = network.contexts(network.vectors(rows), masks=masks)
    assert (left[:, masks.left[0] == 0] == 0).all()
    assert torch.equal(network(rows), network(rows))


def test_the_bias_begins_with_the_frequencies() -> None:
    network = FillNetwork(3)
    network.expect(torch.tensor([0, 6, 2, 1, 1]))
    assert network.bias.softmax(0).tolist() == pytest.approx([1 / 11, 6 / 11, 2 / 11, 1 / 11, 1 / 11])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reads": "bith"}, "reads is 'bith', expected one of both, left, right; did you mean 'both'"),
        ({"dropout": 1.0}, "dropout is 1.0, expected a number from 0 up to"),
        ({"embedding": 0}, "embedding is 0, expected at least 1"),
        ({"encoder": "lstn"}, "encoder is 'lstn'.*did you mean 'lstm'"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FillNetwork(5, **options)


def test_bad_rows_and_sides_are_named() -> None:
    network = network_of()
    with pytest.raises(ValueError, match=r"rows has shape \(1, 2\); expected \(T \+ 2, N\)"):
        network(torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="side is 'middle', expected one of both, left, right"):
        network(network.framed(sentences()), side="middle")


def test_every_parameter_learns() -> None:
    network, tokens = network_of(), sentences()
    rows = network.framed(tokens)
    loss = sum(F.cross_entropy(network(rows, side=side).flatten(0, 1), tokens.flatten()) for side in SIDES)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
