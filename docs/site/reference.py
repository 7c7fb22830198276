"""The pages of the reference, and which names stand on which, for mkdocstrings."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from pathlib import Path
from typing import Any, cast

import graphc as gc

ROOT = Path(__file__).resolve().parents[2]

PARTS: dict[str, tuple[str, str]] = {
    "graphs": ("Graphs and derivatives", "graphc"),
    "arrays": ("Array functions", "graphc"),
    "training": ("Training", "graphc"),
    "nn": ("Networks: gc.nn", "graphc.nn"),
    "init": ("Initialisers: gc.init", "graphc.nn.init"),
    "optim": ("Optimizers and schedules: gc.optim", "graphc.optim"),
    "metrics": ("Metrics: gc.metrics", "graphc.metrics"),
    "linalg": ("Linear algebra: gc.linalg", "graphc.linalg"),
    "special": ("Special functions: gc.special", "graphc.special"),
    "random": ("Random draws: gc.random", "graphc.random"),
    "datasets": ("Data sets: gc.datasets", "graphc.datasets"),
    "sklearn": ("Estimators of scikit-learn: gc.sklearn", "graphc.sklearn"),
    "errors": ("Errors: gc.errors", "graphc.errors"),
}
"""Pages of the reference: title, and the module whose names they have."""


WITH_MEMBERS = {
    *("Callback", "Dim", "Drawing", "History", "Node", "Trainer"),
    *("Initializer", "Layer", "Metric", "Optimizer", "Rule", "Schedule"),
    *("GraphClassifier", "GraphRegressor", "Sequential", "Transformation"),
}
"""Classes whose methods are shown: those that are called, or that one derives from."""


def public(module: Any) -> list[str]:
    """The public functions and classes of a module."""
    defined = cast("dict[str, Any]", vars(module))
    names: list[str] = getattr(module, "__all__", None) or [
        name
        for name, value in defined.items()
        if name[0] != "_" and getattr(value, "__module__", "") == module.__name__
    ]
    return [
        name
        for name in sorted(names, key=str.lower)
        if inspect.isroutine(getattr(module, name))
        or inspect.isclass(getattr(module, name))
    ]


def part_of(name: str) -> str:
    """The page that a name of `graphc` stands on."""
    value = inspect.unwrap(getattr(gc, name))
    package = Path(inspect.getfile(value)).relative_to(ROOT / "graphc").parts[0]
    if package in ("training", "fullbatch"):
        return "training"
    gives_nodes = package == "ops" and name not in ("input", "constant")
    is_array_function = gives_nodes and "Node" in str(
        inspect.signature(value).return_annotation
    )
    return "arrays" if is_array_function else "graphs"


def names_of(part: str) -> list[str]:
    """The names on a page of the reference."""
    _, path = PARTS[part]
    names = public(importlib.import_module(path))
    return names if path != "graphc" else [n for n in names if part_of(n) == part]


def _has_signature(path: str, name: str) -> bool:
    """False for classes that take what a protocol or an exception takes."""
    value = getattr(importlib.import_module(path), name)
    made_by = value.__init__ if inspect.isclass(value) else value
    return getattr(made_by, "__module__", "").startswith("graphc")


def identifier(path: str, name: str) -> str:
    """The name by which mkdocstrings finds a value.

    Of a function and a module of one name, in one package, it finds the module.
    """
    module, whole = importlib.import_module(path), f"{path}.{name}"
    if not hasattr(module, "__path__") or importlib.util.find_spec(whole) is None:
        return whole
    return f"{whole}.{name}"


def page(part: str) -> str:
    """A page of the reference, for mkdocstrings to fill in."""
    title, path = PARTS[part]
    face = path.replace("graphc.nn.init", "gc.init").replace("graphc", "gc")
    parts = [f"# {title}"]
    for name in names_of(part):
        found = identifier(path, name)
        lines = [f"::: {found}", "    options:", f"      heading: {face}.{name}"]
        lines.append(f"      toc_label: {name}")
        if not _has_signature(path, name):
            lines.append("      merge_init_into_class: false")
        members = (
            "inherited_members: true" if name in WITH_MEMBERS else "members: false"
        )
        lines.append(f"      {members}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """The list of the pages of the reference, with all names."""
    parts = [
        "# Reference\n\nEvery public name, from its docstring; the examples are run as "
        "tests. [Operations](../operations.md) has derivatives, too.\n"
    ]
    for part, (title, path) in PARTS.items():
        links = [
            f"[{name}]({part}.md#{identifier(path, name)})" for name in names_of(part)
        ]
        parts.append(f"## [{title}]({part}.md)\n\n{', '.join(links)}")
    return "\n\n".join(parts) + "\n"
