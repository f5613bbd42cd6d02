"""RNNCell, GRUCell and LSTMCell: one time step, drop-in replacements for torch.nn's.

They run torch's own operators on every device, and the reference under torch.func's transforms. The kernels' gain is
over time: weights are packed once a sequence, and one product serves the inputs of all steps. For a single step,
packing costs more than the product that it serves.
"""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import _VF, Tensor, nn
from torch.types import Device

from elman.layers import fallback, reference
from elman.layers.checks import check_cell_input, check_size, check_states
from elman.layers.functional import NONLINEARITIES
from elman.layers.reference import GATES, State
from elman.layers.state import LSTMState

_OPERATORS: tuple[Any, ...] = (_VF.rnn_tanh_cell, _VF.rnn_relu_cell, _VF.gru_cell, _VF.lstm_cell)
_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class RecurrentCell(nn.Module):
    """What `RNNCell`, `GRUCell` and `LSTMCell` share: the parameters and the step."""

    def __init__(
        self, cell: int, input_size: int, hidden_size: int, bias: bool, device: Device, dtype: torch.dtype | None
    ) -> None:
        super().__init__()
        check_size("input_size", input_size, least=1)
        check_size("hidden_size", hidden_size, least=1)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self._cell = cell
        rows = GATES[cell] * hidden_size
        for name, shape in zip(_NAMES, ((rows, input_size), (rows, hidden_size), (rows,), (rows,)), strict=True):
            wanted = bias or not name.startswith("bias")
            self.register_parameter(
                name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) if wanted else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/√H, 1/√H) in torch.nn's order: the same seed gives the same values."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and the options that differ from their defaults, as torch.nn shows them."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _step(self, input: Tensor, hx: Sequence[Tensor] | None) -> State:
        """One step. Input (N, I) and states (N, H), or (I,) and (H,) for one sequence."""
        weights = [getattr(self, name) for name in _NAMES]
        x = check_cell_input(input, self.input_size, weights[0])
        batch, number = x.shape[:-1], 2 if self._cell == reference.LSTM else 1
        if hx is None:
            state = (x.new_zeros((*batch, self.hidden_size)),) * number
        else:
            letters = ("N", "H") if batch else ("H",)
            state = check_states(hx, weights[0], [(*batch, self.hidden_size)] * number, letters)
        if not batch:
            return tuple(s.squeeze(0) for s in self._operator(x[None], tuple(s[None] for s in state), weights))
        return self._operator(x, state, weights)

    def _operator(self, x: Tensor, state: State, weights: list[Any]) -> State:
        # Under autocast a CPU computes in the dtype of the parameters, as it does for the layers.
        autocast = x.is_cpu and torch.is_autocast_enabled("cpu")
        with torch.autocast("cpu", enabled=False) if autocast else nullcontext():
            if torch._C._are_functorch_transforms_active():  # of which torch's operators know too little
                fallback.say("A recurrent cell under a torch.func transform (vmap, grad, jvp, ...)")
                return reference.CELLS[self._cell](x, state, reference.Weights(*weights), None)
            after = _OPERATORS[self._cell](x, state if len(state) == 2 else state[0], *weights)
        return tuple(after) if len(state) == 2 else (after,)


class RNNCell(RecurrentCell):
    """One step of a simple recurrent network, a drop-in replacement for `torch.nn.RNNCell`.

    h' = f(U x + b_ih + W h + b_hh), with f tanh or max(0, ·). For whole sequences `RNN` is much faster.

    Parameters
    ----------
    input_size, hidden_size : int
        I and H, both at least 1.
    bias : bool, default True
        Whether b_ih and b_hh exist.
    nonlinearity : "tanh" (default) or "relu"
    device, dtype : of the parameters; defaults as in torch

    Attributes
    ----------
    weight_ih, weight_hh, bias_ih, bias_hh : Parameter
        U (H, I), W (H, H) and the biases (H). Drawn from U(-1/√H, 1/√H) as torch.nn draws them.

    Raises
    ------
    ValueError, TypeError
        If an option or a size is impossible; on a call, if input and state do not fit.

    Examples
    --------
    >>> import torch, elman
    >>> cell = elman.RNNCell(8, 16)
    >>> h = None
    >>> for x in torch.zeros(5, 3, 8):
    ...     h = cell(x, h)
    >>> h.shape
    torch.Size([3, 16])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'")
        super().__init__(NONLINEARITIES[nonlinearity], input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Run one step.

        Parameters
        ----------
        input : Tensor (N, I), or (I,) for one sequence
            In the dtype and on the device of the parameters.
        hx : Tensor (N, H), or (H,) for one sequence; default None: zeros

        Returns
        -------
        Tensor : h', like `hx`
        """
        (h,) = self._step(input, None if hx is None else (hx,))
        return h


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit, a drop-in replacement for `torch.nn.GRUCell`; equations as in `GRU`.

    Parameters, attributes and errors are those of `RNNCell`, without `nonlinearity`; the weights have 3·H rows in the
    order r, z, n.

    Examples
    --------
    >>> import torch, elman
    >>> elman.GRUCell(8, 16)(torch.zeros(3, 8)).shape
    torch.Size([3, 16])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(reference.GRU, input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Run one step; arguments and result as in `RNNCell.forward`."""
        (h,) = self._step(input, None if hx is None else (hx,))
        return h


class LSTMCell(RecurrentCell):
    """One step of an LSTM, a drop-in replacement for `torch.nn.LSTMCell`; equations as in `LSTM`.

    Parameters, attributes and errors are those of `RNNCell`, without `nonlinearity`; the weights have 4·H rows in the
    order i, f, g, o.

    Examples
    --------
    >>> import torch, elman
    >>> h, c = elman.LSTMCell(8, 16)(torch.zeros(3, 8))
    >>> h.shape, c.shape
    (torch.Size([3, 16]), torch.Size([3, 16]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(reference.LSTM, input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> LSTMState:
        """Run one step; as in `RNNCell.forward`, but `hx` and the result are pairs (hidden, cell)."""
        return LSTMState(*self._step(input, hx))
