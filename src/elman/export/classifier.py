"""A classifier as an ONNX graph: rows, or the next part of streams, in; scores of the labels out."""

import json
from typing import Any

import torch

from elman.export.encoders import Part, add_final_parts, add_parts, add_stream, add_whole, all_lengths
from elman.export.graph import BITWISE_OPSET, OPSET, Graph
from elman.models.bag import LETTER_WEIGHT, MULTIPLIER, TOP_BITS, Bag
from elman.models.classifier import LOWEST, ClassifierNetwork
from elman.tasks import Classifier
from elman.tasks.parts import trained

__all__ = ["classifier_graph"]


def classifier_graph(model: ClassifierNetwork | Classifier, with_lengths: bool) -> Any:
    """The ONNX model: of streams, with state in and state out, if it has one direction and no lengths are wanted."""
    network = model.network if isinstance(model, Classifier) else model
    graph = Graph("classifier", BITWISE_OPSET if network.ngrams > 1 else OPSET)
    if network.vocabulary:
        source = graph.input("tokens", torch.int64, ("T", "N"))
        x = graph.add("Gather", graph.constant(trained(network.embedding).weight), source)
    else:
        source = graph.input("series", torch.float32, ("T", "N", network.channels))
        x = graph.add("Div", graph.add("Sub", source, graph.constant(network.mean)), graph.constant(network.scale))
    letters = _letters(graph) if isinstance(model, Classifier) and trained(model.settings).letters else None
    if network.encoder.bidirectional or with_lengths:
        lengths = graph.input("lengths", torch.int64, ("N",)) if with_lengths else all_lengths(graph, source)
        logits = _whole(graph, network, source, x, lengths, letters)
        initial = {}
    else:
        logits = _stream(graph, network, source, x, letters)
        initial = {"pooled": LOWEST if network.pooling == "max" else 0.0, "before": -1}
    shape = ("N", network.classes)
    graph.output("logits", logits, torch.float32, shape)
    if not isinstance(model, Classifier):
        return graph.model({"initial": json.dumps(initial)})
    settings, parts = trained(model.settings), trained(model._parts)
    tempered = graph.add("Div", logits, graph.constant(torch.tensor(parts.temperature, dtype=torch.float32)))
    chances = graph.add("Sigmoid", tempered) if settings.several else graph.add("Softmax", tempered, axis=1)
    graph.output("probabilities", chances, torch.float32, shape)
    return graph.model({"initial": json.dumps(initial), **_facts(model)})


def _whole(
    graph: Graph, network: ClassifierNetwork, source: str, x: str, lengths: str, letters: tuple[str, str] | None
) -> str:
    """Logits of rows that are read from beginning to end."""
    outputs = add_whole(graph, network.encoder, x, lengths)
    exists = graph.before_end(source, lengths)
    some = graph.add("Unsqueeze", graph.add("Greater", lengths, graph.integers(0)), graph.integers(1))
    if network.pooling == "max":
        seen = graph.add("Unsqueeze", exists, graph.integers(2))
        vector = graph.highest(graph.add("Where", seen, outputs, graph.constant(torch.tensor([LOWEST]))), 0)
    elif network.pooling == "mean":
        vector = _mean(graph, graph.sum(outputs, 0), lengths)
    else:
        vector = _last(graph, network, outputs, exists, lengths)
    logits = graph.linear(
        graph.add("Where", some, vector, graph.constant(torch.zeros(1))), network.output.weight, network.output.bias
    )
    if network.bag is None:
        return logits
    before = ""
    if network.ngrams > 1:
        shape = graph.add("Concat", graph.dimension(source, 1), graph.integers(network.ngrams - 1), axis=0)
        before = graph.add("Expand", graph.integers(-1), shape)
    sums, squares, _ = _add_bag(graph, network.bag, source, before, exists, letters)
    return graph.add("Add", logits, _scaled(graph, network, sums, squares))


