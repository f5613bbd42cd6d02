"""Recurrent models of published packages, before and after elman.accelerate: differences and times, a row each.

    pip install neuralforecast resemblyzer 'setuptools<81' flair      # optional: what is missing is skipped
    pip install torch==2.13.0 torchvision==0.28.0 kraken              # whose scikit-learn is older: apart from these
    python benchmarks/third_party.py
    python benchmarks/third_party.py --only resemblyzer,flair --threads 1

Nothing is downloaded. The models of neuralforecast, flair and kraken (lines) have their default sizes and untrained
weights, Resemblyzer's speaker encoder and kraken's page segmenter the weights that they come with (setuptools<81 is for
one of Resemblyzer's dependencies).

Forward is inference in evaluation mode; a step is forward and backward, by all parameters, of random cotangents.  The
two take turns (torch, elman, torch, elman, ...), and the smallest of the rounds counts.  Differences are relative to
the largest number; where a model enlarges roundings beyond the tolerance, both are held beside it in float64.  `fit`
rows time the package's own training loop, everything in it included.
"""

import argparse
import copy
import logging
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import elman
from elman.layers.acceleration import survey
from elman.layers.comparison import compare

TOLERANCE = {"outputs": 5e-6, "gradients": 1e-5}  # of float32, as in tests/conftest.py
HEAD = f"{'model':32} {'what':8} {'torch ms':>10} {'elman ms':>10} {'ratio':>7}  {'difference':>10}"


class Case(NamedTuple):
    """A model, and what it is called with."""

    name: str
    model: nn.Module
    example: Any
    exact: Callable[[nn.Module], nn.Module] | None = None
    """Makes the same model in float64; for a model that takes a tensor and gives a tuple, the first of it a tensor."""


class Fit(NamedTuple):
    """A training run: a new model, and how it is trained."""

    name: str
    make: Callable[[], Any]
    modules: Callable[[Any], list[nn.Module]]
    train: Callable[[Any], object]


def neuralforecast() -> Iterator[Case | Fit]:
    """Forecasting: 128 windows (the default) of 96 steps, horizon 12; and its own training loop on 32 series."""
    import pandas
    from neuralforecast import NeuralForecast
    from neuralforecast.models import GRU, LSTM, RNN, DeepAR

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    quiet = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    quiet |= {"enable_checkpointing": False}
    for kind in (RNN, GRU, LSTM, DeepAR):
        model = kind(h=12, input_size=96, max_steps=30, **quiet)
        steps = model.input_size + (model.h if kind is DeepAR else 0)
        windows = {"insample_y": torch.randn(128, steps, 1), "futr_exog": torch.empty(128, steps, 0)}
        windows |= {"hist_exog": torch.empty(128, steps, 0), "stat_exog": torch.empty(128, 0)}
        yield Case(f"neuralforecast {kind.__name__}", model, {"windows_batch": windows})

    time_, noise = np.arange(500), np.random.default_rng(0)
    series = [
        pandas.DataFrame({"unique_id": u, "ds": time_, "y": np.sin(time_ / 5 + u) + 0.1 * noise.standard_normal(500)})
        for u in range(32)
    ]
    table = pandas.concat(series)
    for kind in (RNN, GRU, LSTM):
        yield Fit(
            f"neuralforecast {kind.__name__}, 30 steps",
            lambda kind=kind: NeuralForecast([kind(h=12, input_size=96, max_steps=30, **quiet)], freq=1),
            lambda forecast: forecast.models,
            lambda forecast: forecast.fit(table),
        )


def resemblyzer() -> Iterator[Case]:
    """Speaker embeddings: windows of 1.6 seconds of a made-up voice, one and 32 at a time."""
    from resemblyzer import VoiceEncoder
    from resemblyzer.audio import wav_to_mel_spectrogram

    seconds = np.arange(16000 * 30) / 16000
    pitch = np.cumsum(120 + 30 * np.sin(2 * np.pi * seconds)) / 16000
    voice = sum(np.sin(2 * np.pi * overtone * pitch) / overtone for overtone in range(1, 20))
    mels = torch.from_numpy(wav_to_mel_spectrogram((0.1 * voice).astype(np.float32)))  # (frames, 40)
    windows = mels.unfold(0, 160, 80).transpose(1, 2).contiguous()  # (N, 160, 40)
    encoder = VoiceEncoder("cpu", verbose=False)
    for number in (1, 32):
        yield Case(f"Resemblyzer, N = {number}", encoder, windows[:number])


class TaggerLoss(nn.Module):
    """The loss of one of flair's taggers for a batch of sentences."""

    def __init__(self, tagger: nn.Module) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, sentences: list[Any]) -> Tensor:
        for sentence in sentences:
            sentence.clear_embeddings()  # which flair keeps with their graph
        return self.tagger.forward_loss(sentences)[0]


def flair() -> Iterator[Case]:
    """Tagging: 32 sentences, embedded letter by letter; BiLSTM of 256 units and CRF (packed sequences)."""
    from flair.data import Dictionary, Sentence
    from flair.embeddings import CharacterEmbeddings
    from flair.models import SequenceTagger

    logging.getLogger("flair").setLevel(logging.ERROR)
    words = ["colourless", "green", "ideas", "sleep", "furiously", "and", "so", "does", "the", "committee"]
    letters, tags = Dictionary(), Dictionary(add_unk=False)
    for letter in sorted(set("".join(words))):
        letters.add_item(letter)
    for length in sorted({len(word) for word in words}):
        tags.add_item(str(length))
    sentences = [
        Sentence([words[i] for i in torch.randint(len(words), (int(n),))]) for n in torch.randint(5, 41, (32,))
    ]
    for sentence in sentences:
        for token in sentence:
            token.add_label("length", str(len(token.text)))
    with tempfile.TemporaryDirectory() as folder:
        letters.save(str(Path(folder) / "letters"))
        embeddings = CharacterEmbeddings(path_to_char_dict=str(Path(folder) / "letters"))
    tagger = SequenceTagger(embeddings, tags, "length", hidden_size=256, allow_unk_predictions=False).to("cpu")
    yield Case("flair SequenceTagger, LSTM", TaggerLoss(tagger), (sentences,))


