"""How well a hidden word is found: n-grams, networks that read one side of it, their product, and both directions.

    ELMAN_DATA=data python benchmarks/fill.py --time 3m --seeds 0,1,2        # all corpora; writes table and JSON
    python benchmarks/fill.py --corpora tatoeba-zh,tatoeba-en --epochs 6     # those that need no data
    python benchmarks/fill.py --corpora tatoeba-zh --systems ngram           # one row; the others are kept
    python benchmarks/fill.py --show                                         # the tables of the JSON alone

Every word of every test sentence is hidden in turn; punctuation is not.  All systems have the vocabulary of the same
training sentences, the first nine tenths (the last tenth is what the networks are chosen by), and give a probability to
every word of it:

    ngram          P(sentence with the word) / sum over all words, of an interpolated modified Kneser-Ney model
    left, right    a network that reads one side: the forward and the backward recurrent language model
    product        P(w | left) P(w | right), normalised
    naive Bayes    P(w | left) P(w | right) / P(w), normalised: the sides independent given the word
    both           elman.Filler

Top-1 and top-5 count an unknown word as not found; nats are -ln P of the word, of an unknown one that of any unknown
one.  A figure is the mean over seeds, its interval 95 % by a bootstrap over sentences.  Each network gets the same time
or epochs, and has the same width in each direction.
"""

import argparse
import gzip
import json
import os
import platform
import time
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

import elman
from elman.data import Ragged
from elman.data.blanks import cut_sentence
from elman.models.ngram import NGramTable
from elman.tasks.filling.scoring import padded, places
from elman.tasks.filling.sentences import rows_of

KEPT = Path(__file__).parent / "results" / "fill.json"
CORPORA = {"tatoeba-zh": "segments", "tatoeba-en": "words", "zh_sentences": "segments"}
SYSTEMS = ("ngram", "left", "right", "product", "naive Bayes", "both")
LECTURE = "我的手机坏了，我打算___一部新手机"
TESTED = 1000  # sentences
BOOTSTRAPS = 2000

Scores = dict[str, np.ndarray]  # by measure: (S,) sums over the words of each sentence


