"""The text in C that programs carry."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphc

FOLDER = Path(graphc.__file__).parent / "targets" / "c"


@pytest.mark.parametrize(
    "file", sorted(FOLDER.rglob("*.c")), ids=lambda file: file.stem
)
def test_lines_have_88_characters_at_most(file: Path) -> None:
    """They stand in emitted files, which the linter of their owners may look at."""
    lines = file.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 88
