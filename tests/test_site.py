"""The site of the documentation has every page and every public name.

Building it takes minutes: `make docs`, in which every warning is an error.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import graphc as gc

ROOT = Path(__file__).parent.parent
NAVIGATION = (ROOT / "mkdocs.yml").read_text("utf-8").split("\nnav:\n")[1]
NAVIGATION = NAVIGATION.split("\n\n")[0]

FACES = {
    "graphc": gc,
    "graphc.nn": gc.nn,
    "graphc.nn.init": gc.init,
    "graphc.optim": gc.optim,
    "graphc.metrics": gc.metrics,
    "graphc.linalg": gc.linalg,
    "graphc.special": gc.special,
    "graphc.random": gc.random,
}


def reference() -> Any:
    path = ROOT / "docs" / "site" / "reference.py"
    spec = importlib.util.spec_from_file_location("reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_navigation_has_every_page():
    listed = re.findall(r"[\w/-]+\.md", NAVIGATION)
    assert len(listed) == len(set(listed))
    pages = {path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md")}
    assert {str(path) for path in pages} <= set(listed)
    assert "gallery/" in NAVIGATION
    assert "reference/" in NAVIGATION


def test_the_reference_has_every_public_name():
    script = reference()
    pages = {part: script.page(part) for part in script.PARTS}
    shown = re.findall(r"(?m)^::: (\S+)$", "\n".join(pages.values()))
    assert len(shown) == len(set(shown))
    for path, module in FACES.items():
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isroutine(value):
                assert script.identifier(path, name) in shown
    assert {"graphc.errors.ShapeError", "graphc.datasets.digits"} <= set(shown)
    assert "graphc.nn.batch_norm.batch_norm" in shown  # Beside its module.
    index = script.index()
    assert all(f"#{name})" in index for name in shown)
    assert "gc.exp" in pages["arrays"]
    assert "gc.Trainer" in pages["training"]
    assert "gc.grad" in pages["graphs"]


def test_every_public_name_has_an_example():
    """Those of docstrings are run by `test_docs.py`."""
    script = reference()
    without = [
        f"{path}.{name}"
        for part, (_, path) in script.PARTS.items()
        for name in script.names_of(part)
        if ">>> " not in (getattr(importlib.import_module(path), name).__doc__ or "")
    ]
    assert not without
