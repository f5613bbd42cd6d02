"""Steppers: one time step of many streams in one native call, by a snapshot of the weights that is packed once."""

import copy
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor

from elman.layers import operators
from elman.layers.checks import INTEGERS, check_weights
from elman.layers.compilation import leave_to_python
from elman.layers.reference import GATES, LSTM
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

    input_size: int
    hidden_size: int
    num_layers: int
    codes: bool
    _lstm: bool
    _dtype: torch.dtype
    _size: tuple[int, ...]
    _native: "_kernels.Stepper"

    def __init__(self, cell: int, weights: list[list[Any]], codes: bool = False) -> None:
        first = weights[0][0]
        I, H = int(first.shape[1]), int(first.shape[0]) // GATES[cell]  # noqa: E741
        rows = [[None if w is None else operators.whole(w.detach()) for w in row] for row in weights]
        for index, row in enumerate(rows):
            _check_layer(cell, row, H if index else I, H, first.dtype)
        places = [[0 if w is None else w.data_ptr() for w in row] for row in rows]
        native = operators._kernels.Stepper(cell, first.dtype.itemsize, codes, I, H, places)  # type: ignore[attr-defined]
        self.__dict__.update(
            input_size=I, hidden_size=H, num_layers=len(weights), codes=codes, _lstm=cell == LSTM, _dtype=first.dtype,
            _native=native, _size=() if codes else (I,),
        )  # fmt: skip

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Stepper is a snapshot that does not change; make a new one with layer.stepper()")

    def __deepcopy__(self, memo: dict[int, Any]) -> "Stepper":
        return self  # nothing of it changes

    __copy__ = __deepcopy__

    def __reduce__(self) -> Any:
        raise TypeError("a Stepper cannot be pickled; pickle the layer, and take its stepper() where it is loaded")

    def __repr__(self) -> str:
        kind = "codes, " if self.codes else ""
        return f"Stepper({self.input_size}, {self.hidden_size}, {kind}num_layers={self.num_layers})"

    @property
    def nbytes(self) -> int:
        """Memory of the packed weights, in bytes."""
        return self._native.bytes

    def initial_state(self, N: int) -> State:
        """Zeros for N streams: (L, N, H), for an LSTM two of them."""
        zeros = torch.zeros((self.num_layers, N, self.hidden_size), dtype=self._dtype, device="cpu")
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
        # A step is short, so what is asked of torch is chosen by what it costs: no view, and no function of its Python.
        if type(x) not in operators.PLAIN or torch._C._get_tracing_state() or torch._C._len_torch_dispatch_stack():
            self._refuse(x)
        if x.dtype != self._dtype if not self.codes else x.dtype not in INTEGERS:
            raise TypeError(self._wrong(x))
        shape = x.shape
        if len(shape) != len(self._size) + 1 or (self._size and shape[1] != self.input_size) or not x.is_cpu:
            raise ValueError(self._wrong(x))
        N = shape[0]
        if self.codes:
            x = x.to(torch.int64)
        x = operators.whole(x)
        threads = torch.get_num_threads()
        if state is None:
            state = self.initial_state(N)
        if not self._lstm:
            h = self._checked("state", state, N)
            y, h_n = h.new_empty((N, self.hidden_size)), torch.empty_like(h)
            self._native.step(threads, N, x.data_ptr(), h.data_ptr(), 0, h_n.data_ptr(), 0, y.data_ptr())
            return y, h_n
        if not isinstance(state, tuple | list) or len(state) != 2:
            raise TypeError(self._wrong_state("state", state))
        h, c = self._checked("state[0] (hidden)", state[0], N), self._checked("state[1] (cell)", state[1], N)
        y, h_n, c_n = h.new_empty((N, self.hidden_size)), torch.empty_like(h), torch.empty_like(c)
        places = h.data_ptr(), c.data_ptr(), h_n.data_ptr(), c_n.data_ptr()
        self._native.step(threads, N, x.data_ptr(), *places, y.data_ptr())
        return y, LSTMState(h_n, c_n)

    def _checked(self, name: str, state: Any, N: int) -> Tensor:
        if type(state) not in operators.PLAIN:
            raise TypeError(self._wrong_state(name, state))
        if state.shape != (self.num_layers, N, self.hidden_size) or state.dtype != self._dtype or not state.is_cpu:
            raise ValueError(
                f"{name} is {_said(state)}; expected (L, N, H) = {(self.num_layers, N, self.hidden_size)} of"
                f" {_short(self._dtype)} on the CPU"
            )
        return operators.whole(state)

    def _refuse(self, x: object) -> NoReturn:
        if type(x) not in operators.PLAIN:
            raise TypeError(self._wrong(x))
        raise RuntimeError(
            "a Stepper cannot be traced: its step is one native call without a graph; trace or export the layer itself"
        )

    def _wrong_state(self, name: str, state: object) -> str:
        got = f"a {type(state).__name__}" + (f" of {len(state)}" if isinstance(state, tuple | list) else "")
        what = "a pair (hidden, cell) of Tensors (L, N, H), or None" if self._lstm else "a Tensor (L, N, H), or None"
        return f"{name} is {got}; expected {what}"

    def _wrong(self, x: object) -> str:
        got = (
            _said(x)
            if isinstance(x, Tensor) and type(x) in operators.PLAIN
            else f"a {type(x).__module__}.{type(x).__name__}"
        )
        if self.codes:
            return f"x is {got}; expected a Tensor of integers (N,) on the CPU, codes of 1-of-N inputs"
        return f"x is {got}; expected a Tensor (N, I) = (N, {self.input_size}) of {_short(self._dtype)} on the CPU"


