"""An ONNX graph while it is put together: constants, nodes, inputs and outputs, each value with a name of its own."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from elman import __version__

OPSET, IR_VERSION = 17, 8
"""Of 2022: as old as the operators used here allow, so that old runtimes read the file too."""


class Graph:
    """A graph under construction; every method returns the names of the values that it adds.

    Raises
    ------
    ModuleNotFoundError
        If the package onnx is not installed; the message has the pip command.
    """

    def __init__(self, name: str) -> None:
        self._name = name
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

    def add_many(self, operator: str, *inputs: str, outputs: int, **attributes: object) -> list[str]:
        """Add a node with several outputs."""
        names = [f"{operator.lower()}_{len(self._nodes)}_{index}" for index in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, names, **attributes))
        return names

    def model(self, facts: dict[str, str]) -> Any:
        """The whole as an onnx.ModelProto, checked; `facts` become its metadata_props."""
        helper = self._onnx.helper
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        model.producer_name, model.producer_version = "elman", __version__
        helper.set_model_props(model, facts)
        self._onnx.checker.check_model(model, full_check=True)
        return model
