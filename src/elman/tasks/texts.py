"""From what a user hands in, a text or files, to the tokens that a language model reads."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from elman.data import Lexicon, normalise, read_text, split
from elman.data.text import STDIN, shortened

__all__ = [
    "TextData",
    "Texts",
    "as_lines",
    "as_text",
    "build_lexicon",
    "check_read_once",
    "encode",
    "prepare",
    "unknown_tokens",
    "warn_of_unknown",
]

Texts = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A str is a text; a Path is a file, ``Path("-")`` standard input; a list holds the paths of several files."""

_TRAINING_PART = 0.9  # of a text, when no validation text is given
_BYTES = [chr(byte) for byte in range(256)]
# Words have no end: only those seen twice get an entry, and of them the most frequent.  The rest teach "other".
_WORD_MIN_COUNT, _WORD_MAX_SIZE = 2, 20_000


@dataclass(frozen=True)
class TextData:
    """A training text and a validation text as tokens, (length,) each, in the lexicon's smallest integer type."""

    lexicon: Lexicon
    training: Tensor
    validation: Tensor

    def fingerprint(self) -> str:
        """A number that tells one pair of texts from another."""
        digest = hashlib.sha256("\0".join(self.lexicon).encode("utf-8", "surrogatepass"))
        for tokens in (self.training, self.validation):
            digest.update(len(tokens).to_bytes(8, "little"))
            digest.update(tokens.numpy().data)
        return digest.hexdigest()


def as_text(data: Texts, name: str) -> str:
    """The text itself, in normal form NFC.

    Parameters
    ----------
    data
        A text, a file or several files (`Texts`).
    name
        Of the argument, for errors.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If it is empty, or a file is not UTF-8, or a str names a file where its text was meant.
    OSError
        If a file cannot be read.
    """
    if isinstance(data, str):
        if not data:
            raise ValueError(f"{name} is an empty text")
        if _names_a_file(data):
            raise ValueError(f"{name} is {data!r}, the name of a file; to read the file pass pathlib.Path({data!r})")
        return normalise(data)
    if isinstance(data, os.PathLike):
        return read_text(data)
    if isinstance(data, Sequence) and all(isinstance(path, (str, os.PathLike)) for path in data):
        _check_paths(data, name)
        return read_text(data)
    raise TypeError(f"{name} is a {type(data).__name__}; expected a text (str), a pathlib.Path or a list of paths")


def check_read_once(inputs: Texts, validation: Texts | None) -> None:
    """Raise ValueError if the text and the validation text are both to come from standard input."""
    if validation is not None and _reads_standard_input(inputs) and _reads_standard_input(validation):
        raise ValueError(
            "standard input, -, is given for the text and for the validation text; it can be read only once: "
            "give a file for one of them"
        )


def prepare(inputs: Texts, validation: Texts | None, kind: str) -> TextData:
    """Read and number the texts of a training run.

    Parameters
    ----------
    inputs
        The training text; its last tenth is for validation if there is no other text for that.
    validation
        The validation text, or None.
    kind
        Of the tokens.
    """
    check_read_once(inputs, validation)
    text = as_text(inputs, "inputs")
    if validation is not None:
        held_out = as_text(validation, "validation")
    else:
        text, held_out = _hold_out(text, kind)
    lexicon = build_lexicon(text, kind)
    return TextData(lexicon, encode(text, lexicon, kind), encode(held_out, lexicon, kind))


def build_lexicon(text: str, kind: str) -> Lexicon:
    """The vocabulary of a training text: every character; all 256 bytes; or the most frequent words."""
    tokens = split(text, kind)
    if kind == "bytes":
        seen = Lexicon.build(tokens, other=False)
        counts = dict(zip(seen, seen.counts, strict=True))
        return Lexicon(_BYTES, counts=[counts.get(byte, 0) for byte in _BYTES], other=False)
    if kind == "chars":
        return Lexicon.build(tokens)
    return Lexicon.build(tokens, min_count=_WORD_MIN_COUNT, max_size=_WORD_MAX_SIZE)


def encode(text: str, lexicon: Lexicon, kind: str) -> Tensor:
    """The tokens of a text, (length,), in the lexicon's smallest integer type."""
    return lexicon.indices(split(text, kind), lexicon.smallest_dtype)


def unknown_tokens(tokens: Iterable[Tensor], lexicon: Lexicon, kind: str) -> int:
    """Count the tokens that "other" stands for, and say so in one warning if there are any."""
    unknown = sum(int((part == lexicon.other).sum()) for part in tokens) if lexicon.other is not None else 0
    warn_of_unknown(unknown, kind, stacklevel=4)
    return unknown


def warn_of_unknown(unknown: int, kind: str, stacklevel: int = 3) -> None:
    """Say in one warning how many tokens a model does not know, if there are any, to the caller of the caller."""
    if unknown:
        what = "character" if kind == "chars" else "token"
        noun, verb = (f"{what}s", "were") if unknown > 1 else (what, "was")
        warnings.warn(f"{unknown:,} {noun} that the model does not know {verb} replaced", stacklevel=stacklevel)


def as_lines(data: str | os.PathLike[str] | Sequence[str]) -> list[str]:
    """The lines of a text or a file, without their ends; a list of str holds them already."""
    if isinstance(data, (str, os.PathLike)):
        text = data if isinstance(data, str) else read_text(data)
        return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    expected = "expected a text (str), a pathlib.Path or a list of lines (str)"
    if not isinstance(data, Sequence) or isinstance(data, bytes):
        raise TypeError(f"inputs is a {type(data).__name__}; {expected}")
    for number, line in enumerate(data):
        if not isinstance(line, str):
            raise TypeError(f"inputs[{number}] is a {type(line).__name__}; {expected}")
    return list(data)


def _hold_out(text: str, kind: str) -> tuple[str, str]:
    """Cut a text in training and validation; words and segments are not cut in the middle of a line."""
    cut = int(_TRAINING_PART * len(text))
    if kind in ("words", "segments"):
        cut = text.find("\n", cut) + 1 or cut
    return text[:cut], text[cut:]


def _names_a_file(text: str) -> bool:
    """Whether a text can only be meant as the name of a file: ``book.txt``, and there is such a file."""
    return len(text) < 256 and "\n" not in text and Path(text).suffix != "" and Path(text).is_file()


def _check_paths(paths: Sequence[str | os.PathLike[str]], name: str) -> None:
    """Raise FileNotFoundError if a str in a list names no file: it is mostly a text that was meant."""
    for path in paths:
        if isinstance(path, str) and path != STDIN and not os.path.exists(path):
            raise FileNotFoundError(
                f"cannot read {shortened(path)}: no such file or directory; {name} is a list, which holds the paths of "
                'files: to give texts, join them into one str, "\\n".join(texts)'
            )


def _reads_standard_input(data: Texts) -> bool:
    """Whether `as_text` would: ``Path("-")``, or a list with ``-`` in it; the str ``-`` is a text."""
    if isinstance(data, os.PathLike):
        return os.fspath(data) == STDIN
    return isinstance(data, list | tuple) and STDIN in map(str, data)