def _stream(graph: Graph, network: ClassifierNetwork, source: str, x: str, letters: tuple[str, str] | None) -> str:
    """Logits of streams of which so far these steps, and those that the state stands for, were read."""
    n = network.ngrams
    outputs = add_stream(graph, network.encoder, x)
    parts = [
        Part("pooled", torch.float32, ("N", network.encoder.output_size)),
        Part("steps", torch.int64, ("N",)),
    ]
    if network.bag is not None:
        parts += [Part("bag", torch.float32, ("N", network.classes)), Part("squares", torch.float32, ("N",))]
        parts += [Part("before", torch.int64, ("N", n - 1))] if n > 1 else []
    pooled, steps, *bag = add_parts(graph, parts)
    steps = graph.add("Add", steps, graph.dimension(source, 0))
    if network.pooling == "max":
        vector = pooled = graph.add("Max", pooled, graph.highest(outputs, 0))
    elif network.pooling == "mean":
        pooled = graph.add("Add", pooled, graph.sum(outputs, 0))
        vector = _mean(graph, pooled, steps)
    else:
        vector = pooled = graph.add("Gather", outputs, graph.constant(torch.tensor(-1)), axis=0)
    logits, after = graph.linear(vector, network.output.weight, network.output.bias), [pooled, steps]
    if network.bag is not None:
        sums, squares, before = _add_bag(graph, network.bag, source, bag[2] if n > 1 else "", "", letters)
        sums, squares = graph.add("Add", bag[0], sums), graph.add("Add", bag[1], squares)
        logits = graph.add("Add", logits, _scaled(graph, network, sums, squares))
        after += [sums, squares, before] if n > 1 else [sums, squares]
    add_final_parts(graph, parts, after)
    return logits


def _mean(graph: Graph, total: str, steps: str) -> str:
    counted = graph.add("Cast", graph.add("Max", steps, graph.integers(1)), to=1)  # float32, TensorProto.FLOAT
    return graph.add("Div", total, graph.add("Unsqueeze", counted, graph.integers(1)))


def _last(graph: Graph, network: ClassifierNetwork, outputs: str, exists: str, lengths: str) -> str:
    """The output of the last step of each row, of the second direction that of the first step."""
    shorter = graph.before_end(outputs, graph.add("Sub", lengths, graph.integers(1)))
    there = graph.add("Cast", graph.add("Xor", exists, shorter), to=1)
    last = graph.sum(graph.add("Mul", outputs, graph.add("Unsqueeze", there, graph.integers(2))), 0)
    if not network.encoder.bidirectional:
        return last
    H = network.encoder.output_size // 2
    first = graph.add("Gather", outputs, graph.constant(torch.tensor(0)), axis=0)
    return graph.add("Concat", graph.cut(last, 0, H, axis=1), graph.cut(first, H, axis=1), axis=1)


def _letters(graph: Graph) -> tuple[str, str]:
    return graph.input("letters", torch.int64, ("G",)), graph.input("letter_counts", torch.int64, ("N",))


def _add_bag(
    graph: Graph, bag: Bag, tokens: str, before: str, exists: str, letters: tuple[str, str] | None
) -> tuple[str, str, str]:
    """`Bag.forward`: the sums (N, K), the sums of squares (N,), and the last tokens (N, n - 1)."""
    n, weight = bag.ngrams, graph.constant(bag.weight)
    rarities = bag.rarity.clone()
    rarities[bag.none] = 0.0
    rarity = graph.constant(rarities)
    read = tokens if n == 1 else graph.add("Concat", graph.add("Transpose", before, perm=[1, 0]), tokens, axis=0)
    places = [tokens, *(_hashed(graph, bag, read, length) for length in range(2, n + 1))]
    if exists:
        nothing = graph.constant(torch.tensor(bag.none))
        places = [graph.add("Where", exists, place, nothing) for place in places]
    sums, squares = [], []
    for place in places:  # (T, N)
        factors = graph.add("Gather", rarity, place)
        weights = graph.add("Gather", weight, place)
        sums.append(graph.sum(graph.add("Mul", weights, graph.add("Unsqueeze", factors, graph.integers(2))), 0))
        squares.append(graph.sum(graph.add("Mul", factors, factors), 0))
    if letters is not None:
        more = _letter_sums(graph, bag, weight, rarity, *letters)
        sums.append(more[0])
        squares.append(more[1])
    last = graph.add("Transpose", graph.cut(read, 1 - n), perm=[1, 0]) if n > 1 else ""
    return graph.add("Sum", *sums), graph.add("Sum", *squares), last


