"""The files of graphc's own source, for the tests that read them."""

from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "graphc"
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room_of(file: Path) -> str:
    """The package that a file belongs to, or its own name at the top level."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")
