"""torch.compile, torch.export and the operators' own rules."""

import io
from itertools import product

import pytest
import torch

import elman
from elman import _kernels
from elman.layers import operators
from layers.problem import KINDS, Problem, assert_same_bits, compare, run

all_kinds = pytest.mark.parametrize("kind", KINDS)
# torch.compile makes an instance of torch.autograd.Function while it traces one, of which torch itself warns.
pytestmark = pytest.mark.filterwarnings("ignore:.* should not be instantiated:DeprecationWarning")


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(module: torch.nn.Module, backend: str = "aot_eager", **options) -> torch.nn.Module:
    """aot_eager traces forward and backward as inductor does, and takes seconds less than its C++ compiler."""
    return torch.compile(module, fullgraph=True, backend=backend, **options)


@all_kinds
@pytest.mark.parametrize("with_lengths", [True, False], ids=["lengths", "no lengths"])
def test_compiled_equals_eager_to_the_bit(kind, with_lengths) -> None:
    problem = Problem(kind, L=2, bidirectional=True, batch_first=with_lengths)
    module, lengths = problem.module(), problem.lengths() if with_lengths else None
    expected = run(module, problem.input(), problem.state(), lengths=lengths)
    fast, before = compiled(module), _kernels.calls()
    names = {f"_orig_mod.{name}" for name, _ in module.named_parameters()}
    actual = run(fast, problem.input(), problem.state(), lengths=lengths)
    assert _kernels.calls() == (before[0] + 2, before[1] + 2), "the compiled graph runs the kernels"
    assert {f"gradient of {name}" for name in names} <= actual.keys()
    assert_same_bits({name.replace("_orig_mod.", ""): tensor for name, tensor in actual.items()}, expected)


