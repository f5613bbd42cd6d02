"""A learned initial state: gradients reach it, so it can hold what should be known before the first input.

The task: no input at all; from its initial state alone the network draws one of two curves.
"""

import torch
from torch import nn

import elman

STEPS, HIDDEN = 40, 16


def main() -> None:
    torch.manual_seed(0)
    time = torch.linspace(0, 6.28, STEPS)
    curves = torch.stack([time.sin(), (2 * time).cos()], dim=1).unsqueeze(-1)  # (T, 2, 1)
    nothing = torch.zeros(STEPS, 2, 1)

    gru, readout = elman.GRU(input_size=1, hidden_size=HIDDEN), nn.Linear(HIDDEN, 1)
    start = nn.Parameter(0.1 * torch.randn(1, 2, HIDDEN))  # (L, N, H): one row a curve
    parameters = [*gru.parameters(), *readout.parameters(), start]
    optimiser = torch.optim.AdamW(parameters, lr=0.01)
    for step in range(801):
        output, _ = gru(nothing, start)
        loss = nn.functional.mse_loss(readout(output), curves)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if step % 200 == 0:
            print(f"step {step:3d}  mean squared error {loss.item():.4f}  |start| {start.norm().item():.2f}")


if __name__ == "__main__":
    main()
