"""Show a slide of the course: run what course.md has for it, and print what came of it.

    python docs/slide.py 15

prints the part of docs/course.md on slide 15 with what its blocks print and emit now.
Of the slides before it only those blocks run that define a name or write a file that
is needed. Drawings and other files are saved in the folder course/.
"""

from __future__ import annotations

import ast
import doctest
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from refresh_pages import BLOCK, EXCERPT, PICTURE, inside, refreshed
from rich.console import Console
from rich.markdown import Markdown

PAGE = Path(__file__).resolve().parent / "course.md"
COMMAND = "```console\n$ python docs/slide.py {number}\n```\n\n"
FILE = re.compile(r"\b\w+\.(?:py|npz)\b")


@dataclass
class Block:
    """A block of the page, with the names that it gives and takes."""

    text: str
    gives: set[str] = field(default_factory=set)
    takes: set[str] = field(default_factory=set)


def block(text: str) -> Block:
    """Read a block, as the page has it."""
    found = BLOCK.match(text)
    assert found is not None
    files = set(FILE.findall(text))
    made = Block(text, set(files), set(files))
    if found["kind"] == "python" and not found["file"]:
        body = found["body"]
        if body.lstrip().startswith(">>>"):
            examples = doctest.DocTestParser().get_examples(body)
            body = "".join(example.source for example in examples)
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.Name):
                made.takes.add(node.id)
                if isinstance(node.ctx, ast.Store):
                    made.gives.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                made.gives.add(node.name)
            elif isinstance(node, ast.alias):
                made.gives.add((node.asname or node.name).split(".")[0])
            elif isinstance(node, ast.ImportFrom):
                made.takes.add(f"{node.module}.py")
    return made


def sections() -> dict[str, str]:
    """The parts of the page on slides, by their headings."""
    parts = re.split(r"(?m)^(?=##)", PAGE.read_text("utf-8"))
    slides = (part for part in parts if part.startswith("### Slide"))
    return {part.partition("\n")[0]: part for part in slides}


def numbers(heading: str) -> list[int]:
    """The slides that a heading names."""
    named = heading.partition(":")[0]
    found = [int(number) for number in re.findall(r"\d+", named)]
    return [*range(found[0], found[1] + 1)] if " to " in named else found


def before(part: str) -> str:
    """The blocks of earlier slides that a part needs."""
    earlier = PAGE.read_text("utf-8").partition(part)[0]
    excerpts = "\n".join(found["text"] for found in EXCERPT.finditer(part))
    needed = {n.id for n in ast.walk(ast.parse(excerpts)) if isinstance(n, ast.Name)}
    for own in reversed([block(found[0]) for found in BLOCK.finditer(part)]):
        needed = (needed - own.gives) | own.takes
    chosen: list[str] = []
    for found in reversed(list(BLOCK.finditer(earlier))):
        own = block(found[0])
        if own.gives & needed:
            needed |= own.takes
            chosen.insert(0, found[0])
    return "\n\n".join(chosen)


def shown(number: int, folder: Path) -> str:
    """The part on a slide with what its blocks make now, which is saved in a folder.

    Raises:
        ValueError: there is nothing to run on that slide.
    """
    parts = sections().items()
    found = [(heading, part) for heading, part in parts if number in numbers(heading)]
    if not found:
        known = ", ".join(str(n) for heading, _ in parts for n in numbers(heading))
        raise ValueError(f"no slide {number}; there are {known}")
    # Slide 28 has a part of its own beside that on slides 27 to 32.
    heading, part = min(found, key=lambda pair: len(numbers(pair[0])))
    folder.mkdir(exist_ok=True)
    with inside(folder):
        sys.path.insert(0, "")
        text = refreshed(f"{before(part)}\n\n{part}", PAGE.name)
    text = text[text.index(heading) :].replace(
        COMMAND.format(number=numbers(heading)[0]), ""
    )
    text = re.sub(r"(?m)^<!-- .*? -->\n|^<BLANKLINE>$", "", text)

    def place(found: re.Match[str]) -> str:
        made = folder / found[1]
        return f"]({made if made.exists() else PAGE.parent / 'images' / found[1]})"

    return PICTURE.sub(place, text).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].isdigit():
        print("usage: python docs/slide.py NUMBER", file=sys.stderr)
        return 2
    try:
        text = shown(int(arguments[0]), Path("course"))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if sys.stdout.isatty():
        Console().print(Markdown(text))
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
