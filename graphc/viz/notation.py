"""Notation of ops in a drawing: `@`, `+`, `relu`, `sum(axis=0)`, `… * 0.5`.

The text comes from the NumPy form that each op declares, so that a drawing reads as
the emitted program does and a new op needs no entry here.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from ..errors import GraphcError
from ..ir.dims import Dim
from ..ir.facts import Role
from ..ir.node import Node
from ..notation.options import options

PLACEHOLDER = "…"

_LONGEST_OPTION = 16


def scalar_text(node: Node) -> str | None:
    """The number or size that a nameless scalar literal stands for, else None.

    >>> import graphc as gc
    >>> scalar_text(gc.constant(0.5))
    '0.5'
    """
    if node.shape or node.name is not None:
        return None
    attributes = node.attributes
    if node.op.role is Role.CONSTANT:
        return _number(attributes["value"].array)
    if node.op.role is Role.FULL:
        return _number(attributes["value"])
    if node.op.role is Role.SIZE:
        return str(attributes["size"])
    return None


def _number(value: Any) -> str:
    array = np.asarray(value)
    return f"{float(array):.6g}" if array.dtype.kind == "f" else str(array.item())


def type_text(node: Node) -> str:
    """Dtype and shape as a drawing shows them; the usual dtype goes without saying."""
    shape = str(node.type)
    return shape.removeprefix("float32 ")


def label(
    node: Node,
    operands: Sequence[str | None],
    names: Mapping[Node, str] | None = None,
) -> str:
    """The op of `node` in NumPy's or torch's notation.

    Args:
        node: a node of any op.
        operands: for each input the text of a literal that is folded into the label,
            or None where an edge shows the input.
        names: what inputs without a name of the user's are called, if they are.

    Returns:
        The bare op where nothing is folded, else a formula, in which the name of an
        input or `…` stands for what arrives by an edge.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> label(x @ gc.parameter("w", (3, 2)), [None, None])
    '@'
    >>> label(x * 0.5, [None, "0.5"])
    'x * 0.5'
    >>> label(gc.sum(x, axis=0), [None])
    'sum(axis=0)'
    """
    if any(text is not None for text in operands):
        arguments = [
            literal(text)
            if text is not None
            else ast.Name(_short_name(parent, names or {}))
            for text, parent in zip(operands, node.inputs, strict=True)
        ]
        return ast.unparse(expression(node, arguments))
    if not node.inputs and node.op.kind == "source":
        return _source_label(node)
    blank: list[ast.expr] = [ast.Name(PLACEHOLDER) for _ in node.inputs]
    tree = expression(node, blank, bare=True)
    if isinstance(tree, ast.Subscript) and PLACEHOLDER in ast.unparse(tree.slice):
        said = [ast.Name(_short_name(one, names or {})) for one in node.inputs]
        return ast.unparse(expression(node, said))
    return _bare(tree) or node.op.name


def _short_name(node: Node, names: Mapping[Node, str]) -> str:
    name = names.get(node) or node.label or PLACEHOLDER
    return name if len(name) <= 20 and " " not in name else PLACEHOLDER


def _source_label(node: Node) -> str:
    function = ""
    if node.op.numpy is not None:
        tree = ast.parse(node.op.template(node), mode="eval").body
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):
            function = tree.func.attr
    if function in ("zeros", "ones"):
        return function
    return _bare(ast.Call(ast.Name(function or node.op.name), [], _keywords(node)))


def expression(
    node: Node, operands: Sequence[ast.expr], *, bare: bool = False
) -> ast.expr:
    """`node` as a formula of its operands, without `np.` before names.

    Args:
        node: a node of any op.
        operands: the text of each input as a syntax tree.
        bare: leave out what the shape on an edge says already.
    """
    op = node.op
    source = op.facts.notation
    if source is None and op.numpy is not None and not op.is_statements(node):
        source = op.template(node)
    if source is None:
        return ast.Call(ast.Name(op.name), list(operands), _keywords(node))
    tree = ast.parse(source, mode="eval").body
    return _without_transposes(
        cast("ast.expr", _Substitution(node, operands, bare).visit(tree))
    )


def _without_transposes(tree: ast.expr) -> ast.expr:
    """`x.T.T` as `x` and `(x @ y).T` as `y.T @ x.T`, as one writes them by hand."""
    match tree:
        case ast.Attribute(ast.Attribute(inner, "T"), "T"):
            return inner
        case ast.Attribute(ast.BinOp(left, ast.MatMult(), right), "T"):
            return ast.BinOp(_transposed(right), ast.MatMult(), _transposed(left))
        case _:
            return tree


def _transposed(tree: ast.expr) -> ast.expr:
    return _without_transposes(ast.Attribute(tree, "T", ast.Load()))


class _Substitution(ast.NodeTransformer):
    """Operands and attributes in the place of their names."""

    def __init__(self, node: Node, operands: Sequence[ast.expr], bare: bool) -> None:
        self.variadic: dict[str, Sequence[ast.expr]] = {}
        self.values: dict[str, ast.expr] = {
            name: _value(value) for name, value in node.attributes.items()
        }
        if bare:
            for name in ("shape", "dtype") if "shape" in self.values else ():
                self.values[name] = ast.Name(PLACEHOLDER)
        for position, name in enumerate(node.op.inputs):
            if name.startswith("*"):
                self.variadic[name[1:]] = operands[position:]
            else:
                self.values[name] = operands[position]

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.variadic:
            return ast.List(list(self.variadic[node.id]), ast.Load())
        return self.values.get(node.id, node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match node:
            case ast.Subscript(ast.Name(name), ast.Constant(int(position))) if (
                name in self.variadic
            ):
                return self.variadic[name][position]
            case _:
                return self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        match node:
            case ast.Attribute(ast.Name("np"), name):
                return ast.Name(name)
            case _:
                return self.generic_visit(node)


def _bare(tree: ast.expr) -> str:
    """The text of a formula with its placeholders taken out."""
    if isinstance(tree, ast.Call):
        items = itertools.chain.from_iterable(
            argument.elts if isinstance(argument, ast.Tuple) else [argument]
            for argument in tree.args
        )
        arguments = [text for item in items if (text := _bare(item)).strip("[], ")]
        keywords = [
            f"{keyword.arg}={ast.unparse(keyword.value)}"
            for keyword in tree.keywords
            if not _says_nothing(keyword.value)
        ]
        name = ast.unparse(tree.func).removeprefix(f"{PLACEHOLDER}.")
        inner = ", ".join(arguments + keywords)
        return f"{name}({inner})" if inner else name
    return ast.unparse(tree).replace(PLACEHOLDER, "").strip()


def _says_nothing(value: ast.expr) -> bool:
    """True for an argument that only changes a shape, which is on the edge anyway."""
    return isinstance(value, ast.Constant) and isinstance(value.value, bool)


def _keywords(node: Node) -> list[ast.keyword]:
    """The attributes that tell an application of the op from another one."""
    shown: list[ast.keyword] = []
    for option in options(node):
        name, _, text = option.partition("=")
        if len(text) <= _LONGEST_OPTION and text != "True":
            shown.append(ast.keyword(name, ast.Name(text)))
    return shown


def literal(text: str) -> ast.expr:
    """A folded number, so that a negative one gets the parentheses it needs."""
    if text.startswith("-"):
        return ast.UnaryOp(ast.USub(), ast.Name(text[1:]))
    return _dimension(text)


def _dimension(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return ast.Name(text)


def _value(value: Any) -> ast.expr:
    """A compile-time argument as a syntax tree; no `repr`, which may hold an id."""
    if isinstance(value, Dim):
        return _dimension(value.text)
    if isinstance(value, np.dtype):
        return ast.Name(str(cast("np.dtype[Any]", value)))
    if isinstance(value, bool | int | float | str) or value is None:
        number = isinstance(value, float)
        return literal(f"{value:.6g}") if number else ast.Constant(value)
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        return ast.Tuple([_value(item) for item in items], ast.Load())
    return ast.Name(PLACEHOLDER)


def operand_words(node: Node) -> tuple[str, ...]:
    """For each input the word that tells it from the others, or nothing.

    A word is needed only where exchanging two inputs would be another, equally valid
    node: the drawing of `a - b` has to say which is subtracted, that of
    `(batch, 64) @ (64, 10)` has not.

    >>> import graphc as gc
    >>> a, b = gc.input("a", (3,)), gc.input("b", (3,))
    >>> operand_words(a - b)
    ('left', 'right')
    >>> operand_words(a + b)
    ('', '')
    """
    inputs = node.inputs
    blank = ("",) * len(inputs)
    drawn = [i for i, parent in enumerate(inputs) if scalar_text(parent) is None]
    if node.op.facts.commutative or len({inputs[i] for i in drawn}) < 2:
        return blank
    if node.op.is_block:
        drawn = [i for i in drawn if inputs[i].op.role is not Role.PARAMETER]
    ambiguous = {
        position
        for first, second in itertools.pairwise(drawn)
        for position in (first, second)
        if _exchangeable(node, first, second)
    }
    words = _words(node)
    return tuple(words[i] if i in ambiguous else "" for i in range(len(inputs)))


def _exchangeable(node: Node, first: int, second: int) -> bool:
    if node.inputs[first] is node.inputs[second]:
        return False
    types = [parent.type for parent in node.inputs]
    if types[first] == types[second]:
        return True
    types[first], types[second] = types[second], types[first]
    infer = cast("Callable[..., Any]", node.op.infer)
    attributes: Mapping[str, Any] = node.attributes
    try:
        return infer(*types, **attributes) == node.type
    except GraphcError:
        return False


def _words(node: Node) -> list[str]:
    names = node.op.inputs
    if names == ("x1", "x2"):
        return ["left", "right"]
    if "parts" in node.attributes:
        # Inputs that may be left out: the block says which it has.
        return [*names[:-1], *node.attributes["parts"].split()]
    words: list[str] = []
    for position in range(len(node.inputs)):
        name = names[min(position, len(names) - 1)]
        if name.startswith("*"):
            name = f"{name[1:]}[{position - len(names) + 1}]"
        words.append(name)
    return words
