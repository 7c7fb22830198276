"""The page of all operations is what the declarations say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_is_up_to_date() -> None:
    path = ROOT / "docs" / "refresh_operations.py"
    spec = importlib.util.spec_from_file_location("refresh_operations", path)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert script.refreshed() == page, "run: python docs/refresh_operations.py"
    # The page is about what there is.
    for name in ("gc.tanh", "gc.nn.cross_entropy", "gc.nn.Linear"):
        assert f"### `{name}`\n" in page
    assert "d_x = g * np.sign(x)" in page
