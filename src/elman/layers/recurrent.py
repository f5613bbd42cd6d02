"""RNN, GRU and LSTM: drop-in replacements for torch.nn's, on this package's kernels, with `lengths`."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, overload

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.types import Device

from elman.layers import reference, stack
from elman.layers.checks import check_options, check_sizes
from elman.layers.fallback import say
from elman.layers.functional import NONLINEARITIES
from elman.layers.masks import Mask
from elman.layers.other_devices import flatten
from elman.layers.reference import GATES, State
from elman.layers.stack import Lengths
from elman.layers.state import LSTMState
from elman.layers.stepper import ReferenceStepper, Stepper, stepping_needs_reference


class RecurrentLayer(nn.Module):
    """What `RNN`, `GRU` and `LSTM` share: the parameters, the stack of layers, and the forms of input.

    Parameters are read when the layer is called, so tying, parametrizing or swapping them just works.
    """

    def __init__(
        self,
        mode: str,
        cell: int,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        device: Device,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        check_sizes(input_size, hidden_size, num_layers, proj_size)
        check_options(bias, batch_first, dropout, num_layers)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bool(bidirectional)
        self.proj_size = proj_size
        self._cell = cell
        self._directions = 2 if bidirectional else 1
        self._names = [_weight_names(index, self._directions, bias, proj_size > 0) for index in range(num_layers)]
        self._create_parameters(device, dtype)
        self.flatten_parameters()
        self.reset_parameters()

    def _create_parameters(self, device: Device, dtype: torch.dtype | None) -> None:
        rows, H, P = GATES[self._cell] * self.hidden_size, self.hidden_size, self.proj_size or self.hidden_size
        for index, names in enumerate(self._names):
            inputs = self.input_size if index == 0 else self._directions * P
            shapes = ((rows, inputs), (rows, P), (rows,), (rows,), (P, H))[: len(names) // self._directions]
            for name, shape in zip(names, shapes * self._directions, strict=True):
                if name is not None:
                    self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/√H, 1/√H) in torch.nn's order: the same seed gives the same values."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Lay the parameters side by side where cuDNN wants them so; elsewhere do nothing.

        It is done whenever the module is moved, copied or loaded.  Weights that are computed, as parametrizations
        compute them, cannot lie so: cuDNN then copies them at every call, as it does for torch.nn's.
        """
        found = [self._parameters.get(name) for names in self._names for name in names if name is not None]
        weights = [weight for weight in found if weight is not None]
        if len(weights) == len(found):
            flatten(self, weights)

    def _apply(self, *arguments: Any, **options: Any) -> Self:  # what .to(), .cuda() and .double() come down to
        super()._apply(*arguments, **options)  # type: ignore[no-untyped-call]
        self.flatten_parameters()
        return self

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        super()._load_from_state_dict(*arguments, **options)
        self.flatten_parameters()  # load_state_dict(assign=True) brings other tensors

    def __setstate__(self, state: dict[str, Any]) -> None:  # of a deep copy, or from a pickle
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.flatten_parameters()

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction: [w_ih, w_hh, b_ih, b_hh, w_hr], without what is absent."""
        each = len(self._names[0]) // self._directions
        return [
            [getattr(self, name) for name in names[start : start + each] if name is not None]
            for names in self._names
            for start in range(0, len(names), each)
        ]

    def extra_repr(self) -> str:
        """Sizes, and the options that differ from their defaults, as torch.nn shows them."""
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        for name, default in {**defaults, "bidirectional": False}.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text

    def _weights(self) -> list[list[Any]]:
        """The weights of each layer as they are now, direction after direction: tensors, or None for no bias."""
        own = self._parameters  # a plain look-up: attribute access on a Module costs half a microsecond
        return [[None if n is None else own[n] if n in own else getattr(self, n) for n in ns] for ns in self._names]

    def stepper(self, codes: bool = False) -> Stepper | ReferenceStepper:
        """Take a snapshot of the weights that runs one time step of N streams in one native call.

        Parameters
        ----------
        codes : bool, default False
            Whether the steps come as codes of 1-of-N inputs, integers (N,).

        Returns
        -------
        Stepper
            ``y, state = stepper(x, state)``. Later changes of the weights do not reach it; dropout is off. Where the
            kernels cannot run (proj_size, other dtypes and devices) a slower one, with a warning.

        Raises
        ------
        ValueError
            If the layer is bidirectional: its second direction begins at the end of the stream.

        Examples
        --------
        >>> import torch, elman
        >>> stepper = elman.GRU(3, 4).stepper()
        >>> y, state = stepper(torch.zeros(2, 3))  # the first step of 2 streams
        >>> y, state = stepper(torch.ones(2, 3), state)  # the second
        >>> y.shape, state.shape
        (torch.Size([2, 4]), torch.Size([1, 2, 4]))
        """
        if self.bidirectional:
            raise ValueError(
                "a bidirectional layer has no stepper: its second direction begins where the stream ends; use one"
                " direction, or call the layer on whole sequences"
            )
        with _evaluating(getattr(self, "parametrizations", None)):  # dropped weights are whole
            weights = self._weights()
        if what := stepping_needs_reference(weights):
            if weights[0][0].is_cpu:
                say(what)
            return ReferenceStepper(self, codes)
        return Stepper(self._cell, weights, codes)

    def _run(
        self,
        input: Tensor | PackedSequence,
        hx: Sequence[Tensor] | None,
        lengths: Lengths,
        zoneout: Sequence[Mask] | None,
        recurrent_mask: Tensor | None,
        output_mask: Tensor | None,
    ) -> tuple[Tensor | PackedSequence, State]:
        """Run any form of input; the output has the same form."""
        return stack.run(self, self._cell, self._weights(), input, hx, lengths, zoneout, recurrent_mask, output_mask)


class HiddenStateLayer(RecurrentLayer):
    """What `RNN` and `GRU` share: one state, h, and so one way to be called."""

    @overload
    def forward(
        self,
        input: Tensor,
        hx: Tensor | None = None,
        lengths: Lengths = None,
        zoneout: Mask = None,
        recurrent_mask: Tensor | None = None,
        output_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]: ...
    @overload
    def forward(
        self,
        input: PackedSequence,
        hx: Tensor | None = None,
        *,
        recurrent_mask: Tensor | None = None,
        output_mask: Tensor | None = None,
    ) -> tuple[PackedSequence, Tensor]: ...
    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | None = None,
        lengths: Lengths = None,
        zoneout: Mask = None,
        recurrent_mask: Tensor | None = None,
        output_mask: Tensor | None = None,
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        """Run the layers over a batch of sequences.

        Parameters
        ----------
        input : Tensor (T, N, I), (N, T, I) with `batch_first`, (T, I) for one sequence, or a PackedSequence
            In the dtype and on the device of the parameters.  Integers, (T, N), (N, T) or (T,), are codes of 1-of-N
            inputs, each in 0..I-1: the same as their one-hot vectors, without a product.
        hx : Tensor (L·D, N, H), (L·D, H) for one sequence; default None: zeros
            Layer 0 forwards, layer 0 backwards, layer 1 forwards, ...
        lengths : Tensor or sequence of int, (N,), each in 0..T, in any order; default None: T everywhere
            What lies behind a row's length is not read; outputs there are zero, and the states stand still.
        zoneout : Tensor or float; default None
            How much of each unit's state stays as it was before a step (`elman.layers.zoneout_mask`): of the shape of
            `output`, with L before it where the layers differ, or what expands to it.  A number is that part of every
            unit, in training mode too: nothing is drawn here.  Not with a PackedSequence.
        recurrent_mask : Tensor (1, N, D·H), with L before it where the layers differ; default None
            Recurrent dropout: what each h_{t-1} is multiplied by on its way through W, at every step the same
            (`elman.layers.locked_mask`).  (N, 1, D·H) with `batch_first`, (1, D·H) for one sequence, or what expands
            to it.
        output_mask : like `recurrent_mask`; default None
            Locked dropout: what each layer's output is multiplied by on its way to whatever reads it, at every step the
            same.  The states are not.

        Returns
        -------
        output : like `input`, with D·H in place of I
        h_n : like `hx`
        """
        state, masks = None if hx is None else (hx,), None if zoneout is None else (zoneout,)
        output, (h_n,) = self._run(input, state, lengths, masks, recurrent_mask, output_mask)
        return output, h_n


class RNN(HiddenStateLayer):
    """Simple recurrent network (Elman, 1990), a drop-in replacement for `torch.nn.RNN`.

    h_t = f(U x_t + b_ih + W h_{t-1} + b_hh), with f tanh or max(0, ·), for each layer and direction.

    Parameters
    ----------
    input_size, hidden_size : int
        I and H, both at least 1.
    num_layers : int, default 1
        L; each layer reads the outputs of the one below.
    nonlinearity : "tanh" (default) or "relu"
    bias : bool, default True
        Whether b_ih and b_hh exist.
    batch_first : bool, default False
        Input and output are (N, T, ·) instead of (T, N, ·). States keep their layout. Costs no copy.
    dropout : float in [0, 1], default 0
        Probability with which an output of a layer, the top one excepted, is zeroed in training mode.
    bidirectional : bool, default False
        A second direction reads each row from its own last step to its first.
    device, dtype : of the parameters; defaults as in torch

    Attributes
    ----------
    weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k}, bias_hh_l{k} : Parameter
        U (H, I) or above the first layer (H, D·H), W (H, H), and the biases (H) of layer k; with the suffix
        ``_reverse`` those of the second direction. Drawn from U(-1/√H, 1/√H) as torch.nn draws them.

    Raises
    ------
    ValueError, TypeError
        If an option or a size is impossible; on a call, if input, state or lengths do not fit.

    Notes
    -----
    ``docs/layers.md`` says what equals torch.nn and where this class does more.

    Examples
    --------
    >>> import torch, elman
    >>> rnn = elman.RNN(8, 16, num_layers=2)
    >>> output, h_n = rnn(torch.zeros(5, 3, 8), lengths=[5, 2, 0])
    >>> output.shape, h_n.shape
    (torch.Size([5, 3, 16]), torch.Size([2, 3, 16]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'")
        cell = NONLINEARITIES[nonlinearity]
        options = (bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__(f"RNN_{nonlinearity.upper()}", cell, input_size, hidden_size, num_layers, *options)
        self.nonlinearity = nonlinearity


class GRU(HiddenStateLayer):
    """Gated recurrent unit (Cho et al., 2014), a drop-in replacement for `torch.nn.GRU`.

    r = σ(U_r x + b_ir + W_r h + b_hr), z = σ(U_z x + b_iz + W_z h + b_hz),
    n = tanh(U_n x + b_in + r ⊙ (W_n h + b_hn)), h' = (1 - z) ⊙ n + z ⊙ h: the reset gate acts after the product.

    Parameters, attributes, results and errors are those of `RNN`, without `nonlinearity`; the weights have 3·H rows in
    the order r, z, n.

    Examples
    --------
    >>> import torch, elman
    >>> gru = elman.GRU(8, 16, bidirectional=True, batch_first=True)
    >>> output, h_n = gru(torch.zeros(3, 5, 8))
    >>> output.shape, h_n.shape
    (torch.Size([3, 5, 32]), torch.Size([2, 3, 16]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        options = (bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__("GRU", reference.GRU, input_size, hidden_size, num_layers, *options)


class LSTM(RecurrentLayer):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997), a drop-in replacement for `torch.nn.LSTM`.

    i, f, o = σ(U x + b_ih + W h + b_hh), each with its own rows, and g = tanh of its own; c' = f ⊙ c + i ⊙ g,
    h' = o ⊙ tanh(c'). With `proj_size` P, h' = W_hr (o ⊙ tanh(c')) (Sak et al., 2014).

    Parameters, attributes and errors are those of `RNN`, without `nonlinearity` and with

    proj_size : int, default 0 (none), less than `hidden_size`
        P, the size of the output and of the hidden state. Runs on the slower reference.

    The weights have 4·H rows in the order i, f, g, o; a projection adds weight_hr_l{k} (P, H).

    Examples
    --------
    >>> import torch, elman
    >>> lstm = elman.LSTM(8, 16)
    >>> output, state = lstm(torch.zeros(5, 3, 8))
    >>> output, (h_n, c_n) = lstm(torch.zeros(5, 3, 8), state)  # carry the state on
    >>> output.shape, state.hidden.shape, state.cell.shape
    (torch.Size([5, 3, 16]), torch.Size([1, 3, 16]), torch.Size([1, 3, 16]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        options = (bias, batch_first, dropout, bidirectional, proj_size, device, dtype)
        super().__init__("LSTM", reference.LSTM, input_size, hidden_size, num_layers, *options)

    @overload
    def forward(
        self,
        input: Tensor,
        hx: tuple[Tensor, Tensor] | None = None,
        lengths: Lengths = None,
        zoneout: tuple[Mask, Mask] | None = None,
        recurrent_mask: Tensor | None = None,
        output_mask: Tensor | None = None,
    ) -> tuple[Tensor, LSTMState]: ...
    @overload
    def forward(
        self,
        input: PackedSequence,
        hx: tuple[Tensor, Tensor] | None = None,
        *,
        recurrent_mask: Tensor | None = None,
        output_mask: Tensor | None = None,
    ) -> tuple[PackedSequence, LSTMState]: ...
    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: tuple[Tensor, Tensor] | None = None,
        lengths: Lengths = None,
        zoneout: tuple[Mask, Mask] | None = None,
        recurrent_mask: Tensor | None = None,
        output_mask: Tensor | None = None,
    ) -> tuple[Tensor | PackedSequence, LSTMState]:
        """Run the layers over a batch of sequences.

        Arguments and results as in `RNN.forward`, but `hx` and the returned state are pairs (hidden, cell): an
        `LSTMState` or any pair of tensors (L·D, N, H); with a projection the hidden one is (L·D, N, P).  `zoneout` is
        a pair as well, of which one may be None: often little of h and much of c is kept (Krueger et al., 2017).
        """
        output, (h_n, c_n) = self._run(input, hx, lengths, zoneout, recurrent_mask, output_mask)
        return output, LSTMState(h_n, c_n)


@contextmanager
def _evaluating(modules: nn.Module | None) -> Iterator[None]:
    """Modules in evaluation mode; afterwards each is in its own again."""
    training = [] if modules is None else [module for module in modules.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


def _weight_names(index: int, directions: int, bias: bool, projection: bool) -> tuple[str | None, ...]:
    """Names of one layer's parameters, direction after direction, in torch.nn's order; None where there is none."""
    names: list[str | None] = []
    for suffix in (f"_l{index}", f"_l{index}_reverse")[:directions]:
        names += [f"weight_ih{suffix}", f"weight_hh{suffix}"]
        names += [f"bias_ih{suffix}", f"bias_hh{suffix}"] if bias else [None, None]
        names += [f"weight_hr{suffix}"] if projection else []
    return tuple(names)