def _letter_sums(graph: Graph, bag: Bag, weight: str, rarity: str, hashes: str, counts: str) -> tuple[str, str]:
    """The same sums over n-grams of letters, each added to its row."""
    place = graph.add("Mod", hashes, graph.constant(torch.tensor(bag.buckets)))
    place = graph.add("Add", place, graph.constant(torch.tensor(bag.vocabulary)))
    factors = graph.add("Mul", graph.add("Gather", rarity, place), graph.constant(torch.tensor(LETTER_WEIGHT)))
    owner = graph.add("Unsqueeze", _owners(graph, hashes, counts), graph.integers(1))
    column = graph.add("Unsqueeze", factors, graph.integers(1))
    weights = graph.add("Mul", graph.add("Gather", weight, place), column)
    rows = graph.dimension(counts, 0)
    sums = graph.zeros(rows, graph.integers(bag.weight.shape[1]))
    sums = graph.add("ScatterND", sums, owner, weights, reduction="add")
    squares = graph.add("ScatterND", graph.zeros(rows), owner, graph.add("Mul", factors, factors), reduction="add")
    return sums, squares


def _owners(graph: Graph, hashes: str, counts: str) -> str:
    """(G,) the row of each n-gram: how many rows have begun, less one; an empty one begins where the next does."""
    axis = graph.constant(torch.tensor(0))
    begins = graph.add("Sub", graph.add("CumSum", counts, axis), counts)
    ones = graph.add("Expand", graph.integers(1), graph.dimension(counts, 0))
    shape = graph.add("Add", graph.dimension(hashes, 0), graph.integers(1))  # the last rows may begin at the end
    marks = graph.add("ScatterElements", graph.add("Expand", graph.integers(0), shape), begins, ones, reduction="add")
    return graph.add("Sub", graph.cut(graph.add("CumSum", marks, axis), 0, -1), graph.integers(1))


def _hashed(graph: Graph, bag: Bag, read: str, length: int) -> str:
    """`Bag._hashed`, whose shifts are divisions here: ONNX shifts unsigned numbers alone."""
    n, factor = bag.ngrams, graph.constant(torch.tensor(MULTIPLIER))
    code = graph.constant(torch.tensor(length))
    for back in range(length):
        start = n - 1 - back
        part = graph.cut(read, start, -back) if back else graph.cut(read, start)
        code = graph.add("Mul", graph.add("Add", graph.add("Add", code, part), graph.constant(torch.tensor(2))), factor)
        code = graph.add("BitwiseXor", code, _shifted(graph, code, 29))
    place = _shifted(graph, graph.add("Mul", code, factor), TOP_BITS)
    place = graph.add("Mod", place, graph.constant(torch.tensor(bag.buckets)))
    return graph.add("Add", place, graph.constant(torch.tensor(bag.vocabulary)))


def _shifted(graph: Graph, x: str, bits: int) -> str:
    """x >> bits: the quotient, rounded down."""
    divisor = graph.constant(torch.tensor(1 << bits))
    return graph.add("Div", graph.add("Sub", x, graph.add("Mod", x, divisor)), divisor)


def _scaled(graph: Graph, network: ClassifierNetwork, sums: str, squares: str) -> str:
    norm = graph.add("Sqrt", graph.add("Max", squares, graph.constant(torch.tensor(1e-6))))
    scaled = graph.add("Div", sums, graph.add("Unsqueeze", norm, graph.integers(1)))
    return graph.add("Mul", scaled, graph.constant(torch.tensor(network.bag_rate, dtype=torch.float32)))


def _facts(model: Classifier) -> dict[str, str]:
    """What a program needs to turn texts into tokens, and scores into labels."""
    settings, coding = trained(model.settings), trained(model._parts).coding
    return {
        "task": model.task,
        "labels": json.dumps(list(model.labels)),
        "several": str(settings.several).lower(),
        "tokens": settings.tokens or "",
        "lowercase": str(settings.lowercase).lower(),
        "letters": str(settings.letters),
        "subwords": "" if coding is None or coding.cutter.subwords is None else coding.cutter.subwords.to_json(),
        "vocabulary": "[]" if coding is None else json.dumps(list(coding.lexicon)),
    }
