"""State is a value: read a stream chunk by chunk and get, to the bit, what the whole sequence gives.

Then truncated backpropagation through time over the same stream: `detach` cuts the graph, the numbers go on.
"""

import torch
from torch import nn

import elman


def main() -> None:
    torch.manual_seed(0)
    stream = torch.sin(0.3 * torch.arange(1001.0)).reshape(-1, 1, 1)  # (T, 1, 1)
    lstm, readout = elman.LSTM(input_size=1, hidden_size=16), nn.Linear(16, 1)

    with torch.no_grad():
        whole, last = lstm(stream)
        state, pieces = None, []  # None is the zero state
        for chunk in stream.split(64):
            piece, state = lstm(chunk, state)
            pieces.append(piece)
    print(f"outputs equal to the bit: {torch.equal(torch.cat(pieces), whole)}")
    print(f"last states equal to the bit: {torch.equal(state.cell, last.cell)}")

    optimiser = torch.optim.AdamW([*lstm.parameters(), *readout.parameters()], lr=0.01)
    for sweep in range(4):
        state, total = None, 0.0
        for x, target in zip(stream[:-1].split(50), stream[1:].split(50), strict=True):
            output, state = lstm(x, state)
            loss = nn.functional.mse_loss(readout(output), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            state = elman.detach(state)  # the next window starts from these numbers; no gradient flows back
            total += loss.item()
        print(f"sweep {sweep}  mean squared error of the next value {total / 20:.5f}")


if __name__ == "__main__":
    main()
