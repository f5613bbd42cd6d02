"""What a network with a finite memory cannot do: 台北 is arrived at, or left, by a word that stands far before it.

By how much does P(arrival) at 台 differ between 到达 (arrive) and 离开 (leave)?
"""

import random

import torch
from torch import Tensor, nn

from elman.models import Encoder

TAGS = ("other", "date", "arrival", "departure")
CITIES, DAYS, FILLERS = ("台北", "上海", "北京", "西安"), "一二三四五六七八九", "很大的美丽又老好"
ALPHABET = {c: i for i, c in enumerate(sorted({*"我想在月号到达离开", *"".join(CITIES), *DAYS, *FILLERS}))}


def sentence(arrive: bool, filler: str = "", city: str = "台北", date: str = "八月二号") -> tuple[str, list[int]]:
    """A sentence, and the tag of each of its characters: 我想八月二号到达台北, or 我想在八月二号离开台北."""
    start, verb, tag = ("我想", "到达", 2) if arrive else ("我想在", "离开", 3)
    parts = (start, 0), (date, 1), (verb, 0), (filler, 0), (city, tag)
    return "".join(text for text, _ in parts), [tag for text, tag in parts for _ in text]


def drawn(chance: random.Random) -> tuple[str, list[int]]:
    """A sentence of the grammar, with up to 12 characters between verb and city."""
    filler = "".join(chance.choices(FILLERS, k=chance.randrange(13)))
    date = "{}月{}号".format(*chance.choices(DAYS, k=2))
    return sentence(chance.random() < 0.5, filler, chance.choice(CITIES), date)


def batch(pairs: list[tuple[str, list[int]]]) -> tuple[Tensor, Tensor, list[int]]:
    """Codes (T, N), tags (T, N) with -100 behind the end, and lengths."""
    codes = nn.utils.rnn.pad_sequence([torch.tensor([ALPHABET[c] for c in text]) for text, _ in pairs])
    tags = nn.utils.rnn.pad_sequence([torch.tensor(tags) for _, tags in pairs], padding_value=-100)
    return codes, tags, [len(text) for text, _ in pairs]


class Tagger(nn.Module):
    """An encoder, and a linear layer that gives the logits of each character's tag."""

    def __init__(self, encoder: str) -> None:
        super().__init__()
        self.encoder = Encoder(encoder, len(ALPHABET), 32, layers=2, delays=2)
        self.output = nn.Linear(32, len(TAGS))

    def forward(self, codes: Tensor, lengths: list[int]) -> Tensor:
        """(T, N) → (T, N, tags)."""
        return self.output(self.encoder(codes, lengths=lengths)[0])


def train(encoder: str, steps: int = 120) -> Tagger:
    """A tagger that has read 32 sentences a step."""
    torch.manual_seed(0)
    chance, tagger = random.Random(0), Tagger(encoder)
    optimiser = torch.optim.Adam(tagger.parameters(), 0.01)
    for _ in range(steps):
        codes, tags, lengths = batch([drawn(chance) for _ in range(32)])
        nn.functional.cross_entropy(tagger(codes, lengths).flatten(0, 1), tags.flatten()).backward()
        optimiser.step()
        optimiser.zero_grad()
    return tagger


@torch.no_grad()
def difference(tagger: Tagger, fillers: int) -> float:
    """P(arrival | 到达 … 台) - P(arrival | 离开 … 台), with so many characters between verb and city."""
    codes, _, lengths = batch([sentence(arrive, "很" * fillers) for arrive in (True, False)])
    arrival = tagger(codes, lengths).softmax(2)[:, :, 2]
    return float(arrival[lengths[0] - 2, 0] - arrival[lengths[1] - 2, 1])


if __name__ == "__main__":
    taggers = {name: train(name) for name in ("feedforward", "tdnn", "gru")}
    print(f"the TDNN sees {taggers['tdnn'].encoder.receptive_field}\nbetween   length  " + "  ".join(taggers))
    for fillers in (0, 1, 2, 3, 4, 6, 8, 12):
        row = "  ".join(f"{difference(tagger, fillers):{len(name)}.3f}" for name, tagger in taggers.items())
        print(f"{fillers:7} {10 + fillers:8}  {row}")
