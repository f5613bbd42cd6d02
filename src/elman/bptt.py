"""The lecture in NumPy: a simple recurrent network and back-propagation through time, one function an equation.

Beside docs/bptt.md, which derives every formula, and the float64 oracle of faster code.  One sequence at a time.

Letters
    x_t (I,) input, s_t (H,) state, o_t (O,) output, y_t (O,) target, net_t (H,) and z_t (O,) the sums before f and g.
    U (H, I), W (H, H), V (O, H) weights; b (H,), c (O,) biases, absent unless given.
    δ_t = ∂E/∂net_t (H,) and ε_t = ∂E/∂z_t (O,) are the error terms; as matrices (T, H), (T, O) they have a row a step.
    Steps count from 0, in formulas as in arrays: t = 0 … T-1.  The state before the first step is s_{-1}.

Inputs and targets have one entry a step, None where a step has none; hence all forms of the lecture:

>>> network = Network.random(inputs=3, hidden=4, outputs=3)
>>> a, b, c = np.eye(3)
>>> forms = {
...     "one to many": ([a, None, None], [b, c, a]),
...     "many to one": ([a, b, c], [None, None, a]),
...     "many to many": ([a, b, c], [b, c, a]),
...     "many to many, read first and write then": ([a, b, None, None], [None, c, b, a]),
... }
>>> for inputs, targets in forms.values():
...     run = forward(network, inputs, feedback=True)  # where x_t is None, o_{t-1} is read
...     E = errors(network, run, targets).sum()
...     gradients = backward(network, run, targets)
>>> gradients.W.shape, gradients.sum().W.shape  # at each step, and over time
((4, 4, 4), (4, 4))

References: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990); P. J. Werbos, "Backpropagation
through time: what it does and how to do it", Proceedings of the IEEE 78 (1990).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike, NDArray

# fmt: off
__all__ = [
    "Array", "Steps", "Examples", "Network", "Run", "activation", "derivative", "jacobian", "state", "output",
    "forward", "expansion", "influence", "error", "errors", "output_error_term", "output_error_terms", "layer_below",
    "transition", "through_time", "error_term", "error_terms", "fed_back_error_terms", "Gradients", "gradients_of_W",
    "gradients_of_U", "gradients_of_V", "identity_tensor", "left_term", "product_rule", "backward",
    "truncated_backward", "sgd", "train",
]
# fmt: on

Array = NDArray[np.float64]
Steps = Sequence[ArrayLike | None] | Array  # one entry a step, None where a step has none
Examples = Sequence[tuple[Steps, Steps]]  # inputs and targets


def _sigmoid(net: Array) -> Array:
    return np.exp(-np.logaddexp(0, -net))  # 1 / (1 + exp(-net)) that cannot overflow


_FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {  # name: f(net), f'(net)
    "identity": (lambda net: net, lambda net: np.ones_like(net)),
    "relu": (lambda net: np.maximum(net, 0), lambda net: np.where(net > 0, 1.0, 0.0)),
    "sigmoid": (_sigmoid, lambda net: _sigmoid(net) * _sigmoid(-net)),
    "tanh": (np.tanh, lambda net: 1 - np.tanh(net) ** 2),
}
_CHOICES = {"f": [*_FUNCTIONS], "g": [*_FUNCTIONS, "softmax"], "E": ["squared", "cross_entropy"]}


def _known(kind: str, name: str) -> str:
    """`name`, if it is a choice for f, g or E."""
    if name not in _CHOICES[kind]:
        near = "".join(f"; did you mean {match!r}?" for match in get_close_matches(str(name), _CHOICES[kind], n=1))
        raise ValueError(f"{kind} is {name!r}; expected one of {', '.join(_CHOICES[kind])}{near}")
    return name


# --- the network and its forward pass ---------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Network:
    """U, W, V, the biases if any, and the names of f, g and E.

    A layer below another one has no output of its own: give it a V without rows, ``np.zeros((0, H))``.  The
    cross-entropy wants probabilities: g = softmax, or sigmoid for O independent yes-or-no outputs.
    """

    U: Array  # (H, I) from the input
    W: Array  # (H, H) from the state before
    V: Array  # (O, H) to the output
    b: Array | None = None  # (H,) added to net_t
    c: Array | None = None  # (O,) added to z_t
    f: str = "tanh"  # identity, relu, sigmoid or tanh
    g: str = "softmax"  # these or softmax
    E: str = "cross_entropy"  # or squared

    def __post_init__(self) -> None:
        for kind in _CHOICES:
            _known(kind, getattr(self, kind))
        if self.E == "cross_entropy" and self.g not in ("softmax", "sigmoid"):
            raise ValueError(f"E is 'cross_entropy'; expected g = 'softmax' or 'sigmoid' with it, got {self.g!r}")
        U, V = np.shape(self.U), np.shape(self.V)
        if len(U) != 2 or len(V) != 2:
            raise ValueError(f"U and V have shapes {U} and {V}; expected (H, I) and (O, H)")
        shapes = {"U": ("H, I", U), "W": ("H, H", (U[0], U[0])), "V": ("O, H", (V[0], U[0]))}
        for name, (letters, shape) in (shapes | {"b": ("H,", U[:1]), "c": ("O,", V[:1])}).items():
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _checked(getattr(self, name), name, letters, shape))

    @classmethod
    def random(
        cls, inputs: int, hidden: int, outputs: int, *, seed: int = 0, bias: bool = False, **functions: str
    ) -> "Network":
        """Draw every parameter uniformly from ±1/√H, as torch.nn does; `functions` are f, g and E."""
        rng, bound = np.random.default_rng(seed), 1 / np.sqrt(hidden)
        shapes = (hidden, inputs), (hidden, hidden), (outputs, hidden), (hidden,), (outputs,)
        U, W, V, b, c = (rng.uniform(-bound, bound, shape) for shape in shapes)
        return cls(U, W, V, b if bias else None, c if bias else None, **functions)


@dataclass(frozen=True, eq=False)
class Run:
    """What a forward pass leaves behind, one row a step."""

    x: Array  # (T, I) the input as it was read: given, fed back or zero
    before: Array  # (T, H) s_{t-1}, the state that the step began with
    net: Array  # (T, H) U x_t + W s_{t-1}
    s: Array  # (T, H) f(net_t)
    z: Array  # (T, O) V s_t
    o: Array  # (T, O) g(z_t)
    fed_back: NDArray[np.bool_]  # (T,) whether x_t is o_{t-1}

    def window(self, start: int, stop: int) -> "Run":
        """Steps start … stop-1 alone; what came before them is a constant to this run."""
        return Run(**{field.name: getattr(self, field.name)[start:stop] for field in fields(self)})


def activation(name: str, net: Array) -> Array:
    """f(net) or g(z): (…, n) to (…, n).  All but softmax, exp(z_i) / Σ_j exp(z_j), act on each element alone."""
    if _known("g", name) != "softmax":
        return _FUNCTIONS[name][0](net)
    return np.exp(net - np.logaddexp.reduce(net, axis=-1, keepdims=True))


def derivative(name: str, net: Array) -> Array:
    """f'(net), element by element: (…, n) to (…, n).  That of relu is 0 at 0."""
    return _FUNCTIONS[_known("f", name)][1](net)


