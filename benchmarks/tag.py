"""Taggers on public sets beside published figures, and what each kind of network can see.

    ELMAN_DATA=… python benchmarks/tag.py                              # everything: sets, networks, flights, speed
    ELMAN_DATA=… python benchmarks/tag.py sets --names atis,snips --time 5m
    ELMAN_DATA=… python benchmarks/tag.py networks --epochs 10 --seeds 0,1,2,3,4
    python benchmarks/tag.py flights --epochs 6
    ELMAN_DATA=… python benchmarks/tag.py speed

sets       a tagger with its defaults on train, measured on dev.  Twice: "tenth" chooses the weights by a tenth of train
           that is held out, so that dev is unseen; "dev" chooses them by the file that is then reported, as papers do
           that have no third file.
networks   seven networks on one split of ATIS: the last tenth of a fixed shuffle of train chooses the weights, dev is
           unseen; mean over the seeds and the half width of its 95 % interval (Student's t).
flights    the booking sentences, whose test cities and wordings training has not.
speed      tokens tagged in a second, from lists of tokens to tags and slots, best of five.

Results are kept in benchmarks/results/tag.json, each part and name anew when it runs.
"""

import argparse
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import elman
from elman.corpora import FLIGHT_SLOTS, flights
from elman.data.tagged import TaggedSentence, read_tagged

RESULTS = Path(__file__).parent / "results" / "tag.json"
SETS = {"atis": "5m", "snips": "10m", "cais_zh": "5m", "smp2019_zh": "3m"}  # and the time that each may take
NETWORKS: dict[str, dict[str, Any]] = {
    "feedforward": {"encoder": "feedforward"},
    "tdnn": {"encoder": "tdnn", "bidirectional": False},
    "rnn": {"encoder": "rnn", "bidirectional": False},
    "bi-rnn": {"encoder": "rnn", "crf": False},
    "bi-gru": {"encoder": "gru", "crf": False},
    "bi-lstm": {"encoder": "lstm", "crf": False},
    "bi-lstm-crf": {"encoder": "lstm", "crf": True},
}
FIGURES = ("slot_f1", "slot_f1_strict", "intent_accuracy", "token_accuracy", "sentence_accuracy")
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}  # t, 97.5 %, n - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all")
    parser.add_argument("--names", help="of sets or networks, with commas; default: all")
    parser.add_argument("--time", help="of each training of sets, as 5m")
    parser.add_argument("--epochs", type=int, help="of each training, instead of --time")
    parser.add_argument("--seeds", default="0", help="with commas")
    parser.add_argument("--modes", default="tenth,dev", help="of sets: tenth, dev or both")
    parser.add_argument("--options", type=json.loads, default={}, help="of elman.Tagger, as JSON")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; expected {', '.join(PARTS)}")
    torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore", "(?s).*training did not meet")  # the figures count them as wrong
    for part in arguments.parts or PARTS:
        for name, found in PARTS[part](arguments):
            keep(arguments.results, part, name, {**found, "threads": arguments.threads, "torch": torch.__version__})


def keep(path: Path, part: str, name: str, found: dict[str, Any]) -> None:
    """Put one result into the file, which keeps the others, and print it."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known.setdefault(part, {})[name] = found
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    shown = "  ".join(f"{key} {value:.2%}" for key, value in found.items() if key in FIGURES)
    rest = "  ".join(
        f"{key} {value:,.1f}" for key, value in found.items() if key in ("seconds", "epochs", "tokens_per_second")
    )
    print(f"{part:9} {name:22} {shown}  {rest}", flush=True)


def sets(arguments: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Train on train, measure on dev."""
    for name in chosen(arguments, list(SETS)):
        train, dev = (data() / name / f"{part}.jsonl.gz" for part in ("train", "dev"))
        for mode in arguments.modes.split(","):
            for seed in map(int, arguments.seeds.split(",")):
                validation = dev if mode == "dev" else None
                found = trained(arguments, train, dev, SETS[name], seed, validation=validation)
                yield f"{name}, {mode}, seed {seed}", found


