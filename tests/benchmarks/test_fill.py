"""The n-gram row of benchmarks/fill.py: the probability of a word in its place, beside whole sentences one by one."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import elman
from elman.tasks.filling.sentences import prepare


@pytest.fixture(scope="module")
def fill() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "fill.py"
    spec = importlib.util.spec_from_file_location("benchmark_fill", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_words_in_their_place_are_whole_sentences_compared(fill: ModuleType, order: int) -> None:
    lines = ["a b c d", "a c b d", "b b", "d c b a", "a b d", "c", "b a b a c"]
    model = elman.NGram(order=order).fit("\n".join(lines))
    names = list(model.lexicon)
    for line in ["a b c d", "c", "b b a d c a", "a x c"]:
        words = line.split()
        for place in range(len(words)):
            whole = [" ".join([*words[:place], name, *words[place + 1 :]]) for name in ["<unk>", *names[1:]]]
            expected = model.score(whole)
            expected -= np.logaddexp.reduce(expected)
            found = fill.ngram_logs(model.table, model.lexicon.indices(words).numpy(), place)
            assert found == pytest.approx(expected, abs=1e-5)


def test_n_grams_and_networks_have_one_vocabulary(fill: ModuleType) -> None:
    lines = elman.corpora.tatoeba("en")[:200]
    tokens = "\n".join(" ".join(fill.cut_sentence(line, "words")) for line in lines)
    counted = elman.NGram(order=1, min_count=2).fit(tokens).lexicon
    data = prepare(lines, lines[:1], "words", min_count=2, max_size=50_000)
    assert list(counted)[1:] == list(data.lexicon)[1:]


def test_scores_are_counted_a_sentence_at_a_time(fill: ModuleType) -> None:
    logs = np.log(np.array([[0.1, 0.6, 0.3], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1]]))
    found = fill.summed(logs, np.array([1, 1, 0]), np.array([2, 0, 2]), 3)
    assert found["words"].tolist() == [1, 0, 2]
    assert found["top1"].tolist() == [0, 0, 1]
    assert found["top5"].tolist() == [1, 0, 1]
    assert found["nats"] == pytest.approx([-np.log(0.2), 0, -np.log(0.6) - np.log(0.8)])


def test_an_interval_holds_its_mean_and_shrinks_with_more_sentences(fill: ModuleType) -> None:
    chance = np.random.default_rng(0)

    def width(sentences: int) -> float:
        words = chance.integers(1, 9, sentences).astype(float)
        right = chance.binomial(words.astype(int), 0.3).astype(float)
        scores = {"words": words, "top1": right, "top5": words, "nats": 2 * words}
        top1 = fill.row([scores, scores], [1.0], [])["top1"]
        assert top1["low"] < top1["mean"] < top1["high"]
        assert top1["seeds"] == [top1["mean"]] * 2
        return float(top1["high"] - top1["low"])

    assert 1.6 < width(200) / width(800) < 2.5
