"""Recurrent layers away from the CPU: torch's own operators, which are cuDNN's on CUDA.

The kernels of this package run on CPUs. On every other device a whole stack of layers is one call of the operator that
torch.nn.RNN, GRU and LSTM call, with the same parameters, so results, speed and random draws are torch's.
`lengths` is added around it: torch's operators take packed sequences, whose lengths are at least 1.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import _VF, Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.layers.reference import LSTM, State


def flatten(form: Any, weights: Sequence[Tensor]) -> None:
    """Put the weights of a stack side by side in one block, as cuDNN reads them; it would copy them at every call.

    Nothing happens away from CUDA, and where two weights are one.

    Parameters
    ----------
    form : a module with the attributes that torch.nn gives its recurrent layers
    weights : all of them, in torch.nn's order; they stay the same tensors
    """
    if not _fits_cudnn(weights):
        return
    from torch.backends.cudnn.rnn import get_cudnn_mode

    each = (4 if form.bias else 2) + (1 if form.proj_size else 0)
    mode: int = get_cudnn_mode(form.mode)  # type: ignore[no-untyped-call]
    sizes = form.input_size, mode, form.hidden_size, form.proj_size, form.num_layers
    with torch.cuda.device(weights[0].device), torch.no_grad():
        torch._cudnn_rnn_flatten_weight(list(weights), each, *sizes, form.batch_first, form.bidirectional)


def _fits_cudnn(weights: Sequence[Tensor]) -> bool:
    acceptable: Any = torch.backends.cudnn.is_acceptable
    return (
        all(w.is_cuda and w.dtype == weights[0].dtype and acceptable(w) for w in weights)
        and len({w.data_ptr() for w in weights}) == len(weights)
        and torch._use_cudnn_rnn_flatten_weight()
    )


_STACKS: tuple[Any, ...] = (_VF.rnn_tanh, _VF.rnn_relu, _VF.gru, _VF.lstm)


class Stack(NamedTuple):
    """L layers of D directions for torch's operators: their weights, one after the other as in torch.nn."""

    cell: int
    weights: Sequence[Tensor | None]
    num_layers: int
    directions: int
    dropout: float = 0.0
    training: bool = False

    def padded(self, x: Tensor, lengths: Tensor | None, state: State) -> State:
        """Run over x (T, N, I) from states (L·D, N, H); return (y, *state) with y (T, N, D·H).

        `lengths` is an int64 tensor on the CPU. Zeros in it, T = 0 and N = 0 mean what they mean on a CPU, though
        torch's operators take none of them.
        """
        T, N, _ = x.shape
        if T == 0 or N == 0:
            return (x.new_zeros((T, N, self.directions * state[0].shape[2])), *(s.clone() for s in state))
        if lengths is None:
            return tuple(_STACKS[self.cell](x, self._states(state), *self._options(), False))
        empty = (lengths == 0).unsqueeze(-1).to(x.device)  # (N, 1)
        packed = pack_padded_sequence(torch.where(empty, 0, x), lengths.clamp(min=1), enforce_sorted=False)
        packed, after = self.packed(packed, state)
        y, _ = pad_packed_sequence(packed, total_length=T)
        return (torch.where(empty, 0, y), *(torch.where(empty, s, new) for s, new in zip(state, after, strict=True)))

    def packed(self, packed: PackedSequence, state: State) -> tuple[PackedSequence, State]:
        """Run over a packed sequence; the states' rows are in the caller's order, before packing."""
        data, sizes, order, back = packed
        if order is not None:
            state = tuple(s.index_select(1, order) for s in state)
        y, *after = _STACKS[self.cell](data, sizes, self._states(state), *self._options())
        if back is not None:
            after = [s.index_select(1, back) for s in after]
        return PackedSequence(y, sizes, order, back), tuple(after)

    def _states(self, state: State) -> Tensor | State:
        return state if self.cell == LSTM else state[0]

    def _options(self) -> tuple[list[Tensor], bool, int, float, bool, bool]:
        each = len(self.weights) // (self.num_layers * self.directions)
        biases = [weight is not None for index, weight in enumerate(self.weights) if index % each in (2, 3)]
        if any(biases) != all(biases):
            raise ValueError("some biases are None; on this device a layer has all of its biases or none")
        given = [weight for weight in self.weights if weight is not None]
        return given, any(biases), self.num_layers, self.dropout, self.training, self.directions == 2
