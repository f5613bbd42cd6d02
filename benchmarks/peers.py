"""Other libraries that run a recurrent layer, for benchmarks/layers.py --peers.

    onnxruntime      inference; pip install onnx onnxruntime
    jax              a scan over the cell's equations, compiled; pip install jax
    onednn=LIBRARY   oneDNN's primitive, through a small library with a C interface (`OneDnn`) that you have built

Each gets the weights, the input and the cotangent of a `Pair`, and its output is compared with float64 before it is
timed. They run in this process, in turns with the others; their idle threads sleep, or spin no longer than a sample.
"""

import ctypes
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from elman.benchmarking import CELLS, Case, Pair
from elman.benchmarking.layers import LARGEST_ERROR, difference

Call = Callable[[], object]
Array = np.ndarray[Any, np.dtype[np.float32]]


def weights_of(pair: Pair) -> list[Array]:
    """w_ih, w_hh, b_ih, b_hh of a single layer of one direction."""
    return [parameter.detach().numpy() for parameter in pair.theirs.parameters()]


def regated(weight: Array, order: list[int]) -> Array:
    """The gates of a weight in another order."""
    parts = np.split(weight, len(order))
    return np.ascontiguousarray(np.concatenate([parts[gate] for gate in order]))


def onnxruntime(pair: Pair, threads: int) -> tuple[Call, Callable[[], Array]]:
    """The operators RNN, GRU and LSTM of ONNX, whose gates are z r h and i o f c."""
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    cell, (T, N, I, H) = pair.case.cell, pair.case.shape  # noqa: E741
    order = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}[cell]
    w, r, *biases = (regated(weight, order) for weight in weights_of(pair))
    initial = {"W": w[None], "R": r[None], "B": np.concatenate(biases)[None]}
    reset = {"linear_before_reset": 1} if cell == "gru" else {}
    node = helper.make_node(cell.upper(), ["X", *initial], ["Y"], hidden_size=H, **reset)
    given = helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, N, I])
    found = helper.make_tensor_value_info("Y", TensorProto.FLOAT, [T, 1, N, H])
    constants = [numpy_helper.from_array(array, name) for name, array in initial.items()]
    graph = helper.make_graph([node], "layer", [given], [found], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    settings = ort.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    x = {"X": pair.x.numpy()}
    return lambda: session.run(None, x), lambda: session.run(None, x)[0][:, 0]


def jax(pair: Pair, threads: int) -> tuple[Call, Callable[[], Array]]:
    """`lax.scan` over the equations, with the input's product taken out of the loop, under `jit`."""
    import jax
    from jax import numpy as jnp

    cell, H = pair.case.cell, pair.case.shape[3]

    def step(state: Any, x: Any, w: Any, b: Any) -> Any:
        h, c = state
        net = h @ w.T + b
        if cell == "rnn":
            return (after := jnp.tanh(x + net), c), after
        if cell == "gru":
            r, z = jnp.split(jax.nn.sigmoid(x[:, : 2 * H] + net[:, : 2 * H]), 2, axis=1)
            n = jnp.tanh(x[:, 2 * H :] + r * net[:, 2 * H :])
            return (after := (1 - z) * n + z * h, c), after
        i, f, g, o = jnp.split(x + net, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (after := jax.nn.sigmoid(o) * jnp.tanh(c), c), after

    def forward(x: Any, weights: Any) -> Any:
        w_ih, w_hh, b_ih, b_hh = weights
        zeros = jnp.zeros((x.shape[1], H), x.dtype)
        return jax.lax.scan(lambda state, row: step(state, row, w_hh, b_hh), (zeros, zeros), x @ w_ih.T + b_ih)[1]

    def loss(x: Any, weights: Any, dy: Any) -> Any:
        y = forward(x, weights)
        return (y * dy).sum(), y

    x, dy, weights = jnp.asarray(pair.x.numpy()), jnp.asarray(pair.dy.numpy()), list(map(jnp.asarray, weights_of(pair)))
    if pair.case.mode == "infer":
        run = jax.jit(forward)
        return lambda: run(x, weights).block_until_ready(), lambda: np.asarray(run(x, weights))
    train = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    return (
        lambda: jax.block_until_ready(train(x, weights, dy)),
        lambda: np.asarray(train(x, weights, dy)[0][1]),
    )


class OneDnn:
    """oneDNN's recurrent primitive through a library with these functions, float arrays throughout:

    peer_new(cell, T, N, I, H, train, wl, wi, b, x, dy) makes one (cell 0 RNN, 1 GRU, 2 LSTM; wl (I, G, H) and
    wi (H, G, H), gates u r o of a GRU; b (G, H), for a GRU (4, H) with the two biases of o apart) or returns null;
    peer_step(p) runs it, 0 if well; peer_get(p, y, dx, dwl, dwi, db) copies the results; peer_free(p).
    """

    def __init__(self, library: str) -> None:
        self.library = ctypes.CDLL(os.path.abspath(library))
        self.library.peer_new.restype = ctypes.c_void_p
        self.library.peer_step.argtypes = [ctypes.c_void_p]
        self.library.peer_get.argtypes = [ctypes.c_void_p] * 6

    def __call__(self, pair: Pair, threads: int) -> tuple[Call, Callable[[], Array]]:
        """A primitive for one case; it lives as long as the process."""
        cell, (T, N, I, H), G = pair.case.cell, pair.case.shape, CELLS[pair.case.cell]  # noqa: E741
        order = [1, 0, 2] if cell == "gru" else list(range(G))
        w_ih, w_hh, b_ih, b_hh = weights_of(pair)
        matrices = [np.ascontiguousarray(regated(w, order).reshape(G, H, -1).transpose(2, 0, 1)) for w in (w_ih, w_hh)]
        inputs, hidden = (regated(b, order).reshape(G, H) for b in (b_ih, b_hh))
        bias = np.concatenate([(inputs + hidden)[:2], inputs[2:], hidden[2:]]) if cell == "gru" else inputs + hidden
        bias = np.ascontiguousarray(bias)
        arrays = [*matrices, bias, pair.x.numpy(), pair.dy.numpy()]
        kind, train = list(CELLS).index(cell), int(pair.case.mode == "train")
        peer = self.library.peer_new(kind, T, N, I, H, train, *(ctypes.c_void_p(a.ctypes.data) for a in arrays))
        if not peer:
            raise RuntimeError(f"onednn: no primitive for {pair.case}")

        def result() -> Array:
            self.library.peer_step(peer)
            y = np.empty_like(arrays[4])
            kept = [y, np.empty_like(arrays[3]), *map(np.empty_like, arrays[:3])]
            self.library.peer_get(peer, *(array.ctypes.data for array in kept))
            return y

        return lambda: self.library.peer_step(peer), result


BUILDERS: dict[str, Callable[..., Any]] = {"onnxruntime": onnxruntime, "jax": jax, "onednn=LIBRARY": OneDnn}


def able(name: str, case: Case) -> bool:
    """Whether a peer can run a case: one float32 layer of one direction without lengths; ONNX Runtime only infers."""
    plain = not (case.bidirectional or case.lengths or case.layers > 1 or case.double)
    return plain and not (name == "onnxruntime" and case.mode == "train")


def find(names: list[str], threads: int) -> Mapping[str, Callable[[Pair], Call]]:
    """The builders of the peers that were asked for; each checks its output before it hands out the call to time.

    JAX takes its number of threads from the environment and the processors that it may use, before it starts.
    """
    if "jax" in names:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        os.environ.setdefault("NPROC", str(threads))
        if threads == 1:
            os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    found = {}
    for name in names:
        short, _, library = name.partition("=")
        if name not in BUILDERS and short != "onednn":
            raise SystemExit(f"--peers has {name!r}; expected some of {', '.join(BUILDERS)}")
        found[short] = checked(OneDnn(library) if library else BUILDERS[name], threads)
    return found


def checked(build: Callable[[Pair, int], tuple[Call, Callable[[], Array]]], threads: int) -> Callable[[Pair], Call]:
    """`build`, after a comparison of the output with float64."""

    def build_and_check(pair: Pair) -> Call:
        call, result = build(pair, threads)
        error = difference([torch.from_numpy(np.array(result()))], pair.run_exactly()[:1])
        if error > LARGEST_ERROR:
            raise ArithmeticError(f"{build}: {pair.case} is off by {error:.1g}")
        return call

    return build_and_check