def jacobian(g: str, z: Array) -> Array:
    """∂g(z)/∂z, (O, O): diag[g'(z)], and diag[o] - o oᵀ for softmax, whose outputs share one sum."""
    if g == "softmax":
        o = activation(g, z)
        return np.diag(o) - np.outer(o, o)
    return np.diag(derivative(g, z))


def state(network: Network, x: Array, before: Array) -> tuple[Array, Array]:
    """(2) s_t = f(net_t), net_t = U x_t + W s_{t-1} (+ b).  From (I,) and (H,) to net_t and s_t, both (H,)."""
    net = network.U @ x + network.W @ before + (0 if network.b is None else network.b)
    return net, activation(network.f, net)


def output(network: Network, s: Array) -> tuple[Array, Array]:
    """(1) o_t = g(z_t), z_t = V s_t (+ c).  From (H,) to z_t and o_t, both (O,)."""
    z = network.V @ s + (0 if network.c is None else network.c)
    return z, activation(network.g, z)


def forward(network: Network, inputs: Steps, start: ArrayLike | None = None, feedback: bool = False) -> Run:
    """Equations (2) and (1) at t = 0 … T-1, recorded.  Raises ValueError where a shape does not fit.

    `inputs` has T entries, each an array (I,), or None: such a step reads zeros, or with `feedback`, which needs O = I,
    the output before it, x_t = o_{t-1}, if there is one.  `start` (H,) is s_{-1}, zeros if absent: with ``run.s[-1]``
    of the text so far, a long text is read in pieces.
    """
    (H, n_inputs), n_outputs, T = network.U.shape, len(network.V), len(inputs)
    if feedback and n_outputs != n_inputs:
        raise ValueError(f"feedback makes outputs inputs; expected O = I, got O = {n_outputs} and I = {n_inputs}")
    x, given = _rows(inputs, "inputs", "I,", T, n_inputs)
    s = np.zeros(H) if start is None else _checked(start, "start", "H,", (H,))
    before, net, states, z, o = (np.zeros((T, n)) for n in (H, H, H, n_outputs, n_outputs))
    fed_back = ~given & feedback & (np.arange(T) > 0)
    for t in range(T):
        x[t] = o[t - 1] if fed_back[t] else x[t]
        before[t] = s
        net[t], s = state(network, x[t], s)
        states[t] = s
        z[t], o[t] = output(network, s)
    return Run(x, before, net, states, z, o, fed_back)


