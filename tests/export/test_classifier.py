"""A classifier in ONNX Runtime: whole rows and streams, with its bag and the letters inside words."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

import elman
from elman.data.subwords import Subwords
from elman.models import ENCODERS, ClassifierNetwork
from elman.models.bag import Letters
from elman.models.classifier import POOLINGS

T, N, V, C, K = 9, 4, 11, 3, 5
LENGTHS = torch.tensor([9, 4, 0, 1])
KINDS = [(e, b) for e in ENCODERS for b in (False, True) if not (b and e == "feedforward")]


def network(**how: Any) -> ClassifierNetwork:
    torch.manual_seed(2)
    sizes: dict[str, Any] = {"vocabulary": V, "hidden": 7, "embedding": 6, "layers": 2, "ngrams": 3, "buckets": 64}
    made = ClassifierNetwork(K, **{**sizes, "bag_rate": 3.0, "dropout": 0.5, **how})
    if made.bag is not None:
        torch.nn.init.normal_(made.bag.weight)
        made.bag.weigh(torch.randint(0, 5, made.bag.rarity.shape), total=10)
    return made


def session(model: object, path: Path, lengths: bool = False) -> onnxruntime.InferenceSession:
    elman.export_onnx(model, path, lengths=lengths)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run(runtime: onnxruntime.InferenceSession, **feeds: Tensor) -> dict[str, Tensor]:
    names = [value.name for value in runtime.get_outputs()]
    found = runtime.run(names, {name: tensor.numpy() for name, tensor in feeds.items()})
    return {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}


def beginning(runtime: onnxruntime.InferenceSession, batch: int) -> dict[str, Tensor]:
    """The state of N streams of which nothing was read, by what the file says."""
    initial = json.loads(runtime.get_modelmeta().custom_metadata_map["initial"])
    outputs = {value.name for value in runtime.get_outputs()}
    state = {}
    for value in runtime.get_inputs():
        if final_name(value.name) in outputs:
            dtype = np.int64 if "int64" in value.type else np.float32
            shape = [batch if size == "N" else size for size in value.shape]
            state[value.name] = torch.from_numpy(np.full(shape, initial.get(value.name, 0), dtype))
    return state


def final_name(name: str) -> str:
    """Of the output that is the next call's input of this name."""
    return f"{name[0]}_n" if name in ("h_0", "c_0") else f"{name}_n"


def after(found: dict[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: found[final_name(name)] for name in state}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("encoder", "bidirectional"), KINDS)
def test_whole_rows(encoder: str, bidirectional: bool, pooling: str, close: Any, tmp_path: Path) -> None:
    made = network(encoder=encoder, bidirectional=bidirectional, pooling=pooling)
    tokens = torch.randint(V, (T, N))
    with torch.no_grad():
        expected, _ = made(tokens, LENGTHS)
    found = run(session(made, tmp_path / "rows.onnx", lengths=True), tokens=tokens, lengths=LENGTHS)
    close(found["logits"], expected, "value")
    if bidirectional:
        with torch.no_grad():
            expected, _ = made(tokens)
        close(run(session(made, tmp_path / "whole.onnx"), tokens=tokens)["logits"], expected, "value")


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("ngrams", [0, 1, 2])
def test_streams(encoder: str, pooling: str, ngrams: int, close: Any, tmp_path: Path) -> None:
    made = network(encoder=encoder, pooling=pooling, ngrams=ngrams)
    runtime = session(made, tmp_path / "stream.onnx")
    tokens = torch.randint(V, (T, N))
    state = beginning(runtime, N)
    for begin, end in ((0, 4), (4, 5), (5, 9)):
        found = run(runtime, tokens=tokens[begin:end], **state)
        state = after(found, state)
        with torch.no_grad():
            close(found["logits"], made(tokens[:end])[0], "value", f"after {end} steps")


def test_series(close: Any, tmp_path: Path) -> None:
    made = network(vocabulary=0, channels=C, ngrams=0, bidirectional=True)
    made.measure(torch.tensor([1.0, -2.0, 30.0]), torch.tensor([0.5, 2.0, 10.0]))
    series = torch.randn(T, N, C) * 10
    with torch.no_grad():
        expected, _ = made(series, LENGTHS)
    found = run(session(made, tmp_path / "series.onnx", lengths=True), series=series, lengths=LENGTHS)
    close(found["logits"], expected, "value")