@all_kinds
def test_compiled_for_any_length_of_sequence(kind) -> None:
    problem = Problem(kind)
    module, x = problem.module(), problem.input()
    fast = compiled(module, dynamic=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for T in (13, 4, 9):
            assert_same_bits(
                {n.replace("_orig_mod.", ""): g for n, g in run(fast, x[:T], None).items()}, run(module, x[:T], None)
            )


@all_kinds
def test_compiled_inference(kind) -> None:
    problem = Problem(kind, L=2)
    module = problem.module().eval()
    with torch.no_grad():
        assert torch.equal(compiled(module)(problem.input())[0], module(problem.input())[0])


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_compiled_cell(name, close) -> None:
    """torch.compile takes torch's cell operators apart, and may round their sums otherwise."""
    torch.manual_seed(0)
    cell, x = getattr(elman, name)(3, 4), torch.randn(5, 3)
    expected, actual = cell(x), compiled(cell)(x)
    for ours, theirs in zip(*((r,) if isinstance(r, torch.Tensor) else r for r in (actual, expected)), strict=True):
        close(ours, theirs, "value")


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # inductor's own imports
def test_inductor_within_a_model(close) -> None:
    """The real back end, with operators around the layer that it may fuse and lay out as it likes."""

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lower, self.upper = torch.nn.Linear(3, 3), torch.nn.Linear(34, 2)
            self.layer = Problem("lstm", bidirectional=True, batch_first=True).module()

        def forward(self, x, hx, lengths=None):
            output, state = self.layer(self.lower(x).tanh(), hx, lengths)
            return self.upper(output.relu()), state

    problem = Problem("lstm", bidirectional=True, batch_first=True)
    torch.manual_seed(0)
    model = Model()
    expected = run(model, problem.input(), problem.state(), problem.lengths())
    actual = run(compiled(model, "inductor"), problem.input(), problem.state(), problem.lengths())
    compare(close, {name.replace("_orig_mod.", ""): tensor for name, tensor in actual.items()}, expected)


def test_compiled_with_tied_weights_and_one_state_for_both(close) -> None:
    layer = elman.LSTM(4, 4, bidirectional=True)
    layer.weight_ih_l0_reverse = layer.weight_ih_l0
    x, h = torch.randn(5, 2, 4), torch.randn(2, 2, 4, requires_grad=True)
    gradients = []
    for module in (layer, compiled(layer)):
        gradients.append(torch.autograd.grad(module(x, (h, h))[0].sin().sum(), [h, *layer.parameters()]))
    for actual, expected in zip(gradients[1], gradients[0], strict=True):
        close(actual, expected, "gradient")


@all_kinds
def test_compiled_fallback(kind, close) -> None:
    """torch.compile traces the reference, and the warning comes while it does."""
    problem = Problem(kind, T=3, dtype=torch.float64)
    module, inputs = problem.module(), problem.random(2, 3, 5, 3)
    expected = torch.stack([module(x)[0] for x in inputs])
    fast = compiled(lambda inputs: torch.func.vmap(lambda x: module(x)[0])(inputs))
    with pytest.warns(elman.FallbackWarning, match=r"torch.func"):
        close(fast(inputs), expected, "value")


@all_kinds
def test_lengths_are_checked_in_a_compiled_graph(kind) -> None:
    problem = Problem(kind)
    fast = compiled(problem.module())
    with pytest.raises(ValueError, match=r"lengths\[1\] is 14; expected 0 <= length <= T = 13"):
        fast(problem.input(), lengths=torch.tensor([1, 14, 2, 3, 4]))


@all_kinds
def test_export(kind) -> None:
    problem = Problem(kind, L=2, bidirectional=True, batch_first=True)
    module, T = problem.module(), torch.export.Dim("T", min=2, max=100)
    exported = torch.export.export(module, (problem.input(),), dynamic_shapes={"input": {1: T}})
    file = io.BytesIO()
    torch.export.save(exported, file)
    file.seek(0)
    loaded, x = torch.export.load(file).module(), problem.random(5, 29, 3)
    expected, after = module(x)
    output, after_loaded = loaded(x)
    assert torch.equal(output, expected)
    assert type(after_loaded) is type(after)


def operands(kind: str, D: int, with_lengths: bool):
    cell, G, c0 = KINDS.index(kind), {"gru": 3, "lstm": 4}.get(kind, 1), None
    if kind == "lstm":
        c0 = torch.randn(D, 3, 7)
    weights = [t for _ in range(D) for t in (torch.randn(G * 7, 5), torch.randn(G * 7, 7), torch.randn(G * 7), None)]
    lengths = torch.tensor([4, 0, 2]) if with_lengths else None
    return cell, torch.randn(4, 3, 5), lengths, torch.randn(D, 3, 7), c0, weights


@pytest.mark.parametrize(("kind", "D", "batch_first"), list(product(KINDS, (1, 2), (False, True))))
def test_operators_keep_the_rules_of_torch_library(kind, D, batch_first) -> None:
    """Schema, no aliases, fake shapes and strides, tracing with dynamic shapes."""
    inference = operands(kind, D, with_lengths=True)
    torch.library.opcheck(torch.ops.elman.layer.default, (*inference, batch_first, False))
    # With lengths, what is saved for steps that no row has stays unwritten, and opcheck would compare it.
    training = operands(kind, D, with_lengths=False)
    torch.library.opcheck(torch.ops.elman.layer.default, (*training, batch_first, True))
    y, *_, saved = operators.run_layer(*training, batch_first, True)
    wanted = [True, True, kind == "lstm", *(weight is not None for weight in training[-1])]
    arguments = (*training, y, saved, torch.randn_like(y), None, None, wanted)
    torch.library.opcheck(torch.ops.elman.layer_backward.default, arguments)


@pytest.mark.parametrize(("kind", "itemsize", "H"), list(product(KINDS, (4, 8), (1, 7, 64, 129))))
def test_what_is_saved_grows_with_steps_rows_and_directions(kind, itemsize, H) -> None:
    """The fake operator's shapes rest on this."""
    cell = KINDS.index(kind)
    one = _kernels.saved_size(cell, itemsize, 1, 1, H, 1)
    assert _kernels.saved_size(cell, itemsize, 13, 5, H, 2) == 13 * 5 * 2 * one


@pytest.mark.parametrize("itemsize", [4, 8])
def test_what_is_saved_has_one_shape_on_every_instruction_set(itemsize) -> None:
    """torch.compile keeps graphs with their shapes on disk, where a process with another instruction set finds them."""
    before, sizes = _kernels.active_isa(), set()
    try:
        for isa in _kernels.isas():
            _kernels.set_isa(isa)
            sizes.add(tuple(_kernels.saved_size(cell, itemsize, 1, 1, H, 1) for cell in range(4) for H in (1, 17, 64)))
    finally:
        _kernels.set_isa(before)
    assert len(sizes) == 1


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's, where a graph breaks at a tensor with a gradient
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_break_the_graph(kind) -> None:
    torch._dynamo.reset()
    layer = Problem(kind, L=2, dtype=torch.float32).module()
    packed = torch.nn.utils.rnn.pack_sequence([torch.randn(n, layer.input_size) for n in (2, 4)], enforce_sorted=False)
    found = torch.compile(lambda p: layer(p)[0].data, backend="eager")(packed)
    assert torch.equal(found, layer(packed)[0].data)
    torch._dynamo.reset()
