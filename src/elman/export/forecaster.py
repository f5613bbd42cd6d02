"""A forecaster as an ONNX graph: the last values of N series in, the quantiles of the next ones out.

Its state is the window itself, which the caller moves on.
"""

import json
from typing import Any

import torch

from elman.data import Frequency
from elman.export.graph import Graph
from elman.export.layers import Stack, add_stack
from elman.models.forecaster import ForecastNetwork
from elman.tasks import Forecaster
from elman.tasks.parts import trained

__all__ = ["forecaster_graph"]


def forecaster_graph(model: ForecastNetwork | Forecaster) -> Any:
    """The ONNX model: `PastWindow` in, (N, H, Q) out."""
    network = model.network if isinstance(model, Forecaster) else model
    graph = Graph("forecaster")
    L, span = network.look_back, network.look_back + network.horizon
    values, missing = (graph.input(name, torch.float32, ("N", L)) for name in ("values", "missing"))
    columns = {"inputs": (L, network.inputs), "known": (span, network.known), "calendar": (span, network.calendar)}
    given = {
        name: graph.input(name, torch.float32, ("N", steps, width)) for name, (steps, width) in columns.items() if width
    }
    series = graph.input("series", torch.int64, ("N",)) if network.vectors is not None else ""
    stack = Stack.of([network.recurrent])
    states = _encode(graph, network, stack, values, missing, given)
    output = _decode(graph, network, stack, states, given, series)  # (N, pieces, hidden)
    change = graph.linear(output, network.write.weight, network.write.bias)
    every = graph.add("Reshape", change, graph.integers(0, network.pieces * network.segment, network.quantiles))
    base = graph.add("Unsqueeze", _base(graph, network, values), graph.integers(2))
    forecast = graph.add("Add", graph.cut(every, 0, network.horizon, axis=1), base)
    graph.output("forecast", forecast, torch.float32, ("N", network.horizon, network.quantiles))
    return graph.model(_facts(model) if isinstance(model, Forecaster) else {})


def _encode(
    graph: Graph, network: ForecastNetwork, stack: Stack, values: str, missing: str, given: dict[str, str]
) -> list[str]:
    """Read the past: the state of the recurrent layers after it."""
    L, w = network.look_back, network.segment
    level = graph.cut(values, -1, axis=1)
    parts = [_segments(graph, part, L, w, 1) for part in (graph.add("Sub", values, level), missing)]
    for name, width in (("inputs", network.inputs), ("known", network.known)):
        if name in given:
            parts.append(_segments(graph, graph.cut(given[name], 0, L, axis=1), L, w, width))
    if "calendar" in given:
        parts.append(graph.add("Transpose", _every(graph, given["calendar"], 0, L, w), perm=[1, 0, 2]))
    read = graph.linear(graph.add("Concat", *parts, axis=2), network.read.weight, network.read.bias)
    zeros = graph.zeros(graph.integers(len(stack.layers)), graph.dimension(values, 0), graph.integers(stack.hidden))
    return add_stack(graph, stack, graph.add("Relu", read), [zeros] * (2 if stack.operator == "LSTM" else 1))[1]


def _decode(
    graph: Graph, network: ForecastNetwork, stack: Stack, states: list[str], given: dict[str, str], series: str
) -> str:
    """One step for each segment of the future, all from the same state: (N, pieces, hidden)."""
    L, H, w, P, hidden = network.look_back, network.horizon, network.segment, network.pieces, network.hidden
    x = graph.constant(network.place.unsqueeze(0))
    parts = []
    if "known" in given:
        future = graph.add(
            "Pad", graph.cut(given["known"], L, axis=1), graph.integers(0, 0, 0, 0, P * w - H, 0)
        )  # what the last segment reaches beyond the horizon is unknown
        parts.append(graph.add("Reshape", future, graph.integers(0, P, w * network.known)))
    if "calendar" in given:
        parts.append(_every(graph, given["calendar"], L, L + H, w))
    if network.ahead is not None:
        x = graph.add("Add", x, graph.linear(graph.add("Concat", *parts, axis=2), network.ahead.weight))
    if network.vectors is not None:
        vector = graph.add("Gather", graph.constant(network.vectors), series)
        x = graph.add("Add", x, graph.add("Unsqueeze", vector, graph.integers(1)))
    rows = graph.dimension(states[0], 1)
    shape = graph.add("Concat", rows, graph.integers(P, hidden), axis=0)
    steps = graph.add("Reshape", graph.add("Expand", x, shape), graph.integers(1, -1, hidden))
    spread = []
    for state in states:  # (layers, N, hidden), each row as often as there are segments
        wide = graph.add("Concat", graph.integers(len(stack.layers)), rows, graph.integers(P, hidden), axis=0)
        repeated = graph.add("Expand", graph.add("Unsqueeze", state, graph.integers(2)), wide)
        spread.append(graph.add("Reshape", repeated, graph.integers(len(stack.layers), -1, hidden)))
    output, _ = add_stack(graph, stack, steps, spread)
    return graph.add("Reshape", output, shape)


def _base(graph: Graph, network: ForecastNetwork, values: str) -> str:
    """What the forecast is counted from: the values one season earlier, or the last one."""
    if network.season == 1:
        return graph.cut(values, -1, axis=1)
    steps = torch.arange(network.horizon) % network.season + network.look_back - network.season
    return graph.add("Gather", values, graph.constant(steps), axis=1)


def _segments(graph: Graph, columns: str, steps: int, w: int, width: int) -> str:
    """(N, L) or (N, L, I) → (L / w, N, w · I)."""
    pieces = graph.add("Reshape", columns, graph.integers(-1, steps // w, w * width))
    return graph.add("Transpose", pieces, perm=[1, 0, 2])


def _every(graph: Graph, columns: str, begin: int, end: int, step: int) -> str:
    """columns[:, begin:end:step]"""
    return graph.add("Gather", columns, graph.constant(torch.arange(begin, end, step)), axis=1)


def _facts(model: Forecaster) -> dict[str, str]:
    """What a program needs to measure series in the units of the network, and forecasts in theirs."""
    settings, parts = trained(model.settings), trained(model._parts)
    scaling = parts.scaling
    return {
        "task": model.task,
        "quantiles": json.dumps(list(settings.quantiles)),
        "log": str(settings.log).lower(),
        "units": json.dumps({name: [unit.centre, unit.spread] for name, unit in scaling.units.items()}),
        "scales": json.dumps({"inputs": scaling.inputs.tolist(), "known": scaling.known.tolist()}),
        "cycles": json.dumps(list(settings.cycles)),
        "step": _step(settings.frequency),
    }


def _step(frequency: Frequency | None) -> str:
    """As ``15min``, ``1M`` for months that keep the day, ``1M end`` for their last days; empty without dates."""
    if frequency is None:
        return ""
    return f"{frequency} end" if frequency.unit == "month end" else str(frequency)
