"""The public sets that the benchmark uses are read as their sources describe them."""

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from elman.data.tag_schemes import scheme_of
from elman.data.tagged import read_tagged

needs_data = pytest.mark.skipif("ELMAN_DATA" not in os.environ, reason="ELMAN_DATA names no folder with data")


@needs_data
@pytest.mark.parametrize(
    ("name", "train", "dev", "intents", "scheme"),
    [
        ("atis", 4478, 500, 21, "IOB2"),
        ("snips", 13034, 700, 7, "IOB2"),
        ("cais_zh", 7995, 994, 13, "IOBES"),
        ("smp2019_zh", 1929, 250, 22, "IOB2"),
    ],
)
def test_sets(name: str, train: int, dev: int, intents: int, scheme: str) -> None:
    folder = Path(os.environ["ELMAN_DATA"], name)
    sentences = list(read_tagged(folder / "train.jsonl.gz"))
    assert len(sentences) == train
    assert len(list(read_tagged(folder / "dev.jsonl.gz"))) == dev
    assert len(Counter(sentence.intent for sentence in sentences)) == intents
    assert scheme_of({pair for s in sentences for pair in pairwise([None, *s.tags, None])}) == scheme
