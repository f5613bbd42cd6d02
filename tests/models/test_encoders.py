"""Encoders share one interface, see what they promise to see, and are what their names say."""

import pytest
import torch
from torch import Tensor

import elman
from elman.models import ENCODERS, Encoder

BOTH = [(name, two) for name in ENCODERS for two in (False, True) if (name, two) != ("feedforward", True)]


def build(name: str, bidirectional: bool = False, **options) -> Encoder:
    torch.manual_seed(0)
    return Encoder(name, 3, 5, layers=2, bidirectional=bidirectional, **options).double()


def random(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def seen(encoder: Encoder, t: int, T: int = 12) -> list[int]:
    x = random(T, 1, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(encoder(x)[0][t].sum(), x)
    return (gradient.abs().sum((1, 2)) > 0).nonzero().flatten().tolist()


@pytest.mark.parametrize(("name", "bidirectional"), BOTH)
def test_lengths_equal_each_row_alone(name: str, bidirectional: bool, close) -> None:
    encoder, x, lengths = build(name, bidirectional), random(7, 4, 3), [7, 3, 0, 1]
    output, _ = encoder(x, lengths=lengths)
    assert output.shape == (7, 4, encoder.output_size)
    assert encoder.output_size == (10 if bidirectional else 5)
    for n, length in enumerate(lengths):
        close(output[:length, n], encoder(x[:length, n : n + 1])[0][:, 0], "value")
        assert (output[length:, n] == 0).all()


@pytest.mark.parametrize(("name", "bidirectional"), BOTH)
def test_a_state_of_zeros_is_no_state(name: str, bidirectional: bool) -> None:
    encoder, x = build(name, bidirectional), random(4, 2, 3)
    assert torch.equal(encoder(x, encoder.initial_state(2))[0], encoder(x)[0])


@pytest.mark.parametrize("name", ENCODERS)
def test_step_by_step_equals_the_whole(name: str, close) -> None:
    encoder, x = build(name), random(6, 2, 3)
    whole, _ = encoder(x)
    state = encoder.initial_state(2)
    for t, frame in enumerate(x):
        y, state = encoder.step(frame, state)
        close(y, whole[t], "value")


def test_each_sees_what_it_promises() -> None:
    assert seen(build("feedforward"), 6) == [6]
    assert seen(build("tdnn", delays=2), 6) == [2, 3, 4, 5, 6]
    assert build("tdnn", delays=2).receptive_field == 5
    assert seen(build("tdnn", True, delays=1), 6) == [4, 5, 6, 7, 8]
    for name in ("rnn", "gru", "lstm"):
        assert seen(build(name), 6) == list(range(7))
        assert seen(build(name, True), 6) == list(range(12))
        assert build(name).receptive_field is None


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_a_recurrent_encoder_is_the_layer(name: str) -> None:
    torch.manual_seed(0)
    layer = getattr(elman, name.upper())(3, 5, num_layers=2, bidirectional=True).double()
    encoder, x = build(name, True), random(4, 2, 3)
    assert torch.equal(encoder(x)[0], layer(x)[0])


def test_the_second_direction_of_a_tdnn_is_the_first_one_on_flipped_input(close) -> None:
    encoder, x = build("tdnn", True), random(7, 2, 3)
    encoder.reverse.load_state_dict(encoder.layer.state_dict())
    output, _ = encoder(x)
    close(output[:, :, 5:], encoder(x.flip(0))[0].flip(0)[:, :, :5], "value")


def test_bad_encoders() -> None:
    with pytest.raises(ValueError, match=r"encoder is 'tddn', expected one of .*; did you mean 'tdnn'"):
        Encoder("tddn", 3, 5)
    with pytest.raises(ValueError, match="a feed-forward encoder sees one step, from either side"):
        Encoder("feedforward", 3, 5, bidirectional=True)
    with pytest.raises(ValueError, match="a bidirectional encoder has no step"):
        build("gru", True).step(random(2, 3))
