"""Formulas as trees, of which text and LaTeX are printed.

A tree is a head with arguments and the shape of what it stands for. Vectors are
columns; a row is the transpose of one. Trees are made by the functions of this module,
which leave out what nobody writes: a factor 1, a term 0, the transpose of a transpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from ..ir.dims import Dim, Dimension, Shape, broadcast_shapes
from ..ir.node import Node
from ..ir.op import Op

ELEMENTWISE = frozenset(
    [
        "add",
        "negative",
        "times",
        "fraction",
        "power",
        "function",
        "relation",
        "logic",
        "indicator",
        "bars",
        "floor",
        "ceiling",
        "root",
        "cases",
    ]
)
"""Heads of which each element is that of the same elements of the arguments."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A formula."""

    head: str
    args: tuple[Tree, ...] = ()
    shape: Shape = ()
    text: str = ""
    """The name of a symbol, function or relation; the digits of a number."""
    is_row: bool = False
    """True of the transpose of a vector."""
    weight: int = field(default=1, init=False)
    """The number of its parts, each as often as it stands there."""
    data: Any = None
    """Of a symbol its node, if it has one; else what the head needs besides."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", 1 + sum(arg.weight for arg in self.args))

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def walk(self) -> Iterator[Tree]:
        """This tree and all in it."""
        stack: list[Tree] = [self]
        while stack:
            tree = stack.pop()
            yield tree
            stack.extend(reversed(tree.args))

    @property
    def key(self) -> Any:
        """Equal for trees that are written alike and are of the same."""
        is_plain = isinstance(self.data, tuple | int | float | str)
        data: Any = self.data if is_plain else id(self.data)
        return (self.head, self.text, data, *(arg.key for arg in self.args))


@dataclass(frozen=True, eq=False)
class Application:
    """The data of a function that is an op: one node of it, on stand-ins."""

    node: Node
    written: str | None = None
    """The way it is written, where that is not a name and arguments."""

    @property
    def op(self) -> Op:
        """The op."""
        return self.node.op


# Atoms


def symbol(text: str, shape: Shape = (), node: Node | None = None) -> Tree:
    """A name."""
    return Tree("symbol", shape=shape, text=text, data=node)


def letter(text: str) -> Tree:
    """An index of a sum, or a free one."""
    return Tree("letter", text=text)


def number(value: float | int | Fraction) -> Tree:
    """A number; a whole one is written without a point."""
    value = value if isinstance(value, Fraction) else float(value)
    if value < 0:
        return negative(number(-value))
    return Tree("number", text=_digits(value), data=float(value))


def _digits(value: float | Fraction) -> str:
    if isinstance(value, Fraction):
        return str(value)
    if value == float("inf"):
        return "∞"
    if value != value:
        return "NaN"
    return str(int(value)) if value == int(value) and value < 1e6 else f"{value:.6g}"


_MULTIPLE = re.compile(r"(\d+)\*([^\W\d]\w*)")
"""A size that is a number of times another one."""


def size(value: Dimension) -> Tree:
    """The size of an axis."""
    if isinstance(value, int):
        return number(value)
    if found := _MULTIPLE.fullmatch(value.text):
        return times(number(int(found[1])), size(Dim(found[2])))
    text = value.text if value.is_symbol else f"({value.text})"
    return Tree("symbol", text=text, data=value)


def is_number(tree: Tree, value: float | None = None) -> bool:
    """True for a number, or for that number."""
    return tree.head == "number" and (value is None or tree.data == value)


# Arithmetic


def _together(trees: Sequence[Tree]) -> Shape:
    return broadcast_shapes(*(tree.shape for tree in trees))


def _elementwise(head: str, args: Sequence[Tree], text: str = "") -> Tree:
    is_row = all(tree.is_row or not tree.rank for tree in args)
    is_row = is_row and any(tree.is_row for tree in args)
    return Tree(head, tuple(args), _together(args), text, is_row)


def add(*terms: Tree) -> Tree:
    """A sum."""
    flat: list[Tree] = []
    for term in terms:
        flat += term.args if term.head == "add" else (term,)
    shape = _together(flat)
    kept = _added_up([term for term in flat if not is_number(term, 0.0)])
    if not kept:
        return flat[0]
    if len(kept) == 1 and kept[0].shape == shape:
        return kept[0]
    return replace(_elementwise("add", kept), shape=shape)


def _added_up(terms: list[Tree]) -> list[Tree]:
    """Terms of which at most one is a whole number."""
    exact = [_exact(t.args[0] if t.head == "negative" else t) for t in terms]
    if sum(value is not None for value in exact) < 2:
        return terms
    whole = sum(
        (-value if t.head == "negative" else value)
        for t, value in zip(terms, exact, strict=True)
        if value is not None
    )
    others = [t for t, value in zip(terms, exact, strict=True) if value is None]
    return [*others, *([_rational(Fraction(whole))] if whole or not others else [])]


def negative(x: Tree) -> Tree:
    """`-x`."""
    if x.head == "negative":
        return x.args[0]
    return x if is_number(x, 0.0) else _elementwise("negative", [x])


def subtract(x: Tree, y: Tree) -> Tree:
    """`x - y`."""
    return add(x, negative(y))


def times(*factors: Tree) -> Tree:
    """A product, element by element where several factors are arrays."""
    flat: list[Tree] = []
    sign, scale = False, Fraction(1)
    shape = _together(factors)
    is_decimal = False
    for factor in factors:
        if factor.head == "view" and factor.args[0].head == "number":
            is_needed = all(f is factor or f.shape != shape for f in factors)
            factor = factor if is_needed else factor.args[0]
        if factor.head == "negative":
            sign, factor = not sign, factor.args[0]
        for part in factor.args if factor.head == "times" else (factor,):
            exact = _exact(part)
            if exact is None:
                flat.append(part)
            else:
                scale *= exact
                is_decimal = is_decimal or "." in part.text
    if scale != 1 or not flat:
        flat.insert(0, number(float(scale)) if is_decimal else _rational(scale))
    flat.sort(key=lambda part: part.rank > 0)
    if len(outer := [part for part in flat if part.rank]) == 2:
        vectors = _outer(*outer)
        if vectors is not None:
            flat = [part for part in flat if not part.rank]
            flat.append(matmul(vectors[0], transpose(vectors[1])))
    product = flat[0] if len(flat) == 1 else _elementwise("times", flat)
    if is_number(product, 0.0) or any(is_number(part, 0.0) for part in flat):
        product = number(0)
    if product.shape != shape:
        product = replace(product, shape=shape)
    return negative(product) if sign else product


def _outer(x: Tree, y: Tree) -> tuple[Tree, Tree] | None:
    """The vectors whose outer product it is that a column and a row broadcast to."""
    is_column = x.head == "view" and x.data == (0,) and x.rank == 2
    is_row = y.rank == 1 or (y.head == "view" and y.data == (1,) and y.rank == 2)
    if not is_column or not is_row or x.shape[1] != 1:
        return None
    return x.args[0], y if y.rank == 1 else y.args[0]


def _exact(tree: Tree) -> Fraction | None:
    """The value of a number that is a short fraction."""
    if tree.head != "number":
        return None
    is_exact = re.fullmatch(r"\d+(/\d+|\.\d+)?", tree.text)
    if not is_exact or float(Fraction(tree.text)) != tree.data:
        return None
    return Fraction(tree.text)


def _rational(value: Fraction) -> Tree:
    if value.denominator == 1 or value < 0:
        return number(int(value)) if value >= 0 else negative(_rational(-value))
    return Tree("number", text=str(value), data=float(value))


def fraction(x: Tree, y: Tree) -> Tree:
    """`x / y`."""
    if is_number(y, 1.0):
        return x
    if x.head == "negative":
        return negative(fraction(x.args[0], y))
    over, under = _exact(x), _exact(y)
    if over is not None and under:
        return _rational(over / under)
    return _elementwise("fraction", [x, y])


def power(x: Tree, exponent: Tree) -> Tree:
    """`x^exponent`."""
    if is_number(exponent, 1.0):
        return x
    return _elementwise("power", [x, exponent])


def function(name: str, *args: Tree) -> Tree:
    """A function of elements, by its name in mathematics."""
    return _elementwise("function", args, name)


def relation(sign: str, x: Tree, y: Tree) -> Tree:
    """A comparison."""
    return _elementwise("relation", [x, y], sign)


def elementwise(head: str, *args: Tree, text: str = "") -> Tree:
    """A tree of one of the heads that go by elements."""
    assert head in ELEMENTWISE, head
    return _elementwise(head, args, text)


# Matrices


def matmul(*factors: Tree) -> Tree:
    """A product of matrices, columns and rows; scalars go in front."""
    scalars: list[Tree] = []
    flat: list[Tree] = []
    for factor in factors:
        if factor.head == "negative":
            scalars.append(number(-1))
            factor = factor.args[0]
        if factor.head == "times" and factor.rank:
            loose = [part for part in factor.args if not part.rank]
            scalars += loose
            factor = times(*(part for part in factor.args if part.rank))
        if not factor.rank:
            scalars.append(factor)
        else:
            flat += factor.args if factor.head == "matmul" else (factor,)
    if len(flat) > 1 and flat[-2].head == "diag" and _is_alike(flat[-1]):
        flat[-2:] = [times(flat[-1].args[0], flat[-2].args[0])]
        return matmul(*scalars, *flat)
    if not flat:
        return times(*scalars)
    total = flat[0]
    shape, is_row = total.shape, total.is_row
    for factor in flat[1:]:
        shape, is_row = _product_shape(shape, is_row, factor)
    if len(flat) > 1:
        total = Tree("matmul", tuple(flat), shape, is_row=is_row)
    return times(*scalars, total) if scalars else total


def _is_alike(x: Tree) -> bool:
    """True of a column of which all elements are one scalar."""
    return x.head == "view" and x.rank == 1 and not x.args[0].rank


def _product_shape(left: Shape, is_row: bool, right: Tree) -> tuple[Shape, bool]:
    """The shape of a product, and whether it is a row."""
    if not left:
        return right.shape, right.is_row
    if len(left) == 1 and not is_row:
        # A column by a row; a column by a scalar has gone in front.
        return (*left, *right.shape), False
    inner = right.shape[1:] if len(left) == 1 or right.rank <= 2 else right.shape[-1:]
    if len(left) == 1:
        return (inner, True) if inner else ((), False)
    if right.rank <= 2:
        return (*left[:-1], *inner), False
    stack = broadcast_shapes(left[:-2], right.shape[:-2])
    return (*stack, left[-2], right.shape[-1]), False


def transpose(x: Tree) -> Tree:
    """The transpose of a matrix, a column or a row; of a stack that of each matrix."""
    if not x.rank:
        return x
    if x.head == "transpose":
        return x.args[0]
    if x.head == "diag":
        return x
    if x.head == "negative":
        return negative(transpose(x.args[0]))
    if x.head == "matmul":
        return matmul(*(transpose(factor) for factor in reversed(x.args)))
    if x.head == "times" and not x.args[0].rank:
        loose = [part for part in x.args if not part.rank]
        return times(*loose, transpose(times(*(p for p in x.args if p.rank))))
    if x.rank == 1:
        return Tree("transpose", (x,), x.shape, is_row=not x.is_row)
    return Tree("transpose", (x,), (*x.shape[:-2], x.shape[-1], x.shape[-2]))


def diag(x: Tree) -> Tree:
    """The matrix with a vector on its diagonal."""
    return Tree("diag", (x,), (*x.shape, *x.shape))


def one_hot(label: Tree, classes: Dimension) -> Tree:
    """The vector that is 1 at a label, or one for each of several."""
    return Tree("onehot", (label,), (*label.shape, classes))


def view(x: Tree, shape: Shape, axes: tuple[int | None, ...]) -> Tree:
    """The same elements with other axes of size 1, which nobody writes.

    Args:
        x: a formula.
        shape: the new shape.
        axes: for each axis of `x` its place in `shape`, None where it is gone.
    """
    if x.shape == shape and not x.is_row:
        return x
    return Tree("view", (x,), shape, data=axes)


def norm(x: Tree) -> Tree:
    """The Euclidean length."""
    return Tree("norm", (x,))


def link(derivative: Tree, gradient: Tree, shape: Shape) -> Tree:
    """A gradient through the transpose of a Jacobian that has no short form."""
    return Tree("link", (derivative, gradient), shape)


def reduce(kind: str, x: Tree, axes: tuple[int, ...], keepdims: bool = False) -> Tree:
    """A sum, product, mean, maximum or minimum along axes."""
    if not axes:
        return x
    kept = [1 if a in axes else s for a, s in enumerate(x.shape)]
    shape = tuple(s for a, s in enumerate(kept) if keepdims or a not in axes)
    return Tree("reduce", (x,), shape, kind, data=(axes, keepdims))


def over_rows(kind: str, x: Tree, rows: Dimension) -> Tree:
    """The sum or mean of what stands for one row over all rows."""
    if x.head == "negative":
        return negative(over_rows(kind, x.args[0], rows))
    return Tree("rows", (x,), x.shape, kind, x.is_row, data=rows)


def pick(x: Tree, labels: Tree, axis: int) -> Tree:
    """The element at a label along an axis, for each of the other axes."""
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    return Tree("pick", (x, labels), shape, data=axis)


def item(x: Tree, indices: Sequence[Tree]) -> Tree:
    """An element by its indices, written below the name."""
    if x.head == "view":
        axes: tuple[int | None, ...] = x.data
        places = [number(0) if axis is None else indices[axis] for axis in axes]
        return item(x.args[0], places)
    return Tree("item", (x, *indices)) if x.rank else x


def application(
    name: str,
    node: Node,
    args: Sequence[Tree],
    options: str = "",
    is_map: bool = False,
    written: str | None = None,
) -> Tree:
    """An op applied to arguments.

    Args:
        name: the sign of the function.
        node: one node of the op on inputs of the shapes of the arguments.
        args: the arguments.
        options: attributes as text.
        is_map: True of an op that goes by elements.
        written: its form, if it is another one than the name and the arguments.
    """
    data = Application(node, written)
    tree = Tree("apply", tuple(args), node.shape, name, data=data)
    if options:
        tree = replace(tree, args=(*args, Tree("options", text=options)))
    return replace(tree, head="map") if is_map and not options else tree


# Trees of trees


_MAKERS: dict[str, Callable[..., Tree]] = {
    "add": add,
    "negative": negative,
    "times": times,
    "fraction": fraction,
    "power": power,
    "matmul": matmul,
    "transpose": transpose,
    "diag": diag,
}


def rebuilt(x: Tree, args: Sequence[Tree]) -> Tree:
    """The tree with other arguments."""
    if all(a is b for a, b in zip(x.args, args, strict=True)):
        return x
    if x.head in _MAKERS:
        return _MAKERS[x.head](*args)
    if x.head == "rows":
        return over_rows(x.text, args[0], x.data)
    if x.head == "item":
        return item(args[0], args[1:])
    if x.head in ELEMENTWISE or x.head == "map":
        return replace(x, args=tuple(args), shape=_together(args), is_row=False)
    return replace(x, args=tuple(args))


def substitute(x: Tree, swap: Callable[[Tree], Tree | None]) -> Tree:
    """The tree with others in the place of those that `swap` knows."""
    if (found := swap(x)) is not None:
        return found
    return rebuilt(x, [substitute(arg, swap) for arg in x.args])


def names_in(tree: Tree) -> list[str]:
    """The names of symbols."""
    return [part.text for part in tree.walk() if part.head == "symbol"]
