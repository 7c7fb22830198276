"""Bring what README.md quotes from the compiler up to date.

    python docs/refresh.py

writes the excerpt of emitted code and the drawing. A test fails where they are behind
what the compiler makes now.
"""

from __future__ import annotations

import linecache
import re
import sys
import types
from pathlib import Path

import graphc as gc

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
IMAGE = ROOT / "docs" / "images" / "overlay.svg"


def example(text: str) -> types.ModuleType:
    """The module `model.py` that the README declares."""
    found = re.search(r"<!-- file: model\.py -->\n```python\n(.*?)```", text, re.S)
    assert found is not None
    module = types.ModuleType("model")
    # As from a file, whose lines give nodes their names.
    linecache.cache["model.py"] = len(found[1]), None, found[1].splitlines(True), ""
    exec(compile(found[1], "model.py", "exec"), module.__dict__)
    return module


def emitted_function(source: str, name: str) -> str:
    """One function of an emitted program."""
    found = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", source, re.S | re.M)
    assert found is not None
    return found[0].rstrip() + "\n"


def refreshed(text: str) -> str:
    """The README with the excerpt as the compiler writes it now."""
    emitted = example(text).trainer.emitted("readable", "program", ["checkpoint"])

    def excerpt(found: re.Match[str]) -> str:
        return f"{found[1]}{emitted_function(emitted.source, found[2])}```"

    pattern = r"(<!-- emitted: (\w+) -->\n```python\n).*?```"
    return re.sub(pattern, excerpt, text, flags=re.S)


def drawing(text: str) -> gc.Drawing:
    """The drawing that the README shows."""
    return gc.render(example(text).loss, backward="overlay")


def main() -> int:
    text = README.read_text("utf-8")
    README.write_text(refreshed(text), "utf-8")
    IMAGE.parent.mkdir(exist_ok=True)
    drawing(text).save(IMAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
