"""docs/tutorial.md shows what graphc does now: its emitted code and its drawings.

That its blocks run is tested with all pages, in test_docs.py.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "tutorial.md"
IMAGES = ROOT / "docs" / "images"
TEXT = PAGE.read_text("utf-8")


def refresh() -> Any:
    """The script that writes what the page shows."""
    path = ROOT / "docs" / "refresh_tutorial.py"
    spec = importlib.util.spec_from_file_location("refresh_tutorial", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the names that the blocks of the page leave."""
    folder = tmp_path_factory.mktemp("tutorial")
    script = refresh()
    with script.inside(folder):
        return folder, script.run(TEXT)


def test_the_emitted_code_is_what_is_emitted(ran):
    _, scope = ran
    script = refresh()
    assert script.refreshed(TEXT, scope) == TEXT, "python docs/refresh_tutorial.py"
    excerpts = list(script.EXCERPT.finditer(TEXT))
    assert len(excerpts) >= 4
    for found in excerpts:
        emitted = re.sub(r"(?m)^ +", "", eval(found["text"], scope))
        code = found[0].split("```py\n")[1].removesuffix("```")
        assert code.count("\n") > 5
        assert re.sub(r"(?m)^ +", "", code) in emitted


def labels(path: Path) -> list[str]:
    """The words of a drawing, wherever they stand."""
    return sorted(re.findall(r"<text[^>]*>(.*?)</text>", path.read_text("utf-8")))


def test_the_drawings_are_what_is_drawn(ran):
    folder, _ = ran
    drawn = sorted(folder.glob("*.svg"))
    assert len(drawn) >= 3
    for path in drawn:
        assert f"(images/{path.name})" in TEXT
        assert labels(path) == labels(IMAGES / path.name), path.name
        assert len(labels(path)) > 5


def test_what_the_page_refers_to_exists():
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (PAGE.parent / target).is_file(), target
