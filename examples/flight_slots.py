"""Which city, which day? A GRU that reads booking sentences in both directions, and one that reads forwards alone.

八月二号 is a day of arrival in 我想八月二号到达台北, of departure in 我想八月二号离开台北: what says so comes after it.
No city and no wording of the test sentences occurs in training, so characters are dropped in training at random.
"""

from datetime import date

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

import elman
from elman.corpora import FLIGHT_SLOTS, Sentence, flights
from elman.tasks.slot_values import normalise


class Tagger(nn.Module):
    """o_t = g(V s_t + V' s'_t): states of one or both directions, and one linear layer over them."""

    def __init__(self, characters: int, tags: int, bidirectional: bool) -> None:
        super().__init__()
        self.states = elman.GRU(characters, 48, bidirectional=bidirectional)
        self.output = nn.Linear(48 * (1 + bidirectional), tags)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        states, _ = self.states(x, lengths=lengths)  # x (T, N) characters by number -> (T, N, D·H)
        return self.output(states)


def numbers(rows: list[list[str]], known: dict[str, int], padding: int) -> Tensor:
    """Rows of tokens as one matrix (T, N); 0 stands for what is not known."""
    return pad_sequence([torch.tensor([known.get(token, 0) for token in row]) for row in rows], padding_value=padding)


def slots(tokens: list[str], tags: list[str]) -> dict[str, str]:
    """The words of each slot, from IOB2 tags."""
    found: dict[str, str] = {}
    for token, tag in zip(tokens, tags, strict=True):
        if tag != "O":
            found[tag[2:]] = (found.get(tag[2:], "") if tag[0] == "I" else "") + token
    return found


def main() -> None:
    torch.manual_seed(0)
    train, test = flights("train", "zh-Hans"), flights("test", "zh-Hans")
    characters = {c: n for n, c in enumerate(sorted({c for each in train for c in each.tokens}), 1)}
    names = sorted({tag for each in train for tag in each.tags})

    def tensors(part: list[Sentence]) -> tuple[Tensor, Tensor, Tensor]:
        x = numbers([each.tokens for each in part], characters, 0)
        y = numbers([each.tags for each in part], {tag: n for n, tag in enumerate(names)}, -100)
        return x, y, torch.tensor([len(each.tokens) for each in part])

    (x, y, lengths), (x_test, y_test, lengths_test) = tensors(train), tensors(test)
    for bidirectional in (False, True):
        tagger = Tagger(len(characters) + 1, len(names), bidirectional)
        optimiser = torch.optim.Adam(tagger.parameters(), lr=0.01)
        for _ in range(6):
            for rows in torch.randperm(len(train)).split(50):
                dropped = x[:, rows] * (torch.rand(len(x), len(rows)) > 0.15)
                scores = tagger(dropped, lengths[rows])
                loss = nn.functional.cross_entropy(scores.flatten(0, 1), y[:, rows].flatten())
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        best = tagger(x_test, lengths_test).argmax(dim=2)
        right = ((best == y_test) | (y_test == -100)).all(dim=0).float().mean()
        print(f"{'both directions' if bidirectional else 'forwards alone '}: {right:.1%} of the test sentences right")

    for n, (tokens, _) in enumerate(test[:2]):  # the lecture's; the last tagger reads in both directions
        print("".join(tokens))
        for name, words in slots(tokens, [names[tag] for tag in best[: len(tokens), n]]).items():
            print(f"  {name}: {normalise(FLIGHT_SLOTS[name], words, today=date(2020, 6, 1))}")


if __name__ == "__main__":
    main()
