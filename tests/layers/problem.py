"""A recurrent layer with its data, and how to run it: what the tests of the layers have in common."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

import elman
from elman.layers import reference

KINDS = ("rnn_tanh", "rnn_relu", "gru", "lstm")
DTYPES = (torch.float32, torch.float64)


@dataclass
class Problem:
    """Sizes and options of a layer; random weights, inputs, states and cotangents that follow from them alone."""

    kind: str = "lstm"
    T: int = 13
    N: int = 5
    I: int = 3  # noqa: E741
    H: int = 17
    L: int = 1
    bidirectional: bool = False
    bias: bool = True
    batch_first: bool = False
    dtype: torch.dtype = torch.float32

    def module(self, library=elman, **options) -> nn.Module:
        """The layer of `elman` or of `torch.nn`, with weights large enough for every gate to move.

        ReLU has no ceiling: its weights are smaller, that no gradient is a small difference of large terms.
        """
        if self.kind.startswith("rnn"):
            options["nonlinearity"] = self.kind.removeprefix("rnn_")
        options |= {"bias": self.bias, "bidirectional": self.bidirectional, "batch_first": self.batch_first}
        name = self.kind.partition("_")[0].upper()
        module = getattr(library, name)(self.I, self.H, self.L, **options, dtype=self.dtype)
        generator, most = torch.Generator().manual_seed(1), 1 if self.kind == "rnn_relu" else 2
        with torch.no_grad():
            for parameter in module.parameters():
                bound = most / self.H**0.5 if parameter.dim() == 2 else 1
                parameter.copy_((torch.rand(parameter.shape, generator=generator, dtype=torch.float64) * 2 - 1) * bound)
        return module

    def random(self, *shape: int, seed: int = 2) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(self.dtype)

    def input(self) -> Tensor:
        return self.random(*((self.N, self.T) if self.batch_first else (self.T, self.N)), self.I)

    def state(self) -> tuple[Tensor, ...]:
        """(h,), or (h, c) for the LSTM."""
        shape = (self.L * (2 if self.bidirectional else 1), self.N, self.H)
        return tuple(self.random(*shape, seed=seed) for seed in range(3, 5 if self.kind == "lstm" else 4))

    def lengths(self) -> Tensor:
        """One row of every kind: full, empty, one step, and others in no order."""
        return torch.tensor([self.T // 2, self.T, 0, 1, self.T - 1][: self.N])


def run(layer, x, state: tuple[Tensor, ...] | None, *arguments, **options) -> dict[str, Tensor]:
    """Outputs, and all gradients for random cotangents, of ``layer(x, hx, ...)``, by name."""
    x = x.clone().requires_grad_()
    leaves = None if state is None else tuple(s.clone().requires_grad_() for s in state)
    hx = leaves[0] if leaves and len(leaves) == 1 else leaves
    output, after = layer(x, hx, *arguments, **options)
    outputs = [output, after] if isinstance(after, Tensor) else [output, *after]
    sources = {"x": x} | {f"state {i}": leaf for i, leaf in enumerate(leaves or ())}
    sources |= dict(layer.named_parameters()) if isinstance(layer, nn.Module) else {}
    generator = torch.Generator().manual_seed(9)
    cotangents = [torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype) for o in outputs]
    gradients = torch.autograd.grad(outputs, list(sources.values()), cotangents, materialize_grads=True)
    values = dict(zip(("output", "h_n", "c_n"), outputs, strict=False))
    return values | {f"gradient of {name}": g for name, g in zip(sources, gradients, strict=True)}


def by_reference(
    module: nn.Module, x: Tensor, hx, lengths: Tensor | None = None, zoneout=(), recurrent_mask=None, output_mask=None
):
    """What `module` must compute, by the specification; for `run`, like a call of the module itself.

    `zoneout` holds a mask (L, T, N, D·H) or None for each state, `recurrent_mask` and `output_mask` are
    (L, N, D·H).
    """
    state = (hx,) if isinstance(hx, Tensor) else hx
    rows = [reference.Weights(*row) for row in module.all_weights]
    finals, D = [], len(rows) // module.num_layers
    x = x.transpose(0, 1) if module.batch_first else x
    for layer in range(module.num_layers):
        own = slice(layer * D, (layer + 1) * D)
        masks = [None if mask is None else mask[layer] for mask in zoneout]
        states, dropped = tuple(s[own] for s in state), None if recurrent_mask is None else recurrent_mask[layer]
        x, *after = reference.layer(module._cell, x, lengths, states, rows[own], masks, dropped)
        x = x if output_mask is None else x * output_mask[layer]
        finals.append(after)
    after = tuple(torch.cat(s) for s in zip(*finals, strict=True))
    return x.transpose(0, 1) if module.batch_first else x, after if len(after) > 1 else after[0]


class Reference(nn.Module):
    """`by_reference` as a module that shares the parameters of the one it stands for."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x, hx, lengths=None, zoneout=(), recurrent_mask=None, output_mask=None):
        return by_reference(self.module, x, hx, lengths, zoneout, recurrent_mask, output_mask)

    def named_parameters(self):
        return self.module.named_parameters()


def compare(close, actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert actual.keys() == expected.keys()
    for name, tensor in expected.items():
        close(actual[name], tensor, "gradient" if name.startswith("gradient") else "value", name)


def assert_same_bits(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, tensor in expected.items():
        assert torch.equal(actual[name], tensor), name
