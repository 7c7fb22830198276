"""How emitted code refers to values: variables, literals, and views written in place.

One node is one named statement, with three exceptions that read better: numbers are
written where they are used, sizes are integer arithmetic, and a view used once
(`w.T`, `y[:, None]`) stands inside the expression that uses it.
"""

from __future__ import annotations

import ast
import base64
import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from ...ir.dims import Dim
from ...ir.facts import Role
from ...ir.graph import Graph
from ...ir.labels import position_checks
from ...ir.literal import Literal
from ...ir.node import Node
from ...ir.op import Steady
from ...ir.types import DType, TensorType, is_floating
from ...ir.walk import attributes_key
from ...program.storage import is_free
from .expressions import (
    assign,
    call,
    dtype_expression,
    instantiate,
    instantiate_statements,
    literal,
    name,
    number,
)
from .names import Names

_INLINE_DEPTH = 3
_INLINE_ELEMENTS = 16


class Constants:
    """Arrays that a module holds at its top level, each once."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._by_value: dict[Literal, str] = {}
        self._scalars: dict[tuple[str, DType], tuple[str, ast.expr]] = {}

    def scalar(self, value: ast.expr, dtype: DType) -> ast.expr:
        """The variable that holds a number as an array, which NumPy need not convert.

        At each call, that takes as long as computing with a few hundred numbers.
        """
        text = ast.unparse(value)
        if (text, dtype) not in self._scalars:
            variable = self._names.reserve_in_module(_name_of_number(text))
            array = call("np.array", value, dtype_expression(dtype))
            self._scalars[text, dtype] = variable, array
        return name(self._scalars[text, dtype][0])

    def reference(self, node: Node) -> ast.expr:
        """The variable that holds an array constant."""
        value = node.attributes["value"]
        if value not in self._by_value:
            wish = (node.name or "constant").replace(".", "_").upper()
            self._by_value[value] = self._names.reserve_in_module(wish)
        return name(self._by_value[value])

    def start(self, parameter: Node) -> ast.expr:
        """The variable that holds the array a parameter starts from."""
        value = parameter.attributes["init"]
        if value not in self._by_value:
            wish = f"{parameter.name}_START".replace(".", "_").upper()
            self._by_value[value] = self._names.reserve_in_module(wish)
        return name(self._by_value[value])

    def definitions(self) -> Iterable[tuple[str, ast.expr]]:
        """The variables and their values, in order of first use."""
        for value, variable in self._by_value.items():
            yield variable, array_expression(value.array)
        yield from self._scalars.values()


_NUMBERS = {"0.0": "ZERO", "0.5": "HALF", "1.0": "ONE", "2.0": "TWO"}


def _name_of_number(text: str) -> str:
    """What to call a number: `NUMBER_0_044715`."""
    if text in _NUMBERS:
        return _NUMBERS[text]
    for sign, word in (("-", "MINUS_"), ("+", ""), (".", "_"), ("np_", "")):
        text = text.replace(sign, word)
    return f"NUMBER_{text}".upper().removesuffix("_0")


def array_expression(array: np.ndarray[Any, Any]) -> ast.expr:
    """An array as source: numbers, an identity, or base 85 bytes where that is long."""
    dtype = dtype_expression(array.dtype)
    if array.size <= _INLINE_ELEMENTS and array.size:
        return call("np.array", _nested(array), dtype)
    if array.ndim == 2 and np.array_equal(array, np.eye(*array.shape)):
        sizes = [ast.Constant(size) for size in dict.fromkeys(array.shape)]
        return call("np.eye", *sizes, dtype=dtype)
    text = base64.b85encode(array.tobytes()).decode("ascii")
    data = call("base64.b85decode", ast.Constant(text))
    flat = call("np.frombuffer", data, dtype)
    shape = ast.Tuple([ast.Constant(size) for size in array.shape], ast.Load())
    return ast.Call(ast.Attribute(flat, "reshape", ast.Load()), [shape], [])


def _nested(array: np.ndarray[Any, Any]) -> ast.expr:
    if array.ndim:
        return ast.List([_nested(item) for item in array], ast.Load())
    return number(array, array.dtype)


class Preparation(NamedTuple):
    """A statement that runs before others, once for all of them."""

    statement: ast.stmt
    checked: Node | None = None
    """What an error in it is about."""
    reads: str = ""
    """That as text."""


class _Bindings(dict[str, ast.expr]):
    """What the names of a template stand for; `dim_batch` is the size `batch`."""

    def __init__(self, dimension: Callable[[str], ast.expr]) -> None:
        super().__init__()
        self._dimension = dimension

    def get(self, key: str, default: Any = None) -> Any:
        if key.startswith("dim_") and key not in self:
            return self._dimension(key.removeprefix("dim_"))
        return super().get(key, default)


class Operands:
    """References to the values of one function's graph."""

    def __init__(
        self,
        graph: Graph,
        names: Names,
        constants: Constants,
        *,
        fast: bool = False,
        inline: Collection[Node] = (),
        has_workspace: bool = False,
    ) -> None:
        self._names = names
        self._has_workspace = has_workspace
        self._fast = fast
        self._constants = constants
        self._depth: dict[Node, int] = {}
        self._leaves: Collection[Node] = ()
        self.sizes: dict[tuple[str, DType], tuple[str, ast.expr]] = {}
        """Variables for named sizes as arrays, and the sizes."""
        self.arrays: dict[object, tuple[str, Node | TensorType]] = {}
        """Variables for what statements want besides values, and what they hold."""
        self.dimensions: set[str] = set()
        """Named sizes that were referred to."""
        uses: dict[Node, int] = {}
        for node in graph.nodes:
            for parent in node.inputs:
                uses[parent] = uses.get(parent, 0) + 1
        outputs = set(graph.outputs)
        fixed = {node for node in graph.nodes if node.op.role is Role.CONSTANT}
        for node in graph.nodes:
            if (
                has_workspace
                and node.op.is_view(node)
                and fixed.issuperset(node.inputs)
            ):
                # It is made with the workspace.
                fixed.add(node)
            elif (
                node.op.is_view(node)
                and uses.get(node) == 1
                and node not in outputs
                and not node.op.is_statements
            ):
                depth = 1 + self._depth.get(node.inputs[0], 0)
                if depth <= _INLINE_DEPTH:
                    self._depth[node] = depth
            elif node in inline:
                depth = 1 + max(self._depth.get(p, 0) for p in node.inputs)
                if depth <= _INLINE_DEPTH:
                    self._depth[node] = depth

    def with_leaves(self, leaves: Collection[Node]) -> Operands:
        """The same for code in which `leaves` are variables, whatever they are here."""
        other = copy.copy(self)
        other._leaves = set(leaves)
        other._has_workspace = False
        other._depth = {n: depth for n, depth in self._depth.items() if n not in leaves}
        other.dimensions = set()
        return other

    def is_literal(self, node: Node) -> bool:
        """Whether a node is written as a number, wherever it is used."""
        return node.op.role in (Role.CONSTANT, Role.SIZE) and not node.shape

    def is_inline(self, node: Node) -> bool:
        """Whether a node has no statement of its own."""
        return is_free(node) or node in self._depth

    def value(self, node: Node) -> ast.expr:
        """A node where any expression of its dtype may stand."""
        return self._refer(node, weak=False)

    def dimension(self, symbol: str) -> ast.expr:
        """The variable of a named size."""
        self.dimensions.add(symbol)
        return name(self._names.symbol(symbol))

    def _refer(
        self, node: Node, *, weak: bool, read_as: DType | None = None
    ) -> ast.expr:
        """A node as an expression; a bare number as it reads in the dtype `read_as`."""
        if node in self._leaves:
            return name(self._names[node])
        if node.op.role is Role.CONSTANT:
            if node.shape:
                return self._constants.reference(node)
            array = node.attributes["value"].array
            value = number(array, (weak and read_as) or node.dtype)
        elif node.op.role is Role.SIZE:
            value = literal(node.attributes["size"], self.dimension)
        elif node in self._depth:
            return self.expression(node)
        else:
            return name(self._names[node])
        if weak:
            return value
        return ast.Call(dtype_expression(node.dtype), [value], [])

    def expression(self, node: Node) -> ast.expr:
        """What a node computes, as one expression."""
        template = node.op.template_fast(node) if self._fast else node.op.template(node)
        value = instantiate(template, self._bindings(node))
        if isinstance(value, ast.Compare) and len(set(node.inputs)) == 1:
            # `x != x` finds NaN, but reads, to a linter too, like a mistake.
            return call(f"np.{node.op.name}", value.left, *value.comparators)
        return value

    def statements(self, node: Node, target: str) -> list[ast.stmt]:
        """What a node computes, assigned to `target`."""
        if node.op.is_statements:
            values = self._bindings(node, out=target)
            return instantiate_statements(node.op.template(node), values)
        value = self.expression(node)
        return [ast.Assign([ast.Name(target, ast.Store())], value)]

    def statements_into(self, node: Node, target: str, array: str) -> list[ast.stmt]:
        """What a node computes, written into an array and assigned to `target`."""
        template = node.op.template_into(node)
        assert template is not None, node.op.name
        values = self._bindings(node, out=array)
        if steady := self._steady(node):
            template = steady.template
            values |= self._arrays_of(steady, values)
        statements = instantiate_statements(template, values)
        last = statements[-1]
        if target == array:
            return statements
        if isinstance(last, ast.Expr) and _returns_out(last.value):
            return [*statements[:-1], assign(target, last.value)]
        return [*statements, assign(target, name(array))]

    def checks(self, node: Node) -> list[Preparation]:
        """What has to hold before the statements of a node: positions in bounds."""
        found: list[Preparation] = []
        nodes = [node]
        while nodes:
            each = nodes.pop()
            nodes += [p for p in each.inputs if p in self._depth and each is not p]
            for index, low, high in position_checks(each):
                positions = _as_fed(each.inputs[index])
                value = self.value(positions)
                text = ast.unparse(value)
                bounds = [literal(size, self.dimension) for size in (low, high)]
                check = call("check_positions", value, *bounds, ast.Constant(text))
                found.append(Preparation(ast.Expr(check), positions, text))
        return found

    def preparations(self, node: Node) -> list[Preparation]:
        """What has to run before the statements of `statements_into`."""
        steady = self._steady(node)
        if steady is None:
            return []
        values = self._bindings(node)
        values |= self._arrays_of(steady, values)
        statements = instantiate_statements(steady.setup, values)
        return [Preparation(statement) for statement in statements]

    def _steady(self, node: Node) -> Steady | None:
        return node.op.steady_form(node) if self._has_workspace else None

    def _arrays_of(
        self, steady: Steady, values: Mapping[str, ast.expr]
    ) -> dict[str, ast.expr]:
        """The variables of the arrays of the workspace that a form uses."""
        setup = instantiate_statements(steady.setup, values)
        served = tuple(ast.unparse(statement) for statement in setup)
        return {
            wish: name(self._array(wish, kind, served))
            for wish, kind in steady.arrays.items()
        }

    def _array(self, wish: str, kind: Node | TensorType, served: object) -> str:
        """One variable for all that are alike, and hold the same where it matters."""
        key: object = wish, kind, served
        if isinstance(kind, Node):
            key = kind.op.name, attributes_key(kind.attributes)
        if key not in self.arrays:
            if isinstance(kind, Node) and kind in self._names:
                variable = self._names[kind]
            else:
                variable = self._names.reserve(wish)
            self.arrays[key] = variable, kind
            literal(kind.shape, self.dimension)
        return self.arrays[key][0]

    def _prefers_arrays(self, node: Node, literal: Node) -> bool:
        """Whether a number is better passed to an op as an array.

        That is so for a float beside arrays of its dtype, which are not large.
        """
        return (
            self._has_workspace
            and node.ndim > 0
            and is_floating(literal.dtype)
            and all(parent.dtype == literal.dtype for parent in node.inputs)
        )

    def _number(self, node: Node) -> ast.expr:
        value = self._refer(node, weak=True)
        if node.op.role is Role.CONSTANT:
            return self._constants.scalar(value, node.dtype)
        key = ast.unparse(value), node.dtype
        if key not in self.sizes:
            symbols = "_".join(node.attributes["size"].symbols())
            self.sizes[key] = self._names.reserve(f"{symbols}_array"), value
        return name(self.sizes[key][0])

    def _bindings(self, node: Node, out: str = "") -> dict[str, ast.expr]:
        weak = _weak_inputs(node)
        wider = _wider_floats(node) if weak else {}
        arrays = [
            self._number(parent)
            if position in weak and self._prefers_arrays(node, parent)
            else self._refer(parent, weak=position in weak, read_as=wider.get(position))
            for position, parent in enumerate(node.inputs)
        ]
        values = _Bindings(self.dimension)
        values["dtype"] = dtype_expression(node.dtype)
        if out:
            values["out"] = name(out)
        for position, parameter in enumerate(node.op.inputs):
            if parameter.startswith("*"):
                values[parameter[1:]] = ast.Tuple(arrays[position:], ast.Load())
            else:
                values[parameter] = arrays[position]
        for key, attribute in node.attributes.items():
            if _is_literal(attribute):
                values[key] = literal(attribute, self.dimension)
        return values


