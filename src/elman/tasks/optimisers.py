"""What turns gradients into steps: Muon for the square matrices of recurrent layers, AdamW for all else.

A step of AdamW looks at each number of a weight by itself.  The gradient of W, a sum over time of outer products, has a
few directions that are strong and many that are weak; Muon (K. Jordan et al., Muon: An optimizer for hidden layers in
neural networks, 2024) gives all of them the same length.  After two epochs of tiny Shakespeare an LSTM reaches 1.547
nats a character with it and 1.675 with AdamW alone (docs/language_model.md); a step costs the products of
`orthogonalised` more.
"""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn

__all__ = ["Muon", "make_optimisers", "orthogonalised", "square_matrices"]

_MUON_RATE = 12.5  # of Muon, in units of AdamW's: a step of the one has norm √H a gate, of the other about H

# Coefficients a, b, c of each iteration X ← a X + (b X Xᵀ + c (X Xᵀ)²) X: K. Jordan's quintic, whose fixed points are
# singular values of about 0.7 to 1.2, and which multiplies small ones by 3.4.
_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrices: Tensor, iterations: int = 3) -> Tensor:
    """Replace the singular values of matrices (G, H, H) by numbers near 1, by a Newton-Schulz iteration.

    Parameters
    ----------
    matrices
        Any; all are treated alike, zero stays zero.
    iterations
        Singular values below about 3.4 ** -iterations of a matrix's Frobenius norm stay below 1.

    Examples
    --------
    >>> import torch
    >>> u, s, v = torch.linalg.svd(orthogonalised(torch.randn(2, 8, 8)))
    >>> bool((s < 1.3).all())
    True
    """
    a, b, c = _QUINTIC
    x: Tensor = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-12)
    for _ in range(iterations):
        square = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal, for weights of G square matrices below one another: (G·H, H).

    Parameters
    ----------
    params
        Weights (G·H, H); each gate's square is made orthogonal by itself.
    lr
        Length of a step along each direction: the spectral norm of what is added to a gate's matrix.
    momentum
        Of the running mean of gradients, with Nesterov's look ahead; 0.95 as in the source.
    weight_decay
        Decoupled, a step takes lr * weight_decay of the weights away.  Steps of fixed length make W grow without
        bound; a W that is kept small generalises better (docs/language_model.md).
    turns
        A step moves one in so many of a weight's gates, the next ones at the next step, each `turns` times as far:
        the mean of the gradients hardly changes meanwhile, and a step costs that much less.
    iterations
        Of `orthogonalised`.  The source has 5; with 3 a language model learns as fast, and each costs 6·H³
        operations a gate.

    Raises
    ------
    ValueError
        If a weight is not a column of squares.

    Notes
    -----
    torch.optim.Muon computes in bfloat16, which most CPUs emulate, and takes a stack of gates for one matrix.

    Examples
    --------
    >>> import torch, elman
    >>> layer = elman.GRU(3, 8)
    >>> optimiser = Muon([layer.weight_hh_l0], lr=0.05)
    >>> layer(torch.randn(5, 2, 3))[0].square().mean().backward()
    >>> optimiser.step()
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
        turns: int = 4,
        iterations: int = 3,
    ) -> None:
        weights = list(params)
        for weight in weights:
            if weight.dim() != 2 or weight.shape[0] % weight.shape[1]:
                raise ValueError(f"a weight has shape {tuple(weight.shape)}; expected (G·H, H): square matrices")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "turns": turns}
        super().__init__(weights, {**defaults, "iterations": iterations})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take a step along the gradients; `closure` computes them anew first, and its result is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    _take_step(weight, self.state[weight], **{k: v for k, v in group.items() if k in self.defaults})
        return loss


def _take_step(
    weight: Tensor, state: dict[str, Any], lr: float, momentum: float, weight_decay: float, turns: int, iterations: int
) -> None:
    assert weight.grad is not None
    H = weight.shape[1]
    if not state:
        state["mean"], state["step"] = torch.zeros_like(weight), torch.tensor(0)
    state["mean"].lerp_(weight.grad, 1 - momentum)
    ahead = weight.grad.lerp(state["mean"], momentum).view(-1, H, H)
    gates = weight.view(-1, H, H)
    turn = int(state["step"]) % turns
    state["step"] += 1
    if turn < len(gates):
        gates[turn::turns].mul_(1 - turns * lr * weight_decay).add_(
            orthogonalised(ahead[turn::turns], iterations), alpha=-turns * lr
        )


def square_matrices(network: nn.Module) -> list[nn.Parameter]:
    """The weights of recurrent layers that are columns of squares: all W, and U of layers above the first."""
    return [
        parameter
        for name, parameter in network.named_parameters()
        if name.rpartition(".")[2].startswith(("weight_hh", "weight_ih"))
        and parameter.shape[1] > 1
        and parameter.shape[0] in (parameter.shape[1] * gates for gates in (1, 3, 4))
    ]


def make_optimisers(network: nn.Module, rate: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """The optimisers that share the parameters of a network; each group keeps its highest rate as ``peak``.

    Parameters
    ----------
    network
        To be trained.
    rate
        Highest learning rate of AdamW; Muon's is in a fixed ratio to it.
    weight_decay
        Of AdamW.
    """
    squares = square_matrices(network)
    taken = {id(parameter) for parameter in squares}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in taken]
    optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, rate, weight_decay=weight_decay, fused=True)]
    if squares:
        optimisers.append(Muon(squares, _MUON_RATE * rate))
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return optimisers