def expansion(t: int) -> str:
    """o_t with (2) put into itself down to the first step, a Python expression: every earlier x stands in it.

    >>> expansion(2)
    'g(V @ f(U @ x[2] + W @ f(U @ x[1] + W @ f(U @ x[0] + W @ start))))'
    """
    if t < 0:
        raise ValueError(f"t = {t}; expected t >= 0: steps count from 0")
    s = "start"
    for k in range(t + 1):
        s = f"f(U @ x[{k}] + W @ {s})"
    return f"g(V @ {s})"


def influence(network: Network, run: Run, t: int, k: int) -> Array:
    """∂o_t/∂x_k = g'(z_t) V diag[f'(net_t)] (∂net_t/∂net_k) U, (O, I), for k ≤ t: how far o_t still sees x_k."""
    between = through_time(network, run, t, k)
    return (jacobian(network.g, run.z[t]) @ network.V * derivative(network.f, run.net[t])) @ between @ network.U


# --- the error and its error terms ------------------------------------------------------------------------------------
def error(network: Network, z: Array, y: Array) -> float:
    """E^(t) of one step, from z_t and y_t, both (O,).

    squared: ½ Σ_i (o_i - y_i)².  cross_entropy: -Σ_i y_i ln o_i for softmax, and for sigmoid the sum over i of
    -y_i ln o_i - (1 - y_i) ln(1 - o_i); the logarithms are taken of z, so that no output rounds to ln 0.
    """
    if network.E == "squared":
        return 0.5 * float(np.sum((activation(network.g, z) - y) ** 2))
    if network.g == "softmax":
        return float(np.sum(y * (np.logaddexp.reduce(z) - z)))
    return float(np.sum(np.logaddexp(0, z) - y * z))


def errors(network: Network, run: Run, targets: Steps) -> Array:
    """E^(t) at every step, (T,), zero where there is no target.  Their sum is E = Σ_t E^(t)."""
    y, given = _targets(network, run, targets)
    return np.array([error(network, run.z[t], y[t]) if given[t] else 0.0 for t in range(len(y))])


