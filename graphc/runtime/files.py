"""Write a file so that a reader sees the old content or the new, never a half.

Checkpoints, emitted programs and drawings are written over earlier ones while a person
or another program may be reading them, and a run may be stopped in the middle of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from ..errors import OptionError
from ..harness import files as written
from ..harness.files import check_overwriting, write_file

_Path: TypeAlias = str | os.PathLike[str]


def check_outputs(outputs: Iterable[_Path | None], inputs: Iterable[str]) -> None:
    """Raise `OptionError` where a file to be written is one that is read, or another.

    Args:
        outputs: paths of files to be written; None for none.
        inputs: paths of files, and of folders all files of which may be read.
    """
    try:
        check_overwriting(
            [None if path is None else os.fspath(path) for path in outputs], inputs
        )
    except ValueError as error:
        raise OptionError(str(error)) from None


def check_writable(path: _Path) -> None:
    """Raise `OSError` now where writing a file, after some time, would fail.

    Args:
        path: of a file that need not exist.
    """
    written.check_writable(os.fspath(path))


def write_atomically(path: _Path, data: bytes | str) -> None:
    """Replace the file at `path` by `data` in one step, as emitted programs do.

    The data goes to a temporary file in the same directory, is forced to the disk, and
    takes the place of `path` only then, with its permissions. A symbolic link is
    followed. A device or a pipe (`/dev/null`, `/dev/stdout`) can't be replaced without
    destroying it, so it is written to directly.

    Args:
        path: the file to write; its directory must exist.
        data: the content; text is encoded as UTF-8 with its line ends unchanged.

    Raises:
        OSError: the subclass that the system's answer calls for, naming `path`:
            `FileNotFoundError` for a missing directory, `IsADirectoryError` where
            `path` is a directory, `PermissionError` where writing is not allowed. The
            file is then as it was.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> write_atomically(folder / "note.txt", "done")
        >>> (folder / "note.txt").read_text()
        'done'
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    write_file(os.fspath(path), content)


def write_together(files: Mapping[str, bytes]) -> None:
    """Write files of which each needs the others: all, or after an error none.

    Args:
        files: contents by path; one without content is not written.

    Raises:
        OSError: see `write_atomically`; all files are then as they were.
    """
    before: dict[str, bytes | None] = {}
    try:
        for path, content in reversed([*files.items()]):
            if content:
                is_file = os.path.isfile(path)
                before[path] = Path(path).read_bytes() if is_file else None
                write_file(path, content)
    except BaseException:
        for path, old in list(before.items())[:-1]:
            if old is not None:
                write_file(path, old)
            elif os.path.isfile(path):
                os.remove(os.path.realpath(path))
        raise
