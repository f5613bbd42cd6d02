"""A tagger as an ONNX graph: tokens in, scores of the tags of each and of the intents of the sentence out."""

import json
from typing import Any

import torch

from elman.export.encoders import Part, add_final_parts, add_parts, add_stream, add_whole, all_lengths
from elman.export.graph import Graph
from elman.models.tagger import WINDOW, TaggerNetwork
from elman.tasks import Tagger
from elman.tasks.parts import trained

__all__ = ["tagger_graph"]

_NEVER = -1e30  # the score of a tag right after one that it may not follow


def tagger_graph(model: TaggerNetwork | Tagger, with_lengths: bool) -> Any:
    """The ONNX model: of streams, with state in and state out, if it has one direction and no lengths are wanted."""
    network = model.network if isinstance(model, Tagger) else model
    graph = Graph("tagger")
    words = graph.input("words", torch.int64, ("T", "N"))
    whole = network.encoder.bidirectional or with_lengths
    lengths = ""
    if whole:
        lengths = graph.input("lengths", torch.int64, ("N",)) if with_lengths else all_lengths(graph, words)
    parts = [Part("word", torch.int64, ("N",))] if network.pair is not None and not whole else []
    before = add_parts(graph, parts)
    x = _vectors(graph, network, words, lengths, before[0] if before else "")
    hidden = add_whole(graph, network.encoder, x, lengths) if whole else add_stream(graph, network.encoder, x)
    add_final_parts(graph, parts, [graph.add("Gather", words, graph.constant(torch.tensor(-1)))] if parts else [])
    scores = graph.linear(hidden, network.output.weight, network.output.bias)
    graph.output("scores", scores, torch.float32, ("T", "N", len(network.output.bias)))
    if network.intent is not None:
        pooled = _pooled(graph, hidden, lengths) if whole else _pooled_so_far(graph, network, hidden)
        intents = graph.linear(pooled, network.intent.weight, network.intent.bias)
        graph.output("intents", intents, torch.float32, ("N", len(network.intent.bias)))
    return graph.model({**_crf(model), **(_facts(model) if isinstance(model, Tagger) else {})})


def _vectors(graph: Graph, network: TaggerNetwork, words: str, lengths: str, before: str) -> str:
    """`TaggerNetwork._embed`: what the encoder reads, (T, N, I)."""
    found = []
    if network.word is not None:
        found.append(graph.add("Gather", graph.constant(network.word.weight), words))
    if network.case is not None:
        forms, cases = (graph.input(name, torch.int64, ("T", "N")) for name in ("forms", "cases"))
        found.append(graph.add("Gather", _spelling(graph, network), forms))
        found.append(graph.add("Gather", graph.constant(network.case.weight), cases))
    if network.pair is not None:
        found += _pairs(graph, network, words, lengths, before)
    if network.vectors is not None:
        rows = graph.input("vectors", torch.int64, ("T", "N"))
        found.append(graph.add("Gather", graph.constant(network.vectors), rows))
    return graph.add("Concat", *found, axis=2)


def _spelling(graph: Graph, network: TaggerNetwork) -> str:
    """(U, L) letters -> (U, F): the maximum over each word of tanh of a convolution; zero for one without letters."""
    letters = graph.input("letters", torch.int64, ("U", "L"))
    window = trained(network.window)
    x = graph.add(
        "Transpose", graph.add("Gather", graph.constant(trained(network.letter).weight), letters), perm=[0, 2, 1]
    )
    width = window.in_features // WINDOW
    kernel = window.weight.detach().view(-1, WINDOW, width).permute(0, 2, 1)
    side = WINDOW // 2
    windows = graph.add("Conv", x, graph.constant(kernel), graph.constant(window.bias), pads=[side, side])  # (U, F, L)
    there = graph.add("Unsqueeze", graph.add("Greater", letters, graph.constant(torch.tensor(0))), graph.integers(1))
    lowest = graph.constant(torch.tensor([torch.finfo(torch.float32).min]))
    highest = graph.highest(graph.add("Where", there, windows, lowest), 2)
    some = graph.add("Greater", graph.sum(letters, 1), graph.constant(torch.tensor(0)))
    some = graph.add("Unsqueeze", some, graph.integers(1))
    return graph.add("Where", some, graph.add("Tanh", highest), graph.constant(torch.zeros(1)))


