"""Losses, weights, calibration and scores beside explicit loops, scikit-learn and a search."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

from elman.data import Ragged
from elman.tasks.classification.calibration import calibration_error, fit_temperature, probabilities
from elman.tasks.classification.learner import ClassifierLoss, label_weights
from elman.tasks.classification.rows import Rows, TrainingRows
from elman.tasks.classification.scores import scores

K, R = 4, 200
CHANCE = np.random.default_rng(0)
LOGITS = torch.from_numpy(CHANCE.normal(0, 2, (R, K)))
ONE = [[int(label)] for label in (LOGITS.numpy() + CHANCE.gumbel(0, 2, (R, K))).argmax(1)]
MANY = [np.flatnonzero(row).tolist() for row in LOGITS.numpy() + CHANCE.logistic(0, 2, (R, K)) > 0]


def rows_of(labels: list[list[int]]) -> Rows:
    return Rows(Ragged.collect([[]] * len(labels)), Ragged.collect(labels))


def training(labels: list[list[int]], several: bool) -> TrainingRows:
    rows, every = rows_of(labels), np.arange(len(labels))
    return TrainingRows(rows, every, rows, every, ("a", "b", "c", "d"), several, None)


def test_the_loss_of_one_label_by_a_loop() -> None:
    weights, smoothing = torch.tensor([1.0, 2.0, 0.5, 3.0]).double(), 0.1
    loss = ClassifierLoss(False, weights, smoothing)(LOGITS, rows_of(ONE), np.arange(R))
    total = norm = 0.0
    for z, (label,) in zip(LOGITS.tolist(), ONE, strict=True):
        logs = [x - math.log(sum(map(math.exp, z))) for x in z]
        total -= weights[label].item() * (1 - smoothing) * logs[label]
        total -= sum(weights[k].item() * smoothing / K * logs[k] for k in range(K))
        norm += weights[label].item()
    assert loss.item() == pytest.approx(total / norm, rel=1e-12)


def test_the_loss_of_several_labels_by_a_loop() -> None:
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0]).double()
    loss = ClassifierLoss(True, weights)(LOGITS, rows_of(MANY), np.arange(R))
    total = 0.0
    for z, labels in zip(LOGITS.tolist(), MANY, strict=True):
        for k, x in enumerate(z):
            p = 1 / (1 + math.exp(-x))
            total -= weights[k].item() * math.log(p) if k in labels else math.log(1 - p)
    assert loss.item() == pytest.approx(total / R, rel=1e-6)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    found = label_weights("balanced", training(ONE, several=False))
    expected = compute_class_weight("balanced", classes=np.arange(K), y=[label for (label,) in ONE])
    assert found is not None
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    given_ = label_weights({"b": 3}, training(ONE, several=False))
    assert given_ is not None
    assert given_.tolist() == [1, 3, 1, 1]
    with pytest.raises(ValueError, match="class_weights has a weight for 'x'; the labels are a, b, c, d"):
        label_weights({"x": 1.0}, training(ONE, several=False))


def test_balanced_weights_of_several_labels_count_having_and_not_having_alike() -> None:
    found = label_weights("balanced", training(MANY, several=True))
    assert found is not None
    for k in range(K):
        having = sum(k in labels for labels in MANY)
        assert found[k].item() * having == pytest.approx(R - having, rel=1e-6)


def test_scores_of_one_label_are_those_of_scikit_learn() -> None:
    chances = probabilities(LOGITS, 1.0, several=False)
    figures = scores(chances, ONE, several=False)
    truth, said = [label for (label,) in ONE], chances.argmax(1).tolist()
    assert figures["accuracy"] == accuracy_score(truth, said)
    assert figures["macro_f1"] == f1_score(truth, said, average="macro")
    assert figures["nats"] == pytest.approx(log_loss(truth, chances.numpy(), labels=range(K)), rel=1e-12)


def test_scores_of_several_labels_are_those_of_scikit_learn() -> None:
    chances = probabilities(LOGITS, 1.0, several=True)
    figures = scores(chances, MANY, several=True)
    truth = np.array([[k in labels for k in range(K)] for labels in MANY])
    said = chances.numpy() > 0.5
    assert figures["accuracy"] == pytest.approx(accuracy_score(truth, said), rel=1e-12)
    assert figures["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"), rel=1e-12)
    assert figures["micro_f1"] == pytest.approx(f1_score(truth, said, average="micro"), rel=1e-12)


def test_the_calibration_error_by_a_loop() -> None:
    confidence = CHANCE.random(500)
    right = CHANCE.random(500) < confidence**2
    total = 0.0
    for number in range(15):
        chosen = (confidence >= number / 15) & (confidence < (number + 1) / 15)
        if chosen.any():
            total += chosen.mean() * abs(confidence[chosen].mean() - right[chosen].mean())
    assert calibration_error(confidence, right) == pytest.approx(total, abs=1e-11)
    assert calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0.0
    assert calibration_error(np.empty(0), np.empty(0, bool)) == 0.0


@pytest.mark.parametrize("several", [False, True])
def test_the_temperature_has_the_least_loss(several: bool) -> None:
    if several:
        targets = torch.tensor([[float(k in labels) for k in range(K)] for labels in MANY])
        soft, base = (targets.double() * R + 1) / (R + 2), torch.nn.functional.binary_cross_entropy
    else:
        targets = torch.tensor([label for (label,) in ONE])
        soft, base = (torch.nn.functional.one_hot(targets, K).double() * R + 1) / (R + K), None

    def loss(temperature: float) -> float:
        p = probabilities(LOGITS, temperature, several)
        return float(base(p, soft)) if base else -float((soft * p.log()).sum() / R)

    found = fit_temperature(LOGITS, targets)
    tried = np.geomspace(0.1, 10, 2000)
    assert loss(found) <= min(map(loss, tried)) + 1e-12


@settings(max_examples=10, deadline=None)
@given(st.floats(0.3, 4), st.integers(0, 1000))
def test_the_temperature_that_was_put_in_comes_out(temperature: float, seed: int) -> None:
    chance = np.random.default_rng(seed)
    logits = torch.from_numpy(chance.normal(0, 2, (20_000, 3)))
    drawn = probabilities(logits, temperature, several=False).numpy().cumsum(1)
    labels = (drawn < chance.random((20_000, 1))).sum(1)
    assert fit_temperature(logits, torch.from_numpy(labels)) == pytest.approx(temperature, rel=0.12)


def test_the_temperature_of_a_few_rows_that_are_all_right_is_not_zero() -> None:
    assert fit_temperature(torch.tensor([[3.0, 0.0]] * 10), torch.zeros(10, dtype=torch.int64)) > 0.5
    assert fit_temperature(torch.empty(0, 2), torch.empty(0, dtype=torch.int64)) == 1.0
