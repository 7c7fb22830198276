"""Write a file so that a reader sees the old content or the new, never a half.

Checkpoints, emitted programs and drawings are written over earlier ones while a person
or another program may be reading them, and a run may be stopped in the middle of it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Replace the file at `path` by `data` in one step.

    The data goes to a temporary file in the same directory, is forced to the disk, and
    takes the place of `path` only then. A symbolic link is followed. A device or a pipe
    (`/dev/null`, `/dev/stdout`) can't be replaced without destroying it, so it is
    written to directly.

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
    name = os.fspath(path)
    try:
        _write(name, content)
    except OSError as error:
        if error.errno is None:
            raise
        # The system names the temporary file, which the caller never heard of.
        raise OSError(error.errno, error.strerror, name) from error


def _write(name: str, content: bytes) -> None:
    mode = _mode_of(name)
    if mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        with open(name, "wb") as file:
            file.write(content)
        return
    target = os.path.realpath(name)
    temporary = os.path.join(
        os.path.dirname(target), f".graphc-{secrets.token_hex(8)}.tmp"
    )
    # Not `tempfile`, whose files are private to the owner: a plain open lets the system
    # apply the umask, which Python can't read without changing it for all threads.
    # Windows translates line ends unless told not to.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _mode_of(name: str) -> int | None:
    try:
        return os.stat(name).st_mode
    except FileNotFoundError:
        return None
