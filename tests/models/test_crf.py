"""The field against the list of all its sequences, in float64."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.models import CRF


def problem(seed: int, T: int, N: int, K: int, wide: float = 1.0) -> tuple[CRF, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    crf = CRF(K).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=wide, generator=generator)
    scores = wide * torch.randn(T, N, K, dtype=torch.float64, generator=generator)
    return crf, scores, torch.randint(0, T + 1, (N,), generator=generator)


def sequences(crf: CRF, x: Tensor) -> dict[tuple[int, ...], Tensor]:
    """The score of every sequence of labels for the steps x (T, K) by its definition."""
    T, K = x.shape
    scores = {}
    for y in itertools.product(range(K), repeat=T):
        s = crf.first[y[0]] + crf.last[y[-1]] + sum(x[t, k] for t, k in enumerate(y))
        scores[y] = s + sum(crf.transitions[j, k] for j, k in itertools.pairwise(y))
    return scores


SIZES = st.tuples(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))


@given(SIZES, st.sampled_from([1.0, 30.0]))
@settings(max_examples=25, deadline=None)
def test_everything_is_what_the_list_of_sequences_says(sizes: tuple[int, int, int, int], wide: float) -> None:
    crf, scores, lengths = problem(*sizes, wide)
    T, N, K = scores.shape
    total, shares = crf.log_partition(scores, lengths), crf.marginals(scores, lengths)
    best = crf.decode(scores, lengths)
    for n, length in enumerate(lengths.tolist()):
        assert (best[length:, n] == -1).all()
        assert not shares[length:, n].any()
        if length == 0:
            assert total[n] == 0
            continue
        listed = sequences(crf, scores[:length, n])
        values = torch.stack(list(listed.values()))
        torch.testing.assert_close(total[n], values.logsumexp(0))
        found = tuple(best[:length, n].tolist())
        torch.testing.assert_close(listed[found], values.max())
        for t, k in itertools.product(range(length), range(K)):
            wanted = sum((s - total[n]).exp() for y, s in listed.items() if y[t] == k)
            torch.testing.assert_close(shares[t, n, k], torch.as_tensor(wanted), atol=1e-12, rtol=1e-9)
        labels = torch.full((T, N), 77)
        labels[:length, n] = torch.tensor(found)
        torch.testing.assert_close(crf.score(scores, labels % 77, lengths)[n], listed[found])


@given(SIZES)
@settings(max_examples=30, deadline=None)
def test_a_row_alone_is_the_row_in_the_batch(sizes: tuple[int, int, int, int]) -> None:
    crf, scores, lengths = problem(*sizes)
    for n, length in enumerate(lengths.tolist()):
        alone = scores[:length, n : n + 1]
        torch.testing.assert_close(crf.log_partition(alone)[0], crf.log_partition(scores, lengths)[n])
        assert torch.equal(crf.decode(alone)[:, 0], crf.decode(scores, lengths)[:length, n])


@given(SIZES)
@settings(max_examples=30, deadline=None)
def test_what_is_not_allowed_does_not_come(sizes: tuple[int, int, int, int]) -> None:
    crf, scores, lengths = problem(*sizes)
    K = scores.shape[2]
    allowed = torch.rand(K + 1, K + 1, generator=torch.Generator().manual_seed(sizes[0])) < 0.6
    allowed[:, 0] = allowed[0] = True  # so that something is always left
    best = crf.decode(scores, lengths, allowed)
    for n, length in enumerate(lengths.tolist()):
        if length:
            listed = {
                y: s
                for y, s in sequences(crf, scores[:length, n]).items()
                if all(allowed[j, k] for j, k in itertools.pairwise((K, *y, K)))
            }
            torch.testing.assert_close(listed[tuple(best[:length, n].tolist())], max(listed.values()))


def test_gradients() -> None:
    crf, scores, _ = problem(3, 4, 3, 3)
    lengths, labels = torch.tensor([4, 0, 2]), torch.randint(0, 3, (4, 3))
    scores.requires_grad_()

    def loss(*_: Tensor) -> Tensor:
        return crf.log_probability(scores, labels, lengths)

    assert torch.autograd.gradcheck(loss, (scores, *crf.parameters()))
    (gradient,) = torch.autograd.grad(loss().sum(), scores)
    assert not gradient[2:, 2].any()
    assert not gradient[:, 1].any()


def test_float32_holds_where_scores_are_far_apart() -> None:
    """The only way to label 1 is by a step that costs 200: e^-200 is nothing in float32, and all there is."""
    crf = CRF(2)
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor([[0.0, -200.0], [-500.0, 0.0]]))
        crf.first.copy_(torch.tensor([0.0, -500.0]))
        crf.last.copy_(torch.tensor([-1000.0, 0.0]))
    scores = torch.zeros(3, 1, 2, requires_grad=True)
    total = crf.log_partition(scores)
    torch.testing.assert_close(total, torch.tensor([-200.0 + torch.log(torch.tensor(2.0))]))  # after step 0 or 1
    total.sum().backward()
    torch.testing.assert_close(scores.grad[:, 0, 1], torch.tensor([0.0, 0.5, 1.0]))


def test_a_long_row_loses_nothing_by_rounding() -> None:
    torch.manual_seed(0)
    crf, scores = CRF(5), torch.randn(4_000, 1, 5)
    assert torch.equal(crf.decode(scores)[:, 0], scores[:, 0].argmax(1))  # zero transitions: step by step
    torch.testing.assert_close(crf.log_partition(scores), scores.double().logsumexp(2).sum(0).float())
    torch.testing.assert_close(crf.marginals(scores), scores.softmax(2), atol=1e-6, rtol=1e-5)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"scores has shape \(2, 3\), expected \(T, N, K\) with K = 4"):
        CRF(4).decode(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"labels has shape \(2, 1\), expected \(T, N\) = \(2, 3\)"):
        CRF(4).score(torch.zeros(2, 3, 4), torch.zeros(2, 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="lengths"):
        CRF(4).decode(torch.zeros(2, 3, 4), lengths=[1, 2])
    assert CRF(4).decode(torch.zeros(0, 3, 4)).shape == (0, 3)
    assert CRF(4).marginals(torch.zeros(0, 3, 4)).shape == (0, 3, 4)
