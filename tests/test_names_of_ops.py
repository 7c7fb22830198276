"""Ops are asked for their facts, and never by their names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from graphc.ir import OPS
from tests.source_files import FILES, name_of, room_of, text_of

ORDINARY = {
    "all",
    "any",
    "checkpoint",
    "constant",
    "input",
    "linear",
    "max",
    "mean",
    "min",
    "parameter",
    "sum",
    "threshold",
}
"""Names of ops that are words for other things, too, such as roles of vertices."""

C_FUNCTIONS = {
    *("absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2"),
    *("arctanh", "floor_divide", "isfinite", "isinf", "isnan", "maximum", "minimum"),
    *(
        "polyval",
        "power",
        "reciprocal",
        "remainder",
        "sign",
        "square",
        "where",
        "astype",
    ),
    *("clip", "fmax", "fmin", "gcd", "lcm", "ldexp", "signbit"),
}

OTHER_MEANINGS: dict[str, set[str]] = {
    "targets/numpy/training.py": {"tile"},
    "viz/dot.py": {"pad"},
    "autodiff/forward.py": {"diagonal"},
    "autodiff/structure.py": {"diagonal"},
    "ir/dims.py": {"add", "divide", "floor_divide", "multiply", "subtract"},
    "ir/symbolic.py": {"add", "divide", "floor", "multiply", "subtract"},
    "optim/cycles.py": {"cos"},
    "sklearn/network.py": {"logistic"},
    "targets/c/expressions.py": C_FUNCTIONS | {"clip"},
    "targets/c/module.py": {"matmul"},
    "targets/c/traced.py": C_FUNCTIONS,
}
"""Where a word is the name of something else: a Jacobian, arithmetic of sizes, a
function of NumPy or of C, an option of scikit-learn."""

REGISTRY = {"ir/op.py", "ir/pickling.py", "ir/verify.py"}
"""The table of ops, and those that ask whether an op is in it."""

DECLARING = {"formulas", "linalg", "nn", "notation", "ops", "random", "special"}
"""Rooms in which ops are declared or listed, and may be called what they are, and that
of formulas, whose words, such as the power, are those of mathematics."""


def _is_op_name(node: ast.AST) -> bool:
    """`….op.name` or `op.name`."""
    match node:
        case ast.Attribute(ast.Attribute(_, "op") | ast.Name("op"), "name"):
            return True
        case _:
            return False


def _asked(node: ast.AST) -> list[ast.expr | None]:
    """Expressions that a piece of code decides or looks up by."""
    match node:
        case ast.Compare(left, _, others):
            return [left, *others]
        case ast.Dict(keys):
            return [*keys]
        case ast.Set(items) | ast.Tuple(items) | ast.List(items):
            return [*items]
        case ast.Subscript(_, index):
            return [index]
        case ast.MatchValue(value):
            return [value]
        case ast.Assign(_, value) if _is_op_name(value):
            return [value]
        case ast.Call(ast.Attribute(_, "get" | "match" | "startswith"), arguments):
            return [*arguments]
        case _:
            return []


def _looks_up_ops(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(ast.Name("OPS")) | ast.Compare(_, _, [ast.Name("OPS")]):
            return True
        case ast.Call(ast.Attribute(ast.Name("OPS"), "get")):
            return True
        case _:
            return False


def _asked_by_name(code: str, known: set[str]) -> list[str]:
    """Places where code asks for an op by its name."""
    found: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.expr) and _looks_up_ops(node):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        is_key = isinstance(node, ast.Tuple)
        for asked in _asked(node):
            is_name = isinstance(asked, ast.Constant) and asked.value in known
            if asked is not None and (is_name or (_is_op_name(asked) and not is_key)):
                found.append(f"line {asked.lineno}: {ast.unparse(asked)}")
    return found


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if room_of(f) not in DECLARING and name_of(f) != "__init__.py"],
    ids=name_of,
)
def test_no_op_is_asked_for_by_its_name(file: Path) -> None:
    """What is to be known of an op is a fact in its declaration; else it is imported.

    So an op that is added or renamed touches its own file alone.
    """
    if name_of(file) in REGISTRY:
        return
    known = set(OPS) - ORDINARY - OTHER_MEANINGS.get(name_of(file), set())
    found = _asked_by_name(text_of(file), known)
    assert not found, f"{file}: {found}"


@pytest.mark.parametrize(
    "code",
    [
        'if node.op.name == "softmax": ...',
        'if node.op.name == "sum": ...',
        "name = node.op.name",
        'TABLE = {"getitem": 1}',
        'TABLE = frozenset({"exp", "log"})',
        'Rule("x -> y", ("multiply",))',
        "TABLE[node.op.name]",
        "TABLE.get(node.op.name, 0)",
        'OPS["mean"]',
        'if "mean" in OPS: ...',
        'OPS.get("mean")',
        'view.match(node, "exp")',
        'match name:\n    case "exp": ...',
    ],
)
def test_asking_for_an_op_by_its_name_is_found(code: str) -> None:
    assert _asked_by_name(code, set(OPS) - ORDINARY)


@pytest.mark.parametrize(
    "code",
    [
        'raise GraphError(f"{node.op.name} has no gradient")',
        "text = node.name or node.op.name",
        "if node.op is exp.op: ...",
        "digest.update(repr((node.op.name, node.type)))",
        'if mode == "max": ...',
        'if options["reduction"] == "mean": ...',
    ],
)
def test_naming_an_op_in_a_text_is_no_question(code: str) -> None:
    assert not _asked_by_name(code, set(OPS) - ORDINARY)
