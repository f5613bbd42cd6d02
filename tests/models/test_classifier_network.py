"""The network of a classifier: padding, parts and steps change nothing; the pooling and the bag are what they say."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from elman.models import ENCODERS, ClassifierNetwork
from elman.models.bag import Letters
from elman.models.classifier import POOLINGS, ClassifierMasks

T, N, V, C, K = 9, 4, 11, 3, 5
LENGTHS = [9, 4, 0, 1]


def network(seed: int = 0, **how: object) -> ClassifierNetwork:
    torch.manual_seed(seed)
    how = {
        "vocabulary": V,
        "hidden": 7,
        "embedding": 6,
        "ngrams": 3,
        "buckets": 64,
        "layers": 2,
        "bag_rate": 3.0,
        **how,
    }
    made = ClassifierNetwork(K, **how)  # type: ignore[arg-type]
    if made.bag is not None:
        torch.nn.init.normal_(made.bag.weight)
    return made.double()


def tokens() -> Tensor:
    return torch.randint(0, V, (T, N), generator=torch.Generator().manual_seed(1))


def both(made: ClassifierNetwork) -> list[tuple[str, bool]]:
    return [(e, b) for e in ENCODERS for b in (False, True) if not (b and e == "feedforward")]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("encoder", "bidirectional"), both(network()))
def test_padding_and_the_batch_change_nothing(
    encoder: str, bidirectional: bool, pooling: str, close: Callable[..., float]
) -> None:
    made, x = network(encoder=encoder, bidirectional=bidirectional, pooling=pooling), tokens()
    logits, _ = made(x, LENGTHS)
    other = x.clone()
    for row, length in enumerate(LENGTHS):
        other[length:, row] = (x[length:, row] + 3) % V
        alone, _ = made(x[:length, row : row + 1])
        close(alone, logits[row : row + 1], "value", f"row {row}")
    assert torch.equal(made(other, LENGTHS)[0], logits)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_in_parts_and_step_by_step(encoder: str, pooling: str, close: Callable[..., float]) -> None:
    made, x = network(encoder=encoder, pooling=pooling), tokens()
    whole, _ = made(x)
    first, state = made(x[:4])
    second, _ = made(x[4:], state=state)
    close(second, whole, "value")
    state = made.initial_state(N)
    for t in range(T):
        logits, state = made.step(x[t], state)
        close(logits, made(x[: t + 1])[0], "value", f"step {t}")
        if t == 3:
            close(first, logits, "value")


def test_parts_of_unequal_length(close: Callable[..., float]) -> None:
    made, x = network(), tokens()
    _, state = made(x[:4], [4, 2, 0, 3])
    after, _ = made(x[4:8], [1, 0, 4, 2], state=state)
    rows = [[*range(4), 4], [0, 1], [4, 5, 6, 7], [0, 1, 2, 4, 5]]
    for row, steps in enumerate(rows):
        close(after[row : row + 1], made(x[steps, row : row + 1])[0], "value", f"row {row}")


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_pooling_by_a_loop(pooling: str, bidirectional: bool, close: Callable[..., float]) -> None:
    made, x = network(pooling=pooling, bidirectional=bidirectional, ngrams=0), tokens()
    logits, _ = made(x, LENGTHS)
    outputs, _ = made.encoder(made.embedding(x), None, torch.tensor(LENGTHS))  # type: ignore[misc]
    for row, length in enumerate(LENGTHS):
        h = [outputs[t, row] for t in range(length)]
        if not h:
            vector = torch.zeros_like(outputs[0, 0])
        elif pooling == "mean":
            vector = sum(h) / length  # type: ignore[assignment]
        elif pooling == "max":
            vector = torch.stack(h).max(0).values
        else:
            vector = torch.cat([h[-1][:7], h[0][7:]]) if bidirectional else h[-1]
        close(made.output(vector), logits[row], "value", f"row {row}")


def test_the_bag_by_a_loop(close: Callable[..., float]) -> None:
    made, x = network(ngrams=3), tokens()
    bag = made.bag
    assert bag is not None
    counts = torch.randint(0, 5, bag.rarity.shape, generator=torch.Generator().manual_seed(4))
    bag.weigh(counts, total=10)
    assert bag.rarity.min() == 0
    assert bag.rarity[counts == 4].tolist() == pytest.approx([1 + math.log(11 / 5)] * int((counts == 4).sum()))
    with torch.no_grad():
        for parameter in [*made.encoder.parameters(), *made.output.parameters()]:
            parameter.zero_()
    spelled = letters()
    plain, _ = made(x, LENGTHS)
    logits, _ = made(x, LENGTHS, letters=spelled)
    inside = spelled.hashes.split(spelled.counts.tolist())
    for row, length in enumerate(LENGTHS):
        places: list[int] = []
        for t in range(length):
            for n in (1, 2, 3):
                gram = [int(x[i, row]) if i >= 0 else -1 for i in range(t - n + 1, t + 1)]
                places.append(gram[0] if n == 1 else hashed(gram))
        rarity = bag.rarity[places]
        total, norm = rarity @ bag.weight[places], rarity.square().sum()
        close(plain[row], 3 * total / max(1e-6, norm) ** 0.5, "value", f"row {row}")
        for hash in inside[row].tolist():
            place = V + hash % 64
            total = total + 0.5 * bag.rarity[place] * bag.weight[place]
            norm = norm + (0.5 * bag.rarity[place]) ** 2
        close(logits[row], 3 * total / max(1e-6, norm) ** 0.5, "value", f"row {row} with letters")


def letters() -> Letters:
    hashes = torch.randint(0, 1 << 24, (8,), generator=torch.Generator().manual_seed(5))
    return Letters(hashes, torch.tensor([5, 2, 0, 1]))


def test_letters_come_in_parts_and_in_any_batch(close: Callable[..., float]) -> None:
    made, x, spelled = network(), tokens(), letters()
    whole, _ = made(x, letters=spelled)
    first = Letters(spelled.hashes[[0, 1, 5]], torch.tensor([2, 1, 0, 0]))
    rest = Letters(spelled.hashes[[2, 3, 4, 6, 7]], torch.tensor([3, 1, 0, 1]))
    _, state = made(x[:3], letters=first)
    close(made(x[3:], state=state, letters=rest)[0], whole, "value")
    for row, hashes in enumerate(spelled.hashes.split(spelled.counts.tolist())):
        alone = Letters(hashes, torch.tensor([len(hashes)]))
        close(made(x[:, row : row + 1], letters=alone)[0], whole[row : row + 1], "value", f"row {row}")
        state = made.initial_state(1)
        for t in range(T):
            one = alone if t == 4 else Letters(hashes[:0], torch.tensor([0]))
            logits, state = made.step(x[t, row : row + 1], state, one)
        close(logits, whole[row : row + 1], "value", f"row {row}, step by step")


def hashed(gram: list[int]) -> int:
    """In whole numbers of any size what the network does in 64 bits."""

    def signed(number: int) -> int:
        return (number + (1 << 63)) % (1 << 64) - (1 << 63)

    golden, code = -7046029254386353131, len(gram)
    for token in reversed(gram):
        code = signed((code + token + 2) * golden)
        code ^= code >> 29
    return V + ((signed(code * golden) >> 40) & 63)


def test_a_bag_of_embeddings_is_blind_to_order_and_an_encoder_is_not(close: Callable[..., float]) -> None:
    x = tokens()
    turned = x.flip(0)
    bag = network(encoder="feedforward", pooling="mean", ngrams=1)
    close(bag(turned)[0], bag(x)[0], "value")
    gru = network(encoder="gru", ngrams=0)
    assert (gru(turned)[0] - gru(x)[0]).abs().amax(1).min() > 1e-3


def test_channels_are_measured(close: Callable[..., float]) -> None:
    made = network(vocabulary=0, channels=C, ngrams=0)
    x = torch.randn(T, N, C, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    plain, _ = made(x, LENGTHS)
    mean, scale = torch.tensor([1.0, -2.0, 30.0]), torch.tensor([0.5, 2.0, 10.0])
    made.measure(mean, scale)
    close(made(x * scale + mean, LENGTHS)[0], plain, "value")
    state = made.initial_state(N)
    for t in range(T):
        logits, state = made.step((x * scale + mean)[t], state)
    close(logits, made(x * scale + mean)[0], "value")


def test_every_parameter_learns() -> None:
    made, x = network(), tokens()
    masks = made.masks(T, N)
    logits, _ = made(x, LENGTHS, masks=masks)
    (logits * torch.randn_like(logits)).sum().backward()
    assert [name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []


def test_masks_blank_what_they_say(close: Callable[..., float]) -> None:
    made, x = network(dropout=0.5, word_dropout=0.4), tokens()
    generator = torch.Generator().manual_seed(3)
    masks = made.masks(T, N, generator)
    assert {*masks.inputs.unique().tolist()} == {0.0, 2.0}  # type: ignore[union-attr]
    assert 0 < masks.tokens.double().mean() < 1  # type: ignore[union-attr]
    again = made.masks(T, N, torch.Generator().manual_seed(3))
    drawn = [[*some[:3], *some.bag] for some in (masks, again)]  # type: ignore[misc]
    assert all(torch.equal(a, b) for a, b in zip(*drawn, strict=True))
    only = masks._replace(inputs=None, outputs=None, bag=None)
    made_plain = network(ngrams=0)
    changed = x.masked_fill(masks.tokens, 0)  # type: ignore[arg-type]
    close(made_plain(x, masks=only)[0], made_plain(changed)[0], "value")
    assert all(mask is None for mask in network().masks(T, N))


def test_what_the_bag_leaves_out_is_as_if_it_were_not_there(close: Callable[..., float]) -> None:
    made, x, spelled = network(dropout=0.5), tokens(), letters()
    bag = made.masks(T, N, torch.Generator().manual_seed(6), spelled).bag
    assert bag is not None
    assert bag.letters.shape == (8,)
    grams = torch.zeros_like(bag.grams)
    left = Letters(
        spelled.hashes[~bag.letters],
        torch.stack([(~part).sum() for part in bag.letters.split(spelled.counts.tolist())]),
    )
    one = made(x, letters=spelled, masks=ClassifierMasks(bag=bag._replace(grams=grams)))
    close(one[0], made(x, letters=left)[0], "value")
    assert (made(x, masks=ClassifierMasks(bag=bag))[0] - made(x)[0]).abs().min() > 0


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"vocabulary": 0}, "vocabulary is 0 and channels 0; expected one of them"),
        ({"channels": 2}, "vocabulary is 11 and channels 2"),
        ({"pooling": "sum"}, "pooling is 'sum', expected one of last, mean, max"),
        ({"buckets": 100}, "buckets is 100, expected a power of 2"),
        ({"ngrams": -1}, "ngrams is -1, expected at least 0"),
        ({"vocabulary": 0, "channels": 2, "ngrams": 2}, "ngrams is 2, but sequences of vectors have none"),
    ],
)
def test_impossible_sizes(how: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**how)


def test_impossible_inputs() -> None:
    made = network()
    with pytest.raises(ValueError, match=r"input is float32 \(2, 3\); expected integers \(T, N\)"):
        made(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"expected numbers \(T, N, C\) = \(T, N, 3\)"):
        network(vocabulary=0, channels=3, ngrams=0)(torch.zeros(2, 3, 4))
    two = network(bidirectional=True)
    with pytest.raises(ValueError, match="has no step: its second direction begins where the stream ends"):
        two.step(torch.zeros(3, dtype=torch.int64), two.initial_state(3))
    with pytest.raises(ValueError, match="reads whole sequences, and takes no state"):
        two(torch.zeros(2, 3, dtype=torch.int64), state=two.initial_state(3))