def kraken() -> Iterator[Case]:
    """Reading old prints: a page, found by LSTMs along its rows and columns; 16 lines, read by a BiLSTM of 3 layers."""
    declared = torch.library.Library("torchvision", "FRAGMENT")
    try:
        import torchvision  # noqa: F401
    except RuntimeError:  # torchvision's operators are for another build of torch; kraken's networks call none of them
        for name in ("nms", "qnms"):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from importlib.resources import files

    from kraken.configs import VGSLRecognitionTrainingConfig
    from kraken.lib.vgsl import TorchVGSLModel
    from kraken.lib.vgsl.layers import GroupNorm
    from kraken.models import load_models

    def exact(model: nn.Module) -> nn.Module:
        model = copy.deepcopy(model).double()
        for norm in model.modules():
            if isinstance(norm, GroupNorm):  # which casts to float32 first
                norm.forward = lambda inputs, seq_len, output_shape=None, layer=norm.layer: (layer(inputs), seq_len)
        return model

    page = torch.ones(1, 3, 600, 400)
    for top in range(60, 540, 24):
        ink = torch.rand(4, 80) < 0.5
        page[:, :, top : top + 12, 40:360] = ink.float().repeat_interleave(3, 0).repeat_interleave(4, 1)
    (segmenter,) = load_models(files("kraken").joinpath("blla.mlmodel"))
    yield Case("kraken page segmenter", segmenter.nn, page, exact)
    reader = TorchVGSLModel(vgsl=VGSLRecognitionTrainingConfig().spec.removesuffix("]") + " O1c80]")
    reader.init_weights()
    yield Case("kraken line reader", reader.nn, torch.rand(16, 1, 120, 800))


PACKAGES = {"neuralforecast": neuralforecast, "resemblyzer": resemblyzer, "flair": flair, "kraken": kraken}


def row(name: str, what: str, before: float, after: float, difference: float, limit: float) -> str:
    mark = "" if difference <= limit else f"  more than {limit:.0e}"
    shown = "" if math.isnan(difference) else f"{difference:10.0e}{mark}"
    return f"{name:32} {what:8} {1e3 * before:10.2f} {1e3 * after:10.2f} {before / after:6.2f}x  {shown}"


def measure(case: Case) -> list[str]:
    """The rows of one model."""
    elman.accelerate(case.model)
    if not any(found.replaced for found in survey(case.model)):
        return [f"{case.name}: no recurrent module was replaced", *(f"  {found}" for found in survey(case.model))]
    found = compare(case.model, case.example, lambda: elman.restore(case.model), lambda: elman.accelerate(case.model))
    rows = [row(case.name, "forward", *found.forward, found.outputs, TOLERANCE["outputs"])]
    if found.step is not None and found.gradients is not None:
        rows.append(row(case.name, "step", *found.step, found.gradients, TOLERANCE["gradients"]))
    beyond = found.outputs > TOLERANCE["outputs"] or (found.gradients or 0.0) > TOLERANCE["gradients"]
    if beyond and case.exact is not None:
        rows.append(beside_float64(case.model.eval(), case.example, case.exact(elman.restore(case.model))))
    return rows


def beside_float64(model: nn.Module, example: Tensor, exact: nn.Module) -> str:
    """How far torch's results and ours are from those of the model in float64, relative to the largest number."""
    with torch.no_grad():
        cotangent = torch.randn_like(exact(example.double())[0])

    def results(model: nn.Module, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        output = model(example.to(dtype))[0]
        gradients = torch.autograd.grad(output, list(model.parameters()), cotangent.to(dtype))
        return output.detach().double(), torch.cat([gradient.flatten() for gradient in gradients]).double()

    def far(found: tuple[Tensor, Tensor]) -> str:
        outputs, gradients = ((a - b).abs().max() / b.abs().max() for a, b in zip(found, wanted, strict=True))
        return f"outputs {outputs:.0e}, gradients {gradients:.0e}"

    wanted = results(exact, torch.float64)
    before, after = results(model, torch.float32), results(elman.accelerate(model), torch.float32)
    return f"  from float64: torch {far(before)}; elman {far(after)}"


def measure_fit(fit: Fit, rounds: int) -> list[str]:
    """The row of one training run; the models are made anew and so begin alike."""
    best = [math.inf, math.inf]
    for _ in range(rounds):
        for side in (0, 1):
            subject = fit.make()
            for module in fit.modules(subject) if side else ():
                elman.accelerate(module)
            began = time.perf_counter()
            fit.train(subject)
            best[side] = min(best[side], time.perf_counter() - began)
    return [row(fit.name, "fit", *best, math.nan, math.inf)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PACKAGES), help="names of packages, with commas between them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="of the fit rows (default: 2)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    print(HEAD)
    for package in options.only.split(","):
        torch.manual_seed(0)
        try:
            for case in PACKAGES[package]():
                rows = measure_fit(case, options.rounds) if isinstance(case, Fit) else measure(case)
                print(*rows, sep="\n", flush=True)
        except ImportError as error:
            print(f"{package} is skipped: {error}")


if __name__ == "__main__":
    main()
