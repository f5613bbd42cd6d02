"""What a stack of layers does at every step: the states of all its layers, an LSTM's cell states too."""

from collections.abc import Sequence
from typing import Any, overload

import torch
from torch import Tensor
from torch.nn.functional import dropout, embedding, linear
from torch.nn.utils.rnn import PackedSequence

from elman.layers import functional, reference
from elman.layers.checks import as_lengths, check_input, check_lengths
from elman.layers.recurrent import GRU, LSTM, RNN, RecurrentLayer
from elman.layers.reference import State, Weights
from elman.layers.stack import Lengths, initial_state
from elman.layers.state import LSTMState


@overload
def all_states(
    layer: LSTM, input: Tensor, hx: tuple[Tensor, Tensor] | None = None, lengths: Lengths = None
) -> tuple[list[LSTMState], LSTMState]: ...
@overload
def all_states(
    layer: RNN | GRU, input: Tensor, hx: Tensor | None = None, lengths: Lengths = None
) -> tuple[list[Tensor], Tensor]: ...
def all_states(
    layer: RNN | GRU | LSTM,
    input: Tensor,
    hx: Tensor | tuple[Tensor, Tensor] | None = None,
    lengths: Lengths = None,
) -> tuple[list[LSTMState] | list[Tensor], LSTMState | Tensor]:
    """Run a layer and return the states of all of its layers at all steps, where a call returns the top layer's output.

    The layers run as in a call, on the kernels.  An LSTM's cell states are then computed once more from the outputs:
    every h_{t-1} is known, so the gates of all steps are one product, and c_t = f ⊙ c_{t-1} + i ⊙ g is left of the
    loop.  This costs about what a forward pass in PyTorch costs; gradients flow through all of it.  There are no masks,
    neither zoneout's nor others.

    Parameters
    ----------
    layer : RNN, GRU or LSTM
        With dropout in training mode a layer reads the outputs below it dropped; they are returned whole.
    input, hx, lengths
        As in a call of the layer; no PackedSequence.

    Returns
    -------
    states : list, one for each of the L layers
        The hidden states h (T, N, D·H), or (N, T, D·H) with `batch_first`, of which the last is the output of a call;
        for LSTM an `LSTMState` of h and c, both so shaped.  Zero from a row's length on.
    state : Tensor or LSTMState
        After the last step, as a call returns it.

    Raises
    ------
    ValueError, TypeError
        As in a call; TypeError for a PackedSequence.

    Examples
    --------
    >>> import torch, elman
    >>> lstm = elman.LSTM(8, 16, num_layers=2)
    >>> x = torch.randn(5, 3, 8)
    >>> (low, top), state = elman.layers.all_states(lstm, x)
    >>> low.hidden.shape, top.cell.shape
    (torch.Size([5, 3, 16]), torch.Size([5, 3, 16]))
    >>> torch.equal(top.hidden, lstm(x)[0])
    True
    """
    _check(layer, input)
    weights = layer._weights()
    first = weights[0][0]
    x = check_input(input, layer.input_size, first, layer.batch_first)
    batched = x.dim() == (3 if x.is_floating_point() else 2)
    if not batched:
        x = x.unsqueeze(1)
    elif layer.batch_first:
        x = x.transpose(0, 1)
    N = x.shape[1]
    parts: Any = hx if isinstance(layer, LSTM) or hx is None else (hx,)
    like = x if x.is_floating_point() else first
    state = initial_state(layer, layer._cell, like, parts, first, (N,) if batched else ())
    if lengths is not None:
        lengths = as_lengths(lengths, N)
        if not torch.compiler.is_compiling():
            check_lengths(lengths, N, x.shape[0])
    steps, after = _run(layer, x, lengths, state, weights)

    def as_given(sequence: Tensor) -> Tensor:
        if not batched:
            return sequence.squeeze(1)
        return sequence.transpose(0, 1) if layer.batch_first else sequence

    final = after if batched else tuple(s.squeeze(1) for s in after)
    if isinstance(layer, LSTM):
        return [LSTMState(as_given(h), as_given(c)) for h, c in steps], LSTMState(*final)
    return [as_given(h) for (h,) in steps], final[0]


