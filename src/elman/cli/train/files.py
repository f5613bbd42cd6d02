"""The files of a training, looked at before it starts: no hours of work for nothing, nothing overwritten by mistake."""

from collections.abc import Sequence
from pathlib import Path

from elman.cli.errors import CommandLineError, note

__all__ = ["check_files"]


def check_files(
    read: Sequence[Path], output: Path, checkpoint: Path | None = None, log: Path | None = None, resume: bool = False
) -> None:
    """Raise unless a training can read and write what it will.

    Parameters
    ----------
    read
        Files of data.
    output, checkpoint, log
        Files that will be written; None: there is none.
    resume
        Whether the checkpoint will be read first.

    Raises
    ------
    ValueError
        If a file would be read and written, or the model would replace a file that is none, or there is no
        checkpoint to resume.
    OSError
        If a file cannot be written.
    """
    from elman.tasks.model_file import check_replaceable, check_writable, earlier_name

    taken = {path.resolve() for path in read}
    for path in filter(None, (output, checkpoint, log)):
        if path.resolve() in taken:
            raise CommandLineError(f"{path} would be used twice and overwritten; give the output another name")
        taken.add(path.resolve())
        check_writable(path)
    check_replaceable(output)
    if checkpoint is None:
        return
    if resume and not checkpoint.exists():
        raise CommandLineError(f"there is no {checkpoint} to resume; leave --resume out to start anew")
    if checkpoint.exists() and not resume:
        kept = earlier_name(checkpoint)
        note(f"{checkpoint} of a run that did not finish will be kept as {kept}; --resume would go on with it", "note")
