"""Linear-chain conditional random field: the best sequence of labels rather than the best label at each step.

A network gives label k at step t the score x_t(k).  A sequence of labels y has the score

    s(y) = first(y_0) + Σ_t x_t(y_t) + Σ_t transition(y_{t-1}, y_t) + last(y_{T-1})        and the probability

    P(y) = exp(s(y)) / Z,    Z = Σ_y exp(s(y)),

a sum over all K^T sequences that the recursion α_t(k) = x_t(k) + log Σ_j exp(α_{t-1}(j) + transition(j, k)) computes in
T·K² steps (J. Lafferty, A. McCallum and F. Pereira, Conditional Random Fields, 2001; G. Lample et al., Neural
Architectures for Named Entity Recognition, 2016, equations 1 to 3).
"""

import torch
from torch import Tensor, nn

from elman.layers.checks import as_lengths, check_lengths
from elman.layers.stack import Lengths

__all__ = ["CRF"]


class CRF(nn.Module):
    """The scores of neighbours, and what follows from them.

    Parameters
    ----------
    labels
        K.

    Attributes
    ----------
    transitions : (K, K)
        Score of label k (column) right after label j (row).
    first, last : (K,)
        Scores of the labels at the first and the last step.

    All are zero at the start: every sequence then has the probability that its steps have, one by one.

    Examples
    --------
    >>> import torch
    >>> crf = CRF(3)
    >>> scores = torch.randn(5, 2, 3)  # (T, N, K)
    >>> labels = crf.decode(scores, lengths=[5, 3])
    >>> tuple(labels.shape), labels[:, 1].tolist()[3:]
    ((5, 2), [-1, -1])
    >>> loss = -crf.log_probability(scores, labels, lengths=[5, 3]).mean()
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.first = nn.Parameter(torch.zeros(labels))
        self.last = nn.Parameter(torch.zeros(labels))

    def log_probability(self, scores: Tensor, labels: Tensor, lengths: Lengths = None) -> Tensor:
        """log P(y) of each row, `score` less `log_partition`: (N,), in nats; 0 for a row of length 0.

        Parameters
        ----------
        scores
            (T, N, K).
        labels
            (T, N) integers, each 0 … K-1; what stands behind the end of a row is not looked at.
        lengths
            (N,), each 0 … T; None: T everywhere.

        Raises
        ------
        ValueError
            If shapes or lengths do not fit.
        """
        return self.score(scores, labels, lengths) - self.log_partition(scores, lengths)

    def score(self, scores: Tensor, labels: Tensor, lengths: Lengths = None) -> Tensor:
        """s(y) of each row, (N,); arguments as for `log_probability`."""
        there, rows = self._checked(scores, lengths)
        if labels.shape != scores.shape[:2]:
            raise ValueError(f"labels has shape {tuple(labels.shape)}, expected (T, N) = {tuple(scores.shape[:2])}")
        if scores.shape[0] == 0:
            return scores.new_zeros(scores.shape[1])
        known = torch.where(there, labels, 0)
        own = scores.gather(2, known.unsqueeze(2)).squeeze(2)
        own = own + torch.cat((self.first[known[:1]], self.transitions[known[:-1], known[1:]]))
        final = known.gather(0, (rows - 1).clamp(min=0).unsqueeze(0)).squeeze(0)
        return torch.where(there, own, 0).sum(0) + torch.where(rows > 0, self.last[final], 0)

    def log_partition(self, scores: Tensor, lengths: Lengths = None) -> Tensor:
        """log Z of each row, (N,); 0 for a row of length 0.

        The sums are products with exp(transition), in float64, so that what is 1e-300 times the greatest still counts;
        the greatest is taken out at each step, so that long rows lose nothing by rounding.
        """
        there, rows = self._checked(scores, lengths)
        T, N, _ = scores.shape
        if T == 0:
            return scores.new_zeros(N)
        highest = self.transitions.detach().max()
        kernel = (self.transitions - highest).double().exp()
        steps = scores.unbind()  # whose gradients are put together once; those of scores[t] would be T times
        alpha = (self.first + steps[0]).double()
        taken = torch.zeros(N, 1, dtype=torch.float64, device=scores.device)
        for t in range(1, T):
            most = alpha.detach().max(1, keepdim=True).values
            sums = ((alpha - most).exp() @ kernel).clamp(min=torch.finfo(torch.float64).tiny)
            alpha = torch.where(there[t].unsqueeze(1), sums.log() + steps[t], alpha)
            taken = torch.where(there[t].unsqueeze(1), taken + most + highest, taken)
        total = (alpha + self.last).logsumexp(1) + taken.squeeze(1)
        return torch.where(rows > 0, total, 0).to(scores.dtype)

    def marginals(self, scores: Tensor, lengths: Lengths = None) -> Tensor:
        """P(y_t = k) for each step, (T, N, K); zero behind the end of a row.

        They are the gradient of log Z with respect to the scores, so that going back through the recursion computes
        them (J. Eisner, Inside-Outside and Forward-Backward Algorithms Are Just Backprop, 2016).  No gradient goes
        through them.
        """
        with torch.enable_grad():
            leaf = scores.detach().requires_grad_()
            total = self.log_partition(leaf, lengths).sum()
            return torch.autograd.grad(total, leaf)[0] if scores.numel() else torch.zeros_like(scores)

    @torch.no_grad()
    def decode(self, scores: Tensor, lengths: Lengths = None, allowed: Tensor | None = None) -> Tensor:
        """The most probable sequence of labels of each row (Viterbi's algorithm).

        Parameters
        ----------
        scores
            (T, N, K).
        lengths
            (N,), each 0 … T; None: T everywhere.
        allowed
            (K + 1, K + 1) booleans: whether label k (column) may follow label j (row); in the last row whether it may
            come first, in the last column whether it may come last.  None allows all.  Where nothing that is allowed
            is left, the sequence is any.

        Returns
        -------
        Tensor
            (T, N) int64, -1 behind the end of a row.

        Examples
        --------
        Two labels of which the second may not come first:

        >>> allowed = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 0, 1]])
        >>> CRF(2).decode(torch.tensor([[[0.0, 9.0]], [[0.0, 9.0]]]), allowed=allowed)
        tensor([[0],
                [1]])
        """
        there, _ = self._checked(scores, lengths)
        T, N, K = scores.shape
        labels = torch.full((T, N), -1)
        if T == 0 or N == 0:
            return labels
        transitions, best, last = self.transitions.detach(), self.first + scores[0], self.last.detach()
        if allowed is not None:
            forbidden = torch.finfo(scores.dtype).min / 4
            transitions = torch.where(allowed[:K, :K].bool(), transitions, forbidden)
            best = torch.where(allowed[K, :K].bool(), best, forbidden)
            last = torch.where(allowed[:K, K].bool(), last, forbidden)
        reached = torch.empty_like(scores)  # the best score with which each label is reached at each step
        reached[0] = best
        for t in range(1, T):
            found = (best.unsqueeze(1) + transitions.T).amax(2)
            found += scores[t] - found.amax(1, keepdim=True)
            best = reached[t] = torch.where(there[t].unsqueeze(1), found, best)
        label = (best + last).argmax(1)
        for t in range(T - 1, -1, -1):  # where the best came from is asked of the labels on the way alone
            labels[t] = torch.where(there[t], label, -1)
            if t:
                before = (reached[t - 1] + transitions.T[label]).argmax(1)
                label = torch.where(there[t], before, label)
        return labels

    def _checked(self, scores: Tensor, lengths: Lengths) -> tuple[Tensor, Tensor]:
        """Which steps there are, (T, N), and the lengths of the rows, (N,)."""
        K = len(self.first)
        if scores.dim() != 3 or scores.shape[2] != K:
            raise ValueError(f"scores has shape {tuple(scores.shape)}, expected (T, N, K) with K = {K}")
        T, N, _ = scores.shape
        rows = torch.full((N,), T) if lengths is None else as_lengths(lengths, N)
        check_lengths(rows, N, T)
        return (torch.arange(T).unsqueeze(1) < rows).to(scores.device), rows.to(scores.device)

    def extra_repr(self) -> str:
        """Shown in the repr."""
        return f"labels={len(self.first)}"
