"""Model files: what is written comes back; any other file is refused with the reason; nothing is half written."""

import json
import os
import struct
from pathlib import Path

import pytest
import safetensors.torch
import torch

from elman import LanguageModel, __version__
from elman.tasks import model_file
from elman.tasks.model_file import ModelFileError, check_writable, read_file, write_file

TENSORS = {
    "weight": torch.randn(3, 4),
    "empty": torch.zeros(0),
    "count": torch.tensor(7),
    "bits": torch.arange(9).byte(),
}


def written(path: Path, **facts: object) -> Path:
    write_file(path, "model", {"task": "lm", **facts}, TENSORS)
    return path


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    odd = {"text": 'é "quoted" \n \ud800 👩', "number": 0.1, "none": None, "nested": [[1, 2.5]]}
    stored = read_file(written(tmp_path / "a.elman", **odd), "model")
    facts = {"kind": "model", "format": model_file.FORMAT, "version": __version__, "task": "lm", **odd}
    assert stored.description == facts
    assert stored.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(stored.tensors[name], tensor) for name, tensor in TENSORS.items())


def test_other_programs_can_read_the_tensors(tmp_path: Path) -> None:
    tensors = safetensors.torch.load_file(written(tmp_path / "a.elman"))
    assert torch.equal(tensors["weight"], TENSORS["weight"])


