"""The compiled recurrent layers. Pointers are addresses, 0 where absent; sizes and strides count elements."""

from collections.abc import Sequence

def active_isa() -> str:
    """The instruction set in use."""

def isas() -> list[str]:
    """The instruction sets that this build has and this CPU can run, best first."""

def set_isa(name: str) -> None:
    """Use another instruction set; never between a forward pass and its backward pass."""

def calls() -> tuple[int, int]:
    """How many forward and backward passes ran since the import."""

def saved_size(cell: int, itemsize: int, T: int, N: int, H: int, D: int) -> int:
    """How many scalars a forward pass keeps for the backward pass: D·T·N times a number that cell and H fix."""

def activate(function: int, itemsize: int, count: int, x: int, y: int) -> None:
    """y = tanh (0), sigmoid (1) or relu (2) of x, as the cells compute it."""

def drop(itemsize: int, threads: int, count: int, seed: int, kept: int, value: float, x: int, y: int) -> None:
    """y = x times a mask, each of its numbers `value` with probability kept / 65536, else 0; without x the mask.

    The same seed gives the same mask, whatever the threads and the instruction set.
    """

def fma_peak(threads: int, itemsize: int = 4) -> float:
    """Multiplications and additions, 10⁹ a second, that so many threads do with nothing else in the way."""

def forward(
    cell: int,
    itemsize: int,
    threads: int,
    T: int,
    N: int,
    I: int,
    H: int,
    D: int,
    x: int,
    x_time_stride: int,
    x_row_stride: int,
    coded: bool,
    lengths: int,
    h0: int,
    c0: int,
    zoneout: Sequence[tuple[int, int, int]],
    masks: Sequence[tuple[int, int]],
    weights: Sequence[int],
    y: int,
    y_time_stride: int,
    y_row_stride: int,
    output: int,
    output_time_stride: int,
    output_row_stride: int,
    h_n: int,
    c_n: int,
    saved: int,
) -> None:
    """One layer over time; kernels/layer.h says what each argument holds."""

def backward(
    cell: int,
    itemsize: int,
    threads: int,
    T: int,
    N: int,
    I: int,
    H: int,
    D: int,
    x: int,
    x_time_stride: int,
    x_row_stride: int,
    coded: bool,
    lengths: int,
    h0: int,
    c0: int,
    zoneout: Sequence[tuple[int, int, int]],
    masks: Sequence[tuple[int, int]],
    weights: Sequence[int],
    y: int,
    y_time_stride: int,
    y_row_stride: int,
    saved: int,
    dy: int,
    dy_time_stride: int,
    dy_row_stride: int,
    dh_n: int,
    dc_n: int,
    dx: int,
    dx_time_stride: int,
    dx_row_stride: int,
    dh0: int,
    dc0: int,
    dweights: Sequence[int],
) -> None:
    """The gradients of one layer."""

class Stepper:
    """Packed weights of layers of one direction, and one step by them; never changes."""

    def __init__(
        self,
        cell: int,
        itemsize: int,
        coded: bool,
        I: int,
        H: int,
        layers: Sequence[Sequence[int]],
    ) -> None: ...
    def step(self, threads: int, N: int, x: int, h: int, c: int, h_n: int, c_n: int, y: int) -> None:
        """h_n, c_n, y = the states after x, h and c, and the top layer's h_n; no output may be an input."""

    @property
    def bytes(self) -> int:
        """Memory of the packed weights."""
