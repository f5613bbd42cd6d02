"""The bidirectional network in NumPy: o_t = g(V s_t + V' s'_t), its error terms and its gradients, in float64.

Two simple recurrent networks read one sequence, one from its first step to its last, one from its last to its first.
They share nothing: U, W, V belong to the first, U', W', V' to the second, and they meet in the sum before g alone.  So
this module is short: each direction is a `elman.bptt.Network`, and its way through time that of `elman.bptt`.  To be
read beside docs/bidirectional.md; a name that ends in a prime in a formula ends in ``_`` or says `backwards` in code.

Letters
    As in `elman.bptt`: x_t (I,) input, o_t (O,) output, y_t (O,) target, z_t (O,) the sum before g, ε_t = ∂E/∂z_t.
    s_t (H,), net_t, δ_t = ∂E/∂net_t of the direction that reads forwards; its start s_{-1}.
    s'_t (H',), net'_t, δ'_t = ∂E/∂net'_t of the one that reads backwards; its start s'_T.  H' may differ from H.
    Row t of every matrix is step t of the sequence, in both directions.

>>> network = Network.random(inputs=3, hidden=4, outputs=2)
>>> a, b, c = np.eye(3)
>>> x, y = [a, b, c, a], [[1, 0], [0, 1], [0, 1], [1, 0]]  # a label for each step
>>> run = forward(network, x)
>>> E = errors(network, run, y).sum()
>>> gradients = backward(network, run, y).sum()
>>> gradients.forwards.W.shape, gradients.backwards.W.shape
((4, 4), (4, 4))

Reference: M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks", IEEE Transactions on Signal
Processing 45 (1997).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike

from elman import bptt
from elman.bptt import Array, Examples, Steps

__all__ = [
    "Network",
    "Run",
    "Gradients",
    "flip",
    "output",
    "forward",
    "expansion",
    "influence",
    "joined_states",
    "joined_weights",
    "errors",
    "error_terms_backwards",
    "backward",
    "sgd",
    "train",
]


@dataclass(frozen=True, eq=False)
class Network:
    """U, W, V, b, c in `forwards`, U', W', V', b' in `backwards`.

    The output is one: its bias c, its g and its E are those of `forwards`, and `backwards` has the same g and E and no
    c.  Each direction has an f of its own.
    """

    forwards: bptt.Network
    backwards: bptt.Network

    def __post_init__(self) -> None:
        ours, theirs = self.forwards, self.backwards
        for letter, axis, matrix in (("I", 1, "U"), ("O", 0, "V")):
            n, m = getattr(ours, matrix).shape[axis], getattr(theirs, matrix).shape[axis]
            if n != m:
                raise ValueError(f"backwards has {letter} = {m} (of {matrix}'); expected {n}, as forwards has")
        for name in ("g", "E"):
            n, m = getattr(ours, name), getattr(theirs, name)
            if n != m:
                raise ValueError(f"backwards has {name} = {m!r}; expected {n!r}, as forwards has: the output is one")
        if theirs.c is not None:
            raise ValueError("backwards has a bias c; expected None: the output is one, with the bias of forwards")

    @classmethod
    def random(
        cls, inputs: int, hidden: int, outputs: int, *, seed: int = 0, bias: bool = False, **functions: str
    ) -> "Network":
        """Draw both directions as `elman.bptt.Network.random` does, from seeds that differ; `functions` are f, g, E."""
        seeds = np.random.SeedSequence(seed).generate_state(2)
        forwards, backwards = (
            bptt.Network.random(inputs, hidden, outputs, seed=int(each), bias=bias, **functions) for each in seeds
        )
        return cls(forwards, replace(backwards, c=None))


@dataclass(frozen=True, eq=False)
class Run:
    """What a forward pass leaves behind, one row a step.

    In `backwards`, row t is step t too: `before` is s'_{t+1}, the state that the step began with.  The z of each
    direction is its part of the sum; their o are what each would say alone.
    """

    forwards: bptt.Run
    backwards: bptt.Run
    z: Array  # (T, O) V s_t + V' s'_t
    o: Array  # (T, O) g(z_t)


@dataclass(frozen=True, eq=False)
class Gradients:
    """∂E/∂U, …, ∂E/∂U', …, each with a leading axis of T steps, or summed over time.

    ∂E/∂x_t = Uᵀ δ_t + U'ᵀ δ'_t; ∂E/∂s_{-1} = Wᵀ δ_0 and ∂E/∂s'_T = W'ᵀ δ'_{T-1}.
    """

    forwards: bptt.Gradients
    backwards: bptt.Gradients  # its c is ε_t too, of which the network has no use: c is counted in `forwards`

    def sum(self) -> "Gradients":
        """Σ_t of each: the same weights are used at every step."""
        return Gradients(self.forwards.sum(), self.backwards.sum())


# --- the network and its forward pass ---------------------------------------------------------------------------------
def flip(run: bptt.Run) -> bptt.Run:
    """The rows of a run in the opposite order: from the order of reading to that of the sequence, and back."""
    return bptt.Run(**{field.name: getattr(run, field.name)[::-1] for field in fields(run)})


def output(network: Network, s: Array, s_: Array) -> tuple[Array, Array]:
    """(1') o_t = g(z_t), z_t = V s_t + V' s'_t (+ c).  From (H,) and (H',) to z_t and o_t, both (O,)."""
    z = bptt.output(network.forwards, s)[0] + bptt.output(network.backwards, s_)[0]
    return z, bptt.activation(network.forwards.g, z)


def forward(
    network: Network, inputs: Steps, start: ArrayLike | None = None, start_backwards: ArrayLike | None = None
) -> Run:
    """(2) s_t = f(U x_t + W s_{t-1}) from the first step on, (2') s'_t = f(U' x_t + W' s'_{t+1}) from the last, (1').

    Parameters
    ----------
    network : Network
    inputs : T entries, each an array (I,) or None
        A step without an input reads zeros.  There is no feedback: o_{t-1} waits for s'_t, which would wait for it.
    start : array (H,), optional
        s_{-1}; zeros if absent.
    start_backwards : array (H',), optional
        s'_T; zeros if absent.

    Raises ValueError where a shape does not fit.
    """
    forwards = bptt.forward(network.forwards, inputs, start)
    backwards = flip(bptt.forward(network.backwards, inputs[::-1], start_backwards))
    z = forwards.z + backwards.z
    return Run(forwards, backwards, z, bptt.activation(network.forwards.g, z))


def expansion(t: int, T: int) -> str:
    """o_t with (2) and (2') put into themselves to both ends, a Python expression: every x stands in it.

    >>> expansion(1, T=3)
    'g(V @ f(U @ x[1] + W @ f(U @ x[0] + W @ start)) + V_ @ f(U_ @ x[1] + W_ @ f(U_ @ x[2] + W_ @ start_)))'
    """
    if not 0 <= t < T:
        raise ValueError(f"t = {t}; expected 0 <= t < T = {T}")
    s_ = "start_"
    for k in reversed(range(t, T)):
        s_ = f"f(U_ @ x[{k}] + W_ @ {s_})"
    return f"{bptt.expansion(t)[:-1]} + V_ @ {s_})"


def influence(network: Network, run: Run, t: int, k: int) -> Array:
    """∂o_t/∂x_k, (O, I), for any t and k: from before through s_t, from behind through s'_t, at k = t through both.

    g'(z_t) V diag[f'(net_t)] (∂net_t/∂net_k) U for k ≤ t, plus g'(z_t) V' diag[f'(net'_t)] (∂net'_t/∂net'_k) U' for
    k ≥ t.  In a network of one direction it is zero for all k > t.
    """
    T, total = len(run.z), np.zeros((len(network.forwards.V), network.forwards.U.shape[1]))
    if not (0 <= t < T and 0 <= k < T):
        raise ValueError(f"t = {t} and k = {k}; expected 0 <= t < T and 0 <= k < T, T = {T}")
    if k <= t:
        total += _way(network.forwards, run.forwards, t, k)
    if k >= t:
        total += _way(network.backwards, flip(run.backwards), T - 1 - t, T - 1 - k)
    return bptt.jacobian(network.forwards.g, run.z[t]) @ total


def _way(direction: bptt.Network, run: bptt.Run, t: int, k: int) -> Array:
    """∂(V s_t)/∂x_k in the direction's own order of steps."""
    slope = bptt.derivative(direction.f, run.net[t])
    return (direction.V * slope) @ bptt.through_time(direction, run, t, k) @ direction.U


# --- the same network, seen as one layer and one matrix ---------------------------------------------------------------
def joined_states(run: Run) -> Array:
    """[s_t; s'_t] at every step, (T, H + H'): what `elman.RNN(bidirectional=True)` returns."""
    return np.concatenate([run.forwards.s, run.backwards.s], axis=1)


def joined_weights(network: Network) -> Array:
    """[V V'], (O, H + H').  V s_t + V' s'_t = [V V'] [s_t; s'_t]: one linear layer over the joined states."""
    return np.concatenate([network.forwards.V, network.backwards.V], axis=1)


# --- error terms and gradients ----------------------------------------------------------------------------------------
def errors(network: Network, run: Run, targets: Steps) -> Array:
    """E^(t) at every step, (T,), zero where there is no target, as in `elman.bptt.errors`."""
    return bptt.errors(network.forwards, _with_sum(run), targets)


def _with_sum(run: Run) -> bptt.Run:
    """The forward run with the z and o of both directions: all that the error of a step looks at."""
    return replace(run.forwards, z=run.z, o=run.o)


def error_terms_backwards(direction: bptt.Network, run: bptt.Run, local: Array) -> Array:
    """(3') δ'_{t+1}ᵀ = δ'_tᵀ W' diag[f'(net'_{t+1})] + local'_{t+1}ᵀ, from the first step to the last: (T, H').

    The walk goes against the reading, so here it goes with time.  `run` and `local` have row t for step t.
    """
    return bptt.error_terms(direction, flip(run), local[::-1])[::-1]


def backward(network: Network, run: Run, targets: Steps) -> Gradients:
    """The exact gradient of E = Σ_t E^(t), step by step, in both directions.

    ε_t is one for both.  It goes down through V to δ and through V' to δ', which do not meet again:
    ∇_{W_t} E = δ_t s_{t-1}ᵀ and ∇_{W'_t} E = δ'_t s'_{t+1}ᵀ; ∇_{U_t} E = δ_t x_tᵀ, with δ' for U';
    ∇_{V_t} E = ε_t s_tᵀ, with s' for V'.
    """
    ours, theirs = network.forwards, network.backwards
    epsilon = bptt.output_error_terms(ours, _with_sum(run), targets)
    if run.backwards.s.shape[1] != len(theirs.W):
        raise ValueError(f"run is another network's: its H' = {run.backwards.s.shape[1]}; expected {len(theirs.W)}")
    delta = bptt.error_terms(ours, run.forwards, bptt.layer_below(epsilon, ours.V, ours.f, run.forwards.net))
    local = bptt.layer_below(epsilon, theirs.V, theirs.f, run.backwards.net)
    delta_ = error_terms_backwards(theirs, run.backwards, local)
    return Gradients(_gradients(delta, epsilon, run.forwards), _gradients(delta_, epsilon, run.backwards))


def _gradients(delta: Array, epsilon: Array, run: bptt.Run) -> bptt.Gradients:
    """(5), (8) and that of V, of one direction; `run.before` is what its step began with, s_{t-1} or s'_{t+1}."""
    U, W = bptt.gradients_of_U(delta, run.x), bptt.gradients_of_W(delta, run.before)
    return bptt.Gradients(U, W, bptt.gradients_of_V(epsilon, run.s), b=delta, c=epsilon)


# --- learning ---------------------------------------------------------------------------------------------------------
def sgd(network: Network, gradients: Gradients, rate: float, clip: float | None = None) -> Network:
    """θ ← θ - rate · ∂E/∂θ for every parameter of both directions, with gradients summed over time.

    `clip` bounds the common Euclidean norm of all of them, as in `elman.bptt.sgd`.  Returns a new network.
    """
    if clip is not None and not clip > 0:
        raise ValueError(f"clip = {clip}; expected clip > 0, a norm, or None: leave gradients as they are")
    pairs = (network.forwards, gradients.forwards), (network.backwards, gradients.backwards)
    squares = [
        float(np.sum(getattr(part, name) ** 2))
        for direction, part in pairs
        for name in "UWVbc"
        if getattr(direction, name) is not None
    ]
    norm = float(np.sqrt(sum(squares)))
    scale = rate if clip is None or norm <= clip else rate * clip / norm
    return Network(*(bptt.sgd(direction, part, scale) for direction, part in pairs))


def train(
    network: Network, examples: Examples, *, rate: float, epochs: int, clip: float | None = None
) -> tuple[Network, list[float]]:
    """Go through the pairs of inputs and targets `epochs` times, one `sgd` step a pair.

    Returns the trained network and, for each epoch, the sum of E over the examples before their steps.
    """
    history: list[float] = []
    for _ in range(epochs):
        history.append(0.0)
        for inputs, targets in examples:
            run = forward(network, inputs)
            history[-1] += float(errors(network, run, targets).sum())
            network = sgd(network, backward(network, run, targets).sum(), rate, clip)
    return network, history
