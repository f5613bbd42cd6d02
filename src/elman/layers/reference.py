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
Zoneout = Sequence[Tensor | None]
"""For each tensor of a state how much of it stays as it was before a step, (T, N, ...), or None; or nothing at all."""


class Weights(NamedTuple):
    """The weights of one direction. Gates lie one below the other: r, z, n (GRU) or i, f, g, o (LSTM)."""

    w_ih: Tensor  # (G·H, I)
    w_hh: Tensor  # (G·H, H); (4·H, P) with a projection
    b_ih: Tensor | None = None  # (G·H)
    b_hh: Tensor | None = None  # (G·H)
    w_hr: Tensor | None = None  # (P, H): an LSTM's projection to P units


# In each cell `mask` (N, H) is recurrent dropout: W is given m ⊙ h, and nothing else is.


def rnn_tanh(x: Tensor, state: State, weights: Weights, mask: Tensor | None = None) -> State:
    """h' = tanh(U x + b_ih + W h + b_hh): the simple recurrent network (Elman, 1990)."""
    return (torch.tanh(_net(x, _dropped(state[0], mask), weights)),)


def rnn_relu(x: Tensor, state: State, weights: Weights, mask: Tensor | None = None) -> State:
    """h' = max(0, U x + b_ih + W h + b_hh)."""
    return (torch.relu(_net(x, _dropped(state[0], mask), weights)),)


def gru(x: Tensor, state: State, weights: Weights, mask: Tensor | None = None) -> State:
    """The gated recurrent unit (Cho et al., 2014) with the reset gate after the product, as cuDNN and torch have it.

    r = σ(U_r x + W_r h), z = σ(U_z x + W_z h), n = tanh(U_n x + r ⊙ (W_n h)), h' = (1 - z) ⊙ n + z ⊙ h,
    each product with its bias: b_hh of n lies inside r ⊙ (·).
    """
    (h,) = state
    x_r, x_z, x_n = linear(x, weights.w_ih, weights.b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = linear(_dropped(h, mask), weights.w_hh, weights.b_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,)


def lstm(x: Tensor, state: State, weights: Weights, mask: Tensor | None = None) -> State:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997) with a forget gate (Gers et al., 2000).

    i, f, o = σ(net_i), σ(net_f), σ(net_o), g = tanh(net_g), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c'); with a
    projection h' = W_hr (o ⊙ tanh(c')) (Sak et al., 2014).
    """
    h, c = state
    i, f, g, o = _net(x, _dropped(h, mask), weights).chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(c)
    return (h if weights.w_hr is None else linear(h, weights.w_hr), c)


Cell = Callable[[Tensor, State], State]
"""One step with its weights inside: input and state to the next state."""
Step = Callable[[Tensor, State, Weights, Tensor | None], State]
CELLS: tuple[Step, ...] = (rnn_tanh, rnn_relu, gru, lstm)
"""The cells by their code, which the native kernels share."""
RNN_TANH, RNN_RELU, GRU, LSTM = range(4)
GATES = (1, 1, 3, 4)


def with_weights(cell: int, weights: Weights, mask: Tensor | None = None) -> Cell:
    """A cell of `CELLS` by its code, with its weights, and a mask of recurrent dropout, inside."""
    return lambda x, state: CELLS[cell](x, state, weights, mask)


def scan(
    cell: Cell, x: Tensor, lengths: Tensor | None, state: State, reverse: bool = False, zoneout: Zoneout = ()
) -> State:
    """Run one direction over time.

    Parameters
    ----------
    cell : function
        ``cell(x_t, state)`` returns the next state, a tuple like `state`; its first tensor is the output.
    x : Tensor (T, N, ...)
    lengths : Tensor (N,) of integers in 0..T, or None for T everywhere
        From its length on, a row's state stands still, its output is zero and its input is not read.
    state : tuple of Tensor (N, ...)
    reverse : bool
        Walk from the last step to the first: a row then starts at its own last step.
    zoneout : Tensor (T, N, ...) or None for each state, or empty
        h_t = m ⊙ h_{t-1} + (1 - m) ⊙ h'_t, with h' the cell's (Krueger et al., 2017): masks of 0 and 1 in training,
        their expectation otherwise.

    Returns
    -------
    (y, *state) : y is (T, N, ...), the states as they came in
    """
    T = x.shape[0]
    if lengths is not None:
        exists = torch.arange(T, device=x.device).unsqueeze(1) < lengths.to(x.device)  # (T, N)
        x = torch.where(_beside(exists, x), x, 0)
    y = [state[0]] * T
    for t in reversed(range(T)) if reverse else range(T):
        new = cell(x[t], state)
        if zoneout:
            new = tuple(
                after if m is None else m[t] * old + (1 - m[t]) * after
                for m, old, after in zip(zoneout, state, new, strict=True)
            )
        if lengths is None:
            y[t], state = new[0], new
        else:
            here = [_beside(exists[t], after) for after in new]
            y[t] = torch.where(here[0], new[0], 0)
            state = tuple(torch.where(e, after, old) for e, after, old in zip(here, new, state, strict=True))
    return (torch.stack(y) if y else state[0].new_zeros((0, *state[0].shape)), *state)


def layer(
    cell: int,
    x: Tensor,
    lengths: Tensor | None,
    state: State,
    weights: Sequence[Weights],
    zoneout: Zoneout = (),
    recurrent_mask: Tensor | None = None,
) -> State:
    """Run one layer of one direction, or of two, of which the second walks backwards.

    `state` holds (D, N, H) tensors, `weights` one `Weights` a direction, `zoneout` (T, N, D·H) tensors, and
    `recurrent_mask` is (N, D·H).  Returns (y, *state): y is (T, N, D·H), the states (D, N, H).
    """

    def of(d: int, mask: Tensor | None) -> Tensor | None:
        return None if mask is None else mask.chunk(len(weights), dim=-1)[d]

    runs = []
    for d, row in enumerate(weights):
        one_step, keep = with_weights(cell, row, of(d, recurrent_mask)), [of(d, m) for m in zoneout]
        runs.append(scan(one_step, x, lengths, tuple(s[d] for s in state), d == 1, keep))
    y, *states = zip(*runs, strict=True)
    return (torch.cat(y, dim=-1), *(torch.stack(s) for s in states))


def _net(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """net = U x + b_ih + W h + b_hh."""
    return linear(x, weights.w_ih, weights.b_ih) + linear(h, weights.w_hh, weights.b_hh)


def _dropped(h: Tensor, mask: Tensor | None) -> Tensor:
    return h if mask is None else mask * h


def _beside(rows: Tensor, x: Tensor) -> Tensor:
    """`rows`, (N,) or (T, N), as a tensor that goes with `x`, which has more dimensions."""
    return rows.reshape(*rows.shape, *(1,) * (x.dim() - rows.dim()))
