"""The contest of classify.py, told apart more finely: every row of a set is predicted once, and rows are paired.

    ELMAN_DATA=… python benchmarks/classify_folds.py --sets names --epochs 12
    ELMAN_DATA=… python benchmarks/classify_folds.py --sets sst2 --epochs 7

A dev file of 872 sentences cannot tell 1.5 points from chance.  Here training and dev rows together are dealt to ten
folds; each fold is predicted by what was learnt from the other nine, by each system with the settings that it chooses
by a tenth of these.  The interval of a difference is that of a mean over rows, each right or wrong for two systems
(that folds share rows to learn from is taken for nothing).  Epochs give the same bits on any day, a time does not; here
they are as many as the passes of a timed run.  Results are kept in results/classify_folds.json.
"""

import argparse
import json
import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from classify import PEERS, SETS, WITHOUT, Data, ours

RESULTS = Path(__file__).parent / "results" / "classify_folds.json"


def dealt(data: Data, folds: int) -> list[Data]:
    """The rows of both files, every fold once as the one to predict; rows that are there twice stay together."""
    rows = list(zip(data.inputs + data.dev_inputs, data.labels + data.dev_labels, strict=True))
    texts = sorted({text for text, _ in rows})
    random.Random(0).shuffle(texts)
    fold = {text: i % folds for i, text in enumerate(texts)}
    found = []
    for number in range(folds):
        kept, held = ([row for row in rows if (fold[row[0]] == number) == inside] for inside in (False, True))
        columns = [[row[i] for row in part] for part in (kept, held) for i in (0, 1)]
        found.append(Data(*columns, data.kind))
    return found


def mean_and_error(values: list[float]) -> tuple[float, float]:
    """In percent; the error is half of a 95 % interval."""
    return 100 * statistics.fmean(values), 196 * statistics.stdev(values) / len(values) ** 0.5


def contest(name: str, systems: list[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """What each system has right, and how far the first is ahead of each other one."""
    hits: dict[str, list[float]] = {system: [] for system in systems}
    for number, data in enumerate(dealt(SETS[name]()[0], arguments.folds)):
        for system in systems:
            run = ours(data, arguments, number) if system == "elman" else PEERS[system](data, arguments.threads)
            pairs = zip(run["predicted"], data.dev_labels, strict=True)
            hits[system] += [float(predicted == label) for predicted, label in pairs]
            print(name, "fold", number, system, f"{run['accuracy']:.2f} %", flush=True)
    first, *others = systems
    ahead = {other: mean_and_error([a - b for a, b in zip(hits[first], hits[other], strict=True)]) for other in others}
    return {
        "rows": len(hits[first]),
        "folds": arguments.folds,
        "epochs": arguments.epochs,
        "accuracy": {system: mean_and_error(found) for system, found in hits.items()},
        "ahead": ahead,
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__,
    }


def print_table(name: str, found: dict[str, Any]) -> None:
    """Accuracies, and the differences with their 95 % intervals."""
    print(f"{name}, {found['rows']:,} rows in {found['folds']} folds")
    for system, (accuracy, error) in found["accuracy"].items():
        line = f"  {system:10} {accuracy:6.2f} % ± {error:.2f}"
        if system in found["ahead"]:
            points, error = found["ahead"][system]
            line += f"   elman {points:+.2f} points, 95 %: {points - error:+.2f} … {points + error:+.2f}"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="names,sst2")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--epochs", type=int, required=True, help="of elman")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--options", type=json.loads, default={}, help="of elman.Classifier, as JSON")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if "ELMAN_DATA" not in os.environ:
        parser.error("expected the environment variable ELMAN_DATA: the folder of the sets")
    torch.set_num_threads(arguments.threads)
    for name in arguments.sets.split(","):
        peers = [peer for peer in arguments.peers.split(",") if name not in WITHOUT.get(peer, ())]
        found = contest(name, ["elman", *peers], arguments)
        results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
        arguments.results.write_text(json.dumps(results | {name: found}, indent=1) + "\n")
        print_table(name, found)


if __name__ == "__main__":
    main()
