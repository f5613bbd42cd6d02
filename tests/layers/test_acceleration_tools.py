"""Accelerated models in the hands of torch's tools: optimisers, DDP, compilers, exporters."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import elman
from elman import _kernels

KINDS = ("RNN", "GRU", "LSTM")
all_kinds = pytest.mark.parametrize("kind", KINDS)


class Tagger(nn.Module):
    """A model with operators around its recurrent layer."""

    def __init__(self, kind: str, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.layer = getattr(nn, kind)(3, 8, num_layers=2, bidirectional=True, dtype=dtype)
        self.out = nn.Linear(16, 2, dtype=dtype)

    def forward(self, x):
        return self.out(self.layer(torch.relu(x))[0])


def pair(kind: str, **options) -> tuple[Tagger, Tagger, torch.Tensor]:
    """The model accelerated, the model as it was, and an input."""
    theirs = Tagger(kind, **options)
    x = torch.randn(7, 4, 3, dtype=theirs.out.weight.dtype, generator=torch.Generator().manual_seed(7))
    return elman.accelerate(copy.deepcopy(theirs)), theirs, x


def gradients(model: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(model(x).sin().sum(), list(model.parameters())))


@all_kinds
@pytest.mark.parametrize("fused", [True, False], ids=["fused", "plain"])
def test_optimisers_train_the_same(kind, fused, close) -> None:
    """Twenty steps; a fused optimiser changes parameters without a change of their version."""
    ours, theirs, x = pair(kind, dtype=torch.float64)
    target, losses = torch.randn(7, 4, 2, dtype=torch.float64), []
    before = _kernels.calls()
    for model in (ours, theirs):
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, fused=fused)
        for _ in range(20):
            loss = (model(x) - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        losses.append(loss.detach())
    assert [after - b for after, b in zip(_kernels.calls(), before, strict=True)] == [40, 40]
    close(*losses, "trained")
    for (name, actual), expected in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        close(actual.detach(), expected.detach(), "trained", name)


@pytest.mark.parametrize("first", ["accelerated", "wrapped"])
def test_distributed_data_parallel(first, tmp_path, close) -> None:
    ours, theirs, x = pair("GRU")
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        if first == "accelerated":
            parallel = DistributedDataParallel(ours)
        else:
            parallel = elman.accelerate(DistributedDataParallel(elman.restore(ours)))
        before = _kernels.calls()
        parallel(x).sin().sum().backward()
        assert _kernels.calls() == (before[0] + 2, before[1] + 2)
    finally:
        torch.distributed.destroy_process_group()
    for (name, parameter), expected in zip(ours.named_parameters(), gradients(theirs, x), strict=True):
        close(parameter.grad, expected, "gradient", name)


# Compilers.

# torch.compile makes an instance of torch.autograd.Function while it traces one, and reads `grad` of what comes out of
# the graph before a break; torch itself warns of both.
compiler = pytest.mark.filterwarnings(
    "ignore:.* should not be instantiated:DeprecationWarning", "ignore:The .grad attribute of a Tensor:UserWarning"
)


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@all_kinds
@compiler
@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("allowed", [False, True], ids=["with a break", "in one graph"])
def test_compiled_models_run_the_kernels(kind, allowed, close) -> None:
    """As ever, torch.compile breaks the graph at torch.nn's layers, unless it is told not to."""
    ours, theirs, x = pair(kind)
    with torch._dynamo.config.patch(allow_rnn=allowed):
        compiled = torch.compile(ours, fullgraph=allowed, backend="aot_eager")
        before = _kernels.calls()
        actual = gradients(compiled, x)
        assert _kernels.calls() == (before[0] + 2, before[1] + 2)
    for found, expected in zip(actual, gradients(theirs, x), strict=True):
        close(found, expected, "gradient")


@compiler
@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.filterwarnings("ignore::elman.FallbackWarning")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_penalty_of_the_gradient_in_a_compiled_program(backend, close) -> None:
    """The graph breaks at the layer, which is differentiated twice as if nothing was compiled."""

    def penalised(model, x):
        x = x.clone().requires_grad_()
        output = model(x)[0]
        (gradient,) = torch.autograd.grad(output.sum(), x, create_graph=True)
        loss = gradient.square().sum() + output.square().sum()
        return torch.autograd.grad(loss, list(layer.parameters()))

    layer, x = nn.GRU(3, 4), torch.randn(5, 2, 3)
    expected = penalised(layer, x)
    elman.accelerate(layer)
    for found, wanted in zip(penalised(torch.compile(lambda q: layer(q), backend=backend), x), expected, strict=True):
        close(found, wanted, "gradient")


@all_kinds
@pytest.mark.usefixtures("fresh_compiler")
def test_one_graph_is_refused_as_it_is_for_torchs_layers(kind) -> None:
    ours, theirs, x = pair(kind)
    for model in (ours, theirs):
        with pytest.raises(torch._dynamo.exc.Unsupported, match="RNN, GRU, or LSTM"):
            torch.compile(model, fullgraph=True, backend="eager")(x)


# Exporters: what they write runs where there is no elman.


@all_kinds
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "not strict"])
@pytest.mark.filterwarnings("ignore:.*_flat_weights.*were assigned during export", "ignore::DeprecationWarning")
@pytest.mark.usefixtures("fresh_compiler")
def test_exported_programs_hold_torchs_operators(kind, strict) -> None:
    ours, theirs, x = pair(kind)
    program = torch.export.export(ours, (x,), strict=strict)
    targets = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert f"aten.{'rnn_tanh' if kind == 'RNN' else kind.lower()}.input" in targets
    assert not [target for target in targets if "elman" in target]
    assert torch.equal(program.module()(x), theirs(x))


@all_kinds
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_traces_hold_torchs_operators(kind) -> None:
    ours, theirs, x = pair(kind)
    traced, before = torch.jit.trace(ours, x), _kernels.calls()
    assert f"aten::{'rnn_tanh' if kind == 'RNN' else kind.lower()}(" in str(traced.layer.graph)
    assert torch.equal(traced(x), theirs(x))
    assert _kernels.calls() == before


@all_kinds
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*quantized tensor creation functions:UserWarning")
def test_other_tools_take_a_restored_copy(kind) -> None:
    ours, theirs, x = pair(kind)
    copied = elman.restore(copy.deepcopy(ours))
    assert torch.equal(torch.jit.script(copied)(x), theirs(x))
    assert torch.equal(torch.fx.symbolic_trace(copied)(x), theirs(x))
    if kind != "RNN":
        quantised = torch.ao.quantization.quantize_dynamic(copied, {nn.GRU, nn.LSTM})
        assert not isinstance(quantised.layer, nn.RNNBase)
    before = _kernels.calls()[0]
    ours(x)
    assert _kernels.calls()[0] == before + 2, "the model itself stays accelerated"
