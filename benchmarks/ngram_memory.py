"""What an n-gram model of order N has to remember, and a recurrent network: table and figure of docs/ngram.md.

    ELMAN_DATA=data python benchmarks/ngram_memory.py --time 3m        # all corpora; writes table, JSON, figure
    python benchmarks/ngram_memory.py --corpora words,chars            # those that need no data
    python benchmarks/ngram_memory.py --draw                           # the table and figure of the JSON alone

Corpora: tiny Shakespeare by word and by character, its last tenth measured; and the sentences of zh_sentences (reviews
and dialogues, with their own dev part), cut into Chinese words by rjieba.  Both models learn from the first nine tenths
of what is left; the last of these tenths tells the network when to stop, and the n-grams do not see it either.
For each N from 2 to 7: the n-grams that one could have, |V|^N; those of order N that the text has; all that the model
keeps; the size of its file; its perplexity, alone and mixed with the recurrent network's (`elman evaluate --mix`, the
weight fitted crosswise).  The network is an LSTM with the defaults for --time.  All perplexities of a corpus are over
the same tokens and ends of lines: those that both models know.  The sentence of the lecture,
我昨天上学迟到了，老师批评了___, is continued by each model of the Chinese corpus.
"""

import argparse
import functools
import gzip
import json
import os
import platform
import tempfile
import warnings
from datetime import date
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

import elman
from elman.tasks import evaluate_mixture
from elman.tasks.ngrams import mixture

HERE = Path(__file__).parent
KEPT, FIGURE = HERE / "results" / "ngram_memory.json", HERE.parent / "docs" / "img" / "ngram_memory.svg"
ORDERS = range(2, 8)
SENTENCE = "我昨天上学迟到了，老师批评了"
TITLES = {"words": "Shakespeare, words", "chars": "Shakespeare, characters", "segments": "Chinese, words"}


