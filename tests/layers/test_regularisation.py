"""Dropout: masks that stay over time, keep the mean, follow the generator, and are gone in eval mode."""

import copy
import io

import pytest
import torch
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.functional import dropout
from torch.nn.utils import parametrizations, parametrize

import elman
from elman import _kernels
from elman.layers import LockedDropout, Weights, functional, locked_mask, operators, weight_dropped, weight_restored
from layers.problem import KINDS, Problem, compare, run

all_kinds = pytest.mark.parametrize("kind", KINDS)


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.9])
def test_a_mask_blanks_the_part_that_it_says_and_keeps_the_mean(p, dtype) -> None:
    mask = locked_mask((301, 333), p, generator=seeded(), dtype=dtype)
    values, N = mask.unique().tolist(), mask.numel()
    assert mask.dtype == dtype
    assert values == (
        [1.0] if p == 0 else [0.0, pytest.approx(1 / (1 - p), rel=4e-3 if dtype == torch.bfloat16 else 2e-4)]
    )
    # The number of zeros is binomial; five standard deviations.
    assert abs((mask == 0).sum().item() - p * N) <= 5 * (p * (1 - p) * N) ** 0.5
    assert abs(mask.double().mean().item() - 1) <= 5 * (p / (1 - p) / N) ** 0.5 + (
        4e-3 if dtype == torch.bfloat16 else 0
    )


def test_the_mean_of_a_mask_is_exact_for_a_p_that_16_bits_round() -> None:
    p = 0.9 + 1e-6
    scale = locked_mask((10_000,), p, generator=seeded(), dtype=torch.float64).max().item()
    assert scale * round((1 - p) * 65536) / 65536 == pytest.approx(1, rel=1e-15)
    assert locked_mask((100_000,), 1 - 1e-9, generator=seeded()).max() <= 65536


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (1, 5, 7), (3, 1, 2, 1)])
def test_a_mask_has_any_shape(shape) -> None:
    assert locked_mask(shape, 0.5).shape == shape


def test_masks_follow_the_generator_and_neighbours_are_independent() -> None:
    first, second = (locked_mask((64, 64), 0.5, generator=seeded(seed)) for seed in (1, 2))
    assert torch.equal(first, locked_mask((64, 64), 0.5, generator=seeded(1)))
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(locked_mask((64, 64), 0.5), first), "torch's own generator, the same numbers"
    bits = locked_mask((100_000,), 0.5, generator=seeded()) - 1  # -1 or 1
    for distance in (1, 2, 3, 4, 8):  # four numbers come from one draw
        assert abs((bits[distance:] * bits[:-distance]).mean()) < 5 / 100_000**0.5


@pytest.mark.parametrize(("batch_first", "shape", "time"), [(False, (13, 5, 17), 0), (True, (5, 13, 17), 1)])
def test_locked_dropout_is_one_mask_for_all_steps(batch_first, shape, time) -> None:
    factors = LockedDropout(0.5, batch_first)(torch.ones(shape), generator=seeded())
    first = factors.narrow(time, 0, 1)
    assert torch.equal(factors, first.expand(shape))
    assert sorted(first.unique().tolist()) == [0, 2]
    assert not torch.equal(*first.squeeze(time)[:2]), "each row has its own"


def test_locked_dropout_of_one_sequence() -> None:
    factors = LockedDropout(0.5, batch_first=True)(torch.ones(13, 17), generator=seeded())
    assert torch.equal(factors, factors[:1].expand(13, 17))


def test_locked_dropout_has_the_gradient_of_its_product() -> None:
    x = torch.randn(13, 5, 17, generator=seeded(), requires_grad=True)
    mask = locked_mask((1, 5, 17), 0.5, generator=seeded(7))
    output = LockedDropout(0.5)(x, generator=seeded(7))
    assert torch.equal(output, x * mask)
    cotangent = torch.randn(13, 5, 17, generator=seeded(8))
    assert torch.equal(torch.autograd.grad(output, x, cotangent)[0], cotangent * mask)


