"""Learning from rows: which weights are kept, and a run that goes on to the bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data import Buckets, Ragged
from elman.tasks.batch_learner import BatchLearner, Score
from elman.tasks.checkpoint import Run, read_checkpoint
from elman.tasks.plan import Plan
from elman.tasks.training import Judgement, train

ROWS = Ragged.collect([np.random.default_rng(i).integers(0, 5, i % 7 + 1) for i in range(60)])
LABELS = torch.tensor([int(ROWS[row].max()) for row in range(60)])


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.bag = nn.EmbeddingBag(5, 5, mode="max")

    def forward(self, batch: Tensor) -> Tensor:
        return self.bag(batch.T)


def learner(scores: list[Score] | None = None) -> BatchLearner:
    network = Bag()

    def losses(rows: np.ndarray, generator: torch.Generator) -> Tensor:
        assert network.training
        noise = 0.1 * torch.randn(len(rows), 5, generator=generator)
        return F.cross_entropy(network(ROWS.padded(rows)) + noise, LABELS[rows])

    def judge(rows: np.ndarray) -> Score:
        assert not network.training
        if scores is not None:
            return scores.pop(0)
        logits = network(ROWS.padded(rows))
        nats = F.cross_entropy(logits, LABELS[rows], reduction="sum")
        return Score(float(nats), int((logits.argmax(1) != LABELS[rows]).sum()), len(rows))

    buckets, held = Buckets(ROWS.lengths, rows=8, seed=1), Buckets(ROWS.lengths, rows=60)
    return BatchLearner(network, buckets, held, losses=losses, judge=judge, steps=30, show=lambda: "")


def test_scores_are_added_up() -> None:
    judged = learner([Score(3.0, 1, 6)]).validate(None)
    assert judged == Judgement(0.5, pytest.approx(1 / 6 + 5e-7))


def test_a_sample_is_shown_without_dropout_and_training_goes_on_with_it() -> None:
    one = learner()
    seen = []

    def show() -> str:
        seen.append(one.network.training)
        one.network.eval()
        return "shown"

    one._show = show
    assert one.sample() == "shown"
    assert seen == [False]
    assert one.network.training


def test_the_weights_with_the_fewest_errors_are_kept() -> None:
    found = [Score(5, 3, 10), Score(9, 1, 10), Score(8, 1, 10), Score(1, 2, 10), Score(2, 2, 10)]
    run = Run()
    train(learner(list(found)), Plan(epochs=5), 1e-2, run)
    assert [loss for _, _, loss in run.history] == [0.5, 0.9, 0.8, 0.1, 0.2]
    assert run.best_loss == 0.8
    assert run.best_step == run.history[2][0]


def test_it_learns_and_a_resumed_run_has_the_same_bits(tmp_path: Path) -> None:
    whole, run = learner(), Run()
    train(whole, Plan(epochs=40), 5e-2, run)
    assert run.best_rank is not None
    assert run.best_rank < 0.2

    first, second = learner(), learner()
    path = tmp_path / "c"
    plan = Plan(epochs=40, checkpoint=path, checkpoint_every=0.0)

    def stop(progress: object) -> None:
        if progress.step == 100:  # type: ignore[attr-defined]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        train(first, plan, 5e-2, Run(), task={"task": "bag"}, progress=stop)
    train(second, plan, 5e-2, Run(), resume=read_checkpoint(path, "bag"))
    for one, other in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(one, other)
