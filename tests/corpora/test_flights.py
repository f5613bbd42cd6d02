"""The booking sentences: well formed, always the same, and nothing of the test part is in the training part."""

import hashlib
import re
from collections import Counter
from datetime import date
from importlib.resources import files

import pytest

from elman import corpora, data
from elman.corpora import FLIGHT_SLOTS, Sentence, booking, flights
from elman.data.dates import read_date

LANGUAGES = booking.LANGUAGES
PARTS = ("train", "test")


def text(sentence: Sentence, language: str) -> str:
    return (" " if language == "en" else "").join(sentence.tokens)


def slots(sentence: Sentence) -> list[tuple[str, list[str]]]:
    """(name, tokens) of each slot, read from IOB2 tags; a tag that cannot stand where it stands fails."""
    found: list[tuple[str, list[str]]] = []
    before = "O"
    for token, tag in zip(sentence.tokens, sentence.tags, strict=True):
        if tag.startswith("B-"):
            found.append((tag[2:], [token]))
        elif tag.startswith("I-"):
            assert before[2:] == tag[2:], sentence
            found[-1][1].append(token)
        else:
            assert tag == "O"
        before = tag
    return found


def wording(sentence: Sentence) -> str:
    """The sentence in small letters with the names of its slots in the place of their words."""
    marks = [tag if tag != "O" else token.lower() for token, tag in zip(*sentence, strict=True)]
    return " ".join(mark for mark in marks if not mark.startswith("I-"))


@pytest.fixture(scope="module")
def every() -> dict[tuple[str, str], list[Sentence]]:
    return {(part, language): flights(part, language) for part in PARTS for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("part", "n"), [("train", 2000), ("test", 400)])
def test_sentences_are_many_different_and_tagged(part: str, n: int, language: str) -> None:
    found = flights(part, language)
    assert len(found) == n == len({text(each, language) for each in found})
    names = Counter(name for each in found for name, _ in slots(each))
    expected = set(booking.SLOTS[language[:2]].values())
    assert set(names) == expected
    assert min(names.values()) > n / 10
    assert len({wording(each) for each in found}) > n / 4
    assert all(slots(each) for each in found)


def test_the_same_sentences_everywhere() -> None:
    """SHA-256 of tokens and tags; a change of the grammar changes it, and is named in the change log."""
    rows = [f"{' '.join(tokens)}\t{' '.join(tags)}\n" for part in PARTS for tokens, tags in flights(part)]
    digest = hashlib.sha256("".join(rows).encode()).hexdigest()
    assert digest in files("elman.corpora").joinpath("README.md").read_text(encoding="utf-8"), digest
    assert flights() == flights("train", None)


def test_all_languages_take_turns(every: dict[tuple[str, str], list[Sentence]]) -> None:
    found = flights("test")
    assert len(found) == 1200
    assert [found[n::3] for n in range(3)] == [every["test", language] for language in LANGUAGES]