def test_in_eval_mode_nothing_is_dropped_and_nothing_is_drawn() -> None:
    x, state = torch.randn(13, 5, 3), torch.get_rng_state()
    layer = elman.GRU(3, 17)
    expected = layer(x)[0]
    before = torch.get_rng_state()
    assert LockedDropout(0.5).eval()(x) is x
    assert LockedDropout(0.0)(x) is x
    assert torch.equal(weight_dropped(layer, 0.5).eval()(x)[0], expected)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(before, state)


@all_kinds
def test_dropped_weights_are_the_layer_with_masked_weights(kind, close) -> None:
    """In values and all gradients, with the masks drawn in the order of the weights; on the kernels."""
    problem = Problem(kind, L=2, bidirectional=True)
    plain, x, state = problem.module(), problem.input(), problem.state()
    dropped = weight_dropped(copy.deepcopy(plain), 0.5, generator=seeded())
    generator, masks = seeded(), {}
    with torch.no_grad():
        for name, weight in plain.named_parameters():
            if name.startswith("weight_hh"):
                masks[name] = locked_mask(weight.shape, 0.5, generator=generator)
                weight.mul_(masks[name])
    expected = run(plain, x, state)
    before = _kernels.calls()
    actual = run(dropped, x, state)
    assert _kernels.calls() == (before[0] + 2, before[1] + 2)
    for name, mask in masks.items():
        gradient = actual.pop(f"gradient of parametrizations.{name}.original")
        actual[f"gradient of {name}"] = gradient
        expected[f"gradient of {name}"] *= mask
    compare(close, actual, expected)


def test_gradients_of_dropped_weights_are_those_of_autograd_on_plain_operators(close) -> None:
    problem = Problem("lstm")
    layer, x = problem.module(), problem.input()
    w_ih, w_hh, b_ih, b_hh = layer.all_weights[0]
    torch.manual_seed(3)
    mask = dropout(torch.ones_like(w_hh), 0.5)

    def loss(run_lstm) -> torch.Tensor:
        output, _ = run_lstm(x, Weights(w_ih, w_hh * mask, b_ih, b_hh))
        return torch.autograd.grad(output.sin().sum(), w_hh)[0]

    def by_reference(x, weights):
        zeros = x.new_zeros(1, x.shape[1], 17)
        y, *state = elman.layers.reference.layer(elman.layers.reference.LSTM, x, None, (zeros, zeros), [weights])
        return y, state

    close(loss(lambda x, weights: functional.lstm(x, None, [weights])), loss(by_reference), "gradient")


def test_gradients_of_dropped_weights_may_be_batched_and_differentiated() -> None:
    """The mask stands nowhere between the passes: every kind of backward pass draws it again from its seed."""
    cell = weight_dropped(elman.RNNCell(3, 17).double(), 0.5, generator=seeded())
    raw = cell.parametrizations.weight_hh.original
    dropped = cell.weight_hh
    mask = locked_mask(raw.shape, 0.5, generator=seeded(), dtype=torch.float64)
    directions = torch.randn(4, 17, 17, dtype=torch.float64)
    (rows,) = torch.autograd.grad(dropped, raw, directions, retain_graph=True, is_grads_batched=True)
    assert torch.equal(rows, directions * mask)
    (first,) = torch.autograd.grad((dropped**3).sum(), raw, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), raw)
    torch.testing.assert_close(second, 6 * raw * mask**3)
    both = torch.func.vmap(lambda v: torch.autograd.grad(dropped, raw, v, retain_graph=True)[0])(directions)
    assert torch.equal(both, directions * mask)


def test_weights_and_gradients_may_be_negative_views_and_lazy_zeros() -> None:
    """Whose numbers in memory are not what they stand for."""
    cell = weight_dropped(elman.RNNCell(3, 17), 0.5, generator=seeded())
    raw, mask = cell.parametrizations.weight_hh.original, locked_mask((17, 17), 0.5, generator=seeded())
    dropped, gradient = cell.weight_hh, torch.randn(17, 17)
    for negative in (torch._neg_view(-gradient), -torch._neg_view(gradient)):
        (found,) = torch.autograd.grad(dropped, raw, negative, retain_graph=True)
        assert torch.equal(found, negative * mask)
    (found,) = torch.autograd.grad(dropped, raw, torch._efficientzerotensor(17, 17), retain_graph=True)
    assert torch.equal(found, torch.zeros(17, 17))
    plain = elman.RNNCell(3, 17)
    plain.weight_hh = torch.nn.Parameter(torch._neg_view(-raw.detach()))
    assert torch.equal(weight_dropped(plain, 0.5, generator=seeded()).weight_hh, dropped)


