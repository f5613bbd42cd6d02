"""A network that fills blanks as an ONNX graph: sentences in, scores of every token at every place out."""

import json
from typing import Any

import torch

from elman.export.encoders import add_whole, all_lengths, reversed_rows
from elman.export.graph import Graph
from elman.models.filler import FillNetwork
from elman.tasks import Filler
from elman.tasks.parts import trained

__all__ = ["filler_graph"]


def filler_graph(model: FillNetwork | Filler, with_lengths: bool) -> Any:
    """The ONNX model of the network's first output: from both sides, if it has them."""
    network = model.network if isinstance(model, Filler) else model
    graph = Graph("filler")
    tokens = graph.input("tokens", torch.int64, ("T", "N"))
    lengths = graph.input("lengths", torch.int64, ("N",)) if with_lengths else all_lengths(graph, tokens)
    one = graph.integers(1)
    read = graph.add("Add", lengths, one)  # a mark and the tokens
    embedding = graph.constant(network.embedding.weight)
    scale = graph.constant(torch.tensor(network.embedding.embedding_dim**0.5, dtype=torch.float32))
    x = graph.add("Mul", graph.add("Gather", embedding, _framed(graph, network, tokens, read)), scale)
    states = []
    if network.forwards is not None:
        left = add_whole(graph, network.forwards, graph.cut(x, 0, -1), read)
        states.append(graph.cut(left, 0, -1))
    if network.backwards is not None:
        inwards = graph.cut(reversed_rows(graph, x, graph.add("Add", read, one)), 0, -1)
        right = reversed_rows(graph, add_whole(graph, network.backwards, inwards, read), read)
        states.append(graph.cut(right, 1))
    side = network.sides[0]
    output = network.outputs[side]
    z = graph.add("Tanh", graph.linear(graph.add("Concat", *states, axis=2), output.weight, output.bias))  # type: ignore[arg-type]
    V = network.vocabulary
    words = graph.add("Transpose", graph.cut(embedding, 0, V), perm=[1, 0])
    logits = graph.add("Add", graph.add("MatMul", z, words), graph.constant(network.bias[:V]))
    graph.output("logits", logits, torch.float32, ("T", "N", V))
    if not isinstance(model, Filler):
        return graph.model({})
    vocabulary = json.dumps(list(model.lexicon))
    return graph.model({"task": model.task, "tokens": trained(model.settings).tokens, "vocabulary": vocabulary})


def _framed(graph: Graph, network: FillNetwork, tokens: str, read: str) -> str:
    """`FillNetwork.framed`: with the mark before each row and that behind its end, (T + 2, N)."""
    shape = graph.add("Concat", graph.integers(1), graph.dimension(tokens, 1), axis=0)
    begin, end = (
        graph.add("Expand", graph.constant(torch.tensor(mark)), shape) for mark in (network.begin, network.end)
    )
    rows = graph.add("Concat", begin, tokens, end, axis=0)
    return graph.add("Where", graph.before_end(rows, read), rows, graph.constant(torch.tensor(network.end)))