@pytest.mark.parametrize("language", LANGUAGES)
def test_wordings_of_the_test_part_are_new(every: dict[tuple[str, str], list[Sentence]], language: str) -> None:
    train, test = ({wording(each) for each in every[part, language]} for part in PARTS)
    assert train
    assert test
    assert not train & test
    assert not set(booking.wordings("train", language)) & set(booking.wordings("test", language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_cities_of_the_test_part_are_new(every: dict[tuple[str, str], list[Sentence]], language: str) -> None:
    """Neither as a slot nor anywhere else in a training sentence of any language."""
    cities = {
        " ".join(words).lower()
        for each in every["test", language]
        for name, words in slots(each)
        if FLIGHT_SLOTS[name] == "city"
    }
    assert cities == {" ".join(booking._tokens(city, language)).lower() for city in booking.cities("test", language)}
    train = "\n".join(" ".join(each.tokens).lower() for other in LANGUAGES for each in every["train", other])
    assert [city for city in cities if re.search(rf"(?<!\S){re.escape(city)}(?!\S)", train)] == []
    assert any(city.lower() in train for city in booking.cities("train", "en"))  # the search finds what is there


@pytest.mark.parametrize(
    ("sentences", "language"),
    [
        (["我想八月二号到达台北", "我想八月二号离开台北"], "zh-Hans"),
        (["我想八月二號到達台北", "我想八月二號離開台北"], "zh-Hant"),
        (["I would like to arrive in Taipei on August 2", "I would like to leave Taipei on August 2"], "en"),
    ],
)
def test_the_lecture_s_sentences_are_of_the_grammar_and_not_in_the_training_part(
    every: dict[tuple[str, str], list[Sentence]], sentences: list[str], language: str
) -> None:
    assert [text(each, language) for each in every["test", language][:2]] == sentences
    training = {text(each, other).lower() for other in LANGUAGES for each in every["train", other]}
    assert not training & {sentence.lower() for sentence in sentences}
    patterns = []  # each wording of the test part as an expression in which the cities and this day may stand
    for each in booking.wordings("test", language):
        pattern = re.escape(each).replace(r"\{", "{").replace(r"\}", "}")
        pattern = re.sub(r"\{[do]\}", f"({'|'.join(booking.cities('test', language))})", pattern)
        patterns.append(re.sub(r"\{[apAP]\}", "(八月二号|八月二號|on August 2)", pattern))
    for sentence in sentences:
        assert any(re.fullmatch(pattern, sentence) for pattern in patterns), sentence


def test_the_lecture_s_two_sentences_differ_in_what_the_city_and_the_day_are() -> None:
    arrive, leave = flights("test", "zh-Hans")[:2]
    assert slots(arrive) == [("到达时间", list("八月二号")), ("目的地", list("台北"))]
    assert slots(leave) == [("出发时间", list("八月二号")), ("出发地", list("台北"))]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", PARTS)
def test_every_day_can_be_read_and_every_city_is_known(
    every: dict[tuple[str, str], list[Sentence]], part: str, language: str
) -> None:
    cities = {" ".join(booking._tokens(city, language)).lower() for city in booking.cities(part, language)}
    for sentence in every[part, language]:
        for name, words in slots(sentence):
            if FLIGHT_SLOTS[name] == "city":
                assert " ".join(words).lower() in cities
            else:
                read_date((" " if language == "en" else "").join(words), date(2020, 6, 1))  # raises if it cannot


@pytest.mark.parametrize("part", PARTS)
def test_scripts_are_pure(every: dict[tuple[str, str], list[Sentence]], part: str) -> None:
    """GB 2312 has no traditional characters, Big5 no simplified ones."""
    for language, encoding in (("zh-Hans", "gb2312"), ("zh-Hant", "big5")):
        for sentence in every[part, language]:
            "".join(sentence.tokens).encode(encoding)
    assert any("號" in each.tokens for each in every[part, "zh-Hant"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_tokens_are_those_of_the_tokeniser(every: dict[tuple[str, str], list[Sentence]], language: str) -> None:
    kind = "words" if language == "en" else "chars"
    for sentence in every["train", language]:
        cut = [token for token in data.split(text(sentence, language), kind) if not token.isspace()]
        assert cut == sentence.tokens


def test_what_the_caller_does_to_a_sentence_stays_with_the_caller() -> None:
    flights("test", "en")[0].tokens.clear()
    assert flights("test", "en")[0].tokens[0] == "I"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("training",), r"part is 'training'; expected one of train, test; did you mean 'train'\?"),
        (("test", "zh-hans"), r"language is 'zh-hans'; expected one of .*; did you mean 'zh-Hans'\?"),
        (("test", "fr"), "language is 'fr'; expected one of zh-Hans, zh-Hant, en$"),
    ],
)
def test_unknown_parts_and_languages(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flights(*arguments)


def test_slots_have_kinds() -> None:
    assert FLIGHT_SLOTS["目的地"] == FLIGHT_SLOTS["origin"] == "city"
    assert FLIGHT_SLOTS["到达时间"] == FLIGHT_SLOTS["departure_time"] == "date"
    assert len(FLIGHT_SLOTS) == 8


def test_it_is_not_a_text() -> None:
    assert "flights" not in corpora.names()
