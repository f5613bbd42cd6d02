"""The embedded texts are complete and unchanged, and a wrong name is answered with the nearest."""

import hashlib
import re
from importlib.resources import files

import pytest

from elman import corpora

# name: (characters, different characters, SHA-256 of the UTF-8 bytes), computed from the source, not from the package
EXPECTED = {
    "shakespeare": (1_115_394, 65, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),
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
    with pytest.raises(ValueError, match=r"no corpus is called 'xyz'; there are: shakespeare"):
        corpora.load("xyz")
