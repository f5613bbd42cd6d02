"""Layers and models as ONNX files.

The graph is built node by node with onnx.helper and not by tracing: a recurrent layer is one operator of ONNX, sizes
stay free in time and batch, and a file is the same whatever the version of PyTorch.  PyTorch's own exporter sees our
layers as operators that it does not know, and of torch.nn's it makes, by the version, a loop, an unrolled graph, or an
operator with its sizes fixed.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from elman.export.graph import Graph
from elman.export.layers import Stack, add_final_states, add_stack, add_states
from elman.layers import GRU, LSTM, RNN
from elman.models import LanguageNetwork
from elman.tasks import LanguageModel
from elman.tasks.model_file import written_whole


def export_onnx(
    model: RNN | GRU | LSTM | LanguageNetwork | LanguageModel,
    path: str | os.PathLike[str],
    *,
    lengths: bool = False,
) -> None:
    """Write a layer or a language model as an ONNX file, state in and state out.

    Time and batch are free.  Of a layer the inputs are ``input``, with `lengths` ``lengths``, ``h_0`` and for LSTM
    ``c_0``; the outputs ``output``, ``h_n`` and ``c_n``, all of the shapes that the layer itself takes and returns.  Of
    a language model they are ``tokens`` (T, N) and the states of all its layers, (L, N, H); ``logits`` (T, N, V) and
    the states after the last token.  Its metadata hold the task, the kind of its tokens and the vocabulary.

    Parameters
    ----------
    model
        A layer of this package, a network, or a trained model.  Parameters are read as they are in eval mode; dropout
        is left out.
    path
        Where to; an existing file is replaced.  The file appears when it is complete.
    lengths
        Whether a layer's graph has an input ``lengths``, (N,) int64 of 0..T: in ONNX an input cannot be left out.

    Raises
    ------
    TypeError
        If `model` is something else.
    ValueError
        If the layer has a projection or is not float32, a language model is not trained, or is to have `lengths`.
    ModuleNotFoundError
        If the package onnx is not installed: ``pip install 'elman[onnx]'``.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import elman, onnxruntime, torch
    >>> layer = elman.GRU(8, 16)
    >>> elman.export_onnx(layer, "gru.onnx")
    >>> session = onnxruntime.InferenceSession("gru.onnx")
    >>> x, h_0 = torch.randn(5, 3, 8), torch.zeros(1, 3, 16)
    >>> output, h_n = session.run(None, {"input": x.numpy(), "h_0": h_0.numpy()})
    >>> torch.allclose(torch.from_numpy(output), layer(x)[0], atol=1e-5)
    True
    """
    if isinstance(model, RNN | GRU | LSTM):
        proto = _layer(model, lengths)
    elif isinstance(model, LanguageNetwork | LanguageModel):
        if lengths:
            raise ValueError("lengths is True, but a language model takes none: run each text as far as it goes")
        proto = _language_model(model)
    else:
        theirs = " of torch.nn" if isinstance(model, nn.RNNBase) else ""
        raise TypeError(
            f"model is a {type(model).__name__}{theirs}; expected an elman.RNN, GRU, LSTM, or language model"
        )
    with written_whole(path) as unfinished:
        unfinished.write_bytes(proto.SerializeToString())


def _layer(layer: RNN | GRU | LSTM, with_lengths: bool) -> Any:
    graph = Graph(type(layer).__name__.lower())
    with _evaluating(layer):
        stack = Stack.of([layer])
    axes = ("N", "T") if layer.batch_first else ("T", "N")
    x = graph.input("input", torch.float32, (*axes, layer.input_size))
    lengths = graph.input("lengths", torch.int64, ("N",)) if with_lengths else ""
    states = add_states(graph, stack)
    if layer.batch_first:
        x = graph.add("Transpose", x, perm=[1, 0, 2])
    y, after = add_stack(graph, stack, x, states, lengths)
    if layer.batch_first:
        y = graph.add("Transpose", y, perm=[1, 0, 2])
    graph.output("output", y, torch.float32, (*axes, len(stack.layers[0]) * stack.hidden))
    add_final_states(graph, stack, after)
    return graph.model({})


def _language_model(model: LanguageNetwork | LanguageModel) -> Any:
    network = model if isinstance(model, LanguageNetwork) else model.network
    graph = Graph("language_model")
    with _evaluating(network):
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


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Every part in eval mode, so that a parametrization drops nothing; afterwards each as it was."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
