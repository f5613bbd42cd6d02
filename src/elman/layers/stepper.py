"""Steppers: one time step of many streams in one native call, by a snapshot of the weights that is packed once."""

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.layers import operators
from elman.layers.checks import INTEGERS
from elman.layers.reference import LSTM
from elman.layers.state import LSTMState

if TYPE_CHECKING:
    from elman import _kernels

State = Tensor | LSTMState


class Stepper:
    """A layer at work on streams: ``y, state = stepper(x, state)``, one time step of N independent ones.

    It is what `RNN.stepper`, `GRU.stepper` and `LSTM.stepper` return: an immutable copy of the weights as they were,
    packed for the kernels. A layer packs its weights at every call, for it cannot know when an optimiser has changed
    them; over one time step that costs more than the step. Nothing is kept between calls, so one stepper serves any
    number of streams and threads; no gradient is computed.

    Attributes
    ----------
    input_size, hidden_size, num_layers : int
        I, H and L.
    codes : bool
        Whether x are codes of 1-of-N inputs.

    Notes
    -----
    Each row has the bits of the same row through the layer, whatever N and however the sequence is cut into steps.

    Examples
    --------
    >>> import torch, elman
    >>> layer = elman.LSTM(3, 4).eval()
    >>> stepper, state = layer.stepper(), None
    >>> x = torch.randn(5, 2, 3)  # 5 steps of 2 streams
    >>> steps = []
    >>> for x_t in x:
    ...     y, state = stepper(x_t, state)
    ...     steps.append(y)
    >>> torch.equal(torch.stack(steps), layer(x)[0])
    True
    """

    def __init__(self, cell: int, weights: list[list[Any]], codes: bool = False) -> None:
        first = weights[0][0]
        self.input_size, self.hidden_size = int(first.shape[1]), int(weights[0][1].shape[1])
        self.num_layers, self.codes = len(weights), codes
        self._lstm, self._dtype = cell == LSTM, first.dtype
        rows = [[None if w is None else w.detach().contiguous() for w in row] for row in weights]
        self._native: _kernels.Stepper = operators._kernels.Stepper(  # type: ignore[attr-defined]
            cell,
            first.dtype.itemsize,
            codes,
            self.input_size,
            self.hidden_size,
            [[0 if w is None else w.data_ptr() for w in row] for row in rows],
        )
        self._size = (self.input_size,) if not codes else ()

    def __repr__(self) -> str:
        kind = "codes, " if self.codes else ""
        return f"Stepper({self.input_size}, {self.hidden_size}, {kind}num_layers={self.num_layers})"

    @property
    def nbytes(self) -> int:
        """Memory of the packed weights, in bytes."""
        return self._native.bytes

    def initial_state(self, N: int) -> State:
        """Zeros for N streams: (L, N, H), for an LSTM two of them."""
        zeros = torch.zeros((self.num_layers, N, self.hidden_size), dtype=self._dtype)
        return LSTMState(zeros, zeros.clone()) if self._lstm else zeros

    def __call__(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Take one time step.

        Parameters
        ----------
        x : Tensor (N, I) in the dtype of the weights; of a stepper of codes any integers (N,)
        state : Tensor (L, N, H), for an LSTM an `LSTMState` or any pair of them; default None: zeros
            As a layer takes and returns it. It is not changed.

        Returns
        -------
        y : Tensor (N, H), the output of the top layer
        state : like the one that was given

        Raises
        ------
        ValueError, TypeError
            If x or the state does not fit; the message says what was expected.
        """
        # A step is short, so what is asked of torch is chosen by what it costs: no view but the one that is returned.
        if x.dtype != self._dtype if not self.codes else x.dtype not in INTEGERS:
            raise TypeError(self._wrong("x", x))
        shape = x.shape
        if len(shape) != len(self._size) + 1 or (self._size and shape[1] != self.input_size) or not x.is_cpu:
            raise ValueError(self._wrong("x", x))
        N = shape[0]
        if self.codes:
            x = x.to(torch.int64)
        if not x.is_contiguous():
            x = x.contiguous()
        if state is None:
            state = self.initial_state(N)
        threads = torch.get_num_threads()
        if not self._lstm:
            h = self._checked("state", state, N)
            h_n = torch.empty_like(h)
            self._native.step(threads, N, x.data_ptr(), h.data_ptr(), 0, h_n.data_ptr(), 0)
            return h_n[-1], h_n
        h, c = state
        h, c = self._checked("state[0] (hidden)", h, N), self._checked("state[1] (cell)", c, N)
        h_n, c_n = torch.empty_like(h), torch.empty_like(c)
        self._native.step(threads, N, x.data_ptr(), h.data_ptr(), c.data_ptr(), h_n.data_ptr(), c_n.data_ptr())
        return h_n[-1], LSTMState(h_n, c_n)

    def _checked(self, name: str, state: Tensor, N: int) -> Tensor:
        expected = (self.num_layers, N, self.hidden_size)
        if state.shape != expected or state.dtype != self._dtype or not state.is_cpu:
            raise ValueError(
                f"{name} is {_said(state)}; expected (L, N, H) = {expected} of {_short(self._dtype)} on the CPU"
            )
        return state if state.is_contiguous() else state.contiguous()

    def _wrong(self, name: str, x: Tensor) -> str:
        if self.codes:
            return f"{name} is {_said(x)}; expected integers (N,) on the CPU, codes of 1-of-N inputs"
        return f"{name} is {_said(x)}; expected (N, I) = (N, {self.input_size}) of {_short(self._dtype)} on the CPU"


class ReferenceStepper:
    """What `Stepper` is, for what the kernels cannot do: a copy of the layer, run over one step. Slower."""

    def __init__(self, layer: Any) -> None:
        self._layer = copy.deepcopy(layer).eval()
        self._layer.batch_first = False

    def __call__(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        with torch.no_grad():
            y, state = self._layer(x.unsqueeze(0), state)
        return y[0], state


def stepping_needs_reference(weights: list[list[Any]]) -> str:
    """Why a layer with these weights has no native stepper; empty when it has one."""
    first = weights[0][0]
    if operators.MISSING:
        return f"A stepper (the compiled module is missing: {operators.MISSING}; reinstall elman)"
    if len(weights[0]) != 4:
        return "A stepper of an LSTM with proj_size"
    if first.dtype not in operators.DTYPES or not first.is_cpu:
        return f"A stepper in {_short(first.dtype)} on {first.device}"
    return ""


def _said(x: Tensor) -> str:
    return f"{_short(x.dtype)} {tuple(x.shape)} on {x.device}"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
