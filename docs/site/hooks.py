"""Pages of the site that are not files of docs/: made here when it is built.

- The front page is README.md, and the changelog and the benchmarks are the files of the
  repository; links between files become links between pages.
- `reference/` has a page for each part of the interface, with all public names.
- `gallery/` has a page for each example: its drawing, its interactive page, the program
  that is emitted, and its text.

Formulas become MathML, which browsers show without a script.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import logging
import os
import posixpath
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import graphc as gc
from graphc.cli import main as command

sys.path.insert(0, str(Path(__file__).resolve().parent))

import reference

ROOT = Path(__file__).resolve().parents[2]

LOG = logging.getLogger("mkdocs.hooks.site")

REPOSITORY = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks/index.md",
    "benchmarks/RESULTS.md": "benchmarks/RESULTS.md",
}
"""Files of the repository that are pages."""

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


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before, modules, path = Path.cwd(), set(sys.modules), list(sys.path)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if not name.startswith(("graphc", "numpy", "scipy", "sklearn", "pandas")):
                sys.modules.pop(name)


def made(example: Path, folder: Path) -> list[str]:
    """Files that graphc makes of an example, by its command line."""
    commands: dict[str, list[str]] = {
        "drawing.svg": ["render", str(example), "-o", "drawing.svg"],
        "overlay.svg": [
            *("render", str(example), "-o", "overlay.svg", "--backward", "overlay"),
            # A backward pass is of one loss.
            *(["--name", "generator_loss"] if example.stem == "gan" else []),
        ],
        "program.py": ["emit", str(example), "-o", "program.py"],
        "model.py": ["emit", str(example), "-o", "model.py", "--part", "model"],
        "graph.html": ["page", str(example), "-o", "graph.html"],
    }
    if "page" not in gc.__all__:
        del commands["graph.html"]
    for arguments in commands.values():
        printed = io.StringIO()
        with (
            _inside(folder),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            status = command(arguments)
        if status:
            told = f"graphc {' '.join(arguments)}: {printed.getvalue()}"
            # The other pages of an example stand without it.
            if arguments[0] != "page":
                raise RuntimeError(told)
            LOG.info(told)
    return [name for name in commands if (folder / name).exists()]


def gallery_page(example: Path, files: list[str]) -> str:
    """The page of an example."""
    first, rest = summary(example)
    stem = example.stem
    parts = [f"# {stem}", first]
    if rest:
        parts.append(re.sub(r"(?m)^    (.*)$", r"    \1", rest))
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


def gallery_index() -> str:
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


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Spell out the folders of the navigation."""
    folders = {
        "gallery/": [
            "gallery/index.md",
            *(f"gallery/{path.stem}.md" for path in EXAMPLES),
            {"Experiments": [f"gallery/{path.stem}.md" for path in EXPERIMENTS]},
        ],
        "reference/": ["reference/index.md"]
        + [
            {title: f"reference/{part}.md"}
            for part, (title, _) in reference.PARTS.items()
        ],
    }
    for entry in config.nav or []:
        if isinstance(entry, dict):
            for title, target in entry.items():
                if isinstance(target, str) and target in folders:
                    entry[title] = folders[target]
    return config


def linked_programs() -> list[str]:
    """Programs of the benchmarks that their page links to."""
    text = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    return [f"benchmarks/{path}" for path in re.findall(r"\]\((\w[\w/]*\.py)\)", text)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files that are made."""

    def add(uri: str, content: str | bytes) -> None:
        files.append(File.generated(config, uri, content=content))

    for path, uri in REPOSITORY.items():
        add(uri, (ROOT / path).read_text("utf-8"))
    for path in linked_programs():
        add(path, (ROOT / path).read_text("utf-8"))
    add("license.txt", (ROOT / "LICENSE").read_text("utf-8"))
    add("reference/index.md", reference.index())
    for part in reference.PARTS:
        add(f"reference/{part}.md", reference.page(part))
    add("gallery/index.md", gallery_index())
    for example in (*EXAMPLES, *EXPERIMENTS):
        folder = Path(tempfile.mkdtemp())
        try:
            found = made(example, folder) if example in EXAMPLES else []
            add(f"gallery/{example.stem}.md", gallery_page(example, found))
            for name in found:
                add(f"gallery/{example.stem}/{name}", (folder / name).read_bytes())
        finally:
            shutil.rmtree(folder)
    return files


def _target(path: str) -> str:
    """The page of a file of the repository."""
    if path in REPOSITORY:
        return REPOSITORY[path]
    if path == "LICENSE":
        return "license.txt"
    if path in ("examples", "examples/experiments"):
        return "gallery/index.md"
    if path.startswith("examples/") and path.endswith(".py"):
        return f"gallery/{posixpath.basename(path).removesuffix('.py')}.md"
    return path.removeprefix("docs/")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """A page of the repository in the Markdown and with the links of the site."""
    uri = page.file.src_uri
    source = {target: path for path, target in REPOSITORY.items()}.get(
        uri, f"docs/{uri}"
    )

    def link(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        target = posixpath.relpath(_target(path), posixpath.dirname(uri) or ".")
        return f"]({target}"

    if not uri.startswith(("gallery/", "reference/")):
        markdown = re.sub(r"\]\((?!\w+:|#)([^)#\s]+)", link, markdown)
    # Sessions have a colouring of their own; titles are quoted here; notes for the
    # scripts that refresh a page would end a paragraph.
    markdown = re.sub(r"(?m)^```python\n(?=>>>)", "```pycon\n", markdown)
    markdown = re.sub(r"(?m)^(```\w+ title=)([^\s\"]+)$", r'\1"\2"', markdown)
    markdown = re.sub(r"(?m)^<BLANKLINE>$", "", markdown)
    markdown = re.sub(r"\s+# doctest: \+\w+$", "", markdown, flags=re.M)
    return re.sub(r"(?m)^<!-- .*? -->\n", "", markdown)


FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.S)


def on_page_content(html: str, **_: Any) -> str:
    """Formulas as MathML."""

    def mathml(found: re.Match[str]) -> str:
        text = re.sub("&lt;", "<", re.sub("&gt;", ">", found[2])).replace("&amp;", "&")
        return convert(text, display="block" if found[1] == "div" else "inline")

    return FORMULA.sub(mathml, html)
