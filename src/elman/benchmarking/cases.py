"""What is measured: the grid of shapes, and a layer of torch.nn beside ours with the same weights and data."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elman import layers

__all__ = ["CELLS", "GRID", "MODES", "Case", "Pair"]

GRID = (
    (100, 1, 64, 64), (100, 16, 64, 128), (100, 32, 128, 128), (50, 64, 128, 256),
    (100, 32, 256, 512), (35, 64, 512, 1024), (784, 128, 1, 128), (1000, 1, 128, 128),
)  # fmt: skip
"""The shapes T, N, I, H: one short row, batches of growing width, one input a step, one long row."""

CELLS = {"rnn": 1, "gru": 3, "lstm": 4}
"""The cells, and how many gates each has."""

MODES = ("train", "infer")
"""A training step is forward and backward with all gradients, the input's too; inference is forward alone."""


@dataclass(frozen=True)
class Case:
    """One line of a table.

    >>> Case("lstm", "infer", (100, 16, 64, 128)).operations
    314572800
    """

    cell: str
    mode: str
    shape: tuple[int, int, int, int]
    """T, N, I, H."""
    layers: int = 1
    bidirectional: bool = False
    lengths: bool = False
    """Rows end at different steps: lengths for ours, a packed sequence for torch.nn."""
    double: bool = False
    """float64 instead of float32."""

    @property
    def operations(self) -> int:
        """Multiplications and additions of the products: 2 G H (I + H) a step, a row and a direction.

        A training step has three times those of inference.
        """
        _, _, I, H = self.shape  # noqa: E741
        D = 2 if self.bidirectional else 1
        inputs = I + (self.layers - 1) * D * H
        steps = int(self.row_lengths().sum())
        return 2 * steps * D * CELLS[self.cell] * H * (inputs + self.layers * H) * (3 if self.mode == "train" else 1)

    def row_lengths(self) -> Tensor:
        """The length of each row, (N,): T, or spread evenly over 1 to T, in no order."""
        T, N = self.shape[:2]
        if not self.lengths:
            return torch.full((N,), T)
        return torch.linspace(T, 1, N).long()[torch.randperm(N, generator=torch.Generator().manual_seed(2))]


class Pair:
    """torch.nn's layer and ours, with the same weights, input and cotangent.

    Parameters
    ----------
    case : Case

    Examples
    --------
    >>> import torch
    >>> pair = Pair(Case("gru", "infer", (5, 2, 3, 4)))
    >>> torch.allclose(pair.run_elman()[0], pair.run_torch()[0], atol=1e-6)
    True
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        T, N, I, H = case.shape  # noqa: E741
        options = {"num_layers": case.layers, "bidirectional": case.bidirectional}
        name = case.cell.upper()
        torch.manual_seed(1)
        self.theirs: nn.Module = getattr(nn, name)(I, H, **options)
        self.ours: nn.Module = getattr(layers, name)(I, H, **options)
        self.exact: nn.Module = getattr(nn, name)(I, H, **options).double()
        for layer in (self.ours, self.exact):
            layer.load_state_dict(self.theirs.state_dict())
        self.x = torch.randn(T, N, I)
        self.dy = torch.randn(T, N, H * (2 if case.bidirectional else 1))
        if case.double:
            self.theirs, self.ours = self.theirs.double(), self.ours.double()
            self.x, self.dy = self.x.double(), self.dy.double()
        self.lengths = case.row_lengths() if case.lengths else None

    def run_torch(self) -> list[Tensor]:
        """One step of torch.nn: the output, and in training the gradients of the input and of each parameter."""
        return self._step(self.theirs, self.x, self.dy)

    def run_elman(self) -> list[Tensor]:
        """One step of ours."""
        return self._step(self.ours, self.x, self.dy)

    def run_exactly(self) -> list[Tensor]:
        """One step of torch.nn in float64."""
        return self._step(self.exact, self.x.double(), self.dy.double())

    def _step(self, layer: nn.Module, x: Tensor, dy: Tensor) -> list[Tensor]:
        if self.case.mode == "infer":
            with torch.inference_mode():
                return [self._call(layer, x)]
        x = x.detach().requires_grad_()
        y = self._call(layer, x)
        return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], dy)]

    def _call(self, layer: nn.Module, x: Tensor) -> Tensor:
        y: Tensor
        if self.lengths is None:
            y = layer(x)[0]
        elif layer is self.ours:
            y = layer(x, lengths=self.lengths)[0]
        else:
            packed = pack_padded_sequence(x, self.lengths, enforce_sorted=False)
            y = pad_packed_sequence(layer(packed)[0], total_length=x.shape[0])[0]
        return y
