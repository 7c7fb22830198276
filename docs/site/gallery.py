"""The gallery of the site: a page for each example, with what graphc makes of it."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import io
import logging
import os
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from graphc.cli import main as command

ROOT = Path(__file__).resolve().parents[2]

MADE = ROOT / "build" / "gallery"
"""What graphc made of the examples, from one build of the site to the next."""

LOG = logging.getLogger("mkdocs.hooks.site")

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
EXPERIMENTS = [
    path
    for path in sorted((ROOT / "examples" / "experiments").glob("*.py"))
    if path.stem not in ("support", "table")
]


def summary(path: Path) -> tuple[str, str]:
    """The first line of a module's docstring, and the rest of it."""
    text = inspect.cleandoc(ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()), rest


def _commands(example: Path) -> dict[str, list[str]]:
    """The files of an example, and the arguments of `graphc` that make them."""
    # A backward pass is of one loss.
    loss = ["--name", "generator_loss"] if example.stem == "gan" else []
    path = str(example)
    return {
        "drawing.svg": ["render", path],
        "overlay.svg": ["render", path, "--backward", "overlay", *loss],
        "program.py": ["emit", path],
        "model.py": ["emit", path, "--part", "model"],
        "graph.html": ["page", path],
    }


def make(example: Path, folder: Path) -> list[str]:
    """Make the files of an example, by graphc's command line.

    Returns:
        Complaints about a page that can't be made: the others stand without it.

    Raises:
        RuntimeError: another file can't be made.
    """
    complaints: list[str] = []
    folder.mkdir(parents=True)
    for name, arguments in _commands(example).items():
        printed = io.StringIO()
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            status = command([*arguments, "-o", name])
        if status:
            told = f"graphc {' '.join(arguments)}: {printed.getvalue()}"
            if arguments[0] != "page":
                raise RuntimeError(told)
            complaints.append(told)
    return complaints


def _digest(paths: Iterable[Path]) -> str:
    """A name for what files hold."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def made() -> dict[Path, Path]:
    """A folder for each example, with what graphc makes of it.

    They are made in as many processes as there are processors, and kept in build/ as
    long as graphc and the example stay as they are.
    """
    package = sorted((ROOT / "graphc").rglob("*.*"))
    sources = (path for path in package if path.is_file() and path.suffix != ".pyc")
    kept = MADE / _digest(sources)
    for folder in MADE.glob("*"):
        if folder != kept:
            shutil.rmtree(folder)
    folders = {path: kept / f"{path.stem}-{_digest([path])}" for path in EXAMPLES}
    missing = {path: to for path, to in folders.items() if not to.exists()}
    # Other processes import this file by its name, which mkdocs only knows for a while.
    sys.path.insert(0, str(Path(__file__).parent))
    beside = [to.with_suffix(f".{os.getpid()}") for to in missing.values()]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for complaints in pool.map(make, missing, beside):
            for complaint in complaints:
                LOG.info(complaint)
    # A folder has its name last, so that an interrupted build is done again.
    for folder, to in zip(beside, missing.values(), strict=True):
        folder.rename(to)
    return folders


def page(example: Path, files: list[str]) -> str:
    """The page of an example."""
    first, rest = summary(example)
    stem = example.stem
    parts = [f"# {stem}", first]
    if rest:
        parts.append(rest)
    links = {
        "graph.html": "its interactive page",
        "program.py": "the program that graphc emits",
        "model.py": "its mathematics alone",
    }
    shown = [
        f"[{text}]({stem}/{name})" for name, text in links.items() if name in files
    ]
    if shown:
        parts.append(f"To open or save: {', '.join(shown)}.")
    for name, heading in (("drawing.svg", "Graph"), ("overlay.svg", "With gradients")):
        if name in files:
            image = f"![{heading} of {stem}]({stem}/{name})"
            parts.append(
                f'## {heading}\n\n<div class="drawing" markdown>\n{image}\n</div>'
            )
    parts.append(f"## Declaration\n\n```py\n{example.read_text('utf-8')}```")
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """The list of all examples."""
    lines = [
        "# Gallery",
        "",
        "Each with its drawing, what graphc emits, and its text.",
        "",
    ]
    lines += ["| example | |", "|---|---|"]
    lines += [f"| [{p.stem}]({p.stem}.md) | {summary(p)[0]} |" for p in EXAMPLES]
    lines += ["", "The programs of the [experiments](../experiments.md):", ""]
    lines += ["| experiment | |", "|---|---|"]
    lines += [f"| [{p.stem}]({p.stem}.md) | {summary(p)[0]} |" for p in EXPERIMENTS]
    return "\n".join(lines) + "\n"
