"""C text is compiled once, kept for its compiler and processor only, and loaded."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.harness import harness_source, native
from tests.targets.support import ISOLATED, OURS, assert_clean

TEXT = """\
#include <stdint.h>

int64_t twice(int64_t x) {
    return 2 * x;
}
"""

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


def emitted() -> str:
    """The part as a file of its own."""
    part = harness_source(frozenset(["native"]), ("native",))
    imports = [f"import {module}" for module, alias in part.imports if alias is None]
    names: dict[str, list[str]] = {}
    for module, name in part.from_imports:
        names.setdefault(module, []).append(name)
    taken = [f"from {module} import {', '.join(names[module])}" for module in names]
    future = "from __future__ import annotations"
    head = ['"""C."""', "", future, "", *imports, *taken, "", "import numpy as np"]
    return "\n".join([*head, "", part.text])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the library of `TEXT`, which two processes compile at a time."""
    folder = tmp_path_factory.mktemp("a cache; 'of $HOME'")
    (folder / "part.py").write_text(f"{emitted()}\n\nTEXT = {TEXT!r}\n")
    code = "import part; print(part.compiled(part.TEXT).twice(21))"
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(folder)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in processes] == ["42\n", "42\n"]
    return folder


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Commands of compilers that are run, in a process that has compiled nothing."""
    run, commands = subprocess.run, []

    def recorded(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", recorded)
    monkeypatch.delenv("CC", raising=False)
    native.compiled.cache_clear()
    native.warn_of_cache.cache_clear()
    yield commands
    native.compiled.cache_clear()


def test_the_text_is_formatted_and_clean(tmp_path: Path) -> None:
    file = tmp_path / "part.py"
    file.write_text(emitted())
    assert_clean(file, *ISOLATED)
    assert_clean(file, *OURS)


def test_a_library_is_loaded_where_it_was_made_and_only_whole(
    made: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(made))
    native.compiled(TEXT)
    assert not runs
    assert np.float32(1e-39) * np.float32(1.0) > 0
    (library,) = made.glob(f"graphc/native/*/*{native.SUFFIX}")
    content = library.read_bytes()
    assert not list(library.parent.glob("*.tmp"))
    for damaged in (content[: len(content) // 2], b"", content[:-1] + b"?"):
        # A new file, since this process has loaded the old one.
        library.unlink()
        library.write_bytes(damaged)
        assert native.load_library(str(library.parent)) is None
    native.compiled.cache_clear()
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(native.compiled, [TEXT, TEXT]))
    assert [each.twice(2) for each in found] == [4, 4]
    assert 1 <= len(runs) <= 2
    library.parent.chmod(0o777)
    assert native.load_library(str(library.parent)) is None
    library.parent.chmod(0o700)
    keys = {library.parent.name}
    (command,) = native.find_compilers()[:1]
    whole = [*command, *native.FLAGS]
    assert native.library_key(TEXT, whole) in keys
    keys |= {native.library_key(TEXT + " ", whole)}
    keys |= {native.library_key(TEXT, [*whole, "-DX"])}
    other = made / "cc"
    for text in ("one", "another"):
        other.write_text(f"#!/bin/sh\n{text}\n")
        other.chmod(0o755)
        keys |= {native.library_key(TEXT, [str(other), *native.FLAGS])}
    assert "MHz" not in native.processor()
    monkeypatch.setattr(native, "processor", lambda: "another")
    keys |= {native.library_key(TEXT, whole)}
    assert len(keys) == 6


@pytest.mark.parametrize("cache", ["a file", "relative"])
def test_without_a_cache_each_process_compiles_and_says_so(
    cache: str, tmp_path: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(
        native,
        "cache_folder",
        lambda: str(tmp_path / "file") if cache == "a file" else "native",
    )
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.warns(RuntimeWarning, match="each process compiles anew"):
        library = native.compiled(TEXT)
    assert (library.twice(4), len(runs)) == (8, 1)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


BAD_COMPILERS = {
    "gcc; true": "CC is 'gcc; true', and there is no such program",
    "'gcc": 'CC is "\'gcc", and there is no such program',
    "/dev/null": "CC is '/dev/null', and",
    "true": r"true -std=c99 .*can't compile .*text\.c: it says nothing",
    "./a cc": r"can't compile .*text\.c: it was made for another machine",
    "cc -Dreturn=?": r"(?s)cc -Dreturn=\? .*can't compile .*text\.c: .*error: ",
    "./empty": "can't be loaded",
}


def test_a_bad_compiler_is_named_with_its_message(
    tmp_path: Path, runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name, text in {
        "a cc": "echo it was made for another machine >&2; exit 3",
        "empty": 'while [ "$1" != -o ]; do shift; done; echo text > "$2"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    for chosen, message in BAD_COMPILERS.items():
        monkeypatch.setenv("CC", chosen)
        with pytest.raises(native.CompilerError, match=message) as raised:
            native.compiled(TEXT)
        if "text" in message:
            path = str(raised.value).split("can't compile ")[1].partition(": ")[0]
            assert Path(path).read_text() == TEXT


def test_without_a_compiler_it_says_what_to_install(
    runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(native.CompilerError, match="apt install gcc") as raised:
        native.compiled(TEXT)
    assert "pip install 'graphc[native]'" in str(raised.value)


@pytest.mark.parametrize("source", ["NumPy", "SciPy"])
def test_products_are_those_of_numpy(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "SciPy":
        pytest.importorskip("scipy.linalg.cython_blas")
        monkeypatch.setattr(native, "numpy_libraries", lambda: iter(()))
    native.blas_functions.cache_clear()
    found = native.blas_functions("sgemm", "dgemm")
    native.blas_functions.cache_clear()
    if not found:
        pytest.skip("this NumPy has no BLAS with these names")
    rng = np.random.default_rng(0)
    for address, dtype in zip(found, (np.float32, np.float64), strict=True):
        a = rng.integers(-9, 9, (5, 7)).astype(dtype)
        b = rng.integers(-9, 9, (7, 3)).astype(dtype)
        out, one, zero = np.zeros((5, 3), dtype), np.ones(1, dtype), np.zeros(1, dtype)
        sizes = [ctypes.byref(ctypes.c_int64(size)) for size in (3, 5, 7, 3, 7, 3)]
        pointer = [array.ctypes.data for array in (one, b, a, zero, out)]
        call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(address)
        arguments: list[Any] = [b"N", b"N", *sizes[:3], pointer[0], pointer[1]]
        arguments += [sizes[3], pointer[2], sizes[4], pointer[3], pointer[4], sizes[5]]
        call(*[ctypes.cast(each, ctypes.c_void_p) for each in arguments])
        np.testing.assert_array_equal(out, a @ b)
