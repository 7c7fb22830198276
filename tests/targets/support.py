"""Emitted programs for tests, assembled from a hand-written model and the loop."""

from __future__ import annotations

import itertools
import linecache
import os
import subprocess
import sys
import tracemalloc
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ruff import find_ruff_bin

from graphc.harness import harness_source

MODEL_PART = Path(__file__).with_name("mlp_model.py").read_text("utf-8")

_numbers = itertools.count()


def program(**changes: Any) -> str:
    """The text of a program; `changes` sets constants such as `DROPOUT`."""
    harness = harness_source(frozenset(["whole"]))
    _, marker, model = MODEL_PART.partition("# --- model ---\n")
    assert marker
    for name, value in changes.items():
        lines = [n for n in model.splitlines() if n.startswith(f"{name} = ")]
        assert len(lines) == 1, name
        if lines[0].endswith(("{", "(")):
            start = model.index(lines[0])
            old = model[start : model.index("\n}\n", start) + 2]
        else:
            old = lines[0]
        model = model.replace(old, f"{name} = {value!r}")
    plain = [
        f"import {module}" + (f" as {alias}" if alias else "")
        for module, alias in harness.imports
        if module != "numpy"
    ]
    grouped: dict[str, list[str]] = {}
    for module, name in harness.from_imports:
        grouped.setdefault(module, []).append(name)
    named = [f"from {m} import {', '.join(names)}" for m, names in grouped.items()]
    future = "from __future__ import annotations"
    top = ['"""A test program."""', "", future, "", *plain, *named]
    head = "\n".join([*top, "", "import numpy as np"])
    return f"{head}\n\n{model.strip()}\n\n\n{harness.text}"


def load(source: str) -> Any:
    """A program as a module, whose tracebacks show its lines."""
    name = f"emitted_{next(_numbers)}"
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    module = types.ModuleType(name)
    exec(compile(source, file, "exec"), module.__dict__)
    return module


def rows(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Learnable data for the model: the class is the largest of three sums."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 8)).astype(np.float32)
    y = np.argmax(x[:, :3] + 0.5 * x[:, 3:6], axis=1)
    return {"x": x, "y": y.astype(np.int64)}


BLOCKER = """\
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in allowed:
            raise ImportError(f"{name} is not available here")
allowed = {"numpy", *sys.stdlib_module_names}
sys.meta_path.insert(0, Blocker())
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def command(script: Path, *arguments: object) -> list[str]:
    """How to run a script where only NumPy and the standard library can be imported."""
    flags = ["-W", "error", "-I", "-c", BLOCKER]
    return [sys.executable, *flags, str(script), *map(str, arguments)]


def run(script: Path, *arguments: object, status: int = 0) -> Any:
    """Run a script to its end; the result has `stdout` and `stderr`."""
    done = subprocess.run(
        command(script, *arguments),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=script.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def loader(source: str) -> Callable[[], Any]:
    """A function that gives the module of a text anew, with nothing allocated yet."""
    code = compile(source, "emitted", "exec")

    def load() -> Any:
        module = types.ModuleType("emitted")
        exec(code, module.__dict__)
        return module

    return load


class Meter:
    """Bytes of NumPy's arrays that live."""

    live = 0


def numpy_bytes() -> int:
    """What NumPy's allocator has given out and not got back."""
    snapshot = tracemalloc.take_snapshot()
    domain = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in snapshot.filter_traces([domain]).traces)


@contextmanager
def metered() -> Iterator[Meter]:
    """Measure what is allocated inside and still there at its end."""
    meter = Meter()
    tracemalloc.start()
    try:
        yield meter
        meter.live = numpy_bytes()
    finally:
        tracemalloc.stop()


def assert_formatted(source: str, folder: Path) -> None:
    """Hold a text against ruff's formatter and linter."""
    path = folder / "emitted.py"
    path.write_text(source, "utf-8")
    assert_clean(path)


def assert_clean(path: Path, *options: str) -> None:
    """Hold a file, or all of a folder, against ruff's formatter and linter."""
    for command in (["check"], ["format", "--check", "--diff"]):
        found = subprocess.run(
            [find_ruff_bin(), *command, *(options or ISOLATED), str(path)],
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0, found.stdout + found.stderr


ISOLATED = ("--isolated",)
OURS = ("--config", str(Path(__file__).parents[2] / "pyproject.toml"))
"""Ruff's own configuration, and the project's."""