def test_every_truncation_is_recognised(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole").read_bytes()
    path = tmp_path / "a.elman"
    for size in (0, 9, 10, 100, len(whole) - 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(
            ModelFileError, match=r"a\.elman is truncated: it (is empty|ends inside|has .* of .* bytes)"
        ):
            read_file(path, "model")


@pytest.mark.parametrize(
    "data",
    [b"plain text", b"PK\x03\x04" + b"\0" * 50, b"\x80\x04\x95" + b"\0" * 20, b"abc", struct.pack("<Q", 2) + b"{]rest"],
)
def test_foreign_files(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.elman"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"a\.elman is not an Elman model: it is not in the safetensors format"):
        read_file(path, "model")


def test_a_safetensors_file_of_another_program(tmp_path: Path) -> None:
    safetensors.torch.save_file(TENSORS, tmp_path / "a.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelFileError, match=r"a\.safetensors is a safetensors file, but not one that Elman wrote"):
        read_file(tmp_path / "a.safetensors", "model")


def test_a_newer_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr(model_file, "FORMAT", 2)
        later.setattr(model_file, "__version__", "9.0.0")
        path = written(tmp_path / "a.elman")
    words = rf"was written by Elman 9\.0\.0 in format 2; this is Elman {__version__}, which reads formats up to 1: pip"
    with pytest.raises(ModelFileError, match=words):
        read_file(path, "model")


def test_a_checkpoint_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"a\.elman is a model, expected a checkpoint"):
        read_file(written(tmp_path / "a.elman"), "checkpoint")


def test_a_damaged_description(tmp_path: Path) -> None:
    safetensors.torch.save_file(TENSORS, tmp_path / "a.elman", metadata={"elman": "{not json"})
    with pytest.raises(ModelFileError, match=r"a\.elman is damaged: "):
        read_file(tmp_path / "a.elman", "model")


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot read .*a\.elman: no such file or directory"):
        read_file(tmp_path / "a.elman", "model")
    with pytest.raises(IsADirectoryError, match=r"cannot read .*: is a directory"):
        read_file(tmp_path, "model")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.elman", age="old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match=r"cannot write .*a\.elman: no space left on device"):
        written(path, age="new")
    monkeypatch.undo()
    assert read_file(path, "model").description["age"] == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.elman"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    written(tmp_path / "real.elman", age="old")
    (tmp_path / "link.elman").symlink_to(tmp_path / "real.elman")
    written(tmp_path / "link.elman", age="new")
    assert (tmp_path / "link.elman").is_symlink()
    assert read_file(tmp_path / "real.elman", "model").description["age"] == "new"


def test_unwritable_places_are_found_before_writing(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"cannot write .*: it is a folder; give the name of a file"):
        check_writable(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"cannot write .*a\.elman: there is no folder .*none; make it first"):
        check_writable(tmp_path / "none" / "a.elman")
    check_writable(tmp_path / "a.elman")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_refuses_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(PermissionError, match=r"cannot write .*a\.elman: permission denied"):
        check_writable(tmp_path / "a.elman")


def test_the_description_is_json(tmp_path: Path) -> None:
    with safetensors.safe_open(written(tmp_path / "a.elman"), framework="pt") as file:
        assert json.loads(file.metadata()["elman"])["task"] == "lm"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_mode_is_what_the_umask_asks_for_and_stays(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "a.elman", "model", {}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "a.elman").stat().st_mode & 0o777 == 0o640
    (tmp_path / "a.elman").chmod(0o604)
    write_file(tmp_path / "a.elman", "model", {}, {})
    assert (tmp_path / "a.elman").stat().st_mode & 0o777 == 0o604


def test_headers_that_are_json_and_no_header(tmp_path: Path) -> None:
    for header in (b'{"a":{"data_offsets":[0]}}', b'{"a":{"data_offsets":5}}', b'{"a":[]}'):
        path = tmp_path / "m.elman"
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        with pytest.raises(ModelFileError, match="is not an Elman model"):
            read_file(path, "model")


def test_a_model_replaces_a_model_and_nothing_else(tmp_path: Path) -> None:
    model = LanguageModel(hidden=4, layers=1).fit("to be or not to be " * 50, epochs=1)
    path = tmp_path / "m.elman"
    model.save(path)
    model.save(path)
    (empty := tmp_path / "empty").touch()
    model.save(empty)
    os.mkfifo(tmp_path / "pipe")
    (text := tmp_path / "precious.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"precious.txt is not an Elman model: .*; it will not be overwritten: remove it"
    ):
        model.save(text)
    assert text.read_text(encoding="utf-8") == "mine"
    with pytest.raises(ValueError, match="is not a regular file; it will not be overwritten"):
        model.save(tmp_path / "pipe")


def test_what_was_there_may_be_kept_under_a_free_name(tmp_path: Path) -> None:
    path = tmp_path / "c"
    for content in ("first", "second", "third"):
        path.write_text(content, encoding="utf-8")
        write_file(path, "checkpoint", {"task": "lm"}, TENSORS, keep_earlier=True)
        assert read_file(path, "checkpoint").description["task"] == "lm"
    kept = {name: (tmp_path / name).read_text(encoding="utf-8") for name in ("c.old", "c.old2", "c.old3")}
    assert kept == {"c.old": "first", "c.old2": "second", "c.old3": "third"}
    path.unlink()
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "c").write_text("linked", encoding="utf-8")
    path.symlink_to(tmp_path / "disk" / "c")
    write_file(path, "checkpoint", {"task": "lm"}, TENSORS, keep_earlier=True)
    assert path.is_symlink()
    assert (tmp_path / "disk" / "c.old").read_text(encoding="utf-8") == "linked"


def test_a_write_that_fails_leaves_what_was_to_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c"
    path.write_text("mine", encoding="utf-8")
    monkeypatch.setattr(safetensors.torch, "save_file", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="cannot write"):
        write_file(path, "checkpoint", {"task": "lm"}, TENSORS, keep_earlier=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize(
    "description", ["[1]", '{"kind": "model", "format": "1"}', '{"kind": "model", "format": null}']
)
def test_a_description_of_another_form_is_damage(tmp_path: Path, description: str) -> None:
    safetensors.torch.save_file(TENSORS, tmp_path / "m", metadata={"elman": description})
    with pytest.raises(ModelFileError, match="is damaged: its description is none of Elman's"):
        read_file(tmp_path / "m", "model")
