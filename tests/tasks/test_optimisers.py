"""Muon and how parameters are shared out, against the singular value decomposition and plain arithmetic."""

import pytest
import torch
from torch import nn

import elman
from elman.models import LanguageNetwork
from elman.tasks.optimisers import Muon, make_optimisers, orthogonalised, square_matrices


def with_singular_values(values: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    size = len(values)
    u, v = (torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0] for _ in range(2))
    return u @ torch.diag(values) @ v.T, u, v


def test_orthogonalised_keeps_the_singular_vectors_and_levels_the_values() -> None:
    values = torch.tensor([1.0, 0.7, 0.3, 0.2, 0.1, 0.05], dtype=torch.float64)
    matrix, u, v = with_singular_values(values, seed=0)
    for iterations in (3, 5):
        levelled = u.T @ orthogonalised(matrix.unsqueeze(0), iterations)[0] @ v
        assert torch.allclose(levelled, torch.diag(levelled.diagonal()), atol=1e-12)
        # the quintic itself, on the numbers
        expected = values / values.norm()
        for _ in range(iterations):
            expected = 3.4445 * expected - 4.7750 * expected**3 + 2.0315 * expected**5
        assert torch.allclose(levelled.diagonal(), expected, atol=1e-12)
    assert levelled.diagonal().min() > 0.6
    assert levelled.diagonal().max() < 1.3


def test_each_gate_by_itself_and_zero_stays_zero() -> None:
    gates = torch.randn(3, 5, 5)
    gates[1] = 0
    together = orthogonalised(gates)
    assert torch.equal(together[1], gates[1])
    for gate, alone in zip(gates, together, strict=True):
        torch.testing.assert_close(orthogonalised(1000 * gate.unsqueeze(0))[0], alone)


def test_two_steps_of_muon() -> None:
    """mean = 0.05 g₁, then 0.95·0.05 g₁ + 0.05 g₂; the step looks ahead: 0.95 mean + 0.05 g."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 4))
    start, gradients = weight.detach().clone(), torch.randn(2, 8, 4)
    optimiser = Muon([weight], lr=0.1, weight_decay=0.5, turns=1)
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimiser.step()
    mean = 0.05 * gradients[0]
    first = 0.95 * mean + 0.05 * gradients[0]
    mean = 0.95 * mean + 0.05 * gradients[1]
    second = 0.95 * mean + 0.05 * gradients[1]
    expected = start
    for direction in (first, second):
        expected = (1 - 0.1 * 0.5) * expected - 0.1 * orthogonalised(direction.view(2, 4, 4)).view(8, 4)
    torch.testing.assert_close(weight.detach(), expected)


def test_gates_take_turns() -> None:
    """Four gates, two turns: the first and third move at the first step, the others at the second, twice as far."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 2))
    start, gradient = weight.detach().clone().view(4, 2, 2), torch.randn(8, 2)
    optimiser = Muon([weight], lr=0.1, weight_decay=0.5, turns=2)
    moved = 0.9 * start - 0.2 * orthogonalised(gradient.view(4, 2, 2))  # the same direction at every step
    for expected in ((moved[0], start[1], moved[2], start[3]), moved):
        weight.grad = gradient.clone()
        optimiser.step()
        torch.testing.assert_close(weight.detach().view(4, 2, 2), torch.stack(tuple(expected)))


def test_a_closure_is_called_with_gradients_and_its_loss_returned() -> None:
    weight = nn.Parameter(torch.eye(2))

    def closure() -> float:
        loss = weight.square().sum()
        loss.backward()
        return loss.item()

    assert Muon([weight], lr=0.1).step(closure) == 2.0
    assert weight[0, 0].item() < 1.0


def test_weights_that_are_not_squares_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a weight has shape \(3, 2\); expected \(G·H, H\): square matrices"):
        Muon([nn.Parameter(torch.zeros(3, 2))], lr=0.1)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_every_parameter_has_one_optimiser(cell: str) -> None:
    network = LanguageNetwork(11, cell=cell, layers=2, hidden=8, embedding=3)
    optimisers = make_optimisers(network, 0.01, weight_decay=0.1)
    owned = [p for o in optimisers for group in o.param_groups for p in group["params"]]
    assert sorted(map(id, owned)) == sorted(map(id, network.parameters()))
    recurrent = [network.layers[0].weight_hh_l0, network.layers[1].weight_ih_l0, network.layers[1].weight_hh_l0]
    assert sorted(map(id, square_matrices(network))) == sorted(map(id, recurrent))
    assert [group["peak"] for o in optimisers for group in o.param_groups] == [0.01, 0.125]


def test_without_square_matrices_there_is_adamw_alone() -> None:
    assert [type(o) for o in make_optimisers(nn.Linear(3, 3), 0.01, 0.0)] == [torch.optim.AdamW]


def test_muon_learns() -> None:
    torch.manual_seed(0)
    layer = elman.RNN(2, 16)
    optimiser, x = Muon([layer.weight_hh_l0], lr=0.05), torch.randn(20, 8, 2)
    target = x.cumsum(0)[..., 0].tanh()
    losses = []
    for _ in range(60):
        loss = (layer(x)[0].mean(-1) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
