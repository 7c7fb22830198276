"""Files that are either the old ones or the new ones, never half-written."""

from __future__ import annotations

import contextlib
import io
import math
import os
import stat
import sys
from collections.abc import Callable, Generator, Iterable
from typing import Any

import numpy as np

from .model import PARAMETERS
from .ranks import is_first_rank, on_first_rank

# --- imports above, copied into emitted programs below ---

# Files --------------------------------------------------------------------------------
# if whole
#
# Here and below, modules that NumPy does not import by itself are imported where they
# are used, so that importing this program takes little longer than importing NumPy.
# end

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]


class CheckpointError(ValueError):
    """A file that is damaged or that belongs to another model or run."""


class OptionError(ValueError):
    """An argument outside the values that a function takes."""


# if whole
# if mpi
@on_first_rank
# end
def write_file(path: str, content: bytes) -> None:
    """Put `content` at `path` in one step: a reader sees the old file or the new.

    The permissions of the old file stay.
    """
    target = os.path.realpath(path)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:  # A device, which must not be replaced.
                file.write(content)
            return
        with temporary_file(target) as temporary:
            with open(temporary, "wb") as file:
                if os.path.exists(target):
                    os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
    except OSError as error:
        if error.errno is None:
            raise
        # The system names no file, or the temporary one, of which nobody knows.
        raise OSError(error.errno, error.strerror, path) from error


