"""The network against torch.nn with the same weights; a row alone, step by step, and hidden words."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.models.encoders import ENCODERS
from elman.models.tagger import TaggerNetwork, Tokens, pair_keys

V, K, C, H, T, N, U, L, A, P = 11, 5, 3, 7, 9, 4, 6, 8, 10, 4
LENGTHS = torch.tensor([9, 4, 0, 1])
PAIRS = torch.arange(0, (V + 1) ** 2, 3)  # keys of neighbours that have a vector of their own


def network(**options: object) -> TaggerNetwork:
    torch.manual_seed(0)
    facts = {"words": V, "tags": K, "intents": C, "embedding": 6, "hidden": H, "characters": A, "cases": 5}
    made = TaggerNetwork(**{**facts, "spelling": 3, **options})  # type: ignore[arg-type]
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5)  # unequal everywhere
    if made.letter is not None:
        nn.init.zeros_(made.letter.weight[0].detach())
    return made.double().eval()


def tokens() -> Tokens:
    draw = torch.Generator().manual_seed(1)
    letters = torch.randint(2, A + 1, (U, L), generator=draw)
    letters[torch.arange(L) >= torch.tensor([0, 1, 2, 3, 5, 8]).unsqueeze(1)] = 0  # the first has none
    words, forms, cases, vectors = (torch.randint(top, (T, N), generator=draw) for top in (V, U, 5, 6))
    return Tokens(words, forms, cases, letters, vectors)


def spelt(net: TaggerNetwork, letters: Tensor) -> Tensor:
    """Features of words by torch's convolution, one word at a time."""
    assert net.letter is not None
    assert net.window is not None
    kernel = net.window.weight.view(-1, 3, net.letter.weight.shape[1]).permute(0, 2, 1)
    rows = []
    for word in letters:
        alone = word[word != 0]
        if len(alone):
            x = net.letter.weight[alone].T.unsqueeze(0)  # (1, letters' width, letters)
            rows.append(F.conv1d(x, kernel, net.window.bias, padding=1).tanh().amax(2).squeeze(0))
        else:
            rows.append(torch.zeros(len(net.window.bias), dtype=torch.float64))
    return torch.stack(rows)


def by_torch(net: TaggerNetwork, read: Tokens, row: int) -> tuple[Tensor, Tensor]:
    """Scores (T, K) and intents (C,) of one sentence by torch.nn's layers."""
    T = int(LENGTHS[row])
    assert net.word is not None
    assert net.case is not None
    assert net.vectors is not None
    features = [net.word.weight[read.words[:T, row]], spelt(net, read.letters)[read.forms[:T, row]]]
    features += [net.case.weight[read.cases[:T, row]], net.vectors[read.vectors[:T, row]]]
    x = torch.cat(features, 1)
    theirs = nn.LSTM(x.shape[1], H, bidirectional=True).double()
    theirs.load_state_dict(net.encoder.layer.state_dict())
    hidden = theirs(x)[0] if T else torch.zeros(0, 2 * H, dtype=torch.float64)
    pooled = torch.cat((hidden.mean(0), hidden.amax(0))) if T else torch.zeros(4 * H, dtype=torch.float64)
    assert net.intent is not None
    return net.output(hidden), net.intent(pooled)


