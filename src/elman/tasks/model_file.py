"""Models and checkpoints on disk: one file in the safetensors format, never pickle.

The tensors are the weights; the metadata has one entry, ``elman``, a JSON object that says what they are::

    {"kind": "model", "format": 1, "version": "0.1.0", "task": "lm", "config": {…}, …}

A file appears under its name only when it is complete: it is written beside it and then renamed.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
from torch import Tensor

from elman import __version__

__all__ = [
    "FORMAT",
    "ModelFileError",
    "Stored",
    "check_replaceable",
    "check_writable",
    "earlier_name",
    "read_file",
    "write_file",
    "written_whole",
]

FORMAT = 1
"""Version of the files written here; files of a higher one are refused."""

_HEADER_LIMIT = 100_000_000  # bytes; the safetensors format's own limit of its JSON header


class ModelFileError(ValueError):
    """A file that is not, or no longer, a model or checkpoint of ours; the message says which in one line."""


class Stored(NamedTuple):
    """What a file holds."""

    description: dict[str, Any]
    """JSON object: kind, format, version, task, and what the task adds."""
    tensors: dict[str, Tensor]


def write_file(
    path: str | os.PathLike[str],
    kind: str,
    description: dict[str, Any],
    tensors: dict[str, Tensor],
    keep_earlier: bool = False,
) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path
        Where; an existing file is replaced in one step, or with `keep_earlier` has the name `earlier_name` then.
    kind
        ``model`` or ``checkpoint``.
    description
        JSON-able facts, saved with the format and the library's version.
    tensors
        Named tensors that share no memory.

    Raises
    ------
    OSError
        If the file cannot be written; a file that was there before is still there, unchanged.
    """
    facts = {"kind": kind, "format": FORMAT, "version": __version__, **description}
    dense = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    with written_whole(path, keep_earlier) as unfinished:
        safetensors.torch.save_file(dense, unfinished, metadata={"elman": json.dumps(facts)})


def earlier_name(path: str | os.PathLike[str]) -> Path:
    """The name that a file has after another one was written in its place and it was to be kept: a free one."""
    numbers = itertools.chain([""], itertools.count(2))
    names = (Path(f"{os.fspath(path)}.old{number}") for number in numbers)
    return next(name for name in names if not os.path.lexists(name))


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str], keep_earlier: bool = False) -> Iterator[Path]:
    """A path to write to in place of `path`, which gets the contents when the block ends well, in one step.

    With `keep_earlier` the file that was there is kept as `earlier_name`.  Raises OSError if the file cannot be
    written; one that was there before is still there, unchanged.
    """
    target = Path(os.path.realpath(path))
    unfinished = _unfinished(target)
    try:
        unfinished.touch()
        mode = (target if target.exists() else unfinished).stat().st_mode & 0o777  # what the umask asks for
        yield unfinished
        unfinished.chmod(mode)  # which is the owner's alone as safetensors writes it
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        if keep_earlier and target.is_file():
            target.replace(earlier_name(target))
        unfinished.replace(target)
    except (OSError, safetensors.SafetensorError) as error:
        raise OSError(f"cannot write {os.fspath(path)}: {_reason(error)}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise OSError unless `write_file` could write `path`: to be called before hours of work, not after."""
    target, name = Path(os.path.realpath(path)), os.fspath(path)
    probe = _unfinished(target)
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {name}: it is a folder; give the name of a file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {name}: there is no folder {target.parent}; make it first")
    try:
        probe.touch()
    except OSError as error:
        raise type(error)(f"cannot write {name}: {_reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Raise ValueError unless there is nothing at `path`, or a model: nobody's text or table ends as a model.

    A device is refused too, and what the shell makes of ``-o *.txt``.
    """
    target, name = Path(path), os.fspath(path)
    if target.exists() and not target.is_file():
        raise ValueError(f"{name} is not a regular file; it will not be overwritten: give another name")
    if target.exists() and target.stat().st_size:
        try:
            with _opened(path, "model"):
                pass
        except ModelFileError as error:
            raise ValueError(f"{error}; it will not be overwritten: remove it or give another name") from error


def read_file(path: str | os.PathLike[str], kind: str) -> Stored:
    """Read a file that `write_file` wrote.

    Parameters
    ----------
    path
        Of the file.
    kind
        ``model`` or ``checkpoint``; a file of the other kind is refused.

    Raises
    ------
    ModelFileError
        If the file is foreign, truncated, from a newer version, or of the other kind: the message says which.
    OSError
        If it cannot be read.
    """
    with _opened(path, kind) as (file, description):
        return Stored(description, {key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str], kind: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A file of ours with its tensors not yet read, and its description; errors as `read_file` has them."""
    name = os.fspath(path)
    try:
        _check_length(Path(path), kind)
        with safetensors.safe_open(name, framework="pt") as file:
            metadata = file.metadata() or {}
            if "elman" not in metadata:
                raise ModelFileError(f"{name} is a safetensors file, but not one that Elman wrote")
            yield file, _checked(name, json.loads(metadata["elman"]), kind)
    except OSError as error:
        raise type(error)(f"cannot read {name}: {_reason(error)}") from error
    except (safetensors.SafetensorError, json.JSONDecodeError) as error:
        raise ModelFileError(f"{name} is damaged: {error}") from error


def _unfinished(target: Path) -> Path:
    """Where a file lies until it is complete; always the same name, so that a killed run leaves one at most."""
    return target.with_name(f".{target.name}.unfinished")


def _check_length(path: Path, kind: str) -> None:
    """Tell a foreign file from a truncated one: safetensors files begin with the length of their JSON header."""
    foreign = ModelFileError(f"{path} is not an Elman {kind}: it is not in the safetensors format")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if size == 0:
            raise ModelFileError(f"{path} is truncated: it is empty")
        if len(start) < 8 or length > _HEADER_LIMIT or file.read(1) != b"{":
            raise foreign
        file.seek(8)
        header = file.read(length)
    if len(header) < length:
        raise ModelFileError(f"{path} is truncated: it ends inside its header, after {size:,} bytes")
    try:
        entries = json.loads(header)
        end = max((entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise foreign from None
    if size < 8 + length + end:
        raise ModelFileError(f"{path} is truncated: it has {size:,} of {8 + length + end:,} bytes")


def _checked(name: str, description: Any, kind: str) -> dict[str, Any]:
    if not isinstance(description, dict) or not isinstance(description.get("format", 0), int):
        raise ModelFileError(f"{name} is damaged: its description is none of Elman's")
    found, number = description.get("kind"), description.get("format", 0)
    if number > FORMAT:
        raise ModelFileError(
            f"{name} was written by Elman {description.get('version')} in format {number}; this is Elman "
            f"{__version__}, which reads formats up to {FORMAT}: pip install --upgrade elman"
        )
    if found != kind:
        raise ModelFileError(f"{name} is a {found}, expected a {kind}")
    return description


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).lower()
