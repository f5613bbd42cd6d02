"""Recurrent layers as ONNX's operators RNN, GRU and LSTM.

What differs between the two worlds is put right here:

* ONNX has the gates in other orders: z, r, h for the GRU and i, o, f, c for the LSTM.  Its GRU has both forms;
  ``linear_before_reset=1`` is ours, with the reset gate after the product.
* ONNX has one operator a layer, which puts out (T, D, N, H).  ONNX Runtime does not implement its `layout` for
  batch-first data, so a Transpose stands at the edge.
* What ONNX means by a row of length zero is not written down.  Here such a row is computed as if it had one step, and
  then replaced: by zeros in the output, by its initial state in the state.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.export.graph import Graph
from elman.layers import GRU, LSTM, RNN, Weights

_GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}  # ours in ONNX's order


class Stack(NamedTuple):
    """L recurrent layers of D directions as they are now: their kind and their weights."""

    operator: str
    """RNN, GRU or LSTM."""
    activation: str
    """Tanh or Relu; of an RNN alone."""
    hidden: int
    """H."""
    layers: list[list[Weights]]
    """Layer after layer, direction after direction."""

    @classmethod
    def of(cls, modules: Sequence[RNN | GRU | LSTM]) -> "Stack":
        """The layers of modules of one kind that read one another's outputs.

        Raises ValueError if one has a projection, for which ONNX has no operator, or parameters that are not float32.
        """
        rows: list[list[Weights]] = []
        for module in modules:
            _check(module)
            directions = 2 if module.bidirectional else 1
            weights = [_named(row, module.bias) for row in module.all_weights]
            rows += [weights[start : start + directions] for start in range(0, len(weights), directions)]
        operator, _, activation = modules[0].mode.partition("_")
        return cls(operator, activation.capitalize(), modules[0].hidden_size, rows)

    @property
    def state_shape(self) -> tuple[int | str, ...]:
        """(L·D, N, H)."""
        return (len(self.layers) * len(self.layers[0]), "N", self.hidden)


def add_states(graph: Graph, stack: Stack) -> list[str]:
    """Declare the initial states as inputs: h_0, and for LSTM c_0, each (L·D, N, H)."""
    names = ("h_0", "c_0") if stack.operator == "LSTM" else ("h_0",)
    return [graph.input(name, torch.float32, stack.state_shape) for name in names]


def add_final_states(graph: Graph, stack: Stack, states: Sequence[str]) -> None:
    """Declare the final states as outputs: h_n, and for LSTM c_n."""
    for name, value in zip(("h_n", "c_n"), states, strict=False):
        graph.output(name, value, torch.float32, stack.state_shape)


def add_stack(graph: Graph, stack: Stack, x: str, states: Sequence[str], lengths: str = "") -> tuple[str, list[str]]:
    """Add all layers.

    Parameters
    ----------
    graph : Graph
    stack : Stack
    x : name of the input (T, N, I)
    states : names of the initial states, (L·D, N, H) each
    lengths : name of the lengths (N,), int64; empty for none

    Returns
    -------
    (y, states) : names of the output (T, N, D·H) and of the final states
    """
    L, D = len(stack.layers), len(stack.layers[0])
    steps = empty = ""
    if lengths:
        one = graph.integers(1)
        steps = graph.add("Cast", graph.add("Max", lengths, one), to=6)  # int32, TensorProto.INT32
        empty = graph.add("Unsqueeze", graph.add("Less", lengths, one), graph.integers(-1))  # (N, 1)
    parts = [
        [state] if L == 1 else graph.add_many("Split", state, graph.integers(*[D] * L), outputs=L, axis=0)
        for state in states
    ]
    finals = []
    for rows, *given in zip(stack.layers, *parts, strict=True):
        x, after = _add_layer(graph, stack, rows, x, given, steps)
        if empty:
            x = graph.add("Where", empty, graph.constant(torch.zeros(1)), x)
            after = [graph.add("Where", empty, b, a) for b, a in zip(given, after, strict=True)]
        finals.append(after)
    if L == 1:
        return x, finals[0]
    return x, [graph.add("Concat", *states, axis=0) for states in zip(*finals, strict=True)]


def _add_layer(
    graph: Graph, stack: Stack, rows: Sequence[Weights], x: str, states: Sequence[str], steps: str
) -> tuple[str, list[str]]:
    """Add one layer of one or two directions."""
    D = len(rows)
    attributes: dict[str, object] = {"hidden_size": stack.hidden}
    attributes["direction"] = "bidirectional" if D == 2 else "forward"
    if stack.operator == "RNN":
        attributes["activations"] = [stack.activation] * D
    elif stack.operator == "GRU":
        attributes["linear_before_reset"] = 1
    w, r, b = (graph.constant(torch.stack(part)) for part in zip(*(_ordered(stack, row) for row in rows), strict=True))
    y, *after = graph.add_many(
        stack.operator, x, w, r, b, steps, *states, outputs=1 + len(states), **attributes
    )  # y (T, D, N, H)
    if D == 1:
        return graph.add("Squeeze", y, graph.integers(1)), after
    side_by_side = graph.add("Transpose", y, perm=[0, 2, 1, 3])
    return graph.add("Reshape", side_by_side, graph.integers(0, 0, D * stack.hidden)), after


def _ordered(stack: Stack, row: Weights) -> tuple[Tensor, Tensor, Tensor]:
    """One direction's W, R and B in ONNX's order of gates; B is b_ih and then b_hh."""
    absent = row.w_ih.new_zeros(row.w_ih.shape[0])
    biases = (absent if b is None else b for b in (row.b_ih, row.b_hh))
    w_ih, w_hh, b_ih, b_hh = (
        torch.cat([torch.split(t, stack.hidden)[gate] for gate in _GATES[stack.operator]])
        for t in (row.w_ih, row.w_hh, *biases)
    )
    return w_ih, w_hh, torch.cat([b_ih, b_hh])


def _named(row: Sequence[Tensor], bias: bool) -> Weights:
    return Weights(*(t.detach().cpu() for t in row)) if bias else Weights(row[0].detach().cpu(), row[1].detach().cpu())


def _check(module: RNN | GRU | LSTM) -> None:
    if module.proj_size:
        raise ValueError(
            f"the LSTM has proj_size={module.proj_size}; ONNX has no operator for an LSTM with a projection: "
            "train one without, or keep this one in PyTorch"
        )
    dtype = module.all_weights[0][0].dtype
    if dtype != torch.float32:
        raise ValueError(
            f"the parameters are {str(dtype).removeprefix('torch.')}; expected float32, which is what ONNX Runtime's "
            "recurrent operators compute in: export a copy, copy.deepcopy(layer).float()"
        )
