"""Defaults that fit budget and text, and what is said of hyperparameters that do not fit one another."""

import math
from dataclasses import asdict

import pytest
import torch

from elman.models import CELLS
from elman.tasks.defaults import TABLE, defaults_for
from elman.tasks.hyperparameters import Hyperparameters, Settings, embedding_width


@pytest.mark.parametrize("cell", CELLS)
def test_there_is_a_row_for_every_budget(cell: str) -> None:
    limits = [limit for limit, _ in TABLE[cell]]
    assert limits == sorted(limits)
    assert limits[-1] == math.inf
    for budget in (0.1, 90, 180, 300, 3600, 1e6):
        for size in (2, 100, 10_000, 1_000_000, 10**9):
            chosen = Hyperparameters(cell=cell).completed(budget, size, 65)
            network = chosen.new_network(65, seed=0)
            assert network.initial_state(chosen.batch)


def test_short_texts_are_cut_into_fewer_streams() -> None:
    sizes = (100, 1_000, 10_000, 100_000, 1_000_000)
    batches = [defaults_for(180, size, "lstm").batch for size in sizes]
    assert batches == sorted(batches)
    assert batches[0] == 1
    assert all(batch == 1 or size >= 8 * 64 * batch for batch, size in zip(batches, sizes, strict=True))


def test_dropout_grows_as_texts_shrink() -> None:
    dropouts = [defaults_for(180, size, "lstm").dropout for size in (10**5, 10**6, 10**8)]
    assert dropouts == sorted(dropouts, reverse=True)


def test_what_is_given_is_kept() -> None:
    given = {"layers": 3, "hidden": 33, "embedding": 11, "dropout": 0.0, "batch": 5, "window": 17, "learning_rate": 0.5}
    chosen = Hyperparameters(cell="gru", tokens="bytes", **given).completed(90, 10**6, 256)
    assert asdict(chosen) == {"cell": "gru", "tokens": "bytes", "tied": False, **given}


def test_widths_that_follow_from_one_another() -> None:
    assert Hyperparameters(tied=True, hidden=48).completed(90, 10**6, 65).embedding == 48
    assert Hyperparameters(tied=True, embedding=48).completed(90, 10**6, 65).hidden == 48
    assert Hyperparameters(embedding=0).completed(90, 10**6, 20_000).embedding == 0
    assert Hyperparameters().completed(90, 10**6, 20_000).embedding > 0


def test_first_weights_depend_on_the_seed_alone() -> None:
    settings = Hyperparameters(hidden=8).completed(90, 10**6, 65)
    before = torch.get_rng_state()
    one, two, other = (settings.new_network(65, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["output_weight"], other["output_weight"])


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ({"cell": "LSTM"}, ValueError, "cell is 'LSTM', expected one of rnn, gru, lstm"),
        ({"cell": "lsmt"}, ValueError, "did you mean 'lstm'?"),
        ({"tokens": "word"}, ValueError, "tokens is 'word', expected one of chars, bytes, words, segments; did you"),
        ({"layers": 0}, ValueError, "layers is 0, expected at least 1"),
        ({"hidden": 2.5}, TypeError, r"hidden is 2\.5, expected a whole number, at least 1"),
        ({"batch": True}, TypeError, "batch is True, expected a whole number"),
        ({"embedding": -1}, ValueError, "embedding is -1, expected at least 0"),
        ({"dropout": 1}, ValueError, "dropout is 1, expected from 0 up to, not including, 1"),
        ({"dropout": math.nan}, ValueError, "dropout is nan"),
        ({"learning_rate": 0}, ValueError, "learning_rate is 0, expected more than 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate is 'fast', expected a number more than 0"),
        ({"tied": True, "hidden": 8, "embedding": 4}, ValueError, "as wide as the hidden layer, 8; it is 4 wide"),
        ({"tied": True, "embedding": 0}, ValueError, r"tied needs an embedding.*absent \(1-of-N codes\)"),
    ],
)
def test_values_out_of_range(values: dict[str, object], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words.replace("?", r"\?")):
        Hyperparameters(**values)  # type: ignore[arg-type]


def test_embedding_by_name() -> None:
    assert (embedding_width("none"), embedding_width(None), embedding_width(3)) == (0, None, 3)
    with pytest.raises(ValueError, match="embedding is 'wide', expected a width or 'none' for 1-of-N codes"):
        embedding_width("wide")


def test_a_resumed_run_keeps_the_checkpoints_values() -> None:
    stored = asdict(Settings("gru", "words", False, 2, 32, 16, 0.1, 8, 32, 0.01))
    for given in ({}, {"hidden": 32}, {"cell": "gru", "layers": 2}):
        completed = Hyperparameters(**given).resumed(stored).completed(90, 10**6, 65)
        assert asdict(completed) == stored
    assert Hyperparameters(learning_rate=0.001).resumed(stored).learning_rate == 0.001
    with pytest.raises(ValueError, match="hidden is 64 here and 32 in the checkpoint; leave it out to go on"):
        Hyperparameters(hidden=64).resumed(stored)