def _run(
    layer: RecurrentLayer,
    x: Tensor,
    lengths: Tensor | None,
    state: State,
    weights: Sequence[Sequence[Tensor | None]],
) -> tuple[list[State], State]:
    """Each layer's (h,) or (h, c) at all steps, and the final states (L·D, N, ·)."""
    D = layer._directions
    steps: list[State] = []
    finals = []
    for index, mine in enumerate(weights):
        given = tuple(s[index * D : (index + 1) * D] for s in state)
        y, *after = functional.layer(layer._cell, x, lengths, given, mine)
        steps.append((y, _cell_states(x, y, lengths, given, mine)) if layer._cell == reference.LSTM else (y,))
        finals.append(after)
        x = dropout(y, layer.dropout) if layer.dropout and layer.training else y
    return steps, tuple(torch.cat(s) for s in zip(*finals, strict=True))


def _cell_states(
    x: Tensor, y: Tensor, lengths: Tensor | None, state: State, weights: Sequence[Tensor | None]
) -> Tensor:
    """c at all steps, (T, N, D·H), of one LSTM layer that read x and put out y."""
    D = state[0].shape[0]
    each, cells = len(weights) // D, []
    if not x.is_floating_point():
        x = functional.only_codes(x, lengths)
    elif lengths is not None:  # what is behind the end may be NaN, whose gradient is no zero
        exists = torch.arange(x.shape[0], device=x.device).unsqueeze(1) < lengths.to(x.device)
        x = torch.where(exists.unsqueeze(-1), x, 0)
    with torch.autocast(x.device.type, enabled=False):
        for d, h in enumerate(y.chunk(D, dim=-1)):
            row = Weights(*weights[d * each : (d + 1) * each])  # type: ignore[arg-type]
            before = _one_step_before(h, state[0][d], lengths, reverse=d == 1)
            i, f, g = _sums_of_gates(x, before, row).chunk(3, dim=-1)
            parts = torch.cat([torch.sigmoid(f), torch.sigmoid(i) * torch.tanh(g)], dim=-1)
            cells.append(reference.scan(_remember, parts, lengths, (state[1][d],), reverse=d == 1)[0])
    return torch.cat(cells, dim=-1)


def _remember(parts: Tensor, state: State) -> State:
    forget, new = parts.chunk(2, dim=-1)
    return (forget * state[0] + new,)


def _one_step_before(h: Tensor, start: Tensor, lengths: Tensor | None, reverse: bool) -> Tensor:
    """The state that each step of h (T, N, P) began with."""
    T = h.shape[0]
    if not reverse:
        return torch.cat([start.unsqueeze(0), h])[:T]
    following = torch.cat([h, start.unsqueeze(0)])[1:]
    if lengths is None:
        return following
    last = torch.arange(T, device=h.device).unsqueeze(1) == lengths.to(h.device) - 1
    return torch.where(last.unsqueeze(-1), start, following)


def _sums_of_gates(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """net of the gates i, f and g, (T, N, 3·H)."""
    rows = weights.w_hh.shape[0] // 4 * 3
    w_ih, w_hh, b_ih, b_hh = (None if w is None else w[:rows] for w in weights[:4])
    assert w_ih is not None
    assert w_hh is not None
    if x.is_floating_point():
        from_input = linear(x, w_ih, b_ih)
    else:  # codes of 1-of-N inputs
        from_input = embedding(x, w_ih.T) if b_ih is None else embedding(x, w_ih.T) + b_ih
    return from_input + linear(h, w_hh, b_hh)


def _check(layer: object, input: object) -> None:
    if not isinstance(layer, RNN | GRU | LSTM):
        raise TypeError(f"layer is a {type(layer).__name__}; expected an RNN, GRU or LSTM of elman")
    if isinstance(input, PackedSequence):
        raise TypeError("input is a PackedSequence; expected a Tensor (T, N, I), with lengths where rows end early")