def texts(corpus: str) -> tuple[list[str], list[str]]:
    """Training and test sentences."""
    if corpus != "zh_sentences":
        language = corpus.rpartition("-")[2]
        return elman.corpora.tatoeba(language), elman.corpora.tatoeba(language, "dev")
    folder = Path(os.environ["ELMAN_DATA"], "zh_sentences")

    def part(name: str) -> list[str]:
        with gzip.open(folder / f"shopping_{name}.tsv.gz", "rt", encoding="utf-8") as file:
            reviews = [line.rstrip("\n").split("\t")[1] for line in file]
        with gzip.open(folder / f"dialogue_{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            said = [utterance for line in file for utterance in json.loads(line)]
        return [" ".join(line.split()) for line in [*reviews, *said]]

    return part("train"), part("dev")


def split(corpus: str) -> tuple[list[str], list[str], list[str]]:
    """Training, validation and test sentences; training and validation are shuffled, for the sources are in order."""
    training, test = texts(corpus)
    chance = np.random.default_rng(0)
    training = [training[index] for index in chance.permutation(len(training))]
    test = [test[index] for index in np.sort(chance.permutation(len(test))[:TESTED])]
    cut = len(training) * 9 // 10
    return training[:cut], training[cut:], test


def summed(log_probabilities: np.ndarray, targets: np.ndarray, owners: np.ndarray, sentences: int) -> Scores:
    """From (P, V) to the sums of each sentence."""
    own = log_probabilities[np.arange(len(targets)), targets]
    ranks = (log_probabilities[:, 1:] > own[:, None]).sum(1)
    ranks[targets == 0] = np.iinfo(ranks.dtype).max
    each = {"words": np.ones(len(own)), "top1": ranks == 0, "top5": ranks < 5, "nats": -own}
    return {name: np.bincount(owners, values.astype(float), sentences) for name, values in each.items()}


def added(parts: Iterator[Scores]) -> Scores:
    """The scores of all parts, added sentence by sentence."""
    total: Scores = {}
    for part in parts:
        total = {name: total.get(name, 0.0) + values for name, values in part.items()}
    return total


def network_logs(model: elman.Filler, rows: Ragged, chosen: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """ln P of all words at the words of some sentences: (P, V), targets and owners, batch by batch."""
    network = model.network
    is_word = torch.tensor([True, *(any(map(str.isalnum, token)) for token in list(model.lexicon)[1:])])
    side = network.sides[0]
    for first in range(0, len(chosen), 32):
        part = chosen[first : first + 32]
        batch, lengths = padded(rows, part)
        with torch.inference_mode():
            contexts = network.contexts(network.vectors(batch), lengths)
            states, targets = places(side, batch, lengths, contexts)
            words = is_word[targets]
            z = network.read_out(side, *(state[words] for state in states))
            inside = torch.arange(len(batch) - 2).unsqueeze(1) < lengths
            owners = torch.from_numpy(part).expand(len(batch) - 2, -1)[inside][words]
            logs = network.logits(z).double().log_softmax(-1)
        yield logs.numpy(), targets[words].numpy(), owners.numpy()


def normalised(logs: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities that add up to 1 in each row."""
    return torch.from_numpy(logs).log_softmax(-1).numpy()


def ngram_logs(table: NGramTable, words: np.ndarray, place: int) -> np.ndarray:
    """ln P of each word at one place of a sentence, (V,): of whole sentences that differ there, normalised.

    Only n-grams that hold the place differ: its own, and those of the N - 1 words after it.
    """
    state = table.initial_state()
    for word in words[:place]:
        state = table.step(state, int(word))
    vocabulary = table.width - 2
    with np.errstate(divide="ignore"):
        total = np.log(table.distribution(state)[:vocabulary])
    everything = np.arange(vocabulary)
    states = [everything]  # the number of the n-gram of each order that ends with the candidate
    for n in range(2, table.order):
        states.append(table.find(n, np.full(vocabulary, state[n - 2]), everything))
    for word in [*words[place + 1 :], table.end][: table.order - 1]:
        step = np.full(vocabulary, word)
        logs = np.full(vocabulary, table.log_probabilities[0][word], float)
        after = [step]
        for n in range(2, table.order + 1):
            contexts = states[n - 2]
            numbers = table.find(n, contexts, step)
            known = contexts >= 0
            logs[known] += table.backoffs[n - 2][contexts[known]]
            seen = numbers >= 0
            logs[seen] = table.log_probabilities[n - 1][numbers[seen]]
            after.append(numbers)
        total += logs * np.log(10)
        states = after[: table.order - 1]
    return normalised(total)


def ngram_scores(training: list[str], test: list[str], kind: str, order: int) -> tuple[Scores, list[Any], float]:
    """An n-gram model of the same tokens, which is asked for every word."""
    began = time.process_time()
    model = elman.NGram(order=order, min_count=2).fit(
        "\n".join(" ".join(cut_sentence(line, kind)) for line in training)
    )
    spent, lexicon = time.process_time() - began, model.lexicon
    is_word = [True, *(any(map(str.isalnum, token)) for token in list(lexicon)[1:])]

    def parts() -> Iterator[Scores]:
        for owner, line in enumerate(test):
            words = lexicon.indices(cut_sentence(line, kind)).numpy()
            at = [place for place, word in enumerate(words) if is_word[word]]
            if at:
                logs = np.stack([ngram_logs(model.table, words, place) for place in at])
                yield summed(logs, words[at], np.full(len(at), owner), len(test))

    before, _, after = LECTURE.partition("___")
    words = [lexicon.indices(cut_sentence(part, kind)).numpy() for part in (before, after)]
    logs = ngram_logs(model.table, np.concatenate([words[0], [0], words[1]]), len(words[0]))
    logs[0] = -np.inf
    best = np.argsort(-logs)[:5]
    named = [
        (token, round(float(np.exp(logs[w])), 4)) for w, token in zip(best, lexicon.tokens(best.tolist()), strict=True)
    ]
    return added(parts()), named, spent


def lecture_of(model: elman.Filler) -> dict[str, Any]:
    """What a network says of the lecture's sentence, and at which place of its list 买 stands."""
    (filling,) = model.predict([LECTURE], top=len(model.lexicon))
    found = filling.blanks[0].candidates
    rank = next((place for place, (token, _) in enumerate(found, 1) if token == "买"), None)
    return {"first": [(token, round(p, 4)) for token, p in found[:5]], "rank of 买": rank}


def measure(corpus: str, options: argparse.Namespace, kept: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the results of a corpus whenever a row has been added."""
    kind, wanted = CORPORA[corpus], options.systems.split(",")
    training, validation, test = split(corpus)
    chinese = kind == "segments"
    run = {"time": options.time} if options.epochs is None else {"epochs": options.epochs}
    found: dict[str, Any] = {"training": len(training), "test": len(test), "rows": dict(kept.get("rows", {}))}
    facts: dict[str, Any] = {"date": str(date.today()), "threads": torch.get_num_threads()}
    facts |= {"machine": f"{os.cpu_count()} cores, {platform.machine()}"}
    if "ngram" in wanted:
        scores, named, spent = ngram_scores(training, test, kind, options.order)
        found["rows"]["ngram"] = row(
            [scores], [spent], [{"first": named}] if chinese else [], order=options.order, **facts
        )
        yield found
    sides = {"left", "right"} if set(wanted) & {"left", "right", "product", "naive Bayes"} else set()
    if not sides and "both" not in wanted:
        return
    facts |= {"run": run, "hidden": options.hidden}
    several: dict[str, list[Scores]] = {}
    spent: dict[str, list[float]] = {}
    said: dict[str, list[Any]] = {}
    for seed in map(int, options.seeds.split(",")):
        models = {}
        for side in [*sorted(sides), *(["both"] if "both" in wanted else [])]:
            began = time.process_time()
            models[side] = elman.Filler(tokens=kind, reads=side, hidden=options.hidden)
            models[side].fit(training, validation=validation, seed=seed, **run)
            spent.setdefault(side, []).append(time.process_time() - began)
            print(f"{corpus} {side} {seed}: {models[side].metrics['validation_loss']:.3f}", flush=True)
            if chinese:
                said.setdefault(side, []).append(lecture_of(models[side]))
        for name, scores in scores_of(models, test, kind).items():
            several.setdefault(name, []).append(scores)
        for name, scores in several.items():
            found["rows"][name] = row(scores, spent.get(name, []), said.get(name, []), **facts)
        yield found


def scores_of(models: dict[str, elman.Filler], test: list[str], kind: str) -> dict[str, Scores]:
    """The scores of each network, and of the products of the two that read one side."""
    lexicon = next(iter(models.values())).lexicon
    rows = rows_of(test, lexicon, kind)
    assert len(rows) == len(test)
    prior = np.log(np.maximum(lexicon.counts, 1) / sum(lexicon.counts))
    names = [*models, *(["product", "naive Bayes"] if {"left", "right"} <= set(models) else [])]
    total: dict[str, Scores] = {}
    for parts in zip(*(network_logs(model, rows, np.arange(len(rows))) for model in models.values()), strict=True):
        logs = dict(zip(models, (part[0] for part in parts), strict=True))
        _, targets, owners = parts[0]
        if "product" in names:
            both = logs["left"] + logs["right"]
            logs |= {"product": normalised(both), "naive Bayes": normalised(both - prior)}
        for name in names:
            part = summed(logs[name], targets, owners, len(test))
            total[name] = added(iter([total[name], part])) if name in total else part
    return total


def row(seeds: list[Scores], spent: list[float], said: list[Any], **facts: Any) -> dict[str, Any]:
    """The figures of a system, with their intervals."""
    words = seeds[0]["words"]
    chance = np.random.default_rng(0)
    draws = chance.multinomial(len(words), np.full(len(words), 1 / len(words)), BOOTSTRAPS).astype(float)
    result: dict[str, Any] = {"words": int(words.sum()), "seeds": len(seeds), **facts}
    for name in ("top1", "top5", "nats"):
        each = np.mean([scores[name] for scores in seeds], axis=0)
        sampled = (draws @ each) / (draws @ words)
        low, high = np.quantile(sampled, [0.025, 0.975])
        result[name] = {"mean": each.sum() / words.sum(), "low": low, "high": high}
        result[name]["seeds"] = [scores[name].sum() / words.sum() for scores in seeds]
    return result | {"cpu_seconds": [round(seconds, 1) for seconds in spent], "lecture": said}


def table(corpus: str, found: dict[str, Any]) -> str:
    """The results of a corpus as RESULTS.md shows them."""
    words = max(each["words"] for each in found["rows"].values())
    lines = [
        f"{corpus}: {found['training']:,} training sentences, {words:,} words of {found['test']:,} test sentences",
        "",
        "| predicted by | top-1, % | top-5, % | nats | CPU s | seeds, run |",
        "|---|---|---|---|---|---|",
    ]
    for name in SYSTEMS:
        if name in found["rows"]:
            each = found["rows"][name]
            shown = [
                f"{100 * each[m]['mean']:.1f} ({100 * each[m]['low']:.1f}–{100 * each[m]['high']:.1f})"
                for m in ("top1", "top5")
            ]
            nats = f"{each['nats']['mean']:.3f} ({each['nats']['low']:.3f}–{each['nats']['high']:.3f})"
            seconds = f"{np.mean(each['cpu_seconds']):.3g}" if each["cpu_seconds"] else ""
            title = f"{each['order']}-grams" if name == "ngram" else name
            run = " ".join(f"--{key} {value}" for key, value in each.get("run", {}).items())
            how = f"{each['seeds']}, {run}" if run else ""
            lines.append(f"| {title} | {' | '.join(shown)} | {nats} | {seconds} | {how} |")
    for name in SYSTEMS:
        for said in found["rows"].get(name, {}).get("lecture", []):
            first = ", ".join(f"{token} {p:.1%}" for token, p in said["first"])
            lines.append(
                f"{LECTURE} {name}: {first}" + (f"; 买 is number {said['rank of 买']}" if "rank of 买" in said else "")
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", default=",".join(CORPORA))
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--time", default="3m", help="for each network")
    parser.add_argument("--epochs", type=int, help="instead of --time")
    parser.add_argument("--hidden", type=int, help="of each direction", default=256)
    parser.add_argument("--order", type=int, default=3, help="of the n-grams")
    parser.add_argument("--show", action="store_true", help="measure nothing")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of unknown tokens
    results = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for corpus in [] if options.show else options.corpora.split(","):
        if corpus == "zh_sentences" and "ELMAN_DATA" not in os.environ:
            print("zh_sentences: left out, ELMAN_DATA names no folder")
            continue
        for found in measure(corpus, options, results.get(corpus, {})):
            results[corpus] = found
            KEPT.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for corpus in CORPORA:
        if corpus in results:
            print(f"\n{table(corpus, results[corpus])}")


if __name__ == "__main__":
    main()
