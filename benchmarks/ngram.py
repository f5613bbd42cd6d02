"""Counting, estimating and asking n-gram models: ours beside NLTK's Kneser-Ney and, where they are, KenLM's programs.

    python benchmarks/ngram.py                       # one million words, order 5
    python benchmarks/ngram.py --text corpus.txt --held-out held-out.txt
    python benchmarks/ngram.py --nltk-words 20000 --lmplz path/to/lmplz

Without --text, the text is spliced: 1 to 6 words from random places of tiny Shakespeare, in lines of 12, so that
frequencies are natural and new n-grams come all the way.  "learn" is from the text in memory to a model that answers;
"MB" the most memory of the process beyond what it had after its imports, each row in a process of its own; "words/s" is
over the held-out text, ends of sentences included, all lines at once for ours, line by line for the others.
NLTK's model is slower by orders of magnitude and is given --nltk-words of the text, and two lines to ask about; its
Kneser-Ney has one fixed discount for all counts, so that its perplexity is another figure and is not shown.
KenLM's lmplz writes an ARPA file, which its Python module reads; the times are those of the program, and of queries.
"""

import argparse
import json
import math
import multiprocessing
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import elman


def ours(text: str, held_out: str, order: int, _: str) -> dict[str, float]:
    """The row of elman.NGram."""
    began = time.perf_counter()
    model = elman.NGram(order=order).fit(text)
    learnt = time.perf_counter()
    lines = held_out.splitlines()
    scores = model.score(lines)
    asked = time.perf_counter()
    return result(text, held_out, learnt - began, asked - learnt, -scores.sum())


def nltk(text: str, held_out: str, order: int, _: str) -> dict[str, float]:
    """The row of NLTK's interpolated Kneser-Ney, which is asked about two lines only."""
    from nltk.lm import KneserNeyInterpolated
    from nltk.lm.preprocessing import padded_everygram_pipeline

    began = time.perf_counter()
    grams, words = padded_everygram_pipeline(order, [line.split() for line in text.splitlines()])
    model = KneserNeyInterpolated(order)
    model.fit(grams, words)
    learnt = time.perf_counter()
    few = held_out.splitlines()[:2]  # each word takes it seconds of going through all counts
    for line in few:
        padded = ["<s>"] * (order - 1) + line.split() + ["</s>"]
        for end in range(order - 1, len(padded)):
            model.logscore(padded[end], padded[end - order + 1 : end])
    asked = time.perf_counter()
    return result(text, "\n".join(few), learnt - began, asked - learnt, math.nan)


def kenlm(text: str, held_out: str, order: int, program: str) -> dict[str, float]:
    """The row of KenLM: lmplz, and its Python module."""
    import kenlm as module

    with tempfile.TemporaryDirectory() as folder:
        arpa = Path(folder, "a.arpa")
        began = time.perf_counter()
        with arpa.open("wb") as out:
            command = [program, "-o", str(order), "-T", folder, "-S", "1G", "--discount_fallback"]
            subprocess.run(command, input=text.encode(), stdout=out, stderr=subprocess.DEVNULL, check=True)
        learnt = time.perf_counter()
        model = module.Model(str(arpa))
        loaded = time.perf_counter()
        nats = -sum(model.score(line) for line in held_out.splitlines()) * math.log(10)
        asked = time.perf_counter()
    return result(text, held_out, learnt - began, asked - loaded, nats)


def result(text: str, held_out: str, learn: float, ask: float, nats: float) -> dict[str, float]:
    """A row: seconds to learn, words a second, perplexity."""
    asked = sum(len(line.split()) + 1 for line in held_out.splitlines())
    return {
        "words": len(text.split()),
        "learn": learn,
        "words_per_second": asked / ask,
        "perplexity": math.exp(nats / asked),
    }


ENGINES: dict[str, Callable[[str, str, int, str], dict[str, float]]] = {"elman": ours, "nltk": nltk, "kenlm": kenlm}


def alone(engine: str, text: str, held_out: str, order: int, program: str) -> dict[str, float]:
    """A row in a process of its own, with the most memory that it and its programs had beyond the start."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (engine, text, held_out, order, program))


def measured(engine: str, text: str, held_out: str, order: int, program: str) -> dict[str, float]:
    """A row with the memory that this process, or the programs that it ran, had beyond the start."""
    elman.NGram  # noqa: B018  # imports torch before memory is looked at
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = ENGINES[engine](text, held_out, order, program)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {**found, "megabytes": max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024}


def spliced(words: int) -> tuple[str, str]:
    """A text of so many words, and a tenth as much to hold out."""
    source = elman.corpora.shakespeare().split()
    random = np.random.default_rng(0)
    starts = random.integers(len(source) - 6, size=words // 2)
    lengths = random.integers(1, 7, size=len(starts))
    places = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    text = [source[place] for place in places.tolist()]
    lines = [" ".join(text[i : i + 12]) for i in range(0, words * 11 // 10, 12)]
    cut = words // 12
    return "\n".join(lines[:cut]) + "\n", "\n".join(lines[cut:]) + "\n"


def prefix(text: str, words: int) -> str:
    """The first lines of a text that have so many words."""
    lines, total = [], 0
    for line in text.splitlines():
        if total >= words:
            break
        lines.append(line)
        total += len(line.split())
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--words", type=int, default=1_000_000, help="of the text that is spliced")
    parser.add_argument("--text", metavar="FILE", help="a text of one sentence a line, instead of one that is spliced")
    parser.add_argument("--held-out", metavar="FILE", help="to ask about; default: the last tenth of the text")
    parser.add_argument("--nltk-words", type=int, default=20_000, help="of the text for NLTK; 0 leaves it out")
    parser.add_argument("--lmplz", default="", metavar="PROGRAM", help="KenLM's estimator, compiled")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    if options.text:
        text = Path(options.text).read_text(encoding="utf-8")
        lines = text.splitlines(keepends=True)
        held_out = Path(options.held_out).read_text(encoding="utf-8") if options.held_out else ""
        if not held_out:
            text, held_out = "".join(lines[: len(lines) * 9 // 10]), "".join(lines[len(lines) * 9 // 10 :])
    else:
        text, held_out = spliced(options.words)
    print(f"# {os.cpu_count()} cores of {platform.processor() or platform.machine()}, elman {elman.__version__}, "
          f"order {options.order}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{'engine':8} {'words':>10} {'learn s':>9} {'MB':>7} {'words/s':>10} {'perplexity':>11}", flush=True)
    rows = [("elman", text)]
    rows += [("kenlm", text)] if options.lmplz else []
    small = prefix(text, options.nltk_words)
    rows += [("elman", small), ("nltk", small)] if options.nltk_words else []
    results = []
    for engine, given in rows:
        found = alone(engine, given, held_out, options.order, options.lmplz)
        results.append({"engine": engine, **found})
        print(
            f"{engine:8} {found['words']:10,} {found['learn']:9.2f} {found['megabytes']:7.0f} "
            f"{found['words_per_second']:10,.0f} {found['perplexity']:11.2f}",
            flush=True,
        )
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