def networks(arguments: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """The lecture's argument in numbers."""
    rows = list(read_tagged(data() / "atis" / "train.jsonl.gz"))
    order = np.random.default_rng(0).permutation(len(rows))
    held = len(rows) // 10
    train, judge = [rows[n] for n in order[held:]], [rows[n] for n in order[:held]]
    for name in chosen(arguments, list(NETWORKS)):
        runs = []
        for seed in map(int, arguments.seeds.split(",")):
            dev = data() / "atis" / "dev.jsonl.gz"
            runs.append(trained(arguments, train, dev, "1m", seed, validation=judge, **NETWORKS[name]))
        found = {
            key: statistics.mean(run[key] for run in runs) for key in (*FIGURES, "seconds", "cpu_seconds", "epochs")
        }
        half = {key: interval([run[key] for run in runs]) for key in FIGURES}
        yield name, {**found, "interval": half, "seeds": len(runs), "runs": [run["slot_f1"] for run in runs]}


def booking(arguments: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """One model of all three languages, measured on each."""
    for seed in map(int, arguments.seeds.split(",")):
        options = {"slots": FLIGHT_SLOTS, **arguments.options}
        model, seconds = fitted(arguments, flights("train"), "2m", seed, **options)
        for language in ("zh-Hans", "zh-Hant", "en"):
            yield f"{language}, seed {seed}", {**measured(model, flights("test", language)), **seconds}


def speed(arguments: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of a default tagger of ATIS, on its training sentences."""
    rows = [sentence.tokens for sentence in read_tagged(data() / "atis" / "train.jsonl.gz")] * 4
    tokens = sum(map(len, rows))
    for name, options in {"default": {}, "CRF": {"crf": True}}.items():
        model = elman.Tagger(**options).fit(data() / "atis" / "train.jsonl.gz", epochs=1)
        best = cpu = float("inf")
        for _ in range(5):
            began, used = time.perf_counter(), time.process_time()
            model.predict(rows)
            best, cpu = min(best, time.perf_counter() - began), min(cpu, time.process_time() - used)
        yield name, {"tokens": tokens, "tokens_per_second": tokens / best, "tokens_per_cpu_second": tokens / cpu}


def trained(
    arguments: argparse.Namespace, train: Any, dev: Path, budget: str, seed: int, **options: Any
) -> dict[str, Any]:
    """Figures on dev of a tagger that learnt train."""
    validation = options.pop("validation")
    model, seconds = fitted(arguments, train, budget, seed, validation=validation, **{**options, **arguments.options})
    return {**measured(model, dev), **seconds, "parameters": model.info()["parameters"]}


def fitted(
    arguments: argparse.Namespace, train: Any, budget: str, seed: int, validation: Any = None, **options: Any
) -> tuple[elman.Tagger, dict[str, Any]]:
    """A tagger, and what its training took."""
    limit = {"epochs": arguments.epochs} if arguments.epochs else {"time": arguments.time or budget}
    began, used = time.perf_counter(), time.process_time()
    model = elman.Tagger(**options).fit(train, validation=validation, seed=seed, **limit)
    seconds = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}
    return model, {**seconds, "epochs": model.metrics["epochs"], "best_step": model.metrics["best_step"]}


def measured(model: elman.Tagger, rows: Path | list[TaggedSentence] | Any) -> dict[str, Any]:
    found = model.evaluate(rows)
    return {key: found[key] for key in (*FIGURES, "sentences", "tokens", "slots") if key in found}


def interval(values: list[float]) -> float:
    """Half the width of the 95 % interval of the mean."""
    n = len(values)
    return STUDENT.get(n, 1.96) * statistics.stdev(values) / n**0.5 if n > 1 else float("nan")


def chosen(arguments: argparse.Namespace, known: list[str]) -> list[str]:
    wanted = arguments.names.split(",") if arguments.names else known
    return [name for name in known if name in wanted]


def data() -> Path:
    if "ELMAN_DATA" not in os.environ:
        sys.exit("expected the environment variable ELMAN_DATA: a folder with atis, snips, cais_zh and smp2019_zh")
    return Path(os.environ["ELMAN_DATA"])


PARTS = {"sets": sets, "networks": networks, "flights": booking, "speed": speed}

if __name__ == "__main__":
    main()