def _pairs(graph: Graph, network: TaggerNetwork, words: str, lengths: str, before: str) -> list[str]:
    """Vectors of each word with the one before it and, in both directions, of it with the one behind."""
    edge = graph.constant(torch.tensor(network.words))
    shape = graph.add("Concat", graph.integers(1), graph.dimension(words, 1), axis=0)
    ends = graph.add("Expand", edge, shape)
    if lengths:
        words = graph.add("Where", graph.before_end(words, lengths), words, edge)
    first = graph.add("Unsqueeze", before, graph.integers(0)) if before else ends
    row = graph.add("Concat", first, words, ends, axis=0)  # (T + 2, N)
    base = graph.constant(torch.tensor(network.words + 1))
    keys = graph.add("Add", graph.add("Mul", graph.cut(row, 0, -1), base), graph.cut(row, 1))  # (T + 1, N)
    known = trained(network.pairs).tolist()
    if known:
        graph.use("ai.onnx.ml", 2)
        values = list(range(1, len(known) + 1))
        keys = graph.add(
            "LabelEncoder", keys, domain="ai.onnx.ml", keys_int64s=known, values_int64s=values, default_int64=0
        )
    else:
        keys = graph.add("Mul", keys, graph.constant(torch.tensor(0)))
    vectors = graph.add("Gather", graph.constant(trained(network.pair).weight), keys)
    behind = [graph.cut(vectors, 1)] if network.encoder.bidirectional else []
    return [graph.cut(vectors, 0, -1), *behind]


def _pooled(graph: Graph, hidden: str, lengths: str) -> str:
    """(N, 2·D·H): the mean and the maximum over the steps of each sentence."""
    one = graph.integers(1)
    counted = graph.add("Unsqueeze", graph.add("Cast", graph.add("Max", lengths, one), to=1), one)
    mean = graph.add("Div", graph.sum(hidden, 0), counted)
    there = graph.add("Unsqueeze", graph.before_end(hidden, lengths), graph.integers(2))
    lowest = graph.constant(torch.tensor([torch.finfo(torch.float32).min]))
    highest = graph.highest(graph.add("Where", there, hidden, lowest), 0)
    some = graph.add("Unsqueeze", graph.add("Greater", lengths, graph.integers(0)), one)
    return graph.add("Concat", mean, graph.add("Where", some, highest, graph.constant(torch.zeros(1))), axis=1)


def _pooled_so_far(graph: Graph, network: TaggerNetwork, hidden: str) -> str:
    """The same of streams, over what was read before, too."""
    H = network.encoder.output_size
    parts = [
        Part("total", torch.float32, ("N", H)),
        Part("highest", torch.float32, ("N", H)),
        Part("steps", torch.int64, ("N",)),
    ]
    total, highest, steps = add_parts(graph, parts)
    total = graph.add("Add", total, graph.sum(hidden, 0))
    highest = graph.add("Max", highest, graph.highest(hidden, 0))
    steps = graph.add("Add", steps, graph.dimension(hidden, 0))
    add_final_parts(graph, parts, [total, highest, steps])
    counted = graph.add("Unsqueeze", graph.add("Cast", steps, to=1), graph.integers(1))
    return graph.add("Concat", graph.add("Div", total, counted), highest, axis=1)


def _crf(model: TaggerNetwork | Tagger) -> dict[str, str]:
    """The state before the first token, and the scores of neighbours, from which the best tags follow."""
    network = model.network if isinstance(model, Tagger) else model
    initial = {"word": network.words, "highest": float(torch.finfo(torch.float32).min)}
    facts = {"initial": json.dumps(initial)}
    allowed = trained(model._parts).allowed if isinstance(model, Tagger) else None
    if network.crf is None and allowed is None:
        return facts
    K = len(network.output.bias)
    if network.crf is None:
        first, transitions, last = torch.zeros(K), torch.zeros(K, K), torch.zeros(K)
    else:
        first, transitions, last = (
            part.detach() for part in (network.crf.first, network.crf.transitions, network.crf.last)
        )
    if allowed is not None:
        transitions = transitions.masked_fill(~allowed[:K, :K], _NEVER)
        first, last = first.masked_fill(~allowed[K, :K], _NEVER), last.masked_fill(~allowed[:K, K], _NEVER)
    scores = {"first": first.tolist(), "transitions": transitions.tolist(), "last": last.tolist()}
    return {**facts, "neighbours": json.dumps(scores), "crf": str(network.crf is not None).lower()}


def _facts(model: Tagger) -> dict[str, str]:
    """What a program needs to turn words into numbers, and scores into tags."""
    settings, parts = trained(model.settings), trained(model._parts)
    lexicons = {"words": parts.forms.words, "characters": parts.forms.characters, "vectors": parts.forms.vectors}
    listed = {f"{name}_vocabulary": json.dumps(list(known)) for name, known in lexicons.items() if known is not None}
    return {
        "task": model.task,
        "tags": json.dumps(parts.tags),
        "intents": json.dumps(parts.intents),
        "scheme": parts.scheme,
        "tokens": settings.tokens,
        **listed,
    }
