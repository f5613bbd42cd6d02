"""Replace torch.nn.LSTM by elman.LSTM: the same parameters, the same numbers, and nothing else changes.

The task: read twenty random numbers and say the largest.
"""

import torch
from torch import Tensor, nn

import elman


class Largest(nn.Module):
    """The largest number of a sequence. Any class with the interface of torch.nn.LSTM will do."""

    def __init__(self, lstm: type[nn.Module]) -> None:
        super().__init__()
        self.lstm = lstm(input_size=1, hidden_size=32)
        self.answer = nn.Linear(32, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        output, _ = self.lstm(numbers)  # (T, N, I) -> (T, N, H)
        return self.answer(output[-1])


def main() -> None:
    torch.manual_seed(0)
    before, after = Largest(nn.LSTM), Largest(elman.LSTM)
    after.load_state_dict(before.state_dict())
    numbers = torch.rand(20, 64, 1)
    print(f"largest difference from torch.nn: {(before(numbers) - after(numbers)).abs().max().item():.0e}")

    optimiser = torch.optim.AdamW(after.parameters(), lr=0.01)
    for step in range(201):
        numbers = torch.rand(20, 64, 1)
        error = after(numbers) - numbers.amax(dim=0)
        loss = error.square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            print(f"step {step:3d}  mean error {error.abs().mean().item():.3f}")


if __name__ == "__main__":
    main()
