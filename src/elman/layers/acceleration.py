"""accelerate() and restore(): the recurrent layers of torch.nn inside any model run on this package's kernels.

A module is changed in place and by its class alone: torch.nn.LSTM becomes `LSTM` of this file, a subclass of it that
overrides `forward` and nothing else. So its parameters, hooks, options, `isinstance`, `state_dict`, copies and pickles
stay. What the kernels do not do, `forward` passes on to torch.nn's.
"""

import dis
import inspect
import types
import warnings
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import PackedSequence

from elman.layers import operators, reference, stack
from elman.layers.comparison import compare
from elman.layers.compilation import leave_to_python
from elman.layers.functional import beyond_the_kernels
from elman.layers.reference import State

Model = TypeVar("Model", bound=nn.Module)


def accelerate(model: Model, *, example: Any = None) -> Model:
    """Run every torch.nn.RNN, GRU and LSTM inside a model on the kernels: the same parameters, the same results.

    Nothing but the class of these modules changes, so a model can be accelerated before or after it is trained,
    loaded, moved or wrapped, and as often as one likes; `restore` takes it back. Away from the CPU, and for whatever
    else the kernels do not do, torch's own operators run as before. ``elman.layers.acceleration.survey(model)`` says
    what was replaced, what was not, and why.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place; it may be a recurrent layer itself.
    example : Tensor, tuple of arguments, or dict of keyword arguments; default None
        What the model can be called with. If given, the model is called some dozens of times, with torch's layers
        and with ours in turn, in evaluation mode and without a change to its parameters; then the survey, the largest
        differences and the times are printed.

    Returns
    -------
    torch.nn.Module : the same model

    Raises
    ------
    TypeError
        If `model` is not a module.

    Notes
    -----
    ``docs/acceleration.md`` says what equals torch.nn, what does not, and how it goes with torch.compile and exporters.

    Examples
    --------
    >>> import torch, elman
    >>> model = torch.nn.ModuleDict({"encoder": torch.nn.LSTM(8, 16), "decoder": torch.nn.GRUCell(16, 8)})
    >>> elman.accelerate(model) is model
    True
    >>> isinstance(model["encoder"], torch.nn.LSTM)
    True
    >>> for found in elman.layers.acceleration.survey(model):
    ...     print(found)
    encoder: LSTM(8, 16) runs on the kernels
    decoder: GRUCell(16, 8) is left: a cell runs one step a call, where torch's own operator is as fast
    """
    _check_model(model)
    _swap(model)
    if operators.MISSING:
        warnings.warn(f"nothing is accelerated: the compiled module is missing ({operators.MISSING})", stacklevel=2)
    if example is not None:
        found = survey(model)
        print(*found, sep="\n")
        if any(one.replaced and not one.reason for one in found):
            print(compare(model, example, lambda: restore(model), lambda: _swap(model)))
        else:
            print("No recurrent module runs on the kernels: there is nothing to compare")
    return model


def restore(model: Model) -> Model:
    """Take `accelerate` back: every recurrent layer in the model is torch.nn's again.

    TorchScript, torch.fx and quantisation look for torch.nn's own classes; ``restore(copy.deepcopy(model))`` is a copy
    for them.

    Parameters
    ----------
    model : torch.nn.Module
        Changed in place; one that was never accelerated stays as it is.

    Returns
    -------
    torch.nn.Module : the same model

    Raises
    ------
    TypeError
        If `model` is not a module.

    Examples
    --------
    >>> import torch, elman
    >>> type(elman.restore(elman.accelerate(torch.nn.GRU(8, 16)))) is torch.nn.GRU
    True
    """
    _check_model(model)
    for module in model.modules():
        if isinstance(module, _FAST):
            module.__class__ = _restored(module)
    return model


class Found(NamedTuple):
    """A recurrent module of a model, and what became of it; as text, one line."""

    name: str
    """Its name in the model; empty for the model itself."""
    kind: str
    """Its class and sizes, as `repr` shows them."""
    replaced: bool
    """Whether its class is one that runs the kernels."""
    reason: str
    """Why it is not replaced, or why torch's operators run all the same; empty when the kernels run."""

    def __str__(self) -> str:
        if self.replaced:
            what = f"is replaced, but {self.reason}" if self.reason else "runs on the kernels"
        else:
            what = f"is left: {self.reason}" if self.reason else "is torch.nn's; accelerate() would replace it"
        return f"{self.name or 'the model'}: {self.kind} {what}"


def survey(model: nn.Module) -> list[Found]:
    """List the recurrent modules of a model: which run on the kernels, which do not, and why.

    Parameters
    ----------
    model : torch.nn.Module
        Accelerated or not; it is not changed.

    Returns
    -------
    list of Found : in the order of `model.named_modules()`; a module that stands at two places is listed once

    Raises
    ------
    TypeError
        If `model` is not a module.

    Examples
    --------
    >>> import torch
    >>> from elman.layers.acceleration import survey
    >>> print(*survey(torch.nn.LSTM(8, 16, proj_size=4)))
    the model: LSTM(8, 16, proj_size=4) is left: torch's own operator is faster with a projection
    """
    _check_model(model)
    return [
        Found(name, _kind(module), isinstance(module, _FAST), _reason(module))
        for name, module in model.named_modules()
        if _is_recurrent(module)
    ]


