"""A NARX network: its two forms equal explicit loops in values and gradients."""

import pytest
import torch
from torch import Tensor

from elman.models import NETWORKS, NARXNetwork

T, N, M, K, E, H = 6, 3, 2, 3, 4, 5


def build(network: str, delays: int = K, exogenous: int = E) -> NARXNetwork:
    torch.manual_seed(0)
    made = NARXNetwork(M, delays, exogenous, network=network, hidden=H).double()
    with torch.no_grad():
        for tensor in (*made.parameters(), *made.buffers()):
            tensor.normal_(std=0.3)
    return made


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def one(network: NARXNetwork, seen: Tensor, state):
    """y and the next state from z, (N, K·M + E), by the formula y = A z + b + V g(z)."""
    A, b = network.linear_weight + network.correction.weight, network.linear_bias + network.correction.bias
    y = seen @ A.T + b
    if network.encoder is None:
        return y, state
    hidden, state = network.encoder(seen.unsqueeze(0), state)
    return y + hidden[0] @ network.readout.weight.T, state


def by_hand(network: NARXNetwork, past: list[Tensor], exogenous: Tensor, truth: Tensor | None) -> Tensor:
    state, run = None, list(past)
    predictions = []
    for t, e in enumerate(exogenous):
        y, state = one(network, torch.cat([run[-lag] for lag in range(1, network.delays + 1)] + [e], 1), state)
        predictions.append(y)
        run.append(y if truth is None else truth[t])
    return torch.stack(predictions)


def compare(close, actual: Tensor, expected: Tensor, sources: list[Tensor]) -> None:
    close(actual, expected, "value")
    cotangent = random(*actual.shape, seed=8)
    ours = torch.autograd.grad(actual, sources, cotangent, materialize_grads=True)
    theirs = torch.autograd.grad(expected, sources, cotangent, materialize_grads=True)
    for a, b in zip(ours, theirs, strict=True):
        close(a, b, "gradient")


@pytest.mark.parametrize("delays", [0, 1, K])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_free_run_equals_an_explicit_loop(name: str, delays: int, close) -> None:
    network, past, exogenous = build(name, delays), random(delays, N, M), random(T, N, E, seed=2)
    sources = [past.requires_grad_(), exogenous.requires_grad_(), *network.parameters()]
    actual, _ = network.free_run(past, exogenous)
    compare(close, actual, by_hand(network, list(past), exogenous, None), sources)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_series_parallel_form_equals_an_explicit_loop(name: str, close) -> None:
    network, outputs, exogenous = build(name), random(K + T, N, M), random(T, N, E, seed=2)
    sources = [outputs.requires_grad_(), exogenous.requires_grad_(), *network.parameters()]
    actual, _ = network(outputs, exogenous)
    compare(close, actual, by_hand(network, list(outputs[:K]), exogenous, outputs[K:]), sources)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_goes_on_from_its_state(name: str, close) -> None:
    network, past, exogenous = build(name), random(K, N, M), random(T, N, E, seed=2)
    whole, _ = network.free_run(past, exogenous)
    first, state = network.free_run(past, exogenous[:4])
    second, _ = network.free_run(torch.cat((past, first))[-K:], exogenous[4:], state)
    close(torch.cat((first, second)), whole, "value")


def test_without_known_inputs_the_past_alone_counts(close) -> None:
    network, past = build("feedforward", exogenous=0), random(K, N, M)
    nothing = torch.zeros(T, N, 0, dtype=torch.float64)
    close(network.free_run(past, nothing)[0], by_hand(network, list(past), nothing, None), "value")
    assert network.free_run(past, nothing[:0])[0].shape == (0, N, M)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_untrained_network_is_the_linear_model(name: str, close) -> None:
    network = NARXNetwork(M, K, E, network=name, hidden=H).double()
    weight, bias = random(M, K * M + E), random(M)
    network.set_linear(weight, bias)
    outputs, exogenous = random(K + 1, N, M), random(1, N, E, seed=2)
    seen = torch.cat([outputs[K - lag] for lag in range(1, K + 1)] + [exogenous[0]], 1)
    close(network(outputs, exogenous)[0][0], seen @ weight.T + bias, "value")


def test_bad_networks() -> None:
    with pytest.raises(ValueError, match=r"network is 'forward', expected one of .*; did you mean"):
        NARXNetwork(1, 1, 1, network="forward")
    with pytest.raises(ValueError, match="outputs is 0, expected at least 1"):
        NARXNetwork(0, 1, 1)
    network = build("linear")
    with pytest.raises(ValueError, match=r"past has 2 steps; expected K = 3"):
        network.free_run(random(2, N, M), random(T, N, E))
    with pytest.raises(ValueError, match=r"outputs has 6 steps; expected K \+ T = 3 \+ 6"):
        network(random(6, N, M), random(T, N, E))
