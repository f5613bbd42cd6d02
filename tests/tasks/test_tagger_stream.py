"""Tags as words arrive: those of the whole sentence, for every encoder that can; an error that says why for others."""

from collections.abc import Callable

import pytest
import torch

from elman.models.encoders import ENCODERS
from elman.tasks import Tagger

ROWS = [(["from", a, "to", b], ["O", "B-from", "O", "B-to"], "ask" if a < b else "go") for a in "RST" for b in "UVW"]
TINY = {"hidden": 8, "embedding": 6, "layers": 2}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("broken", [False, True])
def test_a_stream_is_the_whole_sentence(encoder: str, broken: bool, close: Callable[..., float]) -> None:
    model = Tagger(**TINY, encoder=encoder, bidirectional=False).fit(ROWS * 4, epochs=2)
    if broken:  # so that the scheme forbids what the network would say
        with torch.no_grad():
            model.network.output.weight.normal_(std=5, generator=torch.Generator().manual_seed(1))
    step = model.stepper()
    for tokens in (["from", "R", "to", "V"], ["to", "to", "X", "from", "e\u0301"] * 5, ["from"]):
        (whole,) = model.predict([" ".join(tokens)], probabilities=True)
        state, tags, chances = None, [], []
        for token in tokens:
            before = state
            tagged, state = step(token, before)
            assert step(token, before)[0] == tagged  # a state is a value
            tags.append(tagged.tag)
            chances.append(tagged.probability)
        assert tags == whole.tags
        assert tagged.intent == whole.intent
        expected = [float(row[whole.labels.index(tag)]) for row, tag in zip(whole.probabilities, tags, strict=True)]
        close(torch.tensor(chances), torch.tensor(expected), "value")


def test_streams_do_not_meet() -> None:
    step = Tagger(**TINY, bidirectional=False).fit(ROWS, epochs=1).stepper()
    _, one = step("from", None)
    _, other = step("to", None)
    assert step("R", one)[0] == step("R", step("from")[1])[0]
    assert step("U", other)[0] == step("U", step("to")[1])[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "reads in both directions cannot tag a stream: .* train one with bidirectional=False"),
        ({"bidirectional": False, "crf": True}, "with a CRF cannot tag a stream: .* train one without"),
    ],
)
def test_who_cannot_says_why(options: dict[str, bool], message: str) -> None:
    model = Tagger(**TINY, **options).fit(ROWS, epochs=1)
    with pytest.raises(ValueError, match=message):
        model.stepper()
