"""The embedded texts are complete and unchanged, and a wrong name is answered with the nearest."""

import hashlib
import re
from importlib.resources import files

import pytest

from elman import corpora
from elman.corpora import sentence_pairs

# name: (characters, different characters, SHA-256 of the UTF-8 bytes), computed from the source, not from the package
EXPECTED = {
    "shakespeare": (1_115_394, 65, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),
    "tatoeba-en": (806_977, 79, "160643f75cb9a56491304d44816c5f40fc488aa96625fdf9af1a4c658860a9ad"),
    "tatoeba-zh": (253_729, 2789, "70f4814e0d740744f8e0d314b54466117dc674932f227998f0310c4a5de5170f"),
}


def test_every_text_is_known() -> None:
    assert corpora.names() == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_text_is_complete(name: str) -> None:
    text = corpora.load(name)
    assert (len(text), len(set(text)), hashlib.sha256(text.encode()).hexdigest()) == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_readme_names_source_and_licence(name: str) -> None:
    readme = files("elman.corpora").joinpath("README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{name}` \|.*github\.com.*\|.*(public domain|licence).*\|$", readme, re.MULTILINE)
    assert EXPECTED[name][2] in readme


def test_shakespeare_is_the_corpus_of_that_name() -> None:
    assert corpora.shakespeare() == corpora.load("shakespeare")


def test_nearest_name_is_suggested() -> None:
    with pytest.raises(ValueError, match=r"no corpus is called 'shakespear'; did you mean 'shakespeare'\?"):
        corpora.load("shakespear")


def test_far_name_lists_all() -> None:
    with pytest.raises(ValueError, match=r"no corpus is called 'xyz'; there are: shakespeare, tatoeba-en, tatoeba-zh"):
        corpora.load("xyz")


def test_parts_of_tatoeba_share_no_sentence_and_every_sentence_has_an_author() -> None:
    for language in ("en", "zh"):
        train, dev = corpora.tatoeba(language), corpora.tatoeba(language, "dev")
        assert not set(train) & set(dev)
        assert len(set(train)) == len(train)
        assert "".join(f"{line}\n" for line in train) == corpora.load(f"tatoeba-{language}")
    for part, number in (("train", 26_654), ("dev", 1_001)):
        pairs = sentence_pairs.pairs(part)
        assert len(pairs) == number
        assert all(re.fullmatch(r"\d+ \S+ \d+ \S+", pair.attribution) for pair in pairs)


def test_the_sentence_of_the_lecture_is_not_planted() -> None:
    """Neither it nor what stands around its blank, so that what a model says of it is learnt from other sentences."""
    for part in ("train", "dev"):
        for line in corpora.tatoeba("zh", part):
            assert "我的手机坏了" not in line
            assert not re.search(r"打算.{0,4}一?部新?手机|一部新手机", line)


def test_a_wrong_language_or_part_is_named() -> None:
    with pytest.raises(ValueError, match="language is 'cn'; expected one of en, zh"):
        corpora.tatoeba("cn")
    with pytest.raises(ValueError, match="part is 'trian'; expected one of train, dev; did you mean 'train'"):
        corpora.tatoeba("zh", "trian")