def test_scores_are_those_of_torch() -> None:
    net = network(vectors=torch.randn(6, P), bidirectional=True)
    scores, intents = net(tokens(), LENGTHS)
    assert scores.shape == (T, N, K)
    for row in range(N):
        expected = by_torch(net, tokens(), row)
        torch.testing.assert_close(scores[: LENGTHS[row], row], expected[0])
        torch.testing.assert_close(intents[row], expected[1])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_row_alone_is_the_row_in_its_batch(encoder: str) -> None:
    net = network(encoder=encoder, bidirectional=encoder != "feedforward", layers=2, pairs=PAIRS, pair=4)
    scores, intents = net(tokens(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        read = tokens()
        one = Tokens(*(t[:length, row : row + 1] if t.shape == (T, N) else t for t in read))
        alone, aim = net(one, [length])
        torch.testing.assert_close(alone[:, 0], scores[:length, row])
        torch.testing.assert_close(aim[0], intents[row])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_steps_are_the_whole(encoder: str) -> None:
    net = network(encoder=encoder, layers=2, pairs=PAIRS, pair=4)
    read = tokens()
    scores, intents = net(read, [T] * N)
    state = net.initial_state(N)
    for t in range(T):
        one = Tokens(*(x[t : t + 1] if x.shape == (T, N) else x for x in read))
        score, aim, after = net.step(one, state)
        again = net.step(one, state)  # a state is a value
        torch.testing.assert_close(score, again[0], rtol=0, atol=0)
        torch.testing.assert_close(score, scores[t])
        prefix = net(Tokens(*(x[: t + 1] if x.shape == (T, N) else x for x in read)), [t + 1] * N)[1]
        torch.testing.assert_close(aim, prefix)
        state = after
    torch.testing.assert_close(aim, intents)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("keys", [PAIRS, PAIRS[:0]])
def test_pairs_are_looked_up_one_by_one(both: bool, keys: Tensor) -> None:
    net = network(embedding=0, characters=0, pairs=keys, pair=4, bidirectional=both, encoder="rnn")
    assert net.pair is not None
    entry = {key: number for number, key in enumerate(keys.tolist(), 1)}
    words = tokens().words
    embedded = net._embed(Tokens(words, *(torch.zeros_like(words),) * 2, torch.zeros(1, 0), words), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        sentence = [V, *words[:length, row].tolist(), V]  # V is an end
        for t in range(1, length + 1):
            neighbours = [sentence[t - 1 : t + 1], *([sentence[t : t + 2]] if both else [])]
            expected = [net.pair.weight[entry.get(a * (V + 1) + b, 0)] for a, b in neighbours]
            assert torch.equal(embedded[t - 1, row], torch.cat(expected))


def test_keys_of_pairs_differ() -> None:
    a, b = torch.meshgrid(torch.arange(V + 1), torch.arange(V + 1), indexing="ij")
    assert len(pair_keys(a, b, V).unique()) == (V + 1) ** 2


def test_no_step_in_both_directions() -> None:
    net = network(bidirectional=True)
    with pytest.raises(ValueError, match="a bidirectional encoder has no step"):
        net.step(Tokens(*(x[:1] if x.shape == (T, N) else x for x in tokens())), net.initial_state(N))


def test_every_parameter_learns_and_pretrained_vectors_do_not() -> None:
    net = network(vectors=torch.randn(6, P), crf=True, pairs=PAIRS, pair=4).train()
    scores, intents = net(tokens(), LENGTHS)
    assert net.crf is not None
    labels = torch.randint(K, (T, N), generator=torch.Generator().manual_seed(2))
    (-net.crf.log_probability(scores, labels, LENGTHS).sum() + intents.logsumexp(1).sum()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert "vectors" in net.state_dict()
    assert "vectors" not in dict(net.named_parameters())
    assert net.letter is not None
    assert not net.letter.weight.grad[0].any()  # what stands behind the end of a word


def test_dropout_is_drawn_from_the_generator_and_only_in_training() -> None:
    net = network(dropout=0.5)
    still = net(tokens(), LENGTHS)[0]
    net.train()
    drawn = [net(tokens(), LENGTHS, torch.Generator().manual_seed(seed))[0] for seed in (3, 3, 4)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], still)
    assert torch.equal(net.eval()(tokens(), LENGTHS)[0], still)


def test_parts_that_are_left_out() -> None:
    net = network(intents=0, characters=0)
    nothing = Tokens(*(x if x.shape == (T, N) else x[:, :0] for x in tokens()))
    scores, intents = net(nothing, LENGTHS)
    assert intents is None
    assert net.letter is net.case is net.crf is net.vectors is net.pairs is None
    other = nothing._replace(forms=torch.zeros_like(nothing.forms), cases=nothing.cases * 0)
    assert torch.equal(net(other, LENGTHS)[0], scores)
