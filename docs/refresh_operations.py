"""Write operations.md: every function and layer, from the declarations.

    python docs/refresh_operations.py

Of each public name the page shows the signature, the formula and the example of its
docstring and, where it is an op, its derivative: the code that the compiler emits for
the op's first case, in one expression where it is short. A test fails where the page is
behind the declarations.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graphc as gc
from graphc.ir.op import OPS, Op
from graphc.pysource.writer import Writer

PAGE = Path(__file__).resolve().parent / "operations.md"

INTRODUCTION = """# Operations

<!-- Written by docs/refresh_operations.py from the declarations. -->

Every function and layer, with its formula, its derivative and an example. In a
derivative, `g` is the gradient of the loss by the result, `out` is the result, and
`d_x` the gradient by `x`. It is the code that the compiler emits for one shape; for
other shapes it sums over what was broadcast. Functions without one are made of others,
and so are their derivatives.
"""

FACES: tuple[tuple[str, str, Any], ...] = (
    ("gc", "Array functions", gc),
    ("gc.linalg", "Linear algebra", getattr(gc, "linalg", None)),
    ("gc.special", "Special functions", getattr(gc, "special", None)),
    ("gc.random", "Random draws", getattr(gc, "random", None)),
    ("gc.nn", "Network functions", gc.nn),
)

WIDTH = 88
LONGEST = 60
"""Columns up to which a value stands where it is used, and not on a line of its own."""


def public(module: Any) -> Iterator[tuple[str, Any]]:
    """The names of a face that apply to arrays, in order."""
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        if inspect.isfunction(value) and _gives_nodes(value):
            yield name, value


def _gives_nodes(function: Any) -> bool:
    return "Node" in str(inspect.signature(function).return_annotation)


def layers() -> Iterator[tuple[str, Any]]:
    """The layers of `gc.nn`."""
    for name in sorted(gc.nn.__all__, key=str.lower):
        value = getattr(gc.nn, name)
        if inspect.isclass(value) and name not in ("Layer", "FunctionLayer"):
            yield name, value


def entry(path: str, value: Any) -> str:
    """The part of the page on one name."""
    documentation = inspect.getdoc(value) or ""
    summary, _, rest = documentation.partition("\n\n")
    parts = [f"### `{path}`", f"`{path.rpartition('.')[2]}{signature(value)}`", summary]
    formula = _formula(rest)
    if formula:
        parts.append(formula)
    rule = derivative(value)
    if rule:
        parts.append(f"```py\n{rule}\n```")
    example = _example(documentation)
    if example:
        parts.append(f"```pycon\n{example}\n```")
    return "\n\n".join(parts)


def signature(value: Any) -> str:
    """The arguments with their defaults, without annotations."""
    found = inspect.signature(value)
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]
    text = str(inspect.Signature(bare))
    return re.sub(r"<[^>]*>", "...", text)


def _formula(text: str) -> str:
    """The first paragraph after the summary, where it is a formula."""
    first = text.partition("\n\n")[0]
    if re.match(r"[A-Z]\w+:\n", first):
        return ""
    return first if re.search(r"`[^`]*=[^`]*`", first) else ""


def _example(text: str) -> str:
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if line.startswith(">>> ")]
    if not starts:
        return ""
    found: list[str] = []
    for line in lines[starts[0] :]:
        if not line.strip():
            break
        found.append(line)
    return "\n".join(found)


def derivative(value: Any) -> str:
    """The statements of the backward pass of an op; empty where there is none."""
    op = getattr(value, "op", None) or OPS.get(getattr(value, "__name__", ""))
    if not isinstance(op, Op) or (op.vjp is None and not op.is_block):
        return ""
    for case in op.cases:
        dtypes = case.dtypes or ("",) * len(case.shapes)
        names = _names_of(op, len(case.shapes), case.attributes)
        inputs = [
            gc.input(name, shape, dtype or "float64")
            for name, shape, dtype in zip(names, case.shapes, dtypes, strict=True)
        ]
        floating = [node for node in inputs if node.dtype.kind == "f"]
        if not floating or any(0 in shape for shape in case.shapes):
            continue
        out = op(*inputs, **case.attributes)
        if not hasattr(out, "shape") or out.dtype.kind != "f":
            return ""
        g = gc.input("g", out.shape, out.dtype)
        flows = gc.vjp(out.named("out"), floating, g, unused="zeros")
        source = gc.compile(flows, style="readable").source
        return _statements(source, [f"d_{node.name}" for node in floating])
    return ""


def _names_of(op: Op, count: int, attributes: Any) -> list[str]:
    names = [name.lstrip("*") for name in op.inputs]
    last = names[-1] if names else "x"
    while len(names) < count:
        names.append(f"{last}_{len(names) + 1}")
    return [
        f"{name}_values" if name in ("input", "parameters", "g", "out") else name
        for name in names[:count]
    ]


def _statements(source: str, results: list[str]) -> str:
    """The statements that compute the gradients, short values in their places."""
    # All that is floating here is float64, and a dtype that is said needs no value.
    source = re.sub(r"\b\w+\.dtype\b", "np.float64", source)
    functions = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
    body = next(f for f in functions if f.name == "compute").body[1:]
    result = body.pop()
    assert isinstance(result, ast.Return)
    assert isinstance(result.value, ast.Tuple)
    statements = [s for s in body if not _assigns(s, "out") and not _checks(s)]
    for name, value in zip(results, result.value.elts, strict=True):
        if ast.unparse(value) != name:
            statements += ast.parse(f"{name} = {ast.unparse(value)}").body
    kept = _inlined(statements, set(results))
    called = {n.id for s in kept for n in ast.walk(s) if isinstance(n, ast.Name)}
    # Others go by the names of functions of the page.
    rules = [
        ast.get_source_segment(source, function) or ""
        for function in functions
        if function.name in called and re.search("_(backward|slope)", function.name)
    ]
    writer = Writer()
    for rule in rules:
        writer.raw(rule + "\n\n")
    for statement in kept:
        writer.statement(statement)
    return writer.source().strip()


def _assigns(statement: ast.stmt, name: str) -> bool:
    return (
        isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name
    )


def _checks(statement: ast.stmt) -> bool:
    """True for the check of positions, which is another matter."""
    return isinstance(statement, ast.Expr)


def _inlined(statements: list[ast.stmt], ends: set[str]) -> list[ast.stmt]:
    """Statements with values that are used once, and short, where they are used."""
    known: dict[str, ast.expr] = {}
    uses: dict[str, int] = {}
    for statement in statements:
        # A loop would compute it again and again.
        weight = 1 if isinstance(statement, ast.Assign) else 2
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                uses[node.id] = uses.get(node.id, 0) + weight

    class Inline(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return known.get(node.id, node)

    kept: list[ast.stmt] = []
    for statement in statements:
        is_simple = isinstance(statement, ast.Assign) and isinstance(
            statement.targets[0], ast.Name
        )
        if isinstance(statement, ast.Assign) and is_simple:
            statement.value = Inline().visit(statement.value)
            name = ast.unparse(statement.targets[0])
            is_short = len(ast.unparse(statement.value)) <= LONGEST
            if name not in ends and uses.get(name, 0) <= 1 and is_short:
                known[name] = statement.value
                continue
            kept.append(statement)
        else:
            kept.append(Inline().visit(statement))
    return kept


def refreshed() -> str:
    """The page as it has to be."""
    parts = [INTRODUCTION.strip()]
    for path, title, module in FACES:
        if module is None:
            continue
        parts.append(f"## {title}")
        parts += [entry(f"{path}.{name}", value) for name, value in public(module)]
    parts.append("## Layers")
    parts += [entry(f"gc.nn.{name}", value) for name, value in layers()]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    PAGE.write_text(refreshed(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
