"""Validation loss on Shakespeare against wall-clock: our layers beside torch.nn's in the same loop.

    python benchmarks/language_model.py              # lstm, gru, rnn; 90s and 3m; 3 seeds
    python benchmarks/language_model.py --cells lstm --times 90s --seeds 0 --engines elman,torch

nanoGPT's split: the first nine tenths of tiny Shakespeare to learn, the whole last tenth to measure, by two protocols:
the state carried over the whole text, and blocks of 64 from an empty context.  All hyperparameters are the command
line's defaults for the budget.  The engines take turns, seed by seed, so that a drift of the machine hits both.
A line is printed as each run ends, then the medians; --json FILE keeps every run and its validation curve.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch

import elman
from elman import corpora
from elman.models import LanguageNetwork, language_model

HEAD = f"{'cell':5} {'layers':6} {'budget':>6} {'seed':>6} {'carried':>8} {'blocks':>8} {'epochs':>7} {'seconds':>8}"


@contextmanager
def torch_layers() -> Iterator[None]:
    """The same network on torch.nn's recurrent layers, which take vectors: the embedding's, looked up before them."""

    def first(network: LanguageNetwork, tokens: torch.Tensor, layer: torch.nn.Module, state: Any) -> Any:
        return layer(torch.nn.functional.embedding(tokens, network.embedding.weight), state)

    cells = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    with ExitStack() as stack:
        for owner, name, value in (
            (language_model, "CELLS", cells),
            (language_model, "LSTM", torch.nn.LSTM),
            (LanguageNetwork, "_first", first),
            (LanguageNetwork, "stepper", lambda network: network.step),  # for the samples that the loop writes
        ):
            stack.enter_context(mock.patch.object(owner, name, value))
        yield


ENGINES = {"elman": nullcontext, "torch": torch_layers}


def run(engine: str, cell: str, budget: str, seed: int, training: str, validation: str) -> dict[str, object]:
    """Trains one model with the defaults and measures it."""
    with ENGINES[engine]():
        began = time.perf_counter()
        epochs = 0.0

        def watch(progress: elman.tasks.Progress) -> None:
            nonlocal epochs
            epochs = progress.epoch

        model = elman.LanguageModel(cell=cell)
        model.fit(training, validation=validation, time=budget, seed=seed, progress=watch)
        seconds = time.perf_counter() - began
        return {
            "engine": engine,
            "cell": cell,
            "budget": budget,
            "seed": seed,
            "carried": model.evaluate(validation)["nats_per_char"],
            "blocks": model.evaluate(validation, protocol="blocks", block=64)["nats_per_char"],
            "epochs": epochs,
            "seconds": seconds,
            "curve": model.history,
        }


def row(found: dict[str, object], seed: object) -> str:
    return (
        f"{found['cell']:5} {found['engine']:6} {found['budget']:>6} {seed!s:>6} {found['carried']:8.4f} "
        f"{found['blocks']:8.4f} {found['epochs']:7.1f} {found['seconds']:8.1f}"
    )


def median(runs: list[dict[str, object]]) -> dict[str, object]:
    middle = {key: statistics.median(r[key] for r in runs) for key in ("carried", "blocks", "epochs", "seconds")}
    return {**runs[0], **middle}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="lstm,gru,rnn")
    parser.add_argument("--times", default="90s,3m")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--engines", default="elman", help="elman, torch, or both (default: elman)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="keep all runs with their validation curves")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text = corpora.shakespeare()
    training, validation = text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]
    print(f"# {platform.processor() or platform.machine()}, {options.threads} threads, torch {torch.__version__}, "
          f"elman {elman.__version__}")  # fmt: skip
    print(HEAD, flush=True)
    runs: list[dict[str, object]] = []
    groups: dict[tuple[str, str, str], list[dict[str, object]]] = {}
    for cell in options.cells.split(","):
        for budget in options.times.split(","):
            for seed in map(int, options.seeds.split(",")):
                for engine in options.engines.split(","):
                    found = run(engine, cell, budget, seed, training, validation)
                    runs.append(found)
                    groups.setdefault((cell, budget, engine), []).append(found)
                    print(row(found, seed), flush=True)
                    if options.json:
                        with open(options.json, "w", encoding="utf-8") as file:
                            json.dump(runs, file, indent=1)
    print("medians")
    for found in groups.values():
        print(row(median(found), f"of {len(found)}"))


if __name__ == "__main__":
    main()
