"""What is seen of a word: normal forms, case, letters, vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.lexicon import Lexicon
from elman.data.word_forms import CASES, WordForms, case_of, normal_form


@given(st.text())
def test_every_word_has_a_form_and_a_case(word: str) -> None:
    assert 0 < case_of(word) < len(CASES)
    assert not any(c in "123456789" for c in normal_form(word))
    table = WordForms(Lexicon(["a"]), Lexicon("ab")).describe([word, "ab"])
    assert table.letters.shape[0] == 2
    assert (table.letters[0] != 0).sum() == min(len(word), 32)


def test_letters_are_told_apart_and_unknown_ones_are_one() -> None:
    letters = WordForms(Lexicon([]), Lexicon("ab")).describe(["ab", "ba", "?!", "", "a" * 20 + "b" * 20]).letters
    assert letters[0, :3].tolist() == [2, 3, 0]
    assert letters[1, :3].tolist() == [3, 2, 0]
    assert letters[2, :3].tolist() == [1, 1, 0]
    assert not letters[3].any()
    assert letters[4].tolist() == [2] * 16 + [3] * 16  # the first and the last 16 of a long word


def test_without_letters_words_are_looked_up_as_they_stand() -> None:
    table = WordForms(Lexicon(["A", "8"])).describe(["A", "a", "8", "9"])
    assert table.words.tolist() == [1, 0, 2, 0]
    assert table.letters.shape == (4, 0)
    assert not table.cases.any()


def test_a_vector_is_that_of_the_word_or_of_its_lower_case() -> None:
    forms = WordForms(Lexicon(["to"]), None, Lexicon(["to", "Rome", "rome"]))
    assert forms.describe(["To", "Rome", "ROME", "Oslo"]).vectors.tolist() == [1, 2, 3, 0]


def test_no_words() -> None:
    table = WordForms(Lexicon(["a"]), Lexicon("a"), Lexicon(["a"])).describe([])
    assert [len(array) for array in table] == [0, 0, 0, 0]
    assert table.words.dtype == np.int64


@pytest.mark.parametrize(("word", "form"), [("B747", "b000"), ("Straße", "straße"), ("４2nd", "00nd"), ("", "")])
def test_normal_forms(word: str, form: str) -> None:
    assert normal_form(word) == form