def _returns_out(value: ast.expr) -> bool:
    """Whether a call returns the array it writes, as NumPy's do that take `out`."""
    return isinstance(value, ast.Call) and any(k.arg == "out" for k in value.keywords)


def _is_literal(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_literal(item) for item in cast("tuple[Any, ...]", value))
    return value is None or isinstance(value, bool | int | float | str | Dim | np.dtype)


def _wider_floats(node: Node) -> dict[int, DType]:
    """The floating literals that a node reads in a wider dtype than their own.

    0.1 is not the same number in both, so its digits have to be those of the wider one.
    """
    dtype = np.result_type(*(parent.dtype for parent in node.inputs), np.bool_)
    return {
        position: dtype
        for position, parent in enumerate(node.inputs)
        if parent.op.role is Role.CONSTANT
        and not parent.shape
        and is_floating(parent.dtype)
        and parent.dtype != dtype
    }


def _weak_inputs(node: Node) -> set[int]:
    """The scalar literals that may be bare Python numbers.

    NumPy lets a Python number take the dtype of the arrays beside it, so a literal may
    be bare where that gives the dtype that the graph promises.
    """
    if node.op.kind != "elementwise":
        return set()
    literals = {
        position
        for position, parent in enumerate(node.inputs)
        if parent.op.role in (Role.CONSTANT, Role.SIZE) and not parent.shape
    }
    strong = [p for i, p in enumerate(node.inputs) if i not in literals]
    full = np.result_type(*(parent.dtype for parent in node.inputs))
    if not strong:
        # One strong operand is enough to fix the dtype of all.
        literals.discard(min(literals, default=0))
        return literals if len({p.dtype for p in node.inputs}) == 1 else set()
    bare: list[Any] = [parent.dtype for parent in strong]
    for position in literals:
        parent = node.inputs[position]
        bare.append(
            parent.dtype
            if parent.dtype.kind == "b"
            else 0.0
            if parent.dtype.kind == "f" and parent.op.role is Role.CONSTANT
            else 0
        )
    return literals if np.result_type(*bare) == full else set()


def _as_fed(positions: Node) -> Node:
    """The input that positions are the only row of, whose name a user knows."""
    index = positions.attributes.get("index")
    if index is None or positions.origin.rules[-1:] != ("one row",):
        return positions
    fed = positions.inputs[0]
    whole = fed.op.role is Role.INPUT and all(
        (item == 0 and not isinstance(size, int)) or getattr(item, "is_full", False)
        for item, size in zip(index, fed.shape, strict=False)
    )
    return fed if whole else positions
