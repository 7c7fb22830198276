"""Compilers that fail, caches that can't be used: an error, or the next best."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.harness import native
from graphc.ir import Node
from graphc.runtime import styles
from tests.targets.c.compiled import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")

DATA = {"x": np.ones((8, 3), "float32")}


def _trainer(style: Any) -> gc.Trainer:
    x = gc.input("x", ("batch", 3))
    w = gc.parameter("w", (3, 2), 0.5)
    loss = gc.mean(gc.square(x @ w))
    return gc.Trainer(loss, gc.optim.SGD(0.1), outputs={"y": x @ w}, style=style)


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A compiler that says many things, and makes nothing."""
    file = tmp_path / "a failing cc"
    said = ["note: a long story"] * 50 + ["text.c:1: error: the first fault"]
    said += [f"error: {number}" for number in range(2, 100)]
    file.write_text("#!/bin/sh\ncat >&2 <<'END'\n" + "\n".join(said) + "\nEND\nexit 1")
    file.chmod(0o755)
    monkeypatch.setenv("CC", str(file))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    _forget_compilers()
    yield file
    _forget_compilers()


def _forget_compilers() -> None:
    """Forget what was compiled, and whether a compiler works."""
    native.compiled.cache_clear()
    styles.compiler_problem.cache_clear()


def test_a_compiler_that_fails_is_an_error_of_graphc(failing: Path) -> None:
    trainer = _trainer("native")
    before = trainer.parameters["w"].copy()
    function = gc.compile(gc.input("x", ("n",)) * 2, style="native")
    calls: list[Callable[[], Any]] = [
        lambda: function([1.0]),
        lambda: trainer.step(**DATA),
        lambda: trainer.fit(DATA, epochs=1, batch_size=4, verbose=False),
        lambda: trainer.evaluate(DATA),
        lambda: trainer.predict(DATA["x"]),
    ]
    for call in calls:
        with pytest.raises(gc.errors.CompilerError) as raised:
            call()
        assert isinstance(raised.value, RuntimeError)
        assert str(Path(__file__)) in str(raised.value)
        told, rest = raised.value.message.split(" can't compile ")
        assert str(failing) in told
        path, _, said = rest.partition(": ")
        assert Path(path).read_text().lstrip().startswith("#include")
        assert said.startswith("text.c:1: error: the first fault\nerror: 2\n")
        assert len(raised.value.message) < 1000
        assert "pip install 'graphc[native]'" in said
        assert "style='fast'" in str(raised.value.hint)
    np.testing.assert_array_equal(trainer.parameters["w"], before)


def test_auto_is_fast_style_where_the_compiler_fails(failing: Path) -> None:
    with pytest.warns(gc.errors.GraphcWarning, match="the first fault") as told:
        trainer = _trainer("auto")
    assert len(told) == 1
    assert "C_SOURCE" not in trainer.source
    assert np.isfinite(trainer.step(**DATA))


def test_an_emitted_program_says_that_the_compiler_fails(
    failing: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", x=DATA["x"])
    trainer = _trainer("native")
    trainer.emit(tmp_path / "train.py", style="native")
    (tmp_path / "whole.py").write_text(trainer.source)
    for name in ("train.py", "whole.py"):
        done = subprocess.run(
            [sys.executable, name, "--data", "data.npz", "--epochs", "1"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("", 2)
        assert done.stderr.startswith(f"{name}: error: `{failing} ")
        assert "the first fault" in done.stderr
        assert "Traceback" not in done.stderr


def test_where_the_compiler_cannot_write_a_temporary_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk; it is said once for all programs."""
    file = tmp_path / "cc"
    file.write_text(
        f'#!/bin/sh\ncase "$*" in *{tmp_path}/graphc*) echo full >&2; exit 1;; esac\n'
        f'exec {COMPILER} "$@"\n'
    )
    file.chmod(0o755)
    monkeypatch.setenv("CC", str(file))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    native.warn_of_cache.cache_clear()
    x = gc.input("x", ("n",))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for factor in (2.0, 3.0):
            found = gc.compile(x * factor, style="native")([1.0])
            np.testing.assert_array_equal(found, [factor])
    native.warn_of_cache.cache_clear()
    (warning,) = told
    assert "compiles anew" in str(warning.message)
    assert "the compiler can't write there" in str(warning.message)


def test_programs_compile_without_warnings(tmp_path: Path) -> None:
    """With all that a strict reader switches on, but for parameters that a call has by
    its interface and what one program has no use for."""
    x, line = gc.input("x", ("a", "b")), gc.input("line", ("c",))

    def turn(carry: Node, row: Node) -> tuple[Node, Node]:
        return carry * 0.5 + row, gc.sum(carry)

    def twice(value: Node) -> Node:
        return value * 2

    last, sums = gc.scan(turn, x[0], x)
    label = gc.input("label", ("a",), "int64")
    outputs = [
        *(gc.nn.softmax(x, dim=1), gc.cumsum(x, 1), gc.quantile(x, [0.1, 0.5])),
        *(gc.searchsorted(line, x), gc.argsort(x, 0), gc.special.erf(x), x**3.3),
        *(last, sums, x[label], gc.nn.dropout(x, 0.5, training=True), gc.max(x, 0)),
        *(gc.cond(x[0, 0] > 0, twice, gc.sin, x), x @ x.T),
    ]
    sources = [gc.compile(outputs, style="native").source, _trainer("native").source]
    file = tmp_path / "text.c"
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    flags += ["-Wno-unused-parameter", "-Wno-unused-function", "-fPIC", "-c"]
    for source in sources:
        file.write_text(source.partition('C_SOURCE = r"""')[2].partition('"""')[0])
        done = subprocess.run(
            [str(COMPILER), *flags, str(file), "-o", str(tmp_path / "text.o")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr, done.stderr[:2000]
