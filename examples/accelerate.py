"""One line makes a model that uses torch.nn run on Elman's kernels; another takes it back.

The task: read the digits of two numbers, the lowest first, and write the digits of their sum.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import elman

DIGITS = 8


class Adder(nn.Module):
    """A model that knows nothing of Elman."""

    def __init__(self) -> None:
        super().__init__()
        self.digit = nn.Embedding(10, 16)
        self.memory = nn.GRU(32, 64)
        self.sum = nn.Linear(64, 10)

    def forward(self, pairs: Tensor) -> Tensor:
        output, _ = self.memory(self.digit(pairs).flatten(start_dim=2))  # (T, N, 2) -> (T, N, 2 · 16) -> (T, N, H)
        return self.sum(output)


def sums(number: int) -> tuple[Tensor, Tensor]:
    """Pairs of digits (T, N, 2) and the digits of their sums (T, N)."""
    pairs = torch.randint(10, (DIGITS, number, 2))
    written, carry = [], torch.zeros(number, dtype=torch.int64)
    for pair in pairs:
        total = pair.sum(dim=1) + carry
        written.append(total % 10)
        carry = total // 10
    return pairs, torch.stack(written)


def main() -> None:
    torch.manual_seed(0)
    model = Adder()
    elman.accelerate(model, example=sums(64)[0])  # without an example it prints nothing

    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    for step in range(301):
        pairs, expected = sums(64)
        scores = model(pairs)
        loss = cross_entropy(scores.flatten(end_dim=1), expected.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            print(
                f"step {step:3d}  right digits {100 * (scores.argmax(dim=-1) == expected).float().mean().item():.0f}%"
            )

    pairs, _ = sums(1000)
    plain = elman.restore(copy.deepcopy(model))  # torch.nn again, for whoever has no Elman
    same = (model(pairs).argmax(dim=-1) == plain(pairs).argmax(dim=-1)).float().mean().item()
    print(f"torch.nn with these weights writes the same digits: {100 * same:.1f}%")


if __name__ == "__main__":
    main()
