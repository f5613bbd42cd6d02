"""Sequences of different lengths in one batch: say the lengths, and the padding does not count.

The task: read a sequence of numbers and say whether their sum is positive.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

import elman


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Random sequences padded with rubbish (T, N, 1), their lengths (N), and whether each sum is positive (N)."""
    sequences = [torch.randn(int(length), 1) for length in torch.randint(1, 21, (64,))]
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    positive = torch.stack([sequence.sum() > 0 for sequence in sequences]).float()
    return pad_sequence(sequences, padding_value=1e3), lengths, positive


def main() -> None:
    torch.manual_seed(0)
    gru, answer = elman.GRU(input_size=1, hidden_size=24), nn.Linear(24, 1)
    optimiser = torch.optim.AdamW([*gru.parameters(), *answer.parameters()], lr=0.01)
    for step in range(201):
        x, lengths, positive = batch()
        output, _ = gru(x, lengths=lengths)  # lengths in any order; zero is allowed
        last = elman.last_output(output, lengths)  # (N, H): row n at step lengths[n] - 1
        logits = answer(last).squeeze(-1)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, positive)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0:
            right = ((logits > 0) == (positive > 0)).float().mean()
            print(f"step {step:3d}  loss {loss.item():.3f}  right {right.item():.0%}")

    output, _ = gru(x, lengths=lengths)
    packed, _ = gru(pack_padded_sequence(x, lengths, enforce_sorted=False))  # torch's own way gives the same
    same = torch.equal(packed.data, pack_padded_sequence(output, lengths, enforce_sorted=False).data)
    print(f"packed and padded agree to the bit: {same}")


if __name__ == "__main__":
    main()
