"""The text of emitted programs: formatted, with the imports that it uses."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import graphc as gc
from graphc.harness import FEATURES, PARTS, harness_source
from tests.targets.support import ISOLATED, OURS, assert_clean, program


def test_the_text_is_formatted_and_clean_under_both_configurations(
    tmp_path: Path,
) -> None:
    file = tmp_path / "train.py"
    file.write_text(program())
    assert_clean(file, *ISOLATED)
    assert_clean(file, *OURS)


FEATURES_IN_USE = [
    frozenset(("totals",)),
    frozenset(("totals", "whole")),
    FEATURES | {*PARTS},
    FEATURES | {"whole"},
]


@pytest.mark.parametrize("features", FEATURES_IN_USE, ids=sorted)
def test_imports_are_those_that_the_text_uses(features: frozenset[str]) -> None:
    harness = harness_source(features)
    assert "# if" not in harness.text
    assert "# end" not in harness.text
    tree = ast.parse(harness.text)
    assert not [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    modules = {m for m, _ in harness.imports} | {m for m, _ in harness.from_imports}
    assert {m.partition(".")[0] for m in modules} <= {"numpy", *sys.stdlib_module_names}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names = [alias or m for m, alias in harness.imports]
    names += [name for _, name in harness.from_imports]
    assert set(names) <= used
    assert harness.imports == tuple(sorted(harness.imports))


def test_importing_a_whole_program_imports_hardly_more_than_numpy_does(
    tmp_path: Path,
) -> None:
    """And no random generators, which NumPy itself loads when they are first named."""
    x = gc.input("x", ("batch", 4))
    w = gc.parameter("w", (4, 3), gc.init.truncated_normal())
    loss = gc.mean(gc.nn.dropout(x @ w) ** 2)
    for style in ("fast", "readable"):
        trainer = gc.Trainer(loss, gc.optim.Adam())
        trainer.emit(tmp_path / f"{style}.py", style=style, include=["all"])
    code = (
        "import sys, numpy; before = set(sys.modules); import fast, readable; "
        "print(*sorted(set(sys.modules) - before))"
    )
    flags = ["-W", "error", "-c", code]
    done = subprocess.run(
        [sys.executable, *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    # A thread is asked for its number, so that its memory is its own.
    loaded = {"__future__", "_weakrefset", "fast", "readable", "signal", "threading"}
    assert set(done.stdout.split()) <= loaded


@pytest.mark.parametrize("kind", ["whole", "short"])
def test_every_public_function_of_the_text_says_what_it_does(kind: str) -> None:
    for node in ast.parse(harness_source(FEATURES | {*PARTS, kind}).text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert ast.get_docstring(node), node.name
