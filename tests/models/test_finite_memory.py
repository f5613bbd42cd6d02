"""The lecture's experiment: what a tagger with a finite memory can tell apart, and what it cannot.

The grammar and the taggers are those of ``examples/finite_memory.py``.
"""

import runpy
from pathlib import Path

import pytest
import torch

EXPERIMENT = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "finite_memory.py"))
BETWEEN = range(25)  # characters between the verb and 台北; training has up to 12


@pytest.fixture(scope="module")
def differences() -> dict[str, list[float]]:
    """For each tagger and distance, how much it tells 到达 … 台北 from 离开 … 台北."""
    train, difference = EXPERIMENT["train"], EXPERIMENT["difference"]
    taggers = {name: train(name) for name in ("feedforward", "tdnn", "gru")}
    assert taggers["tdnn"].encoder.receptive_field == 5
    return {name: [difference(tagger, n) for n in BETWEEN] for name, tagger in taggers.items()}


def test_the_two_sentences_are_the_lecture_s() -> None:
    sentence = EXPERIMENT["sentence"]
    assert sentence(True)[0] == "我想八月二号到达台北"
    assert sentence(False)[0] == "我想在八月二号离开台北"


def test_a_feed_forward_tagger_gives_the_same_word_the_same_distribution(differences) -> None:
    assert max(map(abs, differences["feedforward"])) < 1e-6


def test_a_tdnn_separates_them_within_its_window_and_never_beyond(differences) -> None:
    inside = 5 - 2  # of the 5 characters that it sees, one is 台 and one the verb's last
    assert min(differences["tdnn"][: inside + 1]) > 0.5
    assert max(map(abs, differences["tdnn"][inside + 1 :])) < 1e-6


def test_a_recurrent_tagger_separates_them_at_every_distance(differences) -> None:
    assert min(differences["gru"]) > 0.5


def test_a_tdnn_in_front_of_its_window_is_blind_whatever_it_has_learnt() -> None:
    tagger = EXPERIMENT["Tagger"]("tdnn")  # not trained: it is the form that decides
    with torch.no_grad():
        for parameter in tagger.parameters():
            parameter.mul_(5)
    assert EXPERIMENT["difference"](tagger, 3) != 0
    assert abs(EXPERIMENT["difference"](tagger, 4)) < 1e-6
