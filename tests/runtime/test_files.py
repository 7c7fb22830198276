"""`write_atomically`: a reader sees the old file or the new one, and no leftovers."""

from __future__ import annotations

import builtins
import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphc.runtime.files import write_atomically, write_together


@pytest.fixture
def umask() -> Iterator[int]:
    mask = 0o027
    before = os.umask(mask)
    yield mask
    os.umask(before)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_writes_bytes_unchanged(tmp_path: Path) -> None:
    data = bytes(range(256)) + b"\r\n\n"
    write_atomically(tmp_path / "out", data)
    assert (tmp_path / "out").read_bytes() == data
    assert os.listdir(tmp_path) == ["out"]


def test_writes_text_as_utf8_with_its_line_ends(tmp_path: Path) -> None:
    write_atomically(str(tmp_path / "out"), "∂L/∂W\r\n\n")
    assert (tmp_path / "out").read_bytes() == "∂L/∂W\r\n\n".encode()


def test_writes_no_bytes_at_all(tmp_path: Path) -> None:
    write_atomically(tmp_path / "out", b"")
    assert (tmp_path / "out").read_bytes() == b""


def test_takes_a_path_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("out", "new")
    assert (tmp_path / "out").read_text() == "new"


def test_a_name_of_the_greatest_length_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_a_new_file_has_the_permissions_that_the_umask_leaves(
    tmp_path: Path, umask: int
) -> None:
    write_atomically(tmp_path / "out", "new")
    assert permissions(tmp_path / "out") == 0o666 & ~umask


@pytest.mark.usefixtures("umask")
def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o754)
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert permissions(path) == 0o754


def test_an_open_reader_goes_on_with_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, "new and longer")
        assert reader.read() == "old"


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_link_to_nothing_yet_creates_its_target(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    write_atomically(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    write_atomically(path, "new")
    reader.join(timeout=30)
    assert received == [b"new"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_link_stays_where_the_other_file_can_not_be_written(tmp_path: Path) -> None:
    link = tmp_path / "weights.npz"
    link.symlink_to(tmp_path / "target")
    with pytest.raises(IsADirectoryError):
        write_together({str(tmp_path): b"program", str(link): b"weights"})
    assert link.is_symlink()
    assert not (tmp_path / "target").exists()


def test_a_missing_directory_is_reported_by_the_path_that_was_given(
    tmp_path: Path,
) -> None:
    path = tmp_path / "missing" / "out"
    with pytest.raises(FileNotFoundError) as raised:
        write_atomically(path, "new")
    assert raised.value.filename == str(path)
    assert os.listdir(tmp_path) == []


def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(IsADirectoryError) as raised:
        write_atomically(path, "new")
    assert raised.value.filename == str(path)
    assert os.listdir(tmp_path) == ["folder"]
    assert os.listdir(path) == []


def test_a_file_in_the_place_of_the_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(NotADirectoryError):
        write_atomically(tmp_path / "file" / "out", "new")
    assert (tmp_path / "file").read_text() == "old"


# The tests may run as root, whom no permission bits stop.
@pytest.mark.parametrize("step", ["open", "fsync", "chmod", "replace"])
@pytest.mark.parametrize(
    ("code", "kind"), [(errno.EACCES, PermissionError), (errno.ENOSPC, OSError)]
)
def test_a_failure_at_any_step_leaves_the_old_file_and_nothing_else(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    code: int,
    kind: type[OSError],
) -> None:
    path = tmp_path / "out"
    path.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), "a temporary name")

    with monkeypatch.context() as patch:
        patch.setattr(builtins if step == "open" else os, step, fail)
        with pytest.raises(kind) as raised:
            write_atomically(path, "new")
    assert raised.value.errno == code
    assert raised.value.filename == str(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_an_interrupt_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    path.write_text("old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_permissions_are_never_wider_than_those_of_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o600)
    seen: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: seen.append(os.fstat(file).st_mode))
    write_atomically(path, "new")
    assert [stat.S_IMODE(mode) for mode in seen] == [0o600]
    assert permissions(path) == 0o600


KILLED = """
import os, signal, sys
from graphc.runtime.files import write_atomically, write_together
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
write_atomically("out", "never there")
"""


def test_what_a_killed_writer_leaves_is_gone_with_the_next_write(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").write_text("old")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
        assert done.returncode == -9
        assert sorted(os.listdir(tmp_path)) == [".out.tmp", "out"]
        assert (tmp_path / "out").read_text() == "old"
    write_atomically(tmp_path / "out", "new")
    assert (tmp_path / "out").read_text() == "new"
    assert os.listdir(tmp_path) == ["out"]


def test_writers_at_the_same_time_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "out"
    contents = {letter * 200_000 for letter in "abcdef"}
    write_atomically(path, "a" * 200_000)

    def write(content: str) -> None:
        for _ in range(20):
            write_atomically(path, content)

    writers = [threading.Thread(target=write, args=(c,)) for c in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_text() in contents
    for writer in writers:
        writer.join()
    assert os.listdir(tmp_path) == ["out"]


def test_a_link_planted_at_the_temporary_name_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".out.tmp").symlink_to(victim)
    write_atomically(tmp_path / "out", "new")
    assert victim.read_text() == "mine"
    assert (tmp_path / "out").read_text() == "new"
    assert not (tmp_path / "out").is_symlink()


def test_text_that_utf8_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "out", "\ud800")
    assert os.listdir(tmp_path) == []
