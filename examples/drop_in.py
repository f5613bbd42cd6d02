"""Replace torch.nn.LSTM by elman.LSTM: the same parameters, the same numbers, and nothing else changes.

The task: read eight random symbols and say which one came first.
"""

import torch
from torch import Tensor, nn

import elman

SYMBOLS, STEPS, BATCH = 4, 8, 64


class Recall(nn.Module):
    """Which symbol came first? Any class with the interface of torch.nn.LSTM will do."""

    def __init__(self, lstm: type[nn.Module]) -> None:
        super().__init__()
        self.lstm = lstm(input_size=SYMBOLS, hidden_size=32)
        self.answer = nn.Linear(32, SYMBOLS)

    def forward(self, symbols: Tensor) -> Tensor:
        output, _ = self.lstm(symbols)  # (T, N, V) -> (T, N, H)
        return self.answer(output[-1])


def batch() -> tuple[Tensor, Tensor]:
    """Random sequences (T, N, V), 1-of-N, and the first symbol of each (N)."""
    symbols = torch.randint(SYMBOLS, (STEPS, BATCH))
    return nn.functional.one_hot(symbols, SYMBOLS).float(), symbols[0]


def main() -> None:
    torch.manual_seed(0)
    before, after = Recall(nn.LSTM), Recall(elman.LSTM)
    after.load_state_dict(before.state_dict())
    symbols, _ = batch()
    print(f"largest difference from torch.nn: {(before(symbols) - after(symbols)).abs().max().item():.0e}")

    optimiser = torch.optim.AdamW(after.parameters(), lr=0.02)
    for step in range(401):
        symbols, first = batch()
        logits = after(symbols)
        loss = nn.functional.cross_entropy(logits, first)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            right = (logits.argmax(-1) == first).float().mean()
            print(f"step {step:3d}  loss {loss.item():.3f}  right {right.item():.0%}")


if __name__ == "__main__":
    main()
