"""The language of `ir.mathematics`: text with Python's syntax to trees.

Operators are `+ - * / ** @`, comparisons, `.T`, and `x[i]` for an element; names are
the op's inputs and attributes, `out` and `d`. Functions are those of mathematics by
SymPy's names, the words below, and blocks by their names with their attributes. In
formulas of elements, other names are letters of indices.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..ir.dims import Dimension, Shape
from ..ir.op import OPS
from ..ops.reduction import MEAN
from ..ops.source import input as declared_input
from . import tree as build
from .arrays import array
from .elements import Letters, at, big
from .tree import Tree

Value = Any
"""A tree, or the value of an attribute."""

FUNCTIONS: Mapping[str, str] = {
    **{
        name: name
        for name in [
            "exp",
            "log",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "arcsin",
            "arccos",
            "arctan",
            "arctan2",
            "erf",
            "erfc",
            "erfinv",
            "sign",
            "digamma",
            "trunc",
            "round",
            "heaviside",
            "mod",
            "sinc",
        ]
    },
    "Max": "max",
    "Min": "min",
    "acos": "arccos",
    "acosh": "arcosh",
    "asin": "arcsin",
    "asinh": "arsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "artanh",
    "digamma": "ψ",
    "gamma": "Γ",
    "loggamma": "log Γ",
    "normal_cdf": "Φ",
    "normal_pdf": "φ",
}
"""Functions of elements, with the names that mathematics has for them."""

_BESSEL = {"besseli": "I", "besselj": "J", "besselk": "K", "bessely": "Y"}
_RELATIONS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "=",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_BINARY: Mapping[type[ast.operator], Callable[..., Tree]] = {
    ast.Add: build.add,
    ast.Sub: build.subtract,
    ast.Mult: build.times,
    ast.Div: build.fraction,
    ast.Pow: build.power,
    ast.MatMult: build.matmul,
}
_REDUCTIONS = frozenset(("sum", "mean", "prod", "max", "min", "any", "all"))

Apply = Callable[[str, Sequence[Tree], Mapping[str, Any]], Tree]
"""`apply(op name, arguments, attributes)`: a block as a function."""


@functools.lru_cache(maxsize=2048)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def parse(text: str, names: Mapping[str, Value], apply: Apply) -> Tree:
    """The tree of a formula.

    Args:
        text: in the language of the module.
        names: the trees of inputs and the values of attributes.
        apply: the application of a block that the formula names.
    """
    return as_tree(_Reader(names, apply).read(_parsed(text)))


class _Lettered(dict[str, Value]):
    """Names, of which those that nothing has are letters."""

    def __missing__(self, name: str) -> Tree:
        return build.letter(name)


def parse_elements(
    text: str, names: Mapping[str, Value], shape: Shape, apply: Apply
) -> Tree:
    """The array of which a text says the elements: `"i j: x[j, i]"`.

    Args:
        text: the letters of indices, and a formula in the language of the module, with
            `total` and `largest` over letters.
        names: the trees of inputs.
        shape: that of the array.
        apply: the application of a block that the formula names.
    """
    letters, _, body = text.partition(":")
    found = as_tree(_Reader(_Lettered(names), apply).read(_parsed(body.strip())))
    return array(found, [build.letter(one) for one in letters.split()], shape)


def as_tree(value: Value) -> Tree:
    """A tree, of a number, too."""
    return value if isinstance(value, Tree) else build.number(value)


class _Reader:
    def __init__(self, names: Mapping[str, Value], apply: Apply) -> None:
        self._names, self._apply = names, apply

    def tree(self, node: ast.expr) -> Tree:
        return as_tree(self.read(node))

    def read(self, node: ast.expr) -> Value:
        match node:
            case ast.Name(id="pi"):
                return Tree("symbol", text="π", data=3.141592653589793)
            case ast.Name(id=name):
                return self._names[name]
            case ast.Constant(value=value):
                return value
            case ast.Tuple(elts=items):
                return tuple(self.read(item) for item in items)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return build.negative(self.tree(operand))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return build.elementwise("logic", self.tree(operand), text="not")
            case ast.BinOp(left=left, op=operator, right=right):
                return _BINARY[type(operator)](self.tree(left), self.tree(right))
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                sign = _RELATIONS[type(operator)]
                return build.relation(sign, self.tree(left), self.tree(right))
            case ast.BoolOp(op=operator, values=[left, right]):
                sign = "and" if isinstance(operator, ast.And) else "or"
                both = self.tree(left), self.tree(right)
                return build.elementwise("logic", *both, text=sign)
            case ast.Attribute(value=value, attr="T"):
                return build.transpose(self.tree(value))
            case ast.Attribute(value=value, attr="size"):
                return build.times(*map(build.size, self.tree(value).shape))
            case ast.Subscript(
                value=ast.Attribute(value=value, attr="shape"),
                slice=ast.Constant(value=int(axis)),
            ):
                return build.size(self.tree(value).shape[axis])
            case ast.Subscript(value=value, slice=index):
                places = index.elts if isinstance(index, ast.Tuple) else [index]
                x = self.tree(value)
                indices = [self.tree(place) for place in places]
                if x.head in ("symbol", "apply"):
                    return build.item(x, indices)
                letters = Letters(build.names_in(x))
                return at(x, indices, letters)
            case ast.Call(func=ast.Name(id="total" | "largest" as name), args=args):
                return self._over(name, args)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                given = [self.read(arg) for arg in args]
                options = {k.arg or "": self.read(k.value) for k in keywords}
                return self._call(name, given, options)
            case _:
                raise ValueError(f"no formula: {ast.unparse(node)}")

    def _over(self, name: str, args: Sequence[ast.expr]) -> Tree:
        """A sum or maximum over letters, alone or with the number of their values."""
        body, *bound = (self.tree(arg) for arg in args)
        letters: list[Tree] = []
        sizes: list[Dimension] = []
        for one in bound:
            if one.head == "relation":
                letters.append(one.args[0])
                sizes.append(int(one.args[1].data))
            else:
                letters.append(one)
                sizes.append(_size_of(one, body))
        if not letters:
            return body
        return big("Σ" if name == "total" else "max", letters, sizes, body)

    def _call(self, name: str, given: list[Any], options: Mapping[str, Any]) -> Tree:
        if name == "Piecewise":
            *pairs, (last, _) = given
            flat = [as_tree(part) for pair in pairs for part in pair]
            return choice(*flat, as_tree(last))
        if name == "mean_of":
            x, axes = given
            shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
            return as_seen(mean_by_name(x, axes), build.symbol("", shape))
        if name in _REDUCTIONS:
            x, *rest = given
            axes: Any = rest[0] if rest else tuple(range(x.rank))
            axes = (axes,) if isinstance(axes, int) else axes
            return build.reduce(name, x, axes, *rest[1:])
        if name in ("pick", "onehot"):
            maker = build.pick if name == "pick" else build.one_hot
            return maker(*given)
        if name == "drop":
            x, axis = given
            shape = (*x.shape[:axis], *x.shape[axis + 1 :])
            return as_seen(x, build.symbol("", shape))
        if name == "channels":
            x, like = given
            shape = tuple(n if axis == 1 else 1 for axis, n in enumerate(like.shape))
            return build.view(x, shape, (1,))
        if name == "view":
            return as_seen(*given)
        if name in OPS and name not in FUNCTIONS and name not in _WORDS:
            return self._apply(name, [as_tree(x) for x in given], options)
        return self._function(name, [as_tree(x) for x in given])

    def _function(self, name: str, args: list[Tree]) -> Tree:
        if name in _BESSEL:
            order, x = args
            return build.function(f"{_BESSEL[name]}{order.text}", x)
        if name == "log" and len(args) == 2:
            return build.function(f"log{args[1].text}", args[0])
        if name in ("Eq", "Ne"):
            return build.relation("=" if name == "Eq" else "!=", *args)
        if maker := _WORDS.get(name):
            return maker(*args)
        return build.function(FUNCTIONS[name], *args)


def _size_of(letter: Tree, body: Tree) -> Dimension:
    """The size of an axis of which a letter is the index."""
    for part in body.walk():
        if part.head == "item":
            for index, size in zip(part.args[1:], part.args[0].shape, strict=False):
                if index.head == "letter" and index.text == letter.text:
                    return size
    raise ValueError(f"nothing has the index {letter.text}")


def mean_by_name(x: Tree, axes: tuple[int, ...]) -> Tree:
    """The mean along axes as a function, `mean(x)`, and not as a sum."""
    given = declared_input("x", x.shape, "float64")
    node = MEAN(given, axis=axes, keepdims=False)
    others = [axis for axis in range(x.rank) if axis not in axes]
    is_last = not others or max(others) < min(axes)
    called = "axis" if len(axes) == 1 else "axes"
    below = "" if is_last else f"{called} {', '.join(map(str, axes))}"
    return build.application("mean", node, [x], below)


def as_seen(x: Tree, result: Tree) -> Tree:
    """The same elements in a shape that broadcasts, or has other axes of size 1."""
    shape = result.shape
    if [n for n in x.shape if n != 1] == [n for n in shape if n != 1]:
        long = iter(place for place, n in enumerate(shape) if n != 1)
        return build.view(
            x, shape, tuple(next(long) if n != 1 else None for n in x.shape)
        )
    missing = len(shape) - x.rank
    places = (
        missing + axis if n == shape[missing + axis] else None
        for axis, n in enumerate(x.shape)
    )
    return build.view(x, shape, tuple(places))


def choice(*parts: Tree) -> Tree:
    """Value, condition, ..., value; an indicator where values are 1 and 0."""
    if len(parts) == 3:
        chosen, condition, other = parts
        indicator = build.elementwise("indicator", condition)
        if build.is_number(other, 0.0) or _is_zero(other):
            return build.times(indicator, chosen)
    return build.elementwise("cases", *parts)


def _is_zero(tree: Tree) -> bool:
    return tree.head == "view" and build.is_number(tree.args[0], 0.0)


def _maker(head: str) -> Callable[..., Tree]:
    return functools.partial(build.elementwise, head)


_WORDS: Mapping[str, Callable[..., Tree]] = {
    "Abs": _maker("bars"),
    "abs": _maker("bars"),
    "ceiling": _maker("ceiling"),
    "diag": build.diag,
    "floor": _maker("floor"),
    "indicator": _maker("indicator"),
    "norm": build.norm,
    "sqrt": _maker("root"),
}
