"""Pages of the site that are not files of docs/: made here when it is built.

- The front page is README.md, and the changelog and the benchmarks are the files of the
  repository; links between files become links between pages.
- `reference/` has a page for each part of the interface, with all public names.
- `gallery/` has a page for each example: its drawing, its interactive page, the program
  that is emitted, and its text.

Formulas become MathML, which browsers show without a script.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).resolve().parent))

import gallery
import reference

ROOT = Path(__file__).resolve().parents[2]

REPOSITORY = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks/index.md",
    "benchmarks/RESULTS.md": "benchmarks/RESULTS.md",
}
"""Files of the repository that are pages."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Spell out the folders of the navigation."""
    folders = {
        "gallery/": [
            "gallery/index.md",
            *(f"gallery/{path.stem}.md" for path in gallery.EXAMPLES),
            {
                "Experiments": [
                    f"gallery/{path.stem}.md" for path in gallery.EXPERIMENTS
                ]
            },
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
    add("gallery/index.md", gallery.index())
    folders = gallery.made()
    for example in (*gallery.EXAMPLES, *gallery.EXPERIMENTS):
        found = sorted(folders[example].iterdir()) if example in folders else []
        names = [path.name for path in found]
        add(f"gallery/{example.stem}.md", gallery.page(example, names))
        for path in found:
            add(f"gallery/{example.stem}/{path.name}", path.read_bytes())
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