def output_error_term(network: Network, z: Array, y: Array) -> Array:
    """∂E^(t)/∂z_t (O,): (o - y)ᵀ g'(z) if squared; for cross-entropy o Σ_i y_i - y (softmax), o - y (sigmoid)."""
    o = activation(network.g, z)
    if network.E == "squared":
        return (o - y) @ jacobian(network.g, z)
    return o * y.sum() - y if network.g == "softmax" else o - y


def output_error_terms(network: Network, run: Run, targets: Steps) -> Array:
    """∂E^(t)/∂z_t at every step, (T, O), zero where there is no target."""
    y, given = _targets(network, run, targets)
    epsilon = np.zeros_like(run.z)
    for t in np.flatnonzero(given):
        epsilon[t] = output_error_term(network, run.z[t], y[t])
    return epsilon


def layer_below(delta: Array, U: Array, f: str, net: Array) -> Array:
    """(4) δ_t^{l-1}ᵀ = δ_t^lᵀ U diag[f'(net_t^{l-1})] at every step, (T, H^l) to (T, H^{l-1}).

    δ and U are the upper layer's, f and net the lower one's.  The output is a layer above too, with ε for δ and V for
    U.  In a recurrent layer the result is what a step adds by itself, the local term of `error_terms`.
    """
    return delta @ U * derivative(f, net)


def transition(network: Network, run: Run, t: int) -> Array:
    """∂net_t/∂net_{t-1} = W diag[f'(net_{t-1})], (H, H), for t ≥ 1.

    Where o_{t-1} is fed back as x_t there is a second way from s_{t-1} to net_t, and W becomes W + U g'(z_{t-1}) V.
    """
    if not 1 <= t < len(run.net):
        raise ValueError(f"t = {t}; expected 1 <= t < T = {len(run.net)}: a transition leads from t-1 to t")
    M = network.W
    if run.fed_back[t]:
        M = M + network.U @ jacobian(network.g, run.z[t - 1]) @ network.V
    return M * derivative(network.f, run.net[t - 1])


def through_time(network: Network, run: Run, t: int, k: int) -> Array:
    """∂net_t/∂net_k, (H, H), the product of equation (3): W diag[f'(net_{t-1})] ⋯ W diag[f'(net_k)].

    Its factors do not commute: the latest step stands on the left, the earliest on the right.  k = t: identity.
    """
    if not 0 <= k <= t < len(run.net):
        raise ValueError(f"t = {t} and k = {k}; expected 0 <= k <= t < T = {len(run.net)}")
    product = np.eye(len(network.W))
    for j in range(t, k, -1):
        product = product @ transition(network, run, j)
    return product


def error_term(network: Network, run: Run, delta: Array, t: int, k: int) -> Array:
    """(3) δ_kᵀ = δ_tᵀ W diag[f'(net_{t-1})] ⋯ W diag[f'(net_k)]: the part of δ_k (H,) that comes from δ_t (H,)."""
    return delta @ through_time(network, run, t, k)


def error_terms(network: Network, run: Run, local: Array) -> Array:
    """δ_{t-1}ᵀ = δ_tᵀ W diag[f'(net_{t-1})] + local_{t-1}ᵀ, from the last step to the first.

    `local` (T, H) is what comes from above at the step itself, by `layer_below`.  Returns δ, (T, H).
    """
    delta = local.copy()
    for t in range(len(delta) - 1, 0, -1):
        delta[t - 1] += delta[t] @ transition(network, run, t)
    return delta


def fed_back_error_terms(network: Network, run: Run, delta: Array) -> Array:
    """δ_{t+1}ᵀ U g'(z_t), (T, O), where o_t is fed back: what later errors add to ε_t through x_{t+1} = o_t."""
    epsilon = np.zeros_like(run.z)
    for t in np.flatnonzero(run.fed_back[1:]):
        epsilon[t] = delta[t + 1] @ network.U @ jacobian(network.g, run.z[t])
    return epsilon