def test_the_gradient_may_be_traced() -> None:
    """The graph draws the mask again, as the backward pass does."""
    cell = weight_dropped(elman.RNNCell(3, 17), 0.5, generator=seeded())
    raw, dropped = cell.parametrizations.weight_hh.original, cell.weight_hh
    mask = locked_mask((17, 17), 0.5, generator=seeded())
    graph = make_fx(lambda v: torch.autograd.grad(dropped, raw, v, retain_graph=True)[0])(torch.ones(17, 17))
    other = torch.randn(17, 17)
    assert torch.equal(graph(other), other * mask)
    torch.library.opcheck(operators.run_drop, (other, 5, 1 << 15, 2.0))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own
def test_weights_are_dropped_in_forward_mode_too() -> None:
    cell = weight_dropped(elman.RNNCell(3, 17), 0.5)
    raw, direction = cell.parametrizations.weight_hh.original, torch.randn(17, 17)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(raw.detach(), direction)
        value, tangent = forward_ad.unpack_dual(cell.parametrizations.weight_hh[0](dual))
    kept = value != 0
    assert 0 < kept.sum() < kept.numel()
    assert torch.equal(tangent, 2 * direction * kept)


@pytest.mark.parametrize("turned", [False, True])
def test_weights_that_do_not_lie_row_after_row_are_dropped_too(turned) -> None:
    layer = elman.GRU(3, 17)
    if turned:
        layer.weight_hh_l0.data = layer.weight_hh_l0.data.T.contiguous().T
    weight_dropped(layer, 0.5)
    raw, dropped = layer.parametrizations.weight_hh_l0.original, layer.weight_hh_l0
    kept = dropped != 0
    assert torch.equal(dropped[kept], 2 * raw[kept])
    (gradient,) = torch.autograd.grad(dropped.sum(), raw)
    assert torch.equal(gradient, 2.0 * kept)


def test_every_call_drops_other_weights_and_the_same_generator_the_same() -> None:
    x = Problem().input()
    layer = weight_dropped(Problem().module(), 0.5, generator=seeded())
    first, second = layer(x)[0], layer(x)[0]
    again = weight_dropped(Problem().module(), 0.5, generator=seeded())
    assert not torch.equal(first, second)
    assert torch.equal(again(x)[0], first)
    assert torch.equal(again(x)[0], second)


def test_the_mean_over_masks_is_the_weight() -> None:
    layer = weight_dropped(elman.RNN(1, 32), 0.5, generator=seeded())
    raw = layer.parametrizations.weight_hh_l0.original
    mean = torch.stack([layer.weight_hh_l0 for _ in range(2000)]).mean(0)
    assert ((mean - raw).abs() <= 5 * raw.abs() / 2000**0.5).all()


def test_the_raw_weights_are_trained_stored_copied_and_restored() -> None:
    layer = weight_dropped(elman.LSTM(3, 17, num_layers=2, dropout=0.1), 0.5)
    names = [name for name, _ in layer.named_parameters()]
    assert len(names) == 8
    raw = layer.parametrizations.weight_hh_l0.original
    before = raw.detach().clone()
    optimiser = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer(torch.randn(5, 2, 3))[0].sum().backward()
    optimiser.step()
    assert not torch.equal(raw, before)
    assert (raw.grad == 0).any(), "what is dropped is not trained"

    stored = io.BytesIO()
    torch.save(layer.state_dict(), stored)
    stored.seek(0)
    other = weight_dropped(elman.LSTM(3, 17, num_layers=2, dropout=0.1), 0.5)
    other.load_state_dict(torch.load(stored, weights_only=True))
    copied, x = copy.deepcopy(layer).eval(), torch.randn(5, 2, 3)
    expected = layer.eval()(x)[0]
    assert torch.equal(other.eval()(x)[0], expected)
    assert torch.equal(copied(x)[0], expected)
    assert copied.parametrizations.weight_hh_l0.original is not raw

    assert weight_restored(layer) is layer
    assert type(layer) is elman.LSTM
    assert layer.weight_hh_l0 is raw
    assert list(layer.state_dict()) == list(elman.LSTM(3, 17, num_layers=2).state_dict())
    assert torch.equal(layer(x)[0], expected)


