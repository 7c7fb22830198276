"""Every example in a docstring and in docs/ runs and gives what it says.

README.md, which shows a shell too, has a test of its own.

Examples run one after the other in an empty folder, under the same warnings-as-errors
as all tests. A Markdown block in ```` ```python ```` is a program, or a session where
it starts with `>>>`; the blocks of a page share their names, as a reader would expect.
The emitted code and the drawings of pages are those of today.
"""

from __future__ import annotations

import difflib
import doctest
import importlib
import importlib.util
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

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
IMAGES = ROOT / "docs" / "images"
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


def _script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, name, module)
        patch.syspath_prepend(ROOT / "docs")
        spec.loader.exec_module(module)
    return module


def _refresh() -> Any:
    """The script that puts into pages what their blocks make."""
    return _script("refresh_pages")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    text, script = page.read_text(encoding="utf-8"), _refresh()
    now = script.refreshed(text, page.name).splitlines()
    changed = "\n".join(difflib.unified_diff(text.splitlines(), now, lineterm="", n=1))
    assert not changed, f"python docs/refresh_pages.py docs/{page.name}\n{changed}"
    for name in script.PICTURE.findall(text):
        assert (IMAGES / name).exists(), name
        if name.endswith(".svg"):
            drawn = tmp_path / name
            assert len(script.words(drawn)) > 2, name
            assert script.words(drawn) == script.words(IMAGES / name), name
    # Of pages that show it, what is left when nothing has been found would pass.
    if page.stem in ("tutorial", "course"):
        assert len(script.EXCERPT.findall(text)) >= 4
        assert len(list(tmp_path.glob("*.svg"))) >= 3


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_a_slide_is_shown_by_the_command_below_its_heading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = _script("slide")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for heading, part in script.sections().items():
        command = script.COMMAND.format(number=script.numbers(heading)[0])
        assert part.startswith(f"{heading}\n\n{command}"), heading
    assert script.numbers("### Slides 48 to 51: dropout") == [48, 49, 50, 51]
    text = script.shown(20, tmp_path / "course")
    assert text.startswith("### Slides 19 and 20")
    assert "∂nested/∂v = A^T B^T C^T 1\n" in text


def test_a_page_is_refreshed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (
        "```python\ntext = 'def f():\\n    a\\n\\n    b\\nc'\n```\n"
        "```python\n>>> print(1, 'a')\n1 ...\n>>> 2 + 2\n5\n```\n"
        "<!-- emitted by text: def f -->\n```py\n```\n"
        "```console\n$ graphc --version\n```\n"
    )
    now = _refresh().refreshed(page, "page.md")
    assert ">>> print(1, 'a')\n1 ...\n>>> 2 + 2\n4\n```" in now
    assert "```py\ndef f():\n    a\n\n    b\n```" in now
    assert "$ graphc --version\ngraphc" in now