@contextlib.contextmanager
def temporary_file(target: str) -> Generator[str]:
    """Name a file to be written in place of `target`; it is removed after an error.

    The name is always the same, so that what a killed writer left is written over. It
    is locked meanwhile: a second writer at the same time has a name of its own.
    """
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.tmp")
    with contextlib.ExitStack() as stack:
        try:
            import fcntl

            lock = stack.enter_context(open(temporary, "ab"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another file, if the writer before has just put it in its place.
            alone = os.path.samestat(os.fstat(lock.fileno()), os.lstat(temporary))
        except (ImportError, OSError):
            alone = False
        if not alone:
            temporary = os.path.join(folder, f".{os.urandom(8).hex()}.tmp")
        try:
            yield temporary
        except BaseException:
            with contextlib.suppress(OSError):
                os.remove(temporary)
            raise


# if mpi
@on_first_rank
# end
def keep_older(path: str) -> None:
    """Keep a file that is to be written anew under the same name with ".1"."""
    if not os.path.isfile(path):
        return
    older = f"{path}.1"
    with contextlib.suppress(FileNotFoundError):
        os.remove(older)
    try:
        # So it stays until the new one, with the same permissions, is in its place.
        os.link(os.path.realpath(path), older)
    except OSError:
        os.replace(path, older)
    say(f"the older {path} is now {older}", error=True)


def say(line: str, error: bool = False) -> None:
    """Print a line where that can be done; no console ends a run that trains."""
    # if mpi
    if not is_first_rank():
        return
    # end
    name = "stderr" if error else "stdout"
    stream = getattr(sys, name)
    try:
        if stream is not None:
            print(line, file=stream, flush=True)
    except UnicodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        say(line.encode(encoding, "backslashreplace").decode(encoding), error)
    except (OSError, ValueError):
        # Its reader is gone, such as `head`; Python, too, would fail to flush it.
        setattr(sys, name, None)


# if mpi
@on_first_rank
# end
def check_writable(path: str) -> None:
    """Raise `OSError` now where writing a file after hours of training would fail.

    What a writer that was killed has left beside it is removed.
    """
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"the folder of {path} does not exist")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder")
    replaced = os.path.isfile(path) or not os.path.exists(path)
    needed = [path] * os.path.exists(path) + [folder] * replaced
    if not all(os.access(each, os.W_OK) for each in needed):
        raise PermissionError(f"{path} can't be written")
    if replaced:
        with temporary_file(os.path.realpath(path)) as left:
            if os.path.exists(left):
                os.remove(left)


def check_overwriting(
    outputs: Iterable[str | None], inputs: Iterable[str | None]
) -> None:
    """Raise `OptionError` where a file to be written is one that is read, or another.

    Args:
        outputs: paths of files; None for none. Older ones get the ending ".1".
        inputs: paths of files, and of folders, all files of which may be read.
    """
    read = [path for path in inputs if path]
    for folder in filter(os.path.isdir, tuple(read)):
        read += [os.path.join(folder, name) for name in os.listdir(folder)]
    written: list[str] = []
    for path in filter(None, outputs):
        for other in read:
            if is_same_file(path, other) or is_same_file(f"{path}.1", other):
                raise OptionError(f"{path} would overwrite {other}, which is read")
        for other in written:
            if is_same_file(path, other):
                raise OptionError(f"{path} would overwrite {other}, also written")
        written.append(path)


def is_same_file(one: str, other: str) -> bool:
    """Tell whether two paths are, or would be, of one file."""
    if os.path.exists(one) or os.path.exists(other):
        known = os.path.isfile(one) and os.path.isfile(other)
        return known and os.path.samefile(one, other)
    # Where upper and lower case are the same, no system tells in advance.
    return os.path.realpath(one).casefold() == os.path.realpath(other).casefold()


def write_arrays(path: str, arrays: Arrays) -> None:
    """Write arrays by name as an `.npz` file, in one step."""
    write_file(path, archive_of(arrays))


def archive_of(arrays: Arrays) -> bytes:
    """The content of an `.npz` file: the same bytes for the same arrays."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # Not `np.savez`, for which the name `file` is its own argument.
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def read_arrays(
    path: str,
    damage: type[ValueError],
    choose: Callable[[Arrays], Iterable[str]] = list,
) -> Arrays:
    """The arrays of an `.npz` file, or the error `damage` if it can't be read.

    Nothing in the file is executed, and every byte is held against its checksum.

    Args:
        choose: called before memory is taken, with arrays of the dtypes and shapes
            that the file announces and without their values; gives the names to read.
    """
    import zipfile

    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise damage(f"{path} is no .npz file, or it is cut short")
        try:
            with zipfile.ZipFile(file) as archive:
                entries = {entry.filename: entry for entry in archive.infolist()}
                if len(entries) < len(archive.infolist()):
                    raise ValueError("two entries have one name")
                found = {
                    name.removesuffix(".npy"): announced_array(archive, entry)
                    for name, entry in entries.items()
                }
                arrays: Arrays = {}
                for name in choose(found):
                    with archive.open(f"{name}.npy") as entry:
                        arrays[name] = np.lib.format.read_array(entry)
                return arrays
        except damage:
            raise
        except MemoryError:
            raise damage(f"{path} does not fit into memory") from None
        except Exception as error:  # Damage can be to any part of it.
            problem = str(error)[:200]
            raise damage(f"{path} is damaged or of another kind: {problem}") from error


def announced_array(archive: Any, entry: Any) -> Array:
    """An array of the dtype and shape in an entry's header, which takes no memory."""
    if not entry.filename.endswith(".npy"):
        raise ValueError(f"{entry.filename!r} is not an array")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{entry.filename!r} holds Python objects")
        if file.tell() + math.prod(shape) * dtype.itemsize != entry.file_size:
            raise ValueError(f"{entry.filename!r} is not of the size that it announces")
    return np.broadcast_to(np.empty((), dtype), shape)


def save_parameters(path: str, parameters: Arrays) -> None:
    """Write the parameters as an `.npz` file, each under its name."""
    write_arrays(path, parameters)


def load_parameters(path: str) -> Arrays:
    """The parameters in a file of `save_parameters` or `save_checkpoint`."""

    def choose(found: Arrays) -> Iterable[str]:
        check_parameters({n: a for n, a in found.items() if "/" not in n}, path)
        return PARAMETERS

    return read_arrays(path, CheckpointError, choose)


def check_parameters(saved: Arrays, path: str) -> None:
    """Raise `CheckpointError` unless these are parameters of this model."""
    here = {name: f"{dtype} {shape}" for name, (dtype, shape) in PARAMETERS.items()}
    there = {name: describe_array(array) for name, array in saved.items()}
    if different := differences(here, there):
        raise CheckpointError(f"{path} belongs to another model: {different}")


def describe_array(array: Array) -> str:
    """The dtype and shape, as in `float32 (64, 32)`."""
    return f"{array.dtype} {array.shape}"


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """The differences between this model and a file, in words; empty if none."""
    found = [
        f"{name!r} is {here[name]} here and {there[name]} there"
        for name in here
        if name in there and here[name] != there[name]
    ]
    found += [f"{name!r} is missing there" for name in here if name not in there]
    found += [f"{name!r} is unknown here" for name in there if name not in here]
    more = [f"{len(found) - 4} more"] if len(found) > 4 else []
    return "; ".join(found[:4] + more)


# end
