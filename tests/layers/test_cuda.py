"""On CUDA: torch.nn's results by cuDNN, and those of the kernels for what torch.nn has not. Skipped without a GPU."""

import copy
import warnings
from collections.abc import Iterator
from itertools import product

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

import elman
from elman import _kernels
from elman.layers import FallbackWarning, locked_mask
from layers.problem import DTYPES, KINDS, Problem, compare, run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
all_kinds = pytest.mark.parametrize("kind", KINDS)


def allow_tf32(allowed: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of torch have another name for it, older ones have not
        torch.backends.cudnn.allow_tf32 = allowed


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Products in float32 instead of TF32, which has ten bits."""
    before = torch.backends.cudnn.allow_tf32
    allow_tf32(False)
    yield
    allow_tf32(before)


def there(value):
    """Tensors, and what holds some, on the GPU; lengths stay."""
    if isinstance(value, tuple):
        return tuple(map(there, value))
    return value.cuda() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def here(results: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.cpu() for name, tensor in results.items()}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("kind", "bidirectional"), list(product(KINDS, (False, True))))
def test_equals_torch_there(kind, bidirectional, dtype, close) -> None:
    problem = Problem(kind, L=2, bidirectional=bidirectional, dtype=dtype)
    arguments, calls = (there(problem.input()), there(problem.state())), _kernels.calls()
    actual = run(problem.module().cuda(), *arguments)
    assert _kernels.calls() == calls
    compare(close, actual, run(problem.module(torch.nn).cuda(), *arguments))


@all_kinds
@pytest.mark.parametrize("with_lengths", [False, True], ids=["no lengths", "lengths"])
def test_equals_the_kernels_here(kind, with_lengths, close) -> None:
    problem = Problem(kind, L=2, bidirectional=True, dtype=torch.float64)
    arguments = problem.input(), problem.state(), problem.lengths() if with_lengths else None
    actual = run(problem.module().cuda(), *map(there, arguments))
    compare(close, here(actual), run(problem.module(), *arguments))


@all_kinds
def test_packed_equals_torch_there(kind, close) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    packed = pack_padded_sequence(problem.input().cuda(), torch.tensor([4, 13, 1, 7, 13]), enforce_sorted=False)
    ours, theirs = (problem.module(library).cuda()(packed) for library in (elman, torch.nn))
    close(ours[0].data, theirs[0].data, "value")
    for mine, other in zip(*(s if isinstance(s, tuple) else (s,) for s in (ours[1], theirs[1])), strict=True):
        close(mine, other, "value")


@all_kinds
def test_codes_are_their_vectors(kind, close) -> None:
    problem = Problem(kind)
    module, codes = problem.module().cuda(), torch.randint(0, problem.I, (problem.T, problem.N)).cuda()
    vectors = torch.nn.functional.one_hot(codes, problem.I).float()
    close(module(codes)[0], module(vectors)[0], "value")


@all_kinds
@pytest.mark.parametrize("name", ["zoneout", "recurrent_mask", "output_mask"])
def test_masks_act_as_they_do_here(kind, name, close) -> None:
    """Those that act inside the recurrence on the reference, with a warning; that of the output by an operator."""
    problem = Problem(kind, dtype=torch.float64)
    mask = locked_mask((1, problem.N, problem.H), 0.5, dtype=torch.float64)
    pair = (mask / 4, mask / 4)
    option = {name: mask if name != "zoneout" else pair if kind == "lstm" else pair[0]}
    expected = run(problem.module(), problem.input(), problem.state(), **option)
    arguments = there(problem.input()), there(problem.state())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        actual = run(problem.module().cuda(), *arguments, **{key: there(value) for key, value in option.items()})
    fell_back = any(issubclass(warning.category, FallbackWarning) for warning in said)
    assert fell_back == (name != "output_mask")
    compare(close, here(actual), expected)


@pytest.mark.filterwarnings("error:RNN module weights are not part")
@all_kinds
def test_weights_lie_in_one_block_as_cudnn_wants_them(kind) -> None:
    """However the module came there; and the optimiser's parameters are still the module's."""
    problem = Problem(kind, L=2, bidirectional=True)
    moved = problem.module()
    before = [id(parameter) for parameter in moved.parameters()]
    moved.cuda()
    assert [id(parameter) for parameter in moved.parameters()] == before
    made = type(moved)(3, 17, 2, device="cuda")
    loaded = problem.module().cuda()
    loaded.load_state_dict(moved.state_dict())
    copied = copy.deepcopy(moved)
    copied.flatten_parameters()
    for module in (moved, made, loaded, copied, problem.module().cuda().double().float()):
        assert len({parameter.untyped_storage().data_ptr() for parameter in module.parameters()}) == 1
        module(there(problem.input()))
    assert torch.equal(moved.weight_ih_l0.cpu(), problem.module().weight_ih_l0)


@all_kinds
def test_accelerated_modules_are_torchs_there(kind, close) -> None:
    problem = Problem(kind, L=2)
    module = problem.module(torch.nn).cuda()
    arguments = there(problem.input()), there(problem.state())
    expected, calls = run(module, *arguments), _kernels.calls()
    compare(close, run(elman.accelerate(module), *arguments), expected)
    assert _kernels.calls() == calls
    back, start = elman.accelerate(module.cpu()), problem.state()
    back(problem.input(), start if len(start) == 2 else start[0])
    assert _kernels.calls()[0] == calls[0] + 2


def test_cells_are_torchs_there(close) -> None:
    ours, theirs = elman.LSTMCell(3, 4).cuda(), torch.nn.LSTMCell(3, 4).cuda()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(5, 3, device="cuda")
    for mine, other in zip(ours(x), theirs(x), strict=True):
        close(mine, other, "value")


def test_a_module_that_comes_back_runs_on_the_kernels(close) -> None:
    problem = Problem("gru", dtype=torch.float64)
    module, calls = problem.module().cuda().cpu(), _kernels.calls()
    compare(
        close,
        run(module, problem.input(), problem.state()),
        run(problem.module(), problem.input(), problem.state()),
    )
    assert _kernels.calls() == (calls[0] + 2, calls[1] + 2)
