"""Backpropagation through time by hand: a simple recurrent network learns XOR in time with NumPy alone.

At every step the network reads a bit and says whether it differs from the bit before. Then its error terms show how
far back a single answer looks.
"""

import numpy as np

from elman.bptt import Network, backward, error_terms, errors, forward, layer_below, output_error_terms, sgd


def sequence(random: np.random.Generator, steps: int) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Bits (T, 1) written as ±1, and for each step but the first the target (1,): 1 if the bit differs."""
    bits = random.integers(2, size=(steps, 1))
    return 2.0 * bits - 1, [None, *(bits[1:] ^ bits[:-1]).astype(float)]


def main() -> None:
    random = np.random.default_rng(0)
    network = Network.random(inputs=1, hidden=8, outputs=1, seed=0, bias=True, g="sigmoid")
    for step in range(401):
        x, y = sequence(random, steps=20)
        run = forward(network, x)  # equations (1) and (2)
        gradients = backward(network, run, y)  # equations (3) to (8), one gradient a time step
        network = sgd(network, gradients.sum(), rate=0.05, clip=5.0)
        if step % 200 == 0:
            print(f"step {step:3d}  cross-entropy a step {errors(network, run, y).sum() / 19:.3f}")

    x, y = sequence(random, steps=1001)
    run = forward(network, x)
    right = np.mean((run.o[1:] > 0.5) == (np.stack(y[1:]) > 0.5))
    print(f"right on 1000 new steps: {right:.0%}")

    last = [None] * 1000 + [y[-1]]  # one error, at the last step
    local = layer_below(output_error_terms(network, run, last), network.V, network.f, run.net)
    sizes = np.linalg.norm(error_terms(network, run, local), axis=1)
    print("size of the error term at t, t-1, ...:", " ".join(f"{size / sizes[-1]:.4f}" for size in sizes[:-7:-1]))


if __name__ == "__main__":
    main()