class RNN(nn.RNN):
    """torch.nn.RNN on the kernels."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run the layers over a batch of sequences; arguments and results as in torch.nn.RNN."""
        result = _by_kernels(self, input, None if hx is None else (hx,))
        return super().forward(input, hx) if result is None else (result[0], result[1][0])


class GRU(nn.GRU):
    """torch.nn.GRU on the kernels."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run the layers over a batch of sequences; arguments and results as in torch.nn.GRU."""
        result = _by_kernels(self, input, None if hx is None else (hx,))
        return super().forward(input, hx) if result is None else (result[0], result[1][0])


class LSTM(nn.LSTM):
    """torch.nn.LSTM on the kernels."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Run the layers over a batch of sequences; arguments and results as in torch.nn.LSTM."""
        result = _by_kernels(self, input, hx)
        return super().forward(input, hx) if result is None else result


_FAST = (RNN, GRU, LSTM)
for _fast in _FAST:  # torch.compile breaks its graph at torch.nn's layers, and at ours, which then are as ever
    leave_to_python(_fast.forward)
_TORCHS: dict[type, type] = {RNN: nn.RNN, GRU: nn.GRU, LSTM: nn.LSTM}
"""Our class -> the class that it stands for; subclasses that users made of torch.nn's join as they are met."""
_OURS: dict[type, type] = {theirs: ours for ours, theirs in _TORCHS.items()}
_REFUSED: dict[type, str] = {}
"""Classes that nothing can be derived from, and what they said when it was tried."""
_CELLS = {"RNN_TANH": reference.RNN_TANH, "RNN_RELU": reference.RNN_RELU, "GRU": reference.GRU, "LSTM": reference.LSTM}
_NAMES = {"RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"}
_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # the former from torch 2.7 on


def _by_kernels(module: nn.RNNBase, input: Any, hx: Any) -> tuple[Tensor | PackedSequence, State] | None:
    """Output and states; None where torch.nn is to run, or to refuse: the call is then its own, errors included."""
    data = input.data if isinstance(input, PackedSequence) else input
    if (
        not _is_plain(data)  # subclasses of Tensor, proxies of torch.fx, fake tensors of torch.export
        or not data.is_cpu
        or beyond_the_kernels(data.dtype, module.proj_size > 0)
        or torch.is_autocast_enabled("cpu")  # asks for torch's own bfloat16
        or _is_exporting()
        or torch._C._get_tracing_state()  # for a file that is to run without this package
    ):
        return None
    weights = _weights(module)
    if not all(weight is None or _is_plain(weight) for layer in weights for weight in layer):
        return None
    try:
        return stack.run(module, _CELLS[module.mode], weights, input, hx)
    except (TypeError, ValueError):  # from the checks, before anything has run
        return None


def _is_plain(data: Any) -> bool:
    return type(data) in operators.PLAIN and data.layout is torch.strided


def _weights(module: nn.RNNBase) -> list[list[Any]]:
    """The weights of each layer as they are now, direction after direction: tensors, or None for no bias."""
    rows: list[list[Any]] = module.all_weights
    if not module.bias:
        rows = [[*row, None, None] for row in rows]
    return [rows[i] + rows[i + 1] for i in range(0, len(rows), 2)] if module.bidirectional else rows


def _swap(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.RNNBase) and not isinstance(module, _FAST) and not _reason(module):
            try:
                fast = _accelerated(module)
            except Exception as error:  # of a metaclass, or of an __init_subclass__, that wants no more classes
                _REFUSED[type(module)] = f"{type(error).__name__}: {error}"
                continue
            module.__class__ = fast


def _accelerated(module: nn.RNNBase) -> type:
    cls = type(module)
    if parametrize.is_parametrized(module):
        return _rebased(cls, _ours(cls.__bases__[0]))
    return _ours(cls)


def _restored(module: nn.Module) -> type:
    cls = type(module)
    if parametrize.is_parametrized(module):
        return _rebased(cls, _TORCHS.get(cls.__bases__[0], cls.__bases__[0]))
    return _TORCHS.get(cls, cls)


def _ours(cls: type) -> type:
    """The class that stands for `cls`, torch.nn's or a user's subclass of it."""
    if cls not in _OURS:
        # Our class comes between the user's and torch.nn's in the order of resolution, so that a `forward` of the
        # user's that calls super().forward() finds it.
        fast = next(ours for ours, theirs in _TORCHS.items() if issubclass(cls, theirs))
        own = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
        ours = types.new_class(cls.__name__, (cls, fast), exec_body=lambda body: body.update(own))
        ours.__reduce_ex__ = _reduce  # type: ignore[method-assign, assignment]
        _OURS[cls], _TORCHS[ours] = ours, cls
    return _OURS[cls]