# --- the gradients ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Gradients:
    """∂E/∂U, …, ∂E/∂c, each with a leading axis of T steps, or summed over time.

    The other gradients follow from b = δ: ∂E/∂x_t = Uᵀ δ_t, all of them ``b @ U``; ∂E/∂s_{-1} = Wᵀ δ_0, ``b[0] @ W``.
    """

    U: Array  # (T, H, I)
    W: Array  # (T, H, H)
    V: Array  # (T, O, H)
    b: Array  # (T, H), δ_t itself
    c: Array  # (T, O), ε_t itself

    def sum(self) -> "Gradients":
        """(6) ∇_W E = Σ_t ∇_{W_t} E, and so for all the others: the same W is used at every step."""
        return Gradients(**{field.name: getattr(self, field.name).sum(axis=0) for field in fields(self)})


def gradients_of_W(delta: Array, before: Array) -> Array:  # noqa: N802
    """(5) ∇_{W_t} E = δ_t s_{t-1}ᵀ at every step: (T, H), (T, H) to (T, H, H)."""
    return delta[:, :, None] * before[:, None, :]


def gradients_of_U(delta: Array, x: Array) -> Array:  # noqa: N802
    """(8) ∇_{U_t} E = δ_t x_tᵀ at every step: (T, H), (T, I) to (T, H, I); its sum over t is ∇_U E."""
    return delta[:, :, None] * x[:, None, :]


def gradients_of_V(epsilon: Array, s: Array) -> Array:  # noqa: N802
    """∇_{V_t} E = ε_t s_tᵀ at every step: (T, O), (T, H) to (T, O, H)."""
    return epsilon[:, :, None] * s[:, None, :]


def identity_tensor(n: int) -> Array:
    """∂W/∂W, (n, n, n, n): ∂W_ij/∂W_kl is 1 where i = k and j = l, and 0 elsewhere."""
    if n > 32:
        raise ValueError(f"∂W/∂W has n⁴ numbers, {n**4 * 8:,} bytes for n = {n}; expected n <= 32 (see gradients_of_W)")
    return np.eye(n)[:, None, :, None] * np.eye(n)[None, :, None, :]


def left_term(delta: Array, before: Array) -> Array:
    """The left term of (7), δ_tᵀ (∂W/∂W) s_{t-1}: (H,), (H,) to (H, H).  It is (5) the long way round."""
    return np.asarray(np.einsum("i,ijkl,j->kl", delta, identity_tensor(len(delta)), before))


def product_rule(network: Network, run: Run) -> Array:
    """(7) ∂net_t/∂W = (∂W/∂W) s_{t-1} + W ∂s_{t-1}/∂W at every step, (T, H, H, H), from the first to the last.

    The right term is W diag[f'(net_{t-1})] ∂net_{t-1}/∂W: the recursion of the error terms, read forwards.
    """
    total: Array = np.einsum("ijkl,tj->tikl", identity_tensor(len(network.W)), run.before)
    for t in range(1, len(total)):
        total[t] += np.einsum("ij,jkl->ikl", transition(network, run, t), total[t - 1])
    return total


def backward(network: Network, run: Run, targets: Steps) -> Gradients:
    """Back-propagation through time: the exact gradient of E = Σ_t E^(t), step by step."""
    epsilon = output_error_terms(network, run, targets)
    delta = error_terms(network, run, layer_below(epsilon, network.V, network.f, run.net))
    epsilon += fed_back_error_terms(network, run, delta)
    U, W, V = gradients_of_U(delta, run.x), gradients_of_W(delta, run.before), gradients_of_V(epsilon, run.s)
    return Gradients(U, W, V, b=delta, c=epsilon)


