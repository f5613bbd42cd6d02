"""A language model as an ONNX graph: tokens and states in, scores of the next tokens and states out."""

import json
from typing import Any

import torch

from elman.export.graph import Graph
from elman.export.layers import Stack, add_final_states, add_stack, add_states
from elman.models import LanguageNetwork
from elman.tasks import LanguageModel

__all__ = ["language_model_graph"]


def language_model_graph(model: LanguageNetwork | LanguageModel) -> Any:
    """The ONNX model."""
    network = model if isinstance(model, LanguageNetwork) else model.network
    graph = Graph("language_model")
    stack = Stack.of(list(network.layers))  # type: ignore[arg-type]
    tokens = graph.input("tokens", torch.int64, ("T", "N"))
    states = add_states(graph, stack)
    if network.embedding is not None:
        embedding = graph.constant(network.embedding.weight)
        x = graph.add("Gather", embedding, tokens)
    else:
        depth, values = graph.constant(torch.tensor(network.vocabulary)), graph.constant(torch.tensor([0.0, 1.0]))
        x = graph.add("OneHot", tokens, depth, values)
    y, after = add_stack(graph, stack, x, states)
    weight = embedding if network.output_weight is None else graph.constant(network.output_weight)
    products = graph.add("MatMul", y, graph.add("Transpose", weight, perm=[1, 0]))
    logits = graph.add("Add", products, graph.constant(network.output_bias))
    graph.output("logits", logits, torch.float32, ("T", "N", network.vocabulary))
    add_final_states(graph, stack, after)
    return graph.model(_facts(model) if isinstance(model, LanguageModel) else {})


def _facts(model: LanguageModel) -> dict[str, str]:
    """What a program needs to turn text into tokens and back."""
    other = model.lexicon.other
    return {
        "task": model.task,
        "tokens": model.hyperparameters.tokens,
        "vocabulary": json.dumps(list(model.lexicon)),
        "other": "" if other is None else str(other),
    }
