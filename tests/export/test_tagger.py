"""A tagger in ONNX Runtime: whole sentences and streams, with letters, pairs, vectors and intents."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

import elman
from elman.models import ENCODERS, TaggerNetwork
from elman.models.tagger import Tokens, pair_keys
from elman.tasks.tagging.batches import tokens_of

T, N, W, K, C, U = 8, 4, 12, 5, 3, 7
LENGTHS = torch.tensor([8, 3, 0, 5])
KINDS = [(e, b) for e in ENCODERS for b in (False, True) if not (b and e == "feedforward")]


def network(**how: Any) -> TaggerNetwork:
    torch.manual_seed(4)
    pairs = pair_keys(torch.tensor([0, 3, 5, 12]), torch.tensor([7, 12, 5, 1]), W)
    options: dict[str, Any] = {
        "words": W, "tags": K, "intents": C, "embedding": 6, "characters": 9, "cases": 4, "spelling": 5,
        "pairs": pairs, "pair": 4, "vectors": torch.randn(6, 3), "hidden": 7, "layers": 2, "dropout": 0.5, **how,
    }  # fmt: skip
    return TaggerNetwork(**options)


def tokens() -> Tokens:
    torch.manual_seed(5)
    letters = torch.randint(1, 9, (U, 6)) * (torch.arange(6) < torch.arange(U).unsqueeze(1))  # row 0 has none
    return Tokens(
        torch.randint(W, (T, N)), torch.randint(U, (T, N)), torch.randint(4, (T, N)), letters, torch.randint(6, (T, N))
    )


def session(model: object, path: Path, lengths: bool = False) -> onnxruntime.InferenceSession:
    elman.export_onnx(model, path, lengths=lengths)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run(runtime: onnxruntime.InferenceSession, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
    wanted = {value.name for value in runtime.get_inputs()}
    found = runtime.run(None, {name: tensor.numpy() for name, tensor in feeds.items() if name in wanted})
    return {o.name: torch.from_numpy(value) for o, value in zip(runtime.get_outputs(), found, strict=True)}


@pytest.mark.parametrize(("encoder", "bidirectional"), KINDS)
def test_whole_sentences(encoder: str, bidirectional: bool, close: Any, tmp_path: Path) -> None:
    made, read = network(encoder=encoder, bidirectional=bidirectional).eval(), tokens()
    with torch.no_grad():
        scores, intents = made(read, LENGTHS)
    found = run(session(made, tmp_path / "m.onnx", lengths=True), {**read._asdict(), "lengths": LENGTHS})
    for row, length in enumerate(LENGTHS.tolist()):
        close(found["scores"][:length, row], scores[:length, row], "value", f"row {row}")
    close(found["intents"], intents, "value")
    if bidirectional:
        with torch.no_grad():
            scores, _ = made(read, [T] * N)
        close(run(session(made, tmp_path / "w.onnx"), read._asdict())["scores"], scores, "value")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_streams(encoder: str, close: Any, tmp_path: Path) -> None:
    made, read = network(encoder=encoder).eval(), tokens()
    runtime = session(made, tmp_path / "m.onnx")
    initial = json.loads(runtime.get_modelmeta().custom_metadata_map["initial"])
    states = {}
    for value in runtime.get_inputs():
        if value.name in initial or value.name in ("h_0", "c_0", "total", "steps") or value.name.startswith("frames"):
            shape = [N if size == "N" else size for size in value.shape]
            dtype = np.int64 if "int64" in value.type else np.float32
            states[value.name] = torch.from_numpy(np.full(shape, initial.get(value.name, 0), dtype))
    mine = made.initial_state(N)
    for begin, end in ((0, 1), (1, 4), (4, 8)):
        part = {n: t if n == "letters" else t[begin:end] for n, t in read._asdict().items()}
        found = run(runtime, {**part, **states})
        states = {n: found[n[0] + "_n" if n[1:] == "_0" else f"{n}_n"] for n in states}
        for t in range(begin, end):
            one = Tokens(*(x if n == "letters" else x[t : t + 1] for n, x in read._asdict().items()))
            with torch.no_grad():
                scores, intents, mine = made.step(one, mine)
            close(found["scores"][t - begin], scores, "value", f"step {t}")
        close(found["intents"], intents, "value", f"after {end} steps")


PARTS = ["characters", "pairs", "vectors", "intents", "embedding"]


@pytest.mark.parametrize("part", [*PARTS, "known pairs"])
def test_a_part_that_is_missing(part: str, close: Any, tmp_path: Path) -> None:
    nothing = {"pairs": None, "vectors": None, "known pairs": torch.empty(0, dtype=torch.int64)}
    how = {part.removeprefix("known "): nothing.get(part, 0)}
    made, read = network(bidirectional=True, **how).eval(), tokens()
    with torch.no_grad():
        scores, _ = made(read, [T] * N)
    close(run(session(made, tmp_path / "m.onnx"), read._asdict())["scores"], scores, "value")


@pytest.mark.parametrize("crf", [False, True])
def test_a_trained_model_tags_as_it_tags(crf: bool, tmp_path: Path) -> None:
    """The best tags from the file: with a CRF all sequences tried, without one each the best after the one before."""
    sentences = [(["fly", "to", "New", "York"], ["O", "O", "B-to", "I-to"]), (["go", "to", "Rome"], ["O", "O", "B-to"])]
    path = tmp_path / "train.conll"
    path.write_text("".join("\n".join(map(" ".join, zip(*s, strict=True))) + "\n\n" for s in sentences * 30), "utf-8")
    model = elman.Tagger(crf=crf, hidden=8, embedding=8).fit(path, epochs=4)
    runtime = session(model, tmp_path / "m.onnx")
    facts = runtime.get_modelmeta().custom_metadata_map
    tags, neighbours = json.loads(facts["tags"]), json.loads(facts["neighbours"])
    assert facts["crf"] == str(crf).lower()
    sentence = ["go", "to", "New", "Delhi", "York"]
    parts = model._parts
    assert parts is not None
    read = tokens_of(parts.forms.describe(sentence), np.arange(5).reshape(5, 1))
    scores = run(runtime, read._asdict())["scores"][:, 0]

    def score(some: tuple[int, ...]) -> float:
        steps = sum(float(scores[t, k]) for t, k in enumerate(some))
        pairs = sum(neighbours["transitions"][j][k] for j, k in itertools.pairwise(some))
        return steps + pairs + neighbours["first"][some[0]] + neighbours["last"][some[-1]]

    if crf:
        best = max(itertools.product(range(len(tags)), repeat=5), key=score)
    else:
        best = ()
        for t in range(5):
            may = neighbours["transitions"][best[-1]] if best else neighbours["first"]
            best += (max(range(len(tags)), key=lambda k: float(scores[t, k]) + may[k]),)
    assert [tags[k] for k in best] == model.predict([sentence])[0].tags
