"""Everyday sentences in English and Chinese, translations of one another, from Tatoeba, and who wrote each."""

import bz2
from importlib.resources import files
from typing import NamedTuple

__all__ = ["LANGUAGES", "PARTS", "Pair", "pairs", "sentences"]

LANGUAGES = ("en", "zh")
"""English, and Chinese in simplified characters almost throughout."""

PARTS = ("train", "dev")
"""No sentence of the second, in either language, is in the first."""


class Pair(NamedTuple):
    """A sentence, its translation, and whose they are."""

    en: str
    zh: str
    attribution: str
    """Number at tatoeba.org and author of the English sentence, then of the Chinese one, with spaces between them."""


def pairs(part: str) -> list[Pair]:
    """All pairs of a part, in the order of the source; a sentence with several translations comes several times."""
    packed = files("elman.corpora").joinpath(f"tatoeba.{part}.tsv.bz2").read_bytes()
    return [Pair(*line.split("\t")) for line in bz2.decompress(packed).decode("utf-8").split("\n")[:-1]]


def sentences(language: str, part: str) -> list[str]:
    """The sentences of one language, each once, in the order of the source."""
    return list(dict.fromkeys(getattr(pair, language) for pair in pairs(part)))
