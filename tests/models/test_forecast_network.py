"""The forecast network: against explicit loops in torch.nn, on a stream, and each part's reach."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from elman.models import ForecastNetwork, Observation, PastWindow

L, H, W = 12, 7, 3  # the last segment of the horizon is cut
SIZES = {"inputs": 2, "known": 1, "calendar": 4, "series": 3, "quantiles": 5, "hidden": 6}


def network(**options: Any) -> ForecastNetwork:
    torch.manual_seed(1)
    net = ForecastNetwork(L, H, W, **{**SIZES, **options}).double()
    with torch.no_grad():
        for parameter in net.parameters():  # none may hide behind zeros
            parameter.normal_(std=0.5)
    return net


def window(N: int = 4) -> PastWindow:
    torch.manual_seed(2)
    return PastWindow(
        torch.randn(N, L, dtype=torch.float64),
        (torch.rand(N, L) < 0.3).double(),
        torch.randn(N, L, 2, dtype=torch.float64),
        torch.randn(N, L + H, 1, dtype=torch.float64),
        torch.randn(N, L + H, 4, dtype=torch.float64),
        torch.tensor([0, 1, 3, 2])[:N],
    )


def by_loops(net: ForecastNetwork, x: PastWindow, row: int, cell: str, layers: int) -> Tensor:
    """One row, segment by segment, on torch.nn's cells: (H, Q)."""
    kinds = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    recurrent = kinds[cell](net.hidden, net.hidden, layers).double()
    recurrent.load_state_dict(net.recurrent.state_dict())
    level, state = x.values[row, -1], None
    for first in range(0, L, W):
        part = slice(first, first + W)
        numbers = [*(x.values[row, part] - level), *x.missing[row, part]]
        for columns in (x.inputs, x.known):
            numbers += [number for step in columns[row, part] for number in step]
        numbers += list(x.calendar[row, first])
        read = torch.relu(net.read.weight @ torch.stack(numbers) + net.read.bias)
        _, state = recurrent(read.view(1, 1, -1), state)
    written = []
    for piece in range(-(-H // W)):
        steps = range(L + piece * W, L + piece * W + W)
        known = [x.known[row, step, 0] if step < L + H else torch.tensor(0.0).double() for step in steps]
        ahead = net.ahead.weight @ torch.stack([*known, *x.calendar[row, steps[0]]])
        start = net.place[piece] + ahead + net.vectors[x.series[row]]
        output, _ = recurrent(start.view(1, 1, -1), state)
        written.append((net.write.weight @ output.view(-1) + net.write.bias).view(W, -1))
    base = level if net.season == 1 else torch.stack([x.values[row, L - net.season + h % net.season] for h in range(H)])
    return torch.cat(written)[:H] + (base if net.season == 1 else base[:, None])


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize(("layers", "season"), [(1, 1), (2, 5)])
def test_the_network_is_what_it_says(cell: str, layers: int, season: int, close: Any) -> None:
    net, x = network(cell=cell, layers=layers, season=season), window()
    found = net(x)
    assert found.shape == (4, H, 5)
    for row in range(4):
        close(found[row], by_loops(net, x, row, cell, layers), "value")


@pytest.mark.parametrize("dropped", ["inputs", "known", "calendar", "series"])
def test_parts_may_be_absent(dropped: str) -> None:
    net, x = network(**{dropped: 0}), window()
    if dropped != "series":
        x = x._replace(**{dropped: getattr(x, dropped)[..., :0]})
    assert torch.isfinite(net(x)).all()


def test_every_parameter_learns() -> None:
    net, x = network(dropout=0.5), window()
    net(x, net.masks(4)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_a_forecast_moves_with_the_level() -> None:
    net, x = network(), window()
    torch.testing.assert_close(net(x._replace(values=x.values + 1000)), net(x) + 1000)


def test_a_row_alone_is_the_row_in_its_batch(close: Any) -> None:
    net, x = network(), window()
    for row in range(4):
        close(net(PastWindow(*(part[row : row + 1] for part in x)))[0], net(x)[row], "value")


def observations(steps: int, N: int) -> list[Observation]:
    torch.manual_seed(3)
    inputs = torch.randn(steps, N, 2, dtype=torch.float64)
    known, calendar = (torch.randn(steps + H, N, width, dtype=torch.float64) for width in (1, 4))
    return [
        Observation(
            torch.randn(N, dtype=torch.float64),
            (torch.rand(N) < 0.3).double() if t else torch.zeros(N).double(),
            inputs[t],
            *(columns[t : t + 1 + H].transpose(0, 1) for columns in (known, calendar)),
        )
        for t in range(steps)
    ]


@pytest.mark.parametrize("steps", [1, 5, L, 3 * L])
def test_a_stream_sees_the_last_window(steps: int) -> None:
    net, N = network(), 3
    seen, state = observations(steps, N), net.initial_state(N)
    state = state._replace(series=torch.tensor([1, 0, 2]))
    sizes = [part.shape for part in state]
    for x in seen:
        forecast, state = net.step(x, state)
    assert [part.shape for part in state] == sizes, "constant memory"
    values = torch.empty(steps, N, dtype=torch.float64)
    for t, x in enumerate(seen):
        values[t] = torch.where(x.missing > 0, values[t - 1], x.value)
    padded = torch.cat([values[:1].expand(max(0, L - steps), N), values])[-L:]
    missing = torch.cat([torch.ones(max(0, L - steps), N).double(), torch.stack([x.missing for x in seen])])[-L:]
    assert torch.equal(state.values, padded.T)
    assert torch.equal(state.missing, missing.T)
    assert torch.equal(state.known[:, L - 1 :], seen[-1].known)
    assert torch.equal(forecast, net(state))


def test_masks_come_from_the_generator() -> None:
    net = network(dropout=0.25)
    one, two = (net.masks(50, torch.Generator().manual_seed(4)) for _ in range(2))
    assert one is not None
    assert torch.equal(one, two)
    assert sorted(one.unique().tolist()) == [0.0, 1 / 0.75]
    assert network().masks(5) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"look_back": 13}, "look_back is 13, expected a multiple of the segment, 3"),
        ({"season": 13}, "season is 13, expected at most the look-back, 12"),
        ({"horizon": 0}, "horizon is 0, expected at least 1"),
        ({"cell": "gruu"}, "cell is 'gruu', expected one of rnn, gru, lstm"),
        ({"dropout": 1.0}, "dropout is 1.0, expected a number from 0"),
    ],
)
def test_what_cannot_be_made(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ForecastNetwork(**{"look_back": L, "horizon": H, "segment": W, **options})


def test_what_does_not_fit() -> None:
    x = window()
    with pytest.raises(ValueError, match=r"known has shape \(4, 12, 1\); expected \(4, 19, 1\) with L = 12, H = 7"):
        network()(x._replace(known=x.known[:, :L]))
