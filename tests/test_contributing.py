"""The page for contributors: its op, block, optimizer, pass and target, tried.

They are added to a copy, in which the generated tests then find them by themselves.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+) title=(\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all that the page adds to it."""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("graphc", "tests"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", root)
    for language, name, text in BLOCKS:
        path = root / name
        if language == "diff":
            path.write_text(_patched(path.read_text("utf-8"), text), "utf-8")
        else:
            assert not path.exists(), f"{name} is there already"
            path.write_text(text, "utf-8")
    return root


def _patched(source: str, diff: str) -> str:
    """A file with the lines that begin with + in place, beside those that do not."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if not line.startswith("+"))
    assert source.count(old) == 1, f"not once in the file: {old}"
    return source.replace(old, "".join(line[1:] for line in lines))


def _run(root: Path, *arguments: str) -> str:
    """The report of tests in the copy: a line for each."""
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-m", "not slow and not peer", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_each_is_one_file_and_lines_that_export_it() -> None:
    files = [name for language, name, _ in BLOCKS if language == "python"]
    assert len(files) == 6
    assert [name for name in files if name.startswith("tests")] == [
        "tests/targets/test_c_loop.py"
    ]


FOUND = {
    "versine": (r"tests/ops/.*versine", 50),
    "squareplus": (r"tests/(nn|ops)/.*squareplus", 60),
    "QHM": (r"tests/optim/.*(QHM|every)", 10),
    "nested_choices": (r"tests/passes/test_rules", 10),
    "c_loop": (r"tests/targets/test_c_loop", 1),
    "quasi_hyperbolic": (r"tests/test_architecture", 20),
}
"""For what the page adds: which tests reach it, and how many at least."""


def test_the_generated_tests_find_it(copy: Path) -> None:
    words = [*FOUND, "optim and every", "test_rules and not every_op"]
    folders = ["ops", "nn", "optim", "passes/test_rules.py", "targets/test_c_loop.py"]
    report = _run(
        copy,
        *[f"tests/{folder}" for folder in [*folders, "test_architecture.py"]],
        *("--op", "versine", "--op", "squareplus"),
        *("-k", " or ".join(f"({word})" for word in words)),
    )
    assert " failed" not in report, report[-4000:]
    assert " error" not in report, report[-4000:]
    for name, (tests, least) in FOUND.items():
        passed = len(re.findall(f"^{tests}.* PASSED", report, re.MULTILINE))
        assert passed >= least, f"{name}: {passed} tests"


def test_they_find_a_wrong_one(copy: Path) -> None:
    path = copy / "graphc/ops/versine.py"
    text = path.read_text("utf-8")
    path.write_text(text.replace("(g * sin(x),)", "(g * out,)"), "utf-8")
    try:
        report = _run(
            copy, "tests/ops/test_derivatives.py", "--op", "versine", "-k", "versine"
        )
    finally:
        path.write_text(text, "utf-8")
    assert re.search(r"test_first_derivatives\[versine.* FAILED", report)
