"""Drawing tokens: the right frequencies, the right candidates; and stopping at a text that comes in pieces."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman import LanguageModel, NGram
from elman.models import LanguageNetwork
from elman.tasks.sampling import Sampling, check_writing, draw, most_probable, read, sample, until

MODELS = (LanguageModel(), NGram())  # arguments are looked at before the question whether they are trained
LOGITS = torch.tensor([0.5, 0.1, 0.25, 0.15]).log()


def frequencies(sampling: Sampling, draws: int = 2000) -> list[float]:
    generator = torch.Generator().manual_seed(0)
    drawn = [draw(LOGITS, sampling, generator) for _ in range(draws)]
    return [drawn.count(token) / draws for token in range(4)]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), [0.5, 0.1, 0.25, 0.15]),
        (Sampling(temperature=0), [1, 0, 0, 0]),
        (Sampling(temperature=1e-300), [1, 0, 0, 0]),
        (Sampling(temperature=0.5), [0.25 / 0.345, 0.01 / 0.345, 0.0625 / 0.345, 0.0225 / 0.345]),
        (Sampling(top_k=1), [1, 0, 0, 0]),
        (Sampling(top_k=2), [2 / 3, 0, 1 / 3, 0]),
        (Sampling(top_k=99), [0.5, 0.1, 0.25, 0.15]),
        (Sampling(top_p=0.5), [1, 0, 0, 0]),
        (Sampling(top_p=0.51), [2 / 3, 0, 1 / 3, 0]),
        (Sampling(top_p=1.0), [0.5, 0.1, 0.25, 0.15]),
        (Sampling(top_k=3, top_p=0.9), [0.5 / 0.9, 0, 0.25 / 0.9, 0.15 / 0.9]),
        (Sampling(top_k=3, top_p=0.8), [2 / 3, 0, 1 / 3, 0]),
    ],
)
def test_tokens_come_as_often_as_they_should(sampling: Sampling, expected: list[float]) -> None:
    for got, wanted in zip(frequencies(sampling), expected, strict=True):
        assert abs(got - wanted) <= 4.5 * math.sqrt(wanted * (1 - wanted) / 2000)  # draws of a fixed seed


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"temperature": -1.0}, r"temperature is -1\.0, expected 0 \(always the most probable token\) or more"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top_k": 0}, "top_k is 0, expected at least 1, or None for all tokens"),
        ({"top_p": 0.0}, r"top_p is 0\.0, expected more than 0 and at most 1, or None for all tokens"),
        ({"top_p": 1.5}, r"top_p is 1\.5"),
    ],
)
def test_values_out_of_range(values: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Sampling(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"temperature": "hot"}, "temperature is 'hot', expected a number, 0 or more"),
        ({"temperature": None}, "temperature is None, expected a number, 0 or more"),
        ({"top_k": 2.0}, r"top_k is 2\.0, expected a whole number, or None for all tokens"),
        ({"top_p": "0.9"}, r"top_p is '0\.9', expected a number of at most 1, or None for all tokens"),
        ({"prompt": ["to"]}, r"prompt is \['to'\], expected a text \(str\)"),
        ({"length": "5"}, "length is '5', expected a whole number, 0 or more"),
        ({"length": True}, "length is True, expected a whole number, 0 or more"),
        ({"seed": 1.5}, r"seed is 1\.5, expected a whole number, or None for another text each time"),
        ({"stop": ["x"]}, r"stop is \['x'\], expected one text \(str\) that shall end the writing, or None"),
    ],
)
def test_values_of_another_type(values: dict[str, object], words: str) -> None:
    for model in MODELS:
        with pytest.raises(TypeError, match=f"^{words}$"):
            model.generate(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seeds_that_torch_cannot_hold(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"^seed is {seed}, expected at least -2\*\*63 and less than 2\*\*64$"):
        check_writing("", 1, seed, None)


def test_numbers_of_numpy_are_numbers() -> None:
    check_writing("", np.int64(3), np.int64(1), None)  # type: ignore[arg-type]
    for seed in (-(2**63), 2**64 - 1):
        check_writing("", 1, seed, None)
        torch.Generator().manual_seed(seed)
    model = NGram(order=2).fit("a b c d e")
    assert [*model.generate(seed=np.int64(1))] == [*model.generate(seed=1)]  # type: ignore[arg-type]
    sampling = Sampling(np.float32(0.5), top_k=np.int64(1))  # type: ignore[arg-type]
    assert draw(LOGITS, sampling) == 0


def network() -> LanguageNetwork:
    torch.manual_seed(0)
    return LanguageNetwork(6, cell="gru", hidden=8, embedding=4)


@torch.no_grad()
def test_writing_in_steps_follows_the_probabilities_of_reading_at_once() -> None:
    net, prompt = network(), torch.tensor([3, 1, 4])
    logits, state = read(net, prompt, [1] * 6)
    steps = [logits]
    step = net.stepper()

    def spy(token: torch.Tensor, before: object) -> tuple[torch.Tensor, object]:
        after, now = step(token, before)  # type: ignore[arg-type]
        steps.append(after)
        return after, now

    net.stepper = lambda: spy  # type: ignore[method-assign, assignment, return-value]
    written = list(sample(net, logits, state, 40, Sampling(), generator=torch.Generator().manual_seed(1)))
    whole, _ = net(torch.tensor([*prompt, *written]).unsqueeze(1), net.initial_state(1))
    assert len(written) == len(steps) == 40
    torch.testing.assert_close(torch.cat(steps), whole[2:-1, 0])


def test_the_most_probable_path_is_written_at_temperature_zero() -> None:
    net = network()
    logits, state = read(net, torch.tensor([2]), [1] * 6)
    written = list(sample(net, logits, state, 12, Sampling(temperature=0)))
    whole, _ = net(torch.tensor([2, *written]).unsqueeze(1), net.initial_state(1))
    assert written == whole[:-1, 0].argmax(1).tolist()


def test_long_prompts_are_read_in_parts() -> None:
    net, prompt = network(), torch.randint(6, (2500,), dtype=torch.uint8)
    logits, _ = read(net, prompt, [1] * 6)
    whole, _ = net(prompt.long().unsqueeze(1), net.initial_state(1))
    torch.testing.assert_close(logits[0], whole[-1, 0])


def test_after_nothing_tokens_are_as_probable_as_they_are_frequent() -> None:
    logits, _ = read(network(), torch.tensor([], dtype=torch.uint8), [0, 5, 1, 2, 0, 2])
    torch.testing.assert_close(logits.softmax(1)[0], torch.tensor([0, 0.5, 0.1, 0.2, 0, 0.2]))


def test_one_entry_is_never_written() -> None:
    net = network()
    with torch.no_grad():
        net.output_bias[5] = 50.0
    logits, state = read(net, torch.tensor([2]), [1] * 6)
    assert set(sample(net, logits, state, 20, Sampling())) == {5}
    assert 5 not in set(sample(net, logits, state, 200, Sampling(temperature=3.0), never=5))
    assert 5 not in set(sample(net, logits, state, 200, Sampling(temperature=0), never=5))


def test_most_probable_tokens_fall_and_keep_their_probabilities() -> None:
    found = most_probable(LOGITS, 3, never=2)
    assert [token for token, _ in found] == [0, 3, 1]
    assert [p for _, p in found] == pytest.approx([0.5, 0.15, 0.1])
    assert len(most_probable(LOGITS, 99)) == 4
    assert all(a >= b for (_, a), (_, b) in pairwise(most_probable(LOGITS, 99)))


@given(st.lists(st.text("ab", max_size=4)), st.text("ab", min_size=1, max_size=4))
def test_writing_stops_before_the_stop_text_wherever_it_is_cut(pieces: list[str], stop: str) -> None:
    passed = list(until(pieces, stop))
    assert "".join(passed) == "".join(pieces).split(stop)[0]
    assert all(passed), "no piece is empty"


def test_no_more_is_held_back_than_could_begin_the_stop_text() -> None:
    pieces = until(iter(["ab", "c\n", "x", "\n", "\n", "never reached"]), "\n\n")
    assert [next(pieces), next(pieces), next(pieces)] == ["ab", "c", "\nx"]
    assert list(pieces) == []
