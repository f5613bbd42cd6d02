"""Files and lists of tagged sentences: what is read, and what is said of what cannot be."""

import gzip
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.tagged import TaggedSentence, read_tagged, sentences_of

FLY = TaggedSentence(["fly", "to", "Taipei"], ["O", "O", "B-city"])
HELLO = TaggedSentence(["hello"], ["O"])


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


@pytest.mark.parametrize(
    "text",
    [
        "fly O\nto O\nTaipei B-city\n\nhello O\n",
        "fly\tO\r\nto\tO\r\nTaipei\tB-city\r\n\r\n\r\nhello\tO",
        "\n\nfly   VB  O \nto TO O\nTaipei NNP B-city\n \nhello UH O\n\n",
        "-DOCSTART- O\n\nfly O\nto O\nTaipei B-city\n\nhello O\n",
        '{"tokens": ["fly", "to", "Taipei"], "tags": ["O", "O", "B-city"]}\n\n{"tags": ["O"], "tokens": ["hello"]}',
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_columns_and_json_lines(text: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "two"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert list(read_tagged(path)) == [FLY, HELLO]
    assert list(read_tagged([path, path])) == [FLY, HELLO, FLY, HELLO]
    assert list(sentences_of(path)) == list(sentences_of([path])) == list(sentences_of(str(path))) == [FLY, HELLO]


def test_intents(tmp_path: Path) -> None:
    columns = write(tmp_path / "a", "# id: 7\n# intent: greet#leave\nhello O\n\nfly O\n\n# intent = none\n\n")
    lines = write(tmp_path / "b", '{"tokens": ["hello"], "tags": ["O"], "intent": "greet"}\n{"tokens": [], "tags": []}')
    assert [(s.tokens, s.intent) for s in read_tagged(columns)] == [
        (["hello"], "greet#leave"),
        (["fly"], None),
        ([], "none"),
    ]
    assert list(read_tagged(lines)) == [(["hello"], ["O"], "greet"), ([], [], None)]


def test_a_token_may_be_anything(tmp_path: Path) -> None:
    """White space that is not a separator, a mark that begins comments, emoji, what NFC puts together, a half pair."""
    path = write(tmp_path / "a", "#\tO\n \tO\n\u3000\tO\n👩‍👩‍👧\tB-x\ncafe\u0301\tI-x\n")
    assert [s.tokens for s in read_tagged(path)] == [["#", " ", "\u3000", "👩‍👩‍👧", "café"]]
    spaces = write(tmp_path / "b", "a\u3000b O\n# O\n")
    assert [s.tokens for s in read_tagged(spaces)] == [["a\u3000b", "#"]]
    escaped = write(tmp_path / "c", r'{"tokens": ["e\u0301", "\ud83d\ude00", "\ud83d"], "tags": ["O", "O", "O"]}')
    assert [s.tokens for s in read_tagged(escaped)] == [["é", "😀", "\ud83d"]]


@given(st.lists(st.lists(st.tuples(st.text(), st.text(min_size=1)), max_size=4), max_size=4))
def test_what_json_brings_is_in_normal_form_and_not_lost(sentences: list[list[tuple[str, str]]]) -> None:
    rows = [{"tokens": [t for t, _ in s], "tags": [g for _, g in s]} for s in sentences]
    read = list(sentences_of([json.loads(json.dumps(row)) for row in rows]))
    for sentence, row in zip(read, rows, strict=True):
        assert sentence.tokens == [unicodedata.normalize("NFC", token) for token in row["tokens"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fly O\nto TO O\n", r"a:2: 3 columns, expected 2 as in the first line"),
        ("fly\tO\nto O\n", r"a:2: 1 column, expected 2 as in the first line"),
        ("fly\n", r"a:1: 1 column, expected at least 2 \(token, tag\)"),
        (
            "book a flight\tO O B-x\n",
            r"a:1: the tag 'O O B-x' holds a space; expected a token and its tag in each line, an",
        ),
        ("to\tTO\tO\nRome\tNNP\tB x\n", r"a:2: the tag 'B x' holds a space"),
        ("fly\t\n", r"a:1: the tag, the last column, is empty"),
        ('{"tokens": ["a"], "tags": ["O"]}\n{"tokens": ["a", "b"], "tags": ["O"]}', r"a:2: 2 tokens and 1 tag; "),
        ('{"tokens": ["a"]}', r"a:1: no 'tags'; expected the keys tokens, tags and, if there is one, intent"),
        ('{"tokens": "ab", "tags": ["O", "O"]}', r"a:1: tokens is 'ab', expected a list of texts"),
        ('{"tokens": [1], "tags": ["O"]}', r"a:1: tokens has 1, expected texts alone"),
        ('{"tokens": ["a"], "tags": [""]}', r"a:1: tag 1 is empty"),
        ('{"tokens": ["a"], "tags": ["O"], "intent": 3}', r"a:1: the intent is 3, expected a text"),
        ('\n{"tokens": ["a"], "tags": ["O"]}\nfly O\n', r"a:3: not JSON: "),
        ("{\n", r"a:1: not JSON: "),
        ("", r"a has no sentence; expected columns \(token, tag\) or JSON lines"),
        ("\n \n", r"a has no sentence"),
    ],
)
def test_errors_name_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        list(read_tagged(write(tmp_path / "a", text)))


def test_not_utf8_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"fly O\n\xff O\n")
    with pytest.raises(ValueError, match=r"a:2: not UTF-8: byte 0xff at offset 0 of the line"):
        list(read_tagged(tmp_path / "a"))
    with pytest.raises(FileNotFoundError, match=r"cannot read .*b: no such file"):
        list(read_tagged(tmp_path / "b"))


def test_lists() -> None:
    pairs = [(s.tokens, s.tags) for s in (FLY, HELLO)]
    mappings = [{"tokens": s.tokens, "tags": s.tags} for s in (FLY, HELLO)]
    split = sentences_of([s.tokens for s in (FLY, HELLO)], [s.tags for s in (FLY, HELLO)])
    assert list(sentences_of(pairs)) == list(sentences_of(mappings)) == list(split) == [FLY, HELLO]
    assert list(sentences_of([(["hi"], ["O"], "greet")])) == [TaggedSentence(["hi"], ["O"], "greet")]
    assert list(sentences_of([])) == []


@pytest.mark.parametrize(
    ("inputs", "targets", "error", "message"),
    [
        ([["a"]], [["O"], ["O"]], ValueError, r"inputs has 1 sentences, targets has 2; expected as many"),
        ([["a"], ["b"]], [["O"], ["O", "O"]], ValueError, r"inputs\[1\]: 1 token and 2 tags; expected as many"),
        (["to be"], None, TypeError, r"inputs\[0\] is str; expected a sentence: tokens and tags"),
        ([["a"]], ["O"], ValueError, r"inputs\[0\]: tags is 'O', expected a list of texts"),
        ("a.conll", [["O"]], TypeError, "inputs is a file, which has the tags; leave targets out"),
    ],
)
def test_errors_name_the_sentence(inputs: object, targets: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        list(sentences_of(inputs, targets))


def test_a_token_that_looks_like_a_comment_is_a_token(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "#Brexit: B-x\nis O\n\n#a=b O\n")
    assert [sentence.tokens for sentence in read_tagged(path)] == [["#Brexit:", "is"], ["#a=b"]]


def test_a_blank_behind_a_tag_is_no_part_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "a b\tO \nc\t B-x\n")
    assert list(read_tagged(path)) == [TaggedSentence(["a b", "c"], ["O", "B-x"])]
