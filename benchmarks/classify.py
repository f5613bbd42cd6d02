"""Texts and series to labels: elman beside fastText and TF-IDF with logistic regression, trained on the same rows.

    ELMAN_DATA=… python benchmarks/classify.py                                  # all sets, all systems
    ELMAN_DATA=… python benchmarks/classify.py --sets names,sst2 --systems elman --time 3m
    ELMAN_DATA=… python benchmarks/classify.py --table                          # of what was measured before

Each set has its training file and a dev file on which everything is measured; docs/classification.md says what was
chosen by looking at the latter.  fastText: 100 dimensions, n-grams of two words or Chinese characters, of up to four
letters of a name; the best of 5 or 25 epochs at a rate of 0.5, 25 or 100 at 0.1.  Logistic regression: scikit-learn
over TF-IDF of n-grams, C from 1, 4, 16; "letters" is the same with n-grams of 2 to 6 letters inside words beside those
of words.  Of all the best setting by a tenth of the training rows is then fitted on all
of them.  Chinese is cut into characters for all three.  Indoor movement has no dev file: five folds; its peer is
logistic regression over features of each channel (means, deviations, ends, slopes of the whole and its thirds).
Results are merged into benchmarks/results/classify.json.
"""

import argparse
import csv
import gzip
import json
import os
import platform
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import elman

RESULTS = Path(__file__).parent / "results" / "classify.json"


class Data(NamedTuple):
    """One set: what to learn from, and what to measure on."""

    inputs: list[Any]
    labels: list[str]
    dev_inputs: list[Any]
    dev_labels: list[str]
    kind: str  # words, chars, names or series


def table(name: str, text: Sequence[int], label: int, *, commas: bool = False, header: bool = False) -> Any:
    """Rows of a file in ELMAN_DATA, plain or gzipped."""
    path = Path(os.environ["ELMAN_DATA"], name)
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file)) if commas else [line.rstrip("\r\n").split("\t") for line in file]
    rows = rows[header:]
    return [" ".join(row[i] for i in text) for row in rows], [row[label] for row in rows]


def files(folder: str, ending: str, kind: str, text: Sequence[int], label: int, **how: bool) -> Data:
    """The two files of a set."""
    parts = [table(f"{folder}/{part}.{ending}", text, label, **how) for part in ("train", "dev")]
    return Data(*parts[0], *parts[1], kind)