def test_hashes_of_long_ngrams_are_ours_to_the_bit(tmp_path: Path) -> None:
    made = network(ngrams=5, buckets=1 << 16, vocabulary=100_000)
    assert made.bag is not None
    torch.nn.init.normal_(made.bag.weight)
    with torch.no_grad():
        for parameter in [*made.encoder.parameters(), *made.output.parameters()]:
            parameter.zero_()
        tokens = torch.randint(100_000, (50, 20))
        expected, _ = made(tokens)
    runtime = session(made, tmp_path / "hashes.onnx")
    found = run(runtime, tokens=tokens, **beginning(runtime, 20))["logits"]
    assert (found - expected).abs().max() < 1e-4, "another place would be another weight, of size 1"


TEXTS, LABELS = ["what a wonderful film", "how dreadful !", "a joy", "dull and dreadfully long"] * 20, list("gbgb") * 20


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_trained_model_says_what_it_says(bidirectional: bool, tmp_path: Path) -> None:
    """From the file: the words, and the letters inside them."""
    model = elman.Classifier(hidden=8, embedding=8, bidirectional=bidirectional).fit(TEXTS, LABELS, epochs=3)
    runtime = session(model, tmp_path / "films.onnx")
    facts = runtime.get_modelmeta().custom_metadata_map
    assert (facts["task"], facts["tokens"], facts["lowercase"], facts["letters"]) == ("classify", "words", "true", "6")
    vocabulary, text = json.loads(facts["vocabulary"]), "a wonderfully dull film"
    index = {word: number for number, word in enumerate(vocabulary)}
    words = text.split()
    letters = elman.data.spelling.letter_grams(words, int(facts["letters"]))
    feeds = {
        "tokens": torch.tensor([[index.get(word, 0)] for word in words]),
        "letters": torch.from_numpy(letters.values.astype(np.int64)),
        "letter_counts": torch.tensor([len(letters.values)]),
    }
    found = run(runtime, **feeds, **beginning(runtime, 1))["probabilities"][0]
    expected = dict(model.predict([text], top=2)[0])
    assert found.tolist() == pytest.approx([expected[label] for label in json.loads(facts["labels"])], rel=1e-4)


@pytest.mark.parametrize("counts", [[5, 2, 0, 1], [0, 0, 7, 0], [0, 0, 0, 0], [1, 2, 3, 4]])
def test_letters_of_several_rows(counts: list[int], close: Any, tmp_path: Path) -> None:
    model = elman.Classifier(hidden=8, embedding=8).fit(TEXTS, LABELS, epochs=2)
    letters = Letters(torch.randint(1 << 24, (sum(counts),)), torch.tensor(counts))
    tokens = torch.randint(model.network.vocabulary, (T, N))
    with torch.no_grad():
        expected, _ = model.network(tokens, LENGTHS, letters=letters)
    feeds = {"tokens": tokens, "lengths": LENGTHS, "letters": letters.hashes, "letter_counts": letters.counts}
    close(run(session(model, tmp_path / "m.onnx", lengths=True), **feeds)["logits"], expected, "value")


def test_the_pieces_of_subwords_are_in_the_file(tmp_path: Path) -> None:
    model = elman.Classifier(tokens="subwords", hidden=8, embedding=8).fit(TEXTS, LABELS, epochs=1)
    facts = session(model, tmp_path / "m.onnx").get_modelmeta().custom_metadata_map
    pieces = Subwords(facts["subwords"])
    vocabulary = json.loads(facts["vocabulary"])
    assert [vocabulary.index(piece) for piece in pieces.cut("a joy")]


def test_several_labels_have_a_probability_each(tmp_path: Path) -> None:
    labels = [["a"], ["a", "b"], [], ["b"]] * 20
    model = elman.Classifier(hidden=8, embedding=8, letters=0).fit(TEXTS, labels, epochs=2)
    tokens = torch.randint(model.network.vocabulary, (T, 1))
    found = run(session(model, tmp_path / "several.onnx"), tokens=tokens)
    tempered = found["logits"] / model.info()["temperature"]
    torch.testing.assert_close(found["probabilities"], tempered.sigmoid(), atol=1e-6, rtol=0)


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the model is not trained"):
        elman.export_onnx(elman.Classifier(), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="expected float32"):
        elman.export_onnx(network(encoder="tdnn").double(), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
