"""Encoders as nodes of ONNX: recurrent layers by its operators, time-delay ones as convolutions over time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from elman.export.graph import Graph
from elman.export.layers import Stack, add_final_states, add_stack, add_states
from elman.layers import TDNN
from elman.models.encoders import Encoder

__all__ = [
    "Part",
    "add_final_parts",
    "add_parts",
    "add_stream",
    "add_whole",
    "all_lengths",
    "reversed_rows",
    "tdnn_graph",
]


class Part(NamedTuple):
    """A tensor of a state that goes into a graph and comes out of it."""

    name: str
    dtype: torch.dtype
    shape: tuple[int | str, ...]


def add_parts(graph: Graph, parts: Sequence[Part]) -> list[str]:
    """Declare parts of a state as inputs."""
    return [graph.input(part.name, part.dtype, part.shape) for part in parts]


def add_final_parts(graph: Graph, parts: Sequence[Part], values: Sequence[str]) -> None:
    """Declare what they are at the end as outputs, NAME_n."""
    for part, value in zip(parts, values, strict=True):
        graph.output(f"{part.name}_n", value, part.dtype, part.shape)


def add_stream(graph: Graph, encoder: Encoder, x: str) -> str:
    """An encoder of one direction that reads x (T, N, I) on from a state: the name of (T, N, H).

    It declares the state before as inputs and that after as outputs.
    """
    if not isinstance(encoder.layer, TDNN):
        stack = Stack.of([encoder.layer])  # type: ignore[list-item]
        y, after = add_stack(graph, stack, x, add_states(graph, stack))
        add_final_states(graph, stack, after)
        return y
    parts = [part for part in _frames(encoder.layer) if part.shape[0]]
    y, after = _add_tdnn(graph, encoder.layer, x, add_parts(graph, parts))
    add_final_parts(graph, parts, after)
    return y


def add_whole(graph: Graph, encoder: Encoder, x: str, lengths: str) -> str:
    """An encoder that reads rows from their beginnings, or their ends too: the name of (T, N, D·H).

    What lies behind the `lengths` (N,) is zero in the output.
    """
    if not isinstance(encoder.layer, TDNN):
        stack = Stack.of([encoder.layer])  # type: ignore[list-item]
        rows = graph.integers(len(stack.layers) * len(stack.layers[0]))
        zeros = graph.zeros(rows, graph.dimension(x, 1), graph.integers(stack.hidden))
        return add_stack(graph, stack, x, [zeros] * (2 if stack.operator == "LSTM" else 1), lengths)[0]
    y, _ = _add_tdnn(graph, encoder.layer, x)
    if encoder.reverse is not None:
        backwards, _ = _add_tdnn(graph, encoder.reverse, reversed_rows(graph, x, lengths))
        y = graph.add("Concat", y, reversed_rows(graph, backwards, lengths), axis=2)
    exists = graph.add("Unsqueeze", graph.before_end(x, lengths), graph.integers(2))
    return graph.add("Where", exists, y, graph.constant(torch.zeros(1)))


def reversed_rows(graph: Graph, x: str, lengths: str) -> str:
    """x (T, N, …) with the first steps of each row, as many as `lengths` (N,) says, in reverse order."""
    return graph.add("ReverseSequence", x, lengths, time_axis=0, batch_axis=1)


def all_lengths(graph: Graph, x: str) -> str:
    """The lengths (N,) of rows of which all are as long as x (T, N, …)."""
    return graph.add("Expand", graph.dimension(x, 0), graph.dimension(x, 1))


def _frames(layer: TDNN) -> list[Part]:
    """The last inputs of each layer."""
    frames = layer.initial_state(1)
    return [Part(f"frames_{i}", torch.float32, (len(f), "N", f.shape[2])) for i, f in enumerate(frames)]


def tdnn_graph(layer: TDNN, with_lengths: bool) -> Any:
    """The ONNX model of a TDNN: ``input``, its frames and perhaps ``lengths`` in, ``output`` and its frames out."""
    graph = Graph("tdnn")
    axes = ("N", "T") if layer.batch_first else ("T", "N")
    x = graph.input("input", torch.float32, (*axes, layer.input_size))
    lengths = graph.input("lengths", torch.int64, ("N",)) if with_lengths else ""
    parts = [part for part in _frames(layer) if part.shape[0]]
    before = add_parts(graph, parts)
    x = graph.add("Transpose", x, perm=[1, 0, 2]) if layer.batch_first else x
    y, after = _add_tdnn(graph, layer, x, before, lengths)
    if lengths:
        exists = graph.add("Unsqueeze", graph.before_end(y, lengths), graph.integers(2))
        y = graph.add("Where", exists, y, graph.constant(torch.zeros(1)))
    y = graph.add("Transpose", y, perm=[1, 0, 2]) if layer.batch_first else y
    graph.output("output", y, torch.float32, (*axes, layer.hidden_size))
    add_final_parts(graph, parts, after)
    return graph.model({})


def _add_tdnn(
    graph: Graph, layer: TDNN, x: str, before: Sequence[str] = (), lengths: str = ""
) -> tuple[str, list[str]]:
    """All layers of a TDNN, over (T, N, I); without the frames `before`, these are zeros.  And the frames after."""
    given, after = iter(before), []
    for index, part in enumerate(_frames(layer)):
        weight, bias = _weights(layer, index)
        kept = int(part.shape[0])
        padding = 0 if before else kept
        if before and kept:
            x = graph.add("Concat", next(given), x, axis=0)
            after.append(_frames_at(graph, x, lengths, part) if lengths else graph.cut(x, -kept))
        by_time = graph.add("Transpose", x, perm=[1, 2, 0])  # (N, I, T)
        inputs = [by_time, graph.constant(weight.permute(0, 2, 1).flip(2)), graph.constant(bias)]
        net = graph.add("Conv", *inputs, dilations=[layer.dilation[index]], pads=[padding, 0])
        x = graph.add("Transpose", graph.add(layer.nonlinearity.capitalize(), net), perm=[2, 0, 1])
    return x, after


def _frames_at(graph: Graph, x: str, lengths: str, part: Part) -> str:
    """The frames (P, N, I) before the end of each row of x (P + T, N, I)."""
    kept, _, size = part.shape
    steps = graph.add("Add", graph.constant(torch.arange(int(kept)).unsqueeze(1)), lengths)  # (P, N)
    shape = graph.add("Concat", graph.integers(int(kept)), graph.dimension(x, 1), graph.integers(int(size)), axis=0)
    index = graph.add("Expand", graph.add("Unsqueeze", steps, graph.integers(2)), shape)
    return graph.add("GatherElements", x, index, axis=0)


def _weights(layer: TDNN, index: int) -> tuple[Tensor, Tensor]:
    weight, bias = getattr(layer, f"weight_l{index}"), getattr(layer, f"bias_l{index}")
    if weight.dtype != torch.float32:
        raise ValueError(f"the parameters are {str(weight.dtype).removeprefix('torch.')}; expected float32")
    return weight.detach(), weight.new_zeros(len(weight)) if bias is None else bias
