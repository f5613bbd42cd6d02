"""The sampled softmax beside the whole one."""

import math

import pytest
import torch
import torch.nn.functional as F

from elman.tasks.filling.sampled import draw_sample, sampled_cross_entropy

V, P = 40, 6


def problem() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    chance = torch.Generator().manual_seed(0)
    frequencies = torch.rand(V, generator=chance) ** 3
    return (
        torch.randn(P, V, generator=chance),
        torch.randint(V, (P,), generator=chance),
        frequencies / frequencies.sum(),
    )


def test_all_classes_are_the_softmax() -> None:
    logits, targets, frequencies = problem()
    for negatives in (V, V + 1):
        sample = draw_sample(targets, frequencies, negatives, torch.Generator())
        assert torch.equal(sample.classes, torch.arange(V))
        loss = sampled_cross_entropy(logits[:, sample.classes], targets, sample)
        assert torch.equal(loss, F.cross_entropy(logits, targets))


def test_a_sample_holds_the_targets_and_its_columns_are_theirs() -> None:
    _, targets, frequencies = problem()
    sample = draw_sample(targets, frequencies, 10, torch.Generator().manual_seed(1))
    assert torch.equal(sample.classes[sample.columns(targets)], targets)
    assert torch.equal(sample.classes, sample.classes.unique())
    assert 10 <= len(sample.classes) <= 10 + P
    below = sample.below(20)
    assert below.classes.tolist() == [c for c in sample.classes.tolist() if c < 20]
    assert below.log_inclusion is not None
    assert len(below.log_inclusion) == len(below.classes)


def test_probabilities_of_inclusion_are_those_that_are_met() -> None:
    """Beside one target, each class is in the sample as often as its π says."""
    _, _, frequencies = problem()
    chance, draws, first = torch.Generator().manual_seed(2), 4000, 7
    met, said = torch.zeros(V), torch.full((V,), math.nan)
    for _ in range(draws):
        others = torch.multinomial(frequencies, P - 1, replacement=True, generator=chance)
        sample = draw_sample(torch.cat([torch.tensor([first]), others]), frequencies, 10, chance)
        assert sample.log_inclusion is not None
        met[sample.classes] += 1
        said[sample.classes] = sample.log_inclusion.exp()
    spread = (said * (1 - said) / draws).sqrt()
    far = ((met / draws - said) / spread).abs()
    far[first] = 0
    assert (far < 4.5).all()


def test_the_denominator_is_right_in_the_mean() -> None:
    """exp(loss + right logit) estimates the sum over all classes; so does its mean, the better the more samples."""
    logits, targets, frequencies = problem()
    chance, row, target = torch.Generator().manual_seed(3), logits[:1].double(), targets[:1]
    estimates = torch.empty(5_000, dtype=torch.float64)
    for index in range(len(estimates)):
        others = torch.multinomial(frequencies, P - 1, replacement=True, generator=chance)
        sample = draw_sample(torch.cat([target, others]), frequencies, 10, chance)
        loss = sampled_cross_entropy(row[:, sample.classes], target, sample)
        estimates[index] = (loss + row[0, target[0]]).exp()
    assert abs(estimates.mean() - row.exp().sum()) < 4.5 * estimates.std() / len(estimates) ** 0.5


def test_gradients_come_near_those_of_the_softmax() -> None:
    logits, targets, frequencies = problem()
    logits.requires_grad_()
    (whole,) = torch.autograd.grad(F.cross_entropy(logits, targets), logits)
    chance, total, draws = torch.Generator().manual_seed(4), torch.zeros(P, V), 2000
    for _ in range(draws):
        sample = draw_sample(targets, frequencies, 30, chance)
        loss = sampled_cross_entropy(logits[:, sample.classes], targets, sample)
        total += torch.autograd.grad(loss, logits)[0]
    assert F.cosine_similarity((total / draws).flatten(), whole.flatten(), dim=0) > 0.995


@pytest.mark.parametrize("negatives", [1, 5, 39])
def test_a_single_class_costs_nothing_beside_itself(negatives: int) -> None:
    sample = draw_sample(torch.tensor([3, 3]), torch.full((V,), 1 / V), negatives, torch.Generator().manual_seed(5))
    logits = torch.full((2, len(sample.classes)), -1e9)
    logits[:, sample.columns(torch.tensor([3, 3]))] = 5.0
    assert sampled_cross_entropy(logits, torch.tensor([3, 3]), sample) == 0