def _rebased(cls: type, base: type) -> type:
    """A copy of the class that torch.nn.utils.parametrize made for one module, with another base.

    A copy, because a deep copy of the module has the same class. Not a subclass, because parametrize deletes its
    properties from the class of the module and returns to the base of that.
    """
    body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return type(cls)(cls.__name__, (base, *cls.__bases__[1:]), body)


def _reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
    """`__reduce_ex__` of the classes made in `_ours`, which pickle cannot find by name: it finds the user's."""
    reduced: Any = object.__reduce_ex__(self, max(2, protocol))  # (copyreg.__newobj__, (class,), state, ...)
    return (_new, (_TORCHS[type(self)],), *reduced[2:])


def _new(cls: type) -> object:
    return object.__new__(_ours(cls))


def _check_model(model: object) -> None:
    if not isinstance(model, nn.Module):
        got = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        raise TypeError(f"model is {got}; expected a torch.nn.Module, changed in place with all modules inside it")


def _is_recurrent(module: nn.Module) -> bool:
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return True
    known = isinstance(module, torch.jit.ScriptModule) or type(module).__module__.startswith(("torch.ao.", "elman."))
    return known and _class_name(module) in _NAMES


def _class_name(module: nn.Module) -> str:
    return str(module.original_name if isinstance(module, torch.jit.ScriptModule) else type(module).__name__)


def _kind(module: nn.Module) -> str:
    return f"{_class_name(module)}({'' if isinstance(module, torch.jit.ScriptModule) else module.extra_repr()})"


def _reason(module: nn.Module) -> str:
    """Why torch's operators run this recurrent module, replaced or not; empty when the kernels do or would."""
    cls = type(module)
    if isinstance(module, torch.jit.ScriptModule):
        return "it is TorchScript, whose code is fixed"
    if cls.__module__.startswith("torch.ao."):
        return "it is quantised, and computes in integers"
    if cls.__module__.startswith("elman.") and not isinstance(module, _FAST):
        return "it is Elman's own"
    if isinstance(module, nn.RNNCellBase):
        return "a cell runs one step a call, where torch's own operator is as fast"
    if not isinstance(module, nn.RNN | nn.GRU | nn.LSTM):
        return f"its class {cls.__module__}.{cls.__qualname__} is not derived from torch.nn's RNN, GRU or LSTM"
    if operators.MISSING:
        return f"the compiled module is missing ({operators.MISSING})"
    if "forward" in vars(module):
        return "its forward was replaced by another function"
    if module.proj_size:
        return "torch's own operator is faster with a projection"
    return _why_not_here(module) if isinstance(module, _FAST) else _why_not_this_class(cls)


def _why_not_here(module: nn.RNNBase) -> str:
    """What the next `.to(...)`, or another parameter, may change."""
    parameters = list(module.parameters())
    for weight in parameters:
        if not weight.is_cpu:
            return f"it is on {weight.device}, where torch's own operator runs"
        if weight.dtype not in operators.DTYPES:
            return f"it is in {str(weight.dtype).removeprefix('torch.')}, where torch's own operator runs"
        if weight.dtype != parameters[0].dtype:
            return "its parameters are of two dtypes, which torch's own operator is left to refuse"
        if not _is_plain(weight):
            what = (
                type(weight).__name__
                if type(weight) not in operators.PLAIN
                else str(weight.layout).removeprefix("torch.")
            )
            return f"a parameter of it is a {what} tensor, which torch's own operators know"
    return ""


def _why_not_this_class(cls: type) -> str:
    """Why a user's subclass of torch.nn's is left; empty if it is none, or one that can be replaced."""
    owner = next(base for base in cls.__mro__ if "forward" in vars(base))
    if owner not in _OURS:
        code = getattr(inspect.unwrap(vars(owner)["forward"]), "__code__", None)
        if code is None or not _calls_super_forward(code):
            return f"its class {cls.__qualname__} has a forward of its own, which does not call super().forward"
    if {"__reduce__", "__reduce_ex__"} & {name for base in cls.__mro__[:-1] for name in vars(base)}:
        return f"its class {cls.__qualname__} has a way of its own to be pickled"
    if cls in _REFUSED:
        return f"no class can be derived from its class {cls.__qualname__} ({_REFUSED[cls]})"
    return ""


_TAKES_ATTRIBUTE = ("LOAD_METHOD", "LOAD_ATTR", "LOAD_SUPER_ATTR")  # instructions of Python


def _calls_super_forward(code: types.CodeType) -> bool:
    """Whether the first attribute taken of some ``super()`` is ``forward``."""
    instructions = list(dis.get_instructions(code))
    for place, instruction in enumerate(instructions):
        if instruction.argval == "super" and instruction.opname.startswith("LOAD_GLOBAL"):
            taken = (i for i in instructions[place + 1 :] if i.opname in _TAKES_ATTRIBUTE)
            if next((i.argval for i in taken), None) == "forward":
                return True
    return False
