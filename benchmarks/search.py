"""What each choice of the language model's recipe is worth: one change at a time, over a fixed number of epochs.

    python benchmarks/search.py --epochs 2                       # every row, one thread, seed 0
    python benchmarks/search.py --epochs 5 --rows base,gru       # some of them
    python benchmarks/search.py --list

Losses are nats a character on the last tenth of tiny Shakespeare, state carried, after training on the rest; the loop
is `LanguageModel.fit`.  Steps are counted instead of seconds, so a busy machine changes nothing but the column `s`, and
one seed and thread give the same losses again.  What a change costs in time shows there only on a quiet machine.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest import mock

import torch

import elman
from elman import corpora
from elman.models import LanguageNetwork
from elman.tasks import hyperparameters, optimisers

BASE = {"cell": "lstm", "layers": 1, "hidden": 256, "embedding": 64, "dropout": 0.15, "batch": 32, "window": 64,
        "learning_rate": 4e-3}  # fmt: skip


def muon(**options: Any) -> Any:
    return mock.patch.object(optimisers, "Muon", partial(optimisers.Muon, **options))


@contextmanager
def changed_weights(change: Callable[[LanguageNetwork], None]) -> Iterator[None]:
    """First weights that are not the package's."""
    new_network = hyperparameters.Settings.new_network

    def new(self: Any, vocabulary: int, seed: int) -> LanguageNetwork:
        network = new_network(self, vocabulary, seed)
        with torch.no_grad():
            change(network)
        return network

    with mock.patch.object(hyperparameters.Settings, "new_network", new):
        yield


def strong_embedding(network: LanguageNetwork) -> None:
    network.embedding.weight *= 4


def orthogonal(network: LanguageNetwork) -> None:
    for layer in network.layers:
        elman.layers.initialise(layer)


def without_muon() -> Any:
    return mock.patch.object(optimisers, "square_matrices", return_value=[])


NONE = nullcontext
ROWS: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
    "base": ({}, NONE),
    "adamw alone": ({}, without_muon),
    "adamw alone at 8e-3": (
        {"learning_rate": 8e-3}, without_muon
    ),
    "no decay in muon": ({}, lambda: muon(weight_decay=0.0)),
    "decay 0.05 in muon": ({}, lambda: muon(weight_decay=0.05)),
    "all gates at every step": ({}, lambda: muon(turns=1)),
    "5 iterations": ({}, lambda: muon(iterations=5)),
    "2 iterations": ({}, lambda: muon(iterations=2)),
    "embedding of deviation 4": ({}, lambda: changed_weights(strong_embedding)),
    "orthogonal and forget bias 1": ({}, lambda: changed_weights(orthogonal)),
    "rate 2e-3": ({"learning_rate": 2e-3}, NONE),
    "rate 6e-3": ({"learning_rate": 6e-3}, NONE),
    "dropout 0": ({"dropout": 0.0}, NONE),
    "dropout 0.3": ({"dropout": 0.3}, NONE),
    "batch 64": ({"batch": 64}, NONE),
    "window 32": ({"window": 32}, NONE),
    "hidden 384": ({"hidden": 384}, NONE),
    "gru": ({"cell": "gru"}, NONE),
    "rnn": ({"cell": "rnn"}, NONE),
    "rnn of 384": ({"cell": "rnn", "hidden": 384}, NONE),
}  # fmt: skip


def run(options: dict[str, Any], change: Callable[[], Any], epochs: int, seed: int) -> tuple[float, float, float]:
    """Carried loss, training loss at the end, seconds."""
    text = corpora.shakespeare()
    cut = len(text) * 9 // 10
    with change():
        model = elman.LanguageModel(**{**BASE, **options})
        began = time.perf_counter()
        model.fit(text[:cut], validation=text[cut:], epochs=epochs, seed=seed)
    seconds = time.perf_counter() - began
    return model.evaluate(text[cut:])["nats_per_char"], model.metrics["training_loss"], seconds


def main() -> None:
    """Read the flags, run the rows, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rows", help="names, with commas between them (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    options = parser.parse_args()
    if options.list:
        print("\n".join(ROWS))
        return
    names = [name.strip() for name in options.rows.split(",")] if options.rows else list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"unknown rows: {', '.join(unknown)}; --list names them all")
    torch.set_num_threads(options.threads)
    print(f"# {options.epochs} epochs, seed {options.seed}, {options.threads} threads, base {BASE}")
    print(f"{'change':28} {'carried':>8} {'training':>9} {'s':>6}")
    for name in names:
        carried, training, seconds = run(*ROWS[name], options.epochs, options.seed)
        print(f"{name:28} {carried:8.4f} {training:9.3f} {seconds:6.0f}", flush=True)


if __name__ == "__main__":
    main()