def test_a_weight_that_is_assigned_is_the_raw_one() -> None:
    layer = weight_dropped(elman.GRU(3, 4), 0.5)
    layer.weight_hh_l0 = torch.ones(12, 4)
    assert torch.equal(layer.parametrizations.weight_hh_l0.original, torch.ones(12, 4))


def test_cells_drop_at_every_step() -> None:
    cell, x, h = weight_dropped(elman.GRUCell(3, 17), 0.5, generator=seeded()), torch.randn(2, 3), torch.randn(2, 17)
    assert not torch.equal(cell(x, h), cell(x, h))
    assert torch.equal(cell.eval()(x, h), weight_restored(cell)(x, h))


@pytest.mark.filterwarnings("ignore:.* should not be instantiated:DeprecationWarning")  # see test_compile.py
def test_dropped_weights_compile() -> None:
    torch._dynamo.reset()
    layer = weight_dropped(elman.GRU(3, 17), 0.5)
    compiled, x = torch.compile(layer, fullgraph=True, backend="aot_eager"), torch.randn(5, 2, 3)
    assert not torch.equal(compiled(x)[0], compiled(x)[0]), "a compiled graph draws anew"
    output = compiled.eval()(x)[0]
    assert torch.equal(output, weight_restored(layer)(x)[0])


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_a_probability_is_checked(p) -> None:
    for call in (lambda: locked_mask((3,), p), lambda: LockedDropout(p), lambda: weight_dropped(elman.GRU(3, 4), p)):
        with pytest.raises(ValueError, match=rf"^p is {p}; expected a probability in \[0, 1\)$"):
            call()


def test_a_layer_is_dropped_once_and_must_be_ours() -> None:
    layer = weight_dropped(elman.GRU(3, 4), 0.5)
    with pytest.raises(ValueError, match="dropped already; take that off first, with weight_restored"):
        weight_dropped(layer, 0.5)
    with pytest.raises(TypeError, match="layer is torch's GRU; expected an RNN, GRU, LSTM or a cell of elman"):
        weight_dropped(torch.nn.GRU(3, 4), 0.5)
    assert weight_restored(weight_restored(layer)) is layer


def test_weights_that_are_parametrized_already_are_dropped_too() -> None:
    layer, x = elman.LSTM(4, 8), torch.randn(3, 2, 4)
    parametrizations.orthogonal(layer, "weight_hh_l0")
    expected = layer(x)[0]
    weight_dropped(layer, 0.9)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    weight_restored(layer)
    assert parametrize.is_parametrized(layer, "weight_hh_l0"), "the other one stays"
    assert torch.equal(layer(x)[0], expected)


def test_what_was_put_on_dropped_weights_stays_when_they_are_restored() -> None:
    layer, x = weight_dropped(elman.LSTM(4, 8), 0.5), torch.randn(3, 2, 4)
    parametrizations.spectral_norm(layer, "weight_hh_l0")
    expected = layer.eval()(x)[0]
    assert torch.equal(weight_restored(layer)(x)[0], expected)
    assert parametrize.is_parametrized(layer, "weight_hh_l0")


def test_words_for_what_is_no_probability_and_no_tensor() -> None:
    with pytest.raises(ValueError, match=r"p is '0.5'; expected a probability in \[0, 1\)"):
        weight_dropped(elman.GRU(3, 4), "0.5")
    with pytest.raises(TypeError, match="input is a PackedSequence; expected a Tensor"):
        LockedDropout(0.5)(torch.nn.utils.rnn.pack_sequence([torch.zeros(2, 3)]))
