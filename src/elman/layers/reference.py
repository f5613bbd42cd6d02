"""The specification of the recurrent layers in plain PyTorch.

What a layer computes is what stands here: a cell is one function, the loop over time is written once, and autograd
does the rest.  It is differentiable any number of times, forwards and backwards, works for every floating dtype and
under ``torch.func`` transforms, and is therefore both the oracle of the tests and the fallback of the kernels.

Letters: T time, N batch, I input, H hidden, D directions, G gates (1 RNN, 3 GRU, 4 LSTM).  In the lecture's letters
``w_ih`` is U, ``w_hh`` is W, h is the state s and the sum before an activation is net.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

State = tuple[Tensor, ...]
"""What a cell carries from step to step: (h,), or (h, c) for the LSTM; each (N, H)."""


class Weights(NamedTuple):
    """The weights of one direction. Gates lie one below the other: r, z, n (GRU) or i, f, g, o (LSTM)."""

    w_ih: Tensor  # (G·H, I)
    w_hh: Tensor  # (G·H, H); (4·H, P) with a projection
    b_ih: Tensor | None = None  # (G·H)
    b_hh: Tensor | None = None  # (G·H)
    w_hr: Tensor | None = None  # (P, H): an LSTM's projection to P units


def rnn_tanh(x: Tensor, state: State, weights: Weights) -> State:
    """h' = tanh(U x + b_ih + W h + b_hh): the simple recurrent network (Elman, 1990)."""
    return (torch.tanh(_net(x, state[0], weights)),)


def rnn_relu(x: Tensor, state: State, weights: Weights) -> State:
    """h' = max(0, U x + b_ih + W h + b_hh)."""
    return (torch.relu(_net(x, state[0], weights)),)


def gru(x: Tensor, state: State, weights: Weights) -> State:
    """The gated recurrent unit (Cho et al., 2014) with the reset gate after the product, as cuDNN and torch have it.

    r = σ(U_r x + W_r h), z = σ(U_z x + W_z h), n = tanh(U_n x + r ⊙ (W_n h)), h' = (1 - z) ⊙ n + z ⊙ h,
    each product with its bias: b_hh of n lies inside r ⊙ (·).
    """
    (h,) = state
    x_r, x_z, x_n = linear(x, weights.w_ih, weights.b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = linear(h, weights.w_hh, weights.b_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,)


def lstm(x: Tensor, state: State, weights: Weights) -> State:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate (Gers et al., 2000).

    i, f, o = σ(net_i), σ(net_f), σ(net_o), g = tanh(net_g), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c'); with a
    projection h' = W_hr (o ⊙ tanh(c')) (Sak et al., 2014).
    """
    h, c = state
    i, f, g, o = _net(x, h, weights).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return (h if weights.w_hr is None else linear(h, weights.w_hr), c)


Step = Callable[[Tensor, State, Weights], State]
CELLS: tuple[Step, ...] = (rnn_tanh, rnn_relu, gru, lstm)
"""The cells by their code, which the native kernels share."""
RNN_TANH, RNN_RELU, GRU, LSTM = range(4)
GATES = (1, 1, 3, 4)


def scan(cell: int, x: Tensor, lengths: Tensor | None, state: State, weights: Weights, reverse: bool = False) -> State:
    """Run one direction over time.

    Parameters
    ----------
    cell : int
        Index into `CELLS`.
    x : Tensor (T, N, I)
    lengths : Tensor (N,) of integers in 0..T, or None for T everywhere
        From its length on, a row's state stands still, its output is zero and its input is not read.
    state : tuple of Tensor (N, H)
    weights : Weights
    reverse : bool
        Walk from the last step to the first: a row then starts at its own last step.

    Returns
    -------
    (y, *state) : y is (T, N, H), the states (N, H)
    """
    T = x.shape[0]
    if lengths is not None:
        exists = (torch.arange(T, device=x.device).unsqueeze(1) < lengths.to(x.device)).unsqueeze(-1)  # (T, N, 1)
        x = torch.where(exists, x, 0)
    y = [state[0]] * T
    for t in reversed(range(T)) if reverse else range(T):
        new = CELLS[cell](x[t], state, weights)
        if lengths is None:
            y[t], state = new[0], new
        else:
            y[t] = torch.where(exists[t], new[0], 0)
            state = tuple(torch.where(exists[t], after, before) for after, before in zip(new, state, strict=True))
    return (torch.stack(y) if y else x.new_zeros((0, *state[0].shape)), *state)


def layer(cell: int, x: Tensor, lengths: Tensor | None, state: State, weights: Sequence[Weights]) -> State:
    """Run one layer of one direction, or of two, of which the second walks backwards.

    `state` holds (D, N, H) tensors and `weights` one `Weights` a direction.  Returns (y, *state): y is (T, N, D·H),
    the states (D, N, H).
    """
    runs = [scan(cell, x, lengths, tuple(s[d] for s in state), weights[d], reverse=d == 1) for d in range(len(weights))]
    y, *states = zip(*runs, strict=True)
    return (torch.cat(y, dim=-1), *(torch.stack(s) for s in states))


def _net(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """net = U x + b_ih + W h + b_hh."""
    return linear(x, weights.w_ih, weights.b_ih) + linear(h, weights.w_hh, weights.b_hh)