def truncated_backward(network: Network, run: Run, targets: Steps, k1: int, k2: int) -> Gradients:
    """Every k1 steps, carry the errors of these k1 steps back through the last k2 steps and no further.

    Each E^(t) counts once.  k2 ≥ T is exact; a smaller k2 forgets what is older than its window (Williams and Peng,
    "An efficient gradient-based algorithm for on-line training of recurrent network trajectories", 1990).
    """
    if not 1 <= k1 <= k2:
        raise ValueError(f"k1 = {k1} and k2 = {k2}; expected 1 <= k1 <= k2: no step's error may be left out")
    y, given = _targets(network, run, targets)
    total = backward(network, run, [None] * len(y))  # zeros
    for first in range(0, len(y), k1):
        stop = min(first + k1, len(y))
        start = max(0, stop - k2)
        newest = [y[t] if given[t] and t >= first else None for t in range(start, stop)]
        part = backward(network, run.window(start, stop), newest)
        for name in "UWVbc":
            getattr(total, name)[start:stop] += getattr(part, name)
    return total


# --- learning ---------------------------------------------------------------------------------------------------------
def sgd(network: Network, gradients: Gradients, rate: float, clip: float | None = None) -> Network:
    """θ ← θ - rate · ∂E/∂θ for every parameter θ, with gradients summed over time.

    With `clip`, gradients whose common Euclidean norm is above it are first scaled down to it (Pascanu, Mikolov and
    Bengio, "On the difficulty of training recurrent neural networks", 2013).  Returns a new network.
    """
    if gradients.U.ndim != 2:
        raise ValueError(f"gradients.U has shape {gradients.U.shape}; expected (H, I), the sum over time: use .sum()")
    if clip is not None and not clip > 0:
        raise ValueError(f"clip = {clip}; expected clip > 0, a norm, or None: leave gradients as they are")
    step = {name: getattr(gradients, name) for name in "UWVbc" if getattr(network, name) is not None}
    norm = np.sqrt(sum(np.sum(gradient**2) for gradient in step.values()))
    scale = rate if clip is None or norm <= clip else rate * clip / norm
    return replace(network, **{name: getattr(network, name) - scale * gradient for name, gradient in step.items()})


def train(
    network: Network, examples: Examples, *, rate: float, epochs: int, clip: float | None = None, feedback: bool = False
) -> tuple[Network, list[float]]:
    """Go through the pairs of inputs and targets `epochs` times, one `sgd` step a pair.

    Returns the trained network and, for each epoch, the sum of E over the examples before their steps.
    """
    history = [0.0] * epochs
    for epoch in range(epochs):
        for inputs, targets in examples:
            run = forward(network, inputs, feedback=feedback)
            history[epoch] += float(errors(network, run, targets).sum())
            network = sgd(network, backward(network, run, targets).sum(), rate, clip)
    return network, history


def _checked(value: ArrayLike, name: str, letters: str, shape: tuple[int, ...]) -> Array:
    """A float64 copy of `value`, which must have the given shape."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {array.dtype}; expected real numbers")
    if array.shape != shape:
        code = f"; class number k as a 1-of-N vector is np.eye({shape[0]})[k]" if "[" in name and not array.ndim else ""
        raise ValueError(f"{name} has shape {array.shape}; expected ({letters}) = {shape}{code}")
    return array.astype(np.float64)


def _rows(steps: Steps, name: str, letters: str, T: int, n: int) -> tuple[Array, NDArray[np.bool_]]:
    """Inputs or targets as a matrix (T, n), with zeros for None, and (T,) which steps have one."""
    if len(steps) != T:
        raise ValueError(f"{name} has {len(steps)} steps; expected T = {T}, with None for a step that has none")
    rows, given = np.zeros((T, n)), np.array([step is not None for step in steps], dtype=bool)
    for t, step in enumerate(steps):
        rows[t] = 0 if step is None else _checked(step, f"{name}[{t}]", letters, (n,))
    return rows, given


def _targets(network: Network, run: Run, targets: Steps) -> tuple[Array, NDArray[np.bool_]]:
    """The targets of a run as `_rows` gives them; the run must be one that this network can have made."""
    made, sizes = (run.x.shape[1], run.s.shape[1], run.z.shape[1]), (*network.U.shape[::-1], len(network.V))
    if made != sizes:
        raise ValueError(f"run is another network's: its (I, H, O) = {made}; expected {sizes}, as network has")
    return _rows(targets, "targets", "O,", len(run.z), len(network.V))