def last_tenth(text: str) -> tuple[str, str]:
    """A text without its last tenth, and that."""
    cut = text.index("\n", len(text) * 9 // 10) + 1
    return text[:cut], text[cut:]


def chinese() -> tuple[str, str]:
    """Reviews and dialogues: to learn from, and held out."""
    folder = Path(os.environ["ELMAN_DATA"], "zh_sentences")

    def part(name: str) -> str:
        with gzip.open(folder / f"shopping_{name}.tsv.gz", "rt", encoding="utf-8") as file:
            reviews = [line.rstrip("\n").split("\t")[1] for line in file]
        with gzip.open(folder / f"dialogue_{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            said = [utterance for line in file for utterance in json.loads(line)]
        return "\n".join([*reviews, *said]) + "\n"

    return part("train"), part("dev")


def size_of(model: Any) -> int:
    """Bytes of the model's file."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "m.elman"))
        return Path(folder, "m.elman").stat().st_size


def suggestions(model: Any) -> list[tuple[str, float]]:
    """The five likeliest next tokens of SENTENCE."""
    return [(token, round(p, 4)) for token, p in model.predict([SENTENCE], top=5)[0]]


def measure(kind: str, budget: str) -> dict[str, Any]:
    text, held_out = chinese() if kind == "segments" else last_tenth(elman.corpora.shakespeare())
    training, validation = last_tenth(text)
    recurrent = elman.LanguageModel(tokens=kind).fit(training, validation=validation, time=budget)
    found: dict[str, Any] = {"rows": [], "budget": budget, "size": size_of(recurrent)}
    found["epochs"] = recurrent.metrics["epochs"]
    for name in ("_token_scores", "_word_scores"):  # the network reads the text once, not once for each N
        setattr(mixture, name, functools.cache(getattr(mixture, name)))
    if kind == "segments":
        found["next"] = suggestions(recurrent)
    for order in ORDERS:
        model = elman.NGram(order=order, tokens=kind).fit(training)
        mixed = evaluate_mixture(recurrent, model, held_out)
        sizes, vocabulary = model.table.sizes, len(model.lexicon) + 1  # with the end of a sentence
        row = {
            "order": order,
            "possible": float(vocabulary) ** order,
            "seen": sizes[-1],
            "kept": sum(sizes),
            "size": size_of(model),
            "perplexity": mixed["perplexity_ngram"],
            "mixed": mixed["perplexity"],
            "weight_lm": mixed["weight_lm"],
        }
        if kind == "segments":
            row["next"] = suggestions(model)
        found["rows"].append(row)
        found |= {"perplexity": mixed["perplexity_lm"], "tokens": mixed["tokens"], "unknown": mixed["unknown"]}
        found |= {"vocabulary": vocabulary, "training_tokens": model.metrics["training_tokens"]}
        print(
            f"{kind} {order}: {row['perplexity']:.4g}, LSTM {found['perplexity']:.4g}, {row['mixed']:.4g}", flush=True
        )
    return found


def table(kind: str, found: dict[str, Any]) -> str:
    head = (
        f"{TITLES[kind]}: {found['training_tokens']:,} tokens learnt, {found['tokens']:,} measured, "
        f"{found['unknown']:,} unknown left out, |V| = {found['vocabulary']:,}\n\n"
        "| N | \\|V\\|^N | seen, of order N | kept, of all orders | file, MB | perplexity | mixed with LSTM |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    rows = [
        f"| {r['order']} | {r['possible']:.1e} | {r['seen']:,} | {r['kept']:,} | {r['size'] / 1e6:.1f} "
        f"| {r['perplexity']:.4g} | {r['mixed']:.4g} |"
        for r in found["rows"]
    ]
    read = f", {found['epochs']:.1f} epochs" if "epochs" in found else ""
    network = f"| LSTM, {found['budget']}{read} | | | | {found['size'] / 1e6:.1f} | {found['perplexity']:.4g} | |"
    return head + "\n".join([*rows, network])


def continued(found: dict[str, Any]) -> str:
    rows = [(f"N = {row['order']}", row["next"]) for row in found["rows"]] + [("LSTM", found["next"])]
    shown = [f"| {name} | {', '.join(f'{token!r} {p:.1%}' for token, p in items)} |" for name, items in rows]
    return f"{SENTENCE}\\_\\_\\_\n\n| model | next word |\n|---|---|\n" + "\n".join(shown)


def draw(results: dict[str, Any]) -> None:
    kinds = [kind for kind in TITLES if kind in results["corpora"]]
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "elman", "font.family": "sans-serif", "font.size": 9}):
        figure = Figure(figsize=(3.2 * len(kinds), 5.2), layout="constrained")
        panels = figure.subplots(2, len(kinds), sharex=True, squeeze=False)
        for column, kind in enumerate(kinds):
            found = results["corpora"][kind]
            rows, orders = found["rows"], [row["order"] for row in found["rows"]]
            top, bottom = panels[:, column]
            top.plot(orders, [row["possible"] for row in rows], "o--", color="#b23a48", label="possible, |V|^N")
            top.axhline(found["training_tokens"], color="black", linewidth=0.8, label="tokens of the text")
            top.plot(orders, [row["seen"] for row in rows], "o-", color="#2a6f97", label="seen, of order N")
            top.plot(orders, [row["size"] for row in rows], "s-", color="#e9a03b", label="file, bytes")
            top.axhline(found["size"], color="#e9a03b", linestyle=":", label="file of the network")
            top.set(title=TITLES[kind], yscale="log")
            bottom.plot(orders, [row["perplexity"] for row in rows], "o-", color="#2a6f97", label="n-grams")
            bottom.plot(orders, [row["mixed"] for row in rows], "o-", color="#5a9367", label="mixed")
            bottom.axhline(found["perplexity"], color="#b23a48", label=f"LSTM, {found['budget']}")
            bottom.set(xlabel="N", xticks=orders)
            bottom.set_ylim(0)
            for axes in (top, bottom):
                axes.spines[["top", "right"]].set_visible(False)
        panels[0, 0].legend(fontsize=7)
        panels[1, 0].legend(fontsize=7)
        panels[0, 0].set_ylabel("number")
        panels[1, 0].set_ylabel("perplexity")
        FIGURE.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(FIGURE, format="svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", default="words,chars,segments")
    parser.add_argument("--time", default="3m", help="for the recurrent network of each corpus")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of unknown tokens: they are in the table
    results = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"corpora": {}}
    if not options.draw:
        results |= {"machine": f"{os.cpu_count()} cores, {platform.machine()}", "date": str(date.today())}
        for kind in options.corpora.split(","):
            if kind == "segments" and "ELMAN_DATA" not in os.environ:
                print("segments: left out, ELMAN_DATA names no folder")
                continue
            results["corpora"][kind] = measure(kind, options.time)
            KEPT.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for kind, found in results["corpora"].items():
        print(f"\n{table(kind, found)}")
    if "segments" in results["corpora"]:
        print(f"\n{continued(results['corpora']['segments'])}")
    draw(results)
    print(f"\nwrote {FIGURE}")


if __name__ == "__main__":
    main()