def movement(fold: int) -> Data:
    """One of five folds of the indoor-movement series; a fold has every fifth series of a shuffled list."""
    path = Path(os.environ["ELMAN_DATA"], "timeseries", "indoor_movement.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    random.Random(0).shuffle(rows)
    parts = [row for i, row in enumerate(rows) if i % 5 != fold], [row for i, row in enumerate(rows) if i % 5 == fold]
    found = [[np.array(row["rss"], np.float32) for row in part] for part in parts]
    labels = [[str(row["label"]) for row in part] for part in parts]
    return Data(found[0], labels[0], found[1], labels[1], "series")


SETS: dict[str, Callable[[], list[Data]]] = {
    "thucnews_titles": lambda: [files("thucnews_titles", "tsv.gz", "chars", [0], 1)],
    "ag_news_small": lambda: [files("ag_news_small", "csv.gz", "words", [1, 2], 0, commas=True, header=True)],
    "sst2": lambda: [files("sst2", "tsv.gz", "words", [0], 1)],
    "zh_reviews": lambda: [files("zh_reviews", "tsv.gz", "chars", [2], 1)],
    "zh_categories": lambda: [files("zh_reviews", "tsv.gz", "chars", [2], 0)],
    "names": lambda: [files("names", "tsv", "names", [0], 1, header=True)],
    "indoor_movement": lambda: [movement(fold) for fold in range(5)],
}


def tokens(text: str, kind: str) -> str:
    """Tokens with spaces between them, lower case: what fastText and the vectoriser cut at."""
    return " ".join(text.lower() if kind in ("chars", "names") else elman.data.split(text.lower(), "words"))


def right(predicted: Sequence[str], labels: Sequence[str]) -> float:
    """Accuracy in percent."""
    return 100 * sum(p == q for p, q in zip(predicted, labels, strict=True)) / len(labels)


def tenth(data: Data) -> Data:
    """A tenth of the training rows held out instead of the dev rows."""
    order = list(range(len(data.inputs)))
    random.Random(1).shuffle(order)
    held, kept = order[: len(order) // 10], order[len(order) // 10 :]
    pick = lambda rows, numbers: [rows[i] for i in numbers]  # noqa: E731
    return Data(
        pick(data.inputs, kept), pick(data.labels, kept), pick(data.inputs, held), pick(data.labels, held), data.kind
    )


def fasttext(data: Data, threads: int) -> dict[str, Any]:
    """The best of some settings by a tenth of the rows, then learnt from all of them."""
    import fasttext as library

    def learn(part: Data, **setting: Any) -> list[str]:
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            rows = list(zip(part.inputs, part.labels, strict=True))
            random.Random(2).shuffle(rows)  # fastText reads them as they come, and files may be sorted by label
            for text, label in rows:
                file.write(f"__label__{label.replace(' ', '_')} {cut(text)}\n")
            file.flush()
            model = library.train_supervised(file.name, thread=threads, verbose=0, **setting)
        found = model.predict([cut(text) for text in part.dev_inputs])[0]
        names = {label.replace(" ", "_"): label for label in part.labels}
        return [names[labels[0].removeprefix("__label__")] for labels in found]

    def cut(text: str) -> str:
        return tokens(text.replace("\n", " "), data.kind)

    n = 4 if data.kind == "names" else 2
    tried = ((5, 0.5), (25, 0.5), (25, 0.1), (100, 0.1))
    settings = [{"epoch": e, "lr": r, "dim": 100, "bucket": 200_000, "wordNgrams": n} for e, r in tried]
    part = tenth(data)
    best = max(settings, key=lambda setting: right(learn(part, **setting), part.dev_labels))
    began = time.perf_counter(), time.process_time()
    predicted = learn(data, **best)
    found = {"accuracy": right(predicted, data.dev_labels), "predicted": predicted}
    return {**found, **seconds(began), "setting": best}


def logistic(data: Data, threads: int, letters: bool = False) -> dict[str, Any]:
    """TF-IDF of n-grams, or features of series, and logistic regression; C by a tenth of the rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def learn(part: Data, C: float) -> list[str]:
        if data.kind == "series":
            first: list[Any] = [FunctionTransformer(features), StandardScaler()]
        elif data.kind == "words":
            first = [TfidfVectorizer(preprocessor=lambda t: tokens(t, "words"), token_pattern=r"\S+",
                                     ngram_range=(1, 2), sublinear_tf=True)]  # fmt: skip
            if letters:
                spelled = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 6), sublinear_tf=True)
                first = [make_union(*first, spelled)]
        else:
            n = 5 if data.kind == "names" else 2
            kind = "char_wb" if data.kind == "names" else "char"
            first = [TfidfVectorizer(analyzer=kind, ngram_range=(1, n), sublinear_tf=True)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = make_pipeline(*first, LogisticRegression(C=C, max_iter=1000)).fit(part.inputs, part.labels)
        return list(model.predict(part.dev_inputs))

    part = tenth(data)
    tried = (1.0, 4.0, 16.0) if data.kind != "series" else (0.1, 1.0, 10.0)
    best = max(tried, key=lambda C: right(learn(part, C), part.dev_labels))
    began = time.perf_counter(), time.process_time()
    predicted = learn(data, best)
    found = {"accuracy": right(predicted, data.dev_labels), "predicted": predicted}
    return {**found, **seconds(began), "setting": {"C": best}}


def features(series: Sequence[Any]) -> Any:
    """Of each channel mean, deviation, extremes, first, last and slope, of the whole and of its three thirds."""
    rows = []
    for one in series:
        row: list[float] = []
        for part in (one, *np.array_split(one, 3)):
            slope = np.polyfit(np.arange(len(part)), part, 1)[0]
            row += [*part.mean(0), *part.std(0), *part.min(0), *part.max(0), *part[0], *part[-1], *slope]
        rows.append(row)
    return np.array(rows)


def ours(data: Data, arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """elman.Classifier with its defaults; a tenth of the training rows is held out by itself."""
    model = elman.Classifier(**arguments.options)
    began = time.perf_counter(), time.process_time()
    budget = {"epochs": arguments.epochs} if arguments.epochs else {"time": arguments.time}
    model.fit(data.inputs, data.labels, threads=arguments.threads, seed=seed, **budget)
    taken = seconds(began)
    figures = model.evaluate(data.dev_inputs, data.dev_labels)
    return {
        "accuracy": 100 * figures["accuracy"],
        "predicted": [ranking[0][0] for ranking in model.predict(data.dev_inputs)],
        "macro_f1": 100 * figures["macro_f1"],
        "nats": figures["nats"],
        "calibration_error": 100 * figures["calibration_error"],
        **taken,
        "epochs": model.metrics["epochs"],
        "validation_accuracy": 100 * model.metrics["validation_accuracy"],
    }


def seconds(began: tuple[float, float]) -> dict[str, float]:
    """By the clock, and of the processors together."""
    return {"seconds": time.perf_counter() - began[0], "cpu_seconds": time.process_time() - began[1]}


PEERS: dict[str, Callable[[Data, int], dict[str, Any]]] = {
    "fasttext": fasttext,
    "logistic": logistic,
    "letters": lambda data, threads: logistic(data, threads, letters=True),
}
WITHOUT = {"fasttext": {"indoor_movement"}, "letters": {*SETS} - {"sst2", "ag_news_small"}}  # sets it is no tool for


def measure(name: str, system: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The mean over folds and seeds of all figures."""
    runs = []
    for data in SETS[name]():
        if system == "elman":
            runs += [ours(data, arguments, int(seed)) for seed in arguments.seeds.split(",")]
        else:
            runs.append(PEERS[system](data, arguments.threads))
    numbers = {key for key, value in runs[0].items() if isinstance(value, int | float)}
    found = {key: statistics.fmean(run[key] for run in runs) for key in sorted(numbers)}
    facts = {"runs": [run["accuracy"] for run in runs], "setting": runs[0].get("setting"), "threads": arguments.threads}
    when = {"date": time.strftime("%Y-%m-%d"), "torch": torch.__version__, "machine": platform.machine()}
    if system == "elman":
        facts |= {"setting": arguments.options, "budget": arguments.epochs or arguments.time, "seeds": arguments.seeds}
    return {**found, **facts, **when}


def print_table(results: dict[str, Any]) -> None:
    """Accuracy and seconds of every set."""
    print(f"{'':18}" + "".join(f"{system:>24}" for system in ("elman", *PEERS)))
    for name in SETS:
        cells = []
        for system in ("elman", *PEERS):
            found = results.get(f"{name}/{system}")
            cells.append(f"{found['accuracy']:.2f} % {found['seconds']:7.1f} s" if found else "-")
        print(f"{name:18}" + "".join(f"{cell:>24}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--systems", default=",".join(("elman", *PEERS)))
    parser.add_argument("--time", default="10m", help="budget of elman")
    parser.add_argument("--epochs", type=int, help="instead of --time")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--options", type=json.loads, default={}, help="of elman.Classifier, as JSON")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="only print what was measured before")
    arguments = parser.parse_args()
    if "ELMAN_DATA" not in os.environ and not arguments.table:
        parser.error("expected the environment variable ELMAN_DATA: the folder of the sets")
    torch.set_num_threads(arguments.threads)
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    for name in () if arguments.table else arguments.sets.split(","):
        for system in arguments.systems.split(","):
            if name in WITHOUT.get(system, ()):
                continue
            try:
                results[f"{name}/{system}"] = found = measure(name, system, arguments)
            except ModuleNotFoundError as error:
                print(f"{name} {system}: {error}; pip install scikit-learn fasttext-numpy2")
                continue
            shown = {key: round(value, 4) for key, value in found.items() if isinstance(value, float)}
            print(name, system, json.dumps(shown), json.dumps(found["setting"]), flush=True)
            arguments.results.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print_table(results)


if __name__ == "__main__":
    main()
