"""Every example in a docstring and in docs/ runs and gives what it says.

README.md, which shows a shell too, has a test of its own.

Examples run one after the other in an empty folder, under the same warnings-as-errors
as all tests. A Markdown block in ```` ```python ```` is a program, or a session where
it starts with `>>>`; the blocks of a page share their names, as a reader would expect.
"""

from __future__ import annotations

import doctest
import importlib
import linecache
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import graphc

ROOT = Path(__file__).parent.parent
MODULES = [
    "graphc",
    *(
        module.name
        for module in pkgutil.walk_packages(graphc.__path__, "graphc.")
        # Importing it is running it.
        if not module.name.endswith("__main__")
    ),
]
PAGES = sorted(ROOT.glob("docs/**/*.md"))
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def _examples(module: ModuleType) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    return [test for test in found if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    for test in _examples(importlib.import_module(name)):
        runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
        if runner.run(test, out=report.append).failed:
            pytest.fail("".join(report), pytrace=False)


def test_the_public_functions_have_examples() -> None:
    """Most of them: a name without an example is the exception."""
    modules = ("graphc.ops.shape", "graphc.ops.reduction", "graphc.autodiff.reverse")
    for name in modules:
        module = importlib.import_module(name)
        documented = {test.name.rpartition(".")[2] for test in _examples(module)}
        functions = {
            public
            for public, value in vars(module).items()
            if public in graphc.__all__ and value.__module__ == name
        }
        assert len(functions & documented) >= 0.7 * len(functions), name


def _blocks(page: Path) -> list[tuple[int, str]]:
    """Line and source of each block of Python."""
    text = page.read_text(encoding="utf-8")
    return [
        (text[: match.start(1)].count("\n"), match.group(1))
        for match in re.finditer(
            r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE
        )
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {"__name__": page.stem}
    for line, source in _blocks(page):
        if source.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(
                source, scope, page.name, str(page), line
            )
            report: list[str] = []
            runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
            failed = runner.run(test, out=report.append, clear_globs=False).failed
            scope.update(test.globs)
            if failed:
                pytest.fail("".join(report), pytrace=False)
        else:
            # As a cell of a notebook, whose lines name nodes.
            text, cell = "\n" * line + source, f"<{page.name}, line {line}>"
            linecache.cache[cell] = (len(text), None, text.splitlines(True), cell)
            exec(compile(text, cell, "exec"), scope)
