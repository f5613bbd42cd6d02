"""An ONNX graph while it is put together: constants, nodes, inputs and outputs, each value with a name of its own."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from elman import __version__

OPSET, IR_VERSION = 17, 8
"""Of 2022: as old as the operators used here allow, so that old runtimes read the file too."""

BITWISE_OPSET = 18
"""Has exclusive or of integers."""


class Graph:
    """A graph under construction; every method returns the names of the values that it adds.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed; the message has the pip command.
    """

    def __init__(self, name: str, opset: int = OPSET) -> None:
        self._name, self._opset = name, opset
        try:
            self._onnx: Any = import_module("onnx")
        except ModuleNotFoundError as error:
            message = "an export to ONNX needs the package onnx, which is not installed: pip install 'elman[onnx]'"
            raise ModuleNotFoundError(message) from error
        self._types = {torch.float32: self._onnx.TensorProto.FLOAT, torch.int64: self._onnx.TensorProto.INT64}
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._domains: dict[str, int] = {}

    def input(self, name: str, dtype: torch.dtype, shape: Sequence[int | str]) -> str:
        """Declare an input; a letter in `shape` is a size that each call chooses."""
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, self._types[dtype], shape))
        return name

    def output(self, name: str, value: str, dtype: torch.dtype, shape: Sequence[int | str]) -> None:
        """Declare `value` an output called `name`."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        self._outputs.append(self._onnx.helper.make_tensor_value_info(name, self._types[dtype], shape))

    def constant(self, tensor: Tensor) -> str:
        """Add a tensor."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(tensor.detach().cpu().contiguous().numpy(), name))
        return name

    def integers(self, *values: int) -> str:
        """Add a vector of integers, which is how operators are given axes and sizes."""
        return self.constant(torch.tensor(values))

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        """Add a node with one output; an input that is absent is ""."""
        (output,) = self.add_many(operator, *inputs, outputs=1, **attributes)
        return output

    def linear(self, x: str, weight: Tensor, bias: Tensor | None = None) -> str:
        """x (…, I) times the transpose of weight (O, I), plus bias (O,)."""
        product = self.add("MatMul", x, self.constant(weight.detach().T))
        return product if bias is None else self.add("Add", product, self.constant(bias))

    def dimension(self, x: str, axis: int) -> str:
        """The size of an axis, a vector of one."""
        return self.add("Gather", self.add("Shape", x), self.integers(axis))

    def zeros(self, *sizes: str) -> str:
        """Zeros of a shape, each of its sizes a vector of one."""
        return self.add("ConstantOfShape", self.add("Concat", *sizes, axis=0))

    def cut(self, x: str, start: int, end: int = (1 << 63) - 1, axis: int = 0) -> str:
        """x[start:end] along an axis."""
        return self.add("Slice", x, self.integers(start), self.integers(end), self.integers(axis))

    def sum(self, x: str, *axes: int) -> str:
        """Sum over some axes, which vanish."""
        return self.add("ReduceSum", x, self.integers(*axes), keepdims=0)

    def highest(self, x: str, axis: int) -> str:
        """Maximum over an axis, which vanishes."""
        if self._opset < BITWISE_OPSET:
            return self.add("ReduceMax", x, axes=[axis], keepdims=0)
        return self.add("ReduceMax", x, self.integers(axis), keepdims=0)

    def before_end(self, x: str, lengths: str) -> str:
        """(T, N) booleans: whether step t of x (T, …) is one of the `lengths` (N,) of its row."""
        T = self.add("Squeeze", self.dimension(x, 0))
        zero, one = self.constant(torch.tensor(0)), self.constant(torch.tensor(1))
        steps = self.add("Unsqueeze", self.add("Range", zero, T, one), self.integers(1))
        return self.add("Less", steps, lengths)

    def use(self, domain: str, version: int) -> None:
        """Say that operators of a further domain occur."""
        self._domains[domain] = version

    def add_many(self, operator: str, *inputs: str, outputs: int, **attributes: object) -> list[str]:
        """Add a node with several outputs."""
        names = [f"{operator.lower()}_{len(self._nodes)}_{index}" for index in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, names, **attributes))
        return names

    def model(self, facts: dict[str, str]) -> Any:
        """The whole as an onnx.ModelProto, checked; `facts` become its metadata_props."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        opsets = [
            helper.make_opsetid(domain, version) for domain, version in [("", self._opset), *self._domains.items()]
        ]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        model.producer_name, model.producer_version = "elman", __version__
        helper.set_model_props(model, facts)
        self._onnx.checker.check_model(model, full_check=True)
        return model