leave_to_python(Stepper.__call__)


class ReferenceStepper:
    """What `Stepper` is, for what the kernels cannot do: a copy of the layer, run over one step. Slower."""

    def __init__(self, layer: Any, codes: bool = False) -> None:
        self._layer = copy.deepcopy(layer).eval()
        self._layer.batch_first = False
        self.input_size: int = layer.input_size
        self.hidden_size: int = layer.hidden_size
        self.num_layers: int = layer.num_layers
        self.codes = codes

    def __repr__(self) -> str:
        return f"ReferenceStepper({self._layer!r})"

    @property
    def nbytes(self) -> int:
        """Memory of the weights, in bytes."""
        return sum(weight.numel() * weight.itemsize for weight in self._layer.parameters())

    def initial_state(self, N: int) -> State:
        """Zeros for N streams: (L, N, H), for an LSTM two of them, the first (L, N, P) with a projection."""
        weight, sizes = self._layer.all_weights[0][0], (self._layer.proj_size or self.hidden_size, self.hidden_size)
        h, c = (weight.new_zeros((self.num_layers, N, size)) for size in sizes)
        return LSTMState(h, c) if self._layer._cell == LSTM else h

    def __call__(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Take one time step, as `Stepper` does."""
        if not isinstance(x, Tensor):
            raise TypeError(f"x is a {type(x).__name__}; expected a Tensor")
        if self.codes if x.is_floating_point() else not self.codes:
            wanted = "integers (N,), codes of 1-of-N inputs" if self.codes else "numbers (N, I) in the layer's dtype"
            raise TypeError(f"x is {_said(x)}; expected {wanted}")
        if x.dim() != (1 if self.codes else 2):
            raise ValueError(f"x is {_said(x)}; expected {'(N,)' if self.codes else '(N, I)'}")
        with torch.no_grad():
            y, state = self._layer(x.unsqueeze(0), state)
        return y[0].clone(), state


def _check_layer(cell: int, row: list[Any], I: int, H: int, dtype: torch.dtype) -> None:  # noqa: E741
    """What a call of the layer would check, and that all weights are here."""
    for w in row:
        if w is not None and not w.is_cpu:
            raise ValueError(f"a weight is on {w.device}, the first is on the CPU: move the layer with .to(device)")
    state = torch.empty((1, 1, H), dtype=dtype, device="cpu")
    x = torch.empty((1, 1, I), dtype=dtype, device="cpu")
    check_weights(cell, x, state, state if cell == LSTM else None, row)


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
