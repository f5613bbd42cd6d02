"""The network against torch.nn with the same weights, and the laws of state, masks and 1-of-N codes."""

import pytest
import torch
from torch import Tensor, nn

from elman.models import CELLS, LanguageNetwork
from elman.models.language_model import State, detach, state_from_tensors, state_tensors

V, H, T, N = 11, 7, 13, 5


def network(cell: str = "lstm", **options: object) -> LanguageNetwork:
    torch.manual_seed(0)
    made = LanguageNetwork(V, cell=cell, hidden=H, **{"embedding": 3, **options}).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5)  # unequal everywhere
    return made


def tokens(length: int = T, rows: int = N) -> Tensor:
    return torch.randint(V, (length, rows), generator=torch.Generator().manual_seed(1))


def by_torch(net: LanguageNetwork, cell: str, read: Tensor) -> Tensor:
    """Logits by torch.nn layers and explicit 1-of-N codes."""
    codes = torch.eye(V, dtype=torch.float64)[read]
    x = codes @ net.embedding.weight if net.embedding else codes
    for layer in net.layers:
        theirs = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[cell](x.shape[-1], H).double()
        theirs.load_state_dict(layer.state_dict())
        x = theirs(x)[0]
    weight = net.embedding.weight if net.output_weight is None else net.output_weight
    return x @ weight.T + net.output_bias


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "options", [{}, {"layers": 3}, {"embedding": 0}, {"embedding": 0, "layers": 2}, {"embedding": H, "tied": True}]
)
def test_logits_are_those_of_torch(cell: str, options: dict[str, object]) -> None:
    net = network(cell, **options)
    logits, _ = net(tokens(), net.initial_state(N))
    torch.testing.assert_close(logits, by_torch(net, cell, tokens()))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("embedding", [0, 3])
def test_reading_in_steps_is_reading_at_once(cell: str, embedding: int) -> None:
    net = network(cell, layers=2, embedding=embedding)
    whole, last = net(tokens(), net.initial_state(N))
    state, rows = net.initial_state(N), []
    for token in tokens():
        logits, state = net.step(token, state)
        rows.append(logits)
    torch.testing.assert_close(torch.stack(rows), whole)
    torch.testing.assert_close(state_tensors(state), state_tensors(last))


def test_every_parameter_learns_and_tied_weights_learn_twice() -> None:
    for options in ({"layers": 2}, {"embedding": 0}, {"embedding": H, "tied": True}):
        net = network("gru", **options)
        logits, _ = net(tokens(), net.initial_state(N))
        (logits * torch.randn(T, N, V, dtype=torch.float64)).sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    untied = network("gru", embedding=H)
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in net.parameters()) == V * H


def test_masks_blank_the_same_units_at_every_step() -> None:
    net = network("rnn", layers=2, dropout=0.5)
    masks = net.masks(N, torch.Generator().manual_seed(2))
    assert [mask.shape for mask in masks] == [(1, N, H)] * 2
    assert set(torch.cat(masks).unique().tolist()) == {0.0, 2.0}
    below, _ = net.layers[0](net.embedding(tokens()), net.initial_state(N)[0])
    above, _ = net.layers[1](below * masks[0], net.initial_state(N)[1])
    expected = (above * masks[1]) @ net.output_weight.T + net.output_bias
    torch.testing.assert_close(net(tokens(), net.initial_state(N), masks)[0], expected)


def test_masks_keep_the_mean_and_come_from_the_generator_alone() -> None:
    net = LanguageNetwork(V, hidden=400, dropout=0.3)
    before = torch.get_rng_state()
    one, two = (net.masks(50, torch.Generator().manual_seed(3))[0] for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(before, torch.get_rng_state())
    assert abs(one.mean().item() - 1.0) < 0.02  # 20,000 draws: about 4 standard deviations
    assert LanguageNetwork(V, hidden=4).masks(3) == ()


@pytest.mark.parametrize("embedding", [0, 3])
def test_the_first_entry_says_nothing_until_it_is_met(embedding: int) -> None:
    net = LanguageNetwork(V, hidden=H, embedding=embedding)
    state = net.initial_state(1)
    other, _ = net.step(torch.tensor([0]), state)
    if net.embedding is not None:
        net.embedding.weight.data[0] += 1
    else:
        net.layers[0].weight_ih_l0.data[:, 0] += 1
    assert not torch.equal(other, net.step(torch.tensor([0]), state)[0])
    silent, _ = net.layers[0](torch.zeros(1, 1, embedding or V), state[0])
    torch.testing.assert_close(other, silent[0] @ net.output_weight.T + net.output_bias)


@pytest.mark.parametrize("cell", CELLS)
def test_states_are_values(cell: str) -> None:
    net = network(cell, layers=2)
    state = net.initial_state(N)
    copies = [tensor.clone() for tensor in state_tensors(state)]
    _, after = net(tokens(), state)
    torch.testing.assert_close(state_tensors(state), copies, rtol=0, atol=0)
    assert all(tensor.requires_grad for tensor in state_tensors(after))
    cut: State = detach(after)
    assert not any(tensor.requires_grad for tensor in state_tensors(cut))
    assert type(cut[0]) is type(after[0])
    again = state_from_tensors(state, state_tensors(cut))
    torch.testing.assert_close(net(tokens(), again)[0], net(tokens(), after)[0])


def test_bad_sizes() -> None:
    with pytest.raises(ValueError, match="cell is 'ltsm', expected one of rnn, gru, lstm; did you mean 'lstm'"):
        LanguageNetwork(V, cell="ltsm")
    with pytest.raises(ValueError, match="hidden is 0, expected at least 1"):
        LanguageNetwork(V, hidden=0)
    with pytest.raises(ValueError, match=r"dropout is 1\.0, expected a number from 0 up to, not including, 1"):
        LanguageNetwork(V, dropout=1.0)
    with pytest.raises(ValueError, match="tied needs an embedding as wide as the hidden layer, 8; it is of width 4"):
        LanguageNetwork(V, hidden=8, embedding=4, tied=True)
    with pytest.raises(ValueError, match=r"tied needs .* 8; it is absent \(1-of-N\)"):
        LanguageNetwork(V, hidden=8, embedding=0, tied=True)


def test_bad_input() -> None:
    net = network()
    with pytest.raises(ValueError, match=r"tokens has shape \(13,\); expected \(T, N\): time, batch"):
        net(tokens()[:, 0], net.initial_state(1))
    with pytest.raises(ValueError, match="state has 2 parts; expected one for each of the L = 1 layers"):
        net(tokens(), net.initial_state(N) * 2)


@pytest.mark.parametrize("options", [{}, {"embedding": 0}, {"embedding": H, "tied": True}, {"layers": 2}])
@pytest.mark.parametrize("cell", CELLS)
def test_a_stepper_reads_what_the_network_reads(cell: str, options: dict[str, object]) -> None:
    net = network(cell, **options)
    expected, after = net(tokens(), net.initial_state(N))
    stepper, state = net.stepper(), net.initial_state(N)
    for t, token in enumerate(tokens()):
        logits, state = stepper(token, state)
        torch.testing.assert_close(logits, expected[t].detach())
    torch.testing.assert_close(state_tensors(state), [tensor.detach() for tensor in state_tensors(after)])
