"""Layers and models as ONNX files.

The graph is built node by node with onnx.helper and not by tracing: a recurrent layer is one operator of ONNX, sizes
stay free in time and batch, and a file is the same whatever the version of PyTorch.  PyTorch's own exporter sees our
layers as operators that it does not know, and of torch.nn's it makes, by the version, a loop, an unrolled graph, or an
operator with its sizes fixed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from elman.export.classifier import classifier_graph
from elman.export.encoders import tdnn_graph
from elman.export.filler import filler_graph
from elman.export.forecaster import forecaster_graph
from elman.export.graph import Graph
from elman.export.language_model import language_model_graph
from elman.export.layers import Stack, add_final_states, add_stack, add_states
from elman.export.tagger import tagger_graph
from elman.layers import GRU, LSTM, RNN, TDNN
from elman.models import ClassifierNetwork, FillNetwork, ForecastNetwork, LanguageNetwork, TaggerNetwork
from elman.tasks import Classifier, Filler, Forecaster, LanguageModel, Tagger
from elman.tasks.model_file import written_whole

__all__ = ["EXPORTED", "export_onnx"]

EXPORTED = (LanguageModel, Classifier, Tagger, Filler, Forecaster)
"""The tasks whose models can be written as ONNX."""

Exported = RNN | GRU | LSTM | TDNN | LanguageNetwork | ClassifierNetwork | TaggerNetwork | FillNetwork | ForecastNetwork
Trained = LanguageModel | Classifier | Tagger | Filler | Forecaster


def export_onnx(model: Exported | Trained, path: str | os.PathLike[str], *, lengths: bool = False) -> None:
    """Write a layer or a model as an ONNX file, with state in and state out where it can go on.

    Time and batch are free.  docs/export.md names the inputs and outputs of each kind:

    * a layer: ``input``, with `lengths` ``lengths``, ``h_0`` and for LSTM ``c_0``; ``output``, ``h_n`` and ``c_n``, all
      of the shapes that the layer itself takes and returns; of a TDNN ``frames_0`` … and ``frames_0_n`` … for states;
    * a language model: ``tokens`` (T, N) and the states of all its layers, (L, N, H); ``logits`` (T, N, V) and the
      states after the last token;
    * a classifier: ``tokens`` or ``series``; ``logits`` and, of a trained model, ``probabilities``, (N, K); a
      `ClassifierNetwork` by itself is written without letters, for it does not know whether it is given any;
    * a tagger: ``words`` and what else it sees of them; ``scores`` (T, N, K) and ``intents``;
    * a filler: ``tokens``, of which that in the blank is not read; ``logits`` (T, N, V);
    * a forecaster: the window of the past, ``values`` (N, L) and what belongs to it; ``forecast`` (N, H, Q).

    Classifiers and taggers of one direction are streams, which take and return their state; with `lengths`, and of two
    directions, they read whole rows.  The metadata hold the task, its labels and vocabularies.

    Parameters
    ----------
    model
        A layer of this package, a network, or a trained model.  Parameters are read as they are in eval mode; dropout
        is left out.
    path
        Where to; an existing file is replaced.  The file appears when it is complete.
    lengths
        Whether the graph has an input ``lengths``, (N,) int64 of 0..T: in ONNX an input cannot be left out.

    Raises
    ------
    TypeError
        If `model` is something else.
    ValueError
        If the layer has a projection or is not float32, a model is not trained, or a language model or a
        forecaster is to have `lengths`.
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
    with _evaluating(model if isinstance(model, nn.Module) else getattr(model, "network", None)):
        proto = _model(model, lengths)
    with written_whole(path) as unfinished:
        unfinished.write_bytes(proto.SerializeToString())


def _model(model: Exported | Trained, lengths: bool) -> Any:
    if isinstance(model, RNN | GRU | LSTM):
        return _layer(model, lengths)
    if isinstance(model, TDNN):
        return tdnn_graph(model, lengths)
    if isinstance(model, ForecastNetwork | Forecaster):
        if lengths:
            raise ValueError("lengths is True, but a forecaster takes none: every series has a window of the past")
        return forecaster_graph(model)
    if isinstance(model, LanguageNetwork | LanguageModel):
        if lengths:
            raise ValueError("lengths is True, but a language model takes none: run each text as far as it goes")
        return language_model_graph(model)
    if isinstance(model, ClassifierNetwork | Classifier):
        return classifier_graph(model, lengths)
    if isinstance(model, TaggerNetwork | Tagger):
        return tagger_graph(model, lengths)
    if isinstance(model, FillNetwork | Filler):
        return filler_graph(model, lengths)
    theirs = " of torch.nn" if isinstance(model, nn.RNNBase) else ""
    raise TypeError(
        f"model is a {type(model).__name__}{theirs}; expected an elman.RNN, GRU, LSTM or TDNN, or a language "
        "model, classifier, tagger, filler or forecaster"
    )


def _layer(layer: RNN | GRU | LSTM, with_lengths: bool) -> Any:
    graph = Graph(type(layer).__name__.lower())
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


@contextmanager
def _evaluating(module: nn.Module | None) -> Iterator[None]:
    """Every part in eval mode, so that a parametrization drops nothing; afterwards each as it was."""
    modes = {part: part.training for part in module.modules()} if module is not None else {}
    if module is not None:
        module.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode
