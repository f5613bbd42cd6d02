"""Sentences with a tag for each token: files of CoNLL columns or JSON lines, and lists.

Columns, one token a line, an empty line between sentences, a comment line for the intent if there is one::

    # intent: book
    fly     O
    to      O
    Taipei  B-destination

JSON lines, one sentence a line; ``intent`` may be left out::

    {"tokens": ["fly", "to", "Taipei"], "tags": ["O", "O", "B-destination"], "intent": "book"}
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from elman.data.lines import json_objects, name_of, numbered_lines
from elman.data.tokens import normalise

__all__ = ["TaggedSentence", "read_tagged", "sentences_of"]

_COMMENT = re.compile(r"#\s+(\w+)\s*[:=]\s*(.*)")  # with a space: #word: may be a token
_DOCUMENT = "-DOCSTART-"  # CoNLL-2003 writes it between articles
_SPACES = re.compile(r"[ \t]+")  # not what is white space in Unicode, which may be a token

Path_ = str | os.PathLike[str]


class TaggedSentence(NamedTuple):
    """T tokens, as many tags, and what the sentence as a whole is for, if that is known."""

    tokens: list[str]
    tags: list[str]
    intent: str | None = None


def read_tagged(paths: Path_ | Sequence[Path_]) -> Iterator[TaggedSentence]:
    """Read tagged sentences from files, one by one in constant memory.

    Parameters
    ----------
    paths
        One or several, each either columns or JSON lines (its first character says which), in UTF-8, plain or gzip;
        ``-`` is standard input.  Of columns, the first is the token and the last the tag; tabs separate them if the
        first line has one, else white space.

    Yields
    ------
    TaggedSentence
        In normal form NFC.

    Raises
    ------
    ValueError
        If a line has another number of columns than the first, or a tag with a space in it, a sentence another number
        of tags than of tokens, or values are of another kind; the message names file and line.  If a file has no
        sentence.
    OSError
        If a file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "two.conll")
    >>> _ = path.write_text("fly O\\nto O\\nTaipei B-city\\n\\nhello O\\n")
    >>> [sentence.tags for sentence in read_tagged(path)]
    [['O', 'O', 'B-city'], ['O']]
    """
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        empty = True
        for sentence in _read_one(path):
            empty = False
            yield sentence
        if empty:
            raise ValueError(f"{name_of(path)} has no sentence; expected columns (token, tag) or JSON lines")


def sentences_of(inputs: Any, targets: Any = None, name: str = "inputs") -> Iterator[TaggedSentence]:
    """Tagged sentences from what a task takes: paths, or sentences in a list.

    Parameters
    ----------
    inputs
        A path, or a list of paths (`read_tagged`); or a list of sentences: `TaggedSentence`, pairs or triples of
        tokens, tags and intent, mappings with these keys, or, with `targets`, tokens alone.
    targets
        The tags of each sentence.
    name
        Of the argument, for errors.

    Raises
    ------
    ValueError, TypeError
        If a sentence is of another kind, or its tags are not as many as its tokens; the message says which one.
    """
    if isinstance(inputs, (str, os.PathLike)) or (targets is None and _are_paths(inputs)):
        if targets is not None:
            raise TypeError(f"{name} is a file, which has the tags; leave targets out")
        yield from read_tagged(inputs)
        return
    if targets is not None:
        inputs, targets = list(inputs), list(targets)
        if len(inputs) != len(targets):
            raise ValueError(f"{name} has {len(inputs):,} sentences, targets has {len(targets):,}; expected as many")
        inputs = zip(inputs, targets, strict=True)
    for number, item in enumerate(inputs):
        yield _sentence(item, f"{name}[{number}]")


def _are_paths(inputs: Any) -> bool:
    return isinstance(inputs, (list, tuple)) and bool(inputs) and all(isinstance(p, os.PathLike) for p in inputs)


def _read_one(path: Path_) -> Iterator[TaggedSentence]:
    lines = numbered_lines(path)
    ahead: list[tuple[int, str]] = []
    for number, line in lines:
        ahead.append((number, line))
        if line.strip():
            break
    rest = chain(ahead, lines)
    name = name_of(path)
    if ahead and ahead[-1][1].lstrip().startswith("{"):
        return (_sentence(values, f"{name}:{number}") for number, values in json_objects(rest, name))
    return _from_columns(rest, name)


def _from_columns(lines: Iterable[tuple[int, str]], name: str) -> Iterator[TaggedSentence]:
    tokens: list[str] = []
    tags: list[str] = []
    intent: str | None = None
    width, separator, number = 0, _SPACES, 0
    for number, line in lines:
        if not line.strip(" \t"):
            if tokens or intent is not None:
                yield TaggedSentence(tokens, tags, intent)
            tokens, tags, intent = [], [], None
            continue
        comment = None if tokens else _COMMENT.fullmatch(line)
        if comment:
            intent = comment[2].strip() if comment[1] == "intent" else intent
            continue
        if not width:
            separator = re.compile("\t") if "\t" in line else _SPACES
        columns = separator.split(line if separator is not _SPACES else line.strip(" \t"))
        width = width or len(columns)
        if len(columns) != width or width < 2:
            expected = f"expected {width} as in the first line" if width > 1 else "expected at least 2 (token, tag)"
            raise ValueError(f"{name}:{number}: {_count(len(columns), 'column')}, {expected}")
        if columns[0] == _DOCUMENT:
            continue
        if not columns[-1].strip():
            raise ValueError(f"{name}:{number}: the tag, the last column, is empty")
        tag = columns[-1].strip(" \t")
        if " " in tag:
            raise ValueError(
                f"{name}:{number}: the tag {tag!r} holds a space; expected a token and its tag in each line, and an "
                "empty line between sentences"
            )
        tokens.append(columns[0])
        tags.append(tag)
    if tokens or intent is not None:
        yield TaggedSentence(tokens, tags, intent)


def _sentence(item: Any, place: str) -> TaggedSentence:
    """A sentence of an object of JSON, or of what stands in a list."""
    if isinstance(item, Mapping):
        for key in ("tokens", "tags"):
            if key not in item:
                raise ValueError(f"{place}: no {key!r}; expected the keys tokens, tags and, if there is one, intent")
        tokens, tags, intent = item["tokens"], item["tags"], item.get("intent")
    elif isinstance(item, Sequence) and not isinstance(item, str) and 2 <= len(item) <= 3:
        tokens, tags, intent = item if len(item) == 3 else (*item, None)
    else:
        raise TypeError(f"{place} is {type(item).__name__}; expected a sentence: tokens and tags")
    words, labels = _strings(tokens, "tokens", place), _strings(tags, "tags", place)
    if len(words) != len(labels):
        raise ValueError(f"{place}: {_count(len(words), 'token')} and {_count(len(labels), 'tag')}; expected as many")
    if not all(labels):
        raise ValueError(f"{place}: tag {labels.index('') + 1} is empty")
    if intent is not None and not isinstance(intent, str):
        raise ValueError(f"{place}: the intent is {intent!r}, expected a text")
    return TaggedSentence(words, labels, None if intent is None else normalise(intent))


def _strings(values: Any, what: str, place: str) -> list[str]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"{place}: {what} is {values!r}, expected a list of texts")
    listed = list(values)
    for value in listed:
        if not isinstance(value, str):
            raise ValueError(f"{place}: {what} has {value!r}, expected texts alone")
    return [value if value.isascii() else normalise(value) for value in listed]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
