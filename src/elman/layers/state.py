"""State as a value: what a layer takes and returns, and what one does with it between calls."""

from collections.abc import Sequence
from typing import NamedTuple, overload

import torch
from torch import Tensor
from torch.utils._pytree import _register_namedtuple

from elman.layers.checks import as_lengths, check_lengths


class LSTMState(NamedTuple):
    """The two states of an LSTM; unpacks as the (h, c) of torch.nn.

    >>> import torch, elman
    >>> _, state = elman.LSTM(3, 4)(torch.zeros(5, 2, 3))
    >>> h, c = state
    >>> h is state.hidden, c is state.cell
    (True, True)
    """

    hidden: Tensor
    """h, (L·D, N, H): what the layer puts out, or its projection."""
    cell: Tensor
    """c, (L·D, N, H): what it remembers."""


_register_namedtuple(LSTMState, serialized_type_name="elman.LSTMState")  # torch.export.save asks for a name
torch.serialization.add_safe_globals([LSTMState])  # as torch.nn's plain pair, torch.load reads it by default


@overload
def detach(state: None) -> None: ...
@overload
def detach(state: Tensor) -> Tensor: ...
@overload
def detach(state: LSTMState) -> LSTMState: ...
@overload
def detach(state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]: ...
def detach(state: Tensor | tuple[Tensor, ...] | None) -> Tensor | tuple[Tensor, ...] | None:
    """Cut a state out of the graph: the values go on, the gradient stops (truncated BPTT).

    Parameters
    ----------
    state : Tensor, LSTMState, tuple of Tensor, or None
        As a layer returned it; None stays None.

    Examples
    --------
    >>> import torch, elman
    >>> layer = elman.GRU(3, 4)
    >>> state = None
    >>> for window in torch.zeros(20, 2, 3).split(5):  # 4 windows of 5 steps
    ...     output, state = layer(window, elman.detach(state))
    >>> state.requires_grad, elman.detach(state).requires_grad
    (True, False)
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.detach()
    parts = [part.detach() for part in state]
    return LSTMState(*parts) if isinstance(state, LSTMState) else tuple(parts)


def last_output(output: Tensor, lengths: Tensor | Sequence[int] | None = None, batch_first: bool = False) -> Tensor:
    """The output at each row's own last step.

    Parameters
    ----------
    output : Tensor (T, N, ·), or (N, T, ·) with `batch_first`
        Of a layer. In a bidirectional layer the last step is the first that the reverse half has seen: there
        ``by_layer(h_n, num_layers)[-1]``, the last state of both directions, is mostly what is wanted.
    lengths : Tensor or sequence of int, (N,), in 0..T; default None: T everywhere
    batch_first : bool, default False, as in the layers

    Returns
    -------
    Tensor (N, ·)
        Zeros for a row of length 0. Differentiable.

    Raises
    ------
    ValueError
        If `lengths` has not one value in 0..T for each row, or if there is no step to take.

    Examples
    --------
    >>> import torch, elman
    >>> output = torch.arange(6.0).reshape(3, 2, 1)  # T = 3, N = 2
    >>> elman.last_output(output, [3, 1]).squeeze(1)
    tensor([4., 1.])
    """
    if not isinstance(output, Tensor):
        raise TypeError(
            f"output is a {type(output).__name__}; expected a Tensor (T, N, ·): of a PackedSequence the layer's h_n is"
            " the last output"
        )
    if batch_first:
        output = output.transpose(0, 1)
    T, N = output.shape[:2]
    if lengths is None:
        if T == 0:
            raise ValueError("output has no time steps; give lengths (all zero) to have zeros for them")
        return output[-1]
    lengths = as_lengths(lengths, N)
    if not torch.compiler.is_compiling():
        check_lengths(lengths, N, T)
    if T == 0:
        return output.new_zeros((N, *output.shape[2:]))
    lengths = lengths.to(output.device)
    last = output[(lengths - 1).clamp(min=0), torch.arange(N, device=output.device)]
    return torch.where((lengths > 0).unsqueeze(-1), last, 0)


@overload
def by_layer(state: LSTMState, num_layers: int) -> LSTMState: ...
@overload
def by_layer(state: Tensor, num_layers: int) -> Tensor: ...
def by_layer(state: Tensor | LSTMState, num_layers: int) -> Tensor | LSTMState:
    """View a state (L·D, N, H) as (L, D, N, H): layer, direction, row, unit.

    Parameters
    ----------
    state : Tensor or LSTMState
        As a layer returned it.
    num_layers : int
        L of that layer; D follows from it.

    Raises
    ------
    ValueError
        If the first dimension is not 1 or 2 times `num_layers`.

    Examples
    --------
    >>> import torch, elman
    >>> layer = elman.GRU(3, 4, num_layers=2, bidirectional=True)
    >>> _, h_n = layer(torch.zeros(5, 7, 3))
    >>> forwards, backwards = elman.layers.by_layer(h_n, 2)[-1]  # the top layer's two directions
    >>> forwards.shape
    torch.Size([7, 4])
    """
    if isinstance(state, LSTMState):
        return LSTMState(by_layer(state.hidden, num_layers), by_layer(state.cell, num_layers))
    if state.shape[0] not in (num_layers, 2 * num_layers):
        raise ValueError(
            f"state has shape {tuple(state.shape)}; expected (L·D, N, H) with L = {num_layers} layers of D = 1 or 2"
            " directions"
        )
    return state.view(num_layers, -1, *state.shape[1:])
