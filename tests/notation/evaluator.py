"""Values of formulas by NumPy alone, as a reader would work them out.

A value is an array, and True for a row: the transpose of a vector. Functions that NumPy
does not have, and ops that stand in a formula as they are, are graphc's.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import graphc as gc
from graphc.ir import Dim
from graphc.ir.literal import constant_of
from graphc.notation.tree import Tree
from graphc.ops.source import CONSTANT

Value = tuple[Any, bool]

_ELEMENTS = {
    "add": lambda *terms: functools.reduce(np.add, terms),
    "negative": lambda x: -x,
    "times": lambda *factors: functools.reduce(np.multiply, factors),
    "fraction": np.divide,
    "power": np.power,
    "indicator": lambda x: np.asarray(x, float),
    "bars": np.abs,
    "floor": np.floor,
    "ceiling": np.ceil,
    "root": np.sqrt,
}
_RELATIONS = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_LOGIC = {
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
    "not": np.logical_not,
}
_FUNCTIONS = {
    "max": np.maximum,
    "min": np.minimum,
    "arcosh": np.arccosh,
    "arsinh": np.arcsinh,
    "artanh": np.arctanh,
    "ψ": gc.special.digamma,
    "Γ": gc.special.gamma,
    "log Γ": gc.special.gammaln,
    "Φ": gc.special.ndtr,
    "φ": lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
    "mod": lambda x, n: np.remainder(x, n) if n else x,
    "round": np.rint,
    "erfinv": gc.special.erfinv,
    "erf": gc.special.erf,
    "erfc": gc.special.erfc,
    "I0": gc.special.i0,
    "I1": gc.special.i1,
    "J0": gc.special.j0,
    "J1": gc.special.j1,
    "K0": gc.special.k0,
    "K1": gc.special.k1,
    "Y0": gc.special.y0,
    "Y1": gc.special.y1,
}
_REDUCTIONS = {
    "sum": np.sum,
    "Σ": np.sum,
    "prod": np.prod,
    "Π": np.prod,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "any": np.any,
    "all": np.all,
}


class Evaluator:
    """Formulas over arrays by the names of symbols."""

    def __init__(self, arrays: Mapping[str, Any], rows: int | None = None) -> None:
        """Take arrays; of those of `rows` rows each, one row after the other counts."""
        self._arrays, self._rows = arrays, rows
        self._letters: dict[str, int] = {}
        self._row: int | None = None
        self._outside = 0.0
        self._arrays_known: dict[tuple[int, int | None], Any] = {}

    def __call__(self, tree: Tree, row: int | None = None) -> Any:
        """The value, of one row if it is said."""
        self._row = row
        self._arrays_known.clear()
        return self._value(tree)[0]

    def _array(self, tree: Tree) -> Any:
        return self._value(tree)[0]

    def _value(self, tree: Tree) -> Value:
        if tree.head == "matmul":
            return functools.reduce(_product, map(self._value, tree.args))
        if tree.head == "transpose":
            array, is_row = self._value(tree.args[0])
            return (
                (array, not is_row)
                if array.ndim == 1
                else (np.swapaxes(array, -1, -2), False)
            )
        if tree.head in ("negative", "times", "add", "rows"):
            return self._plain(tree), tree.is_row
        return self._plain(tree), False

    def _plain(self, tree: Tree) -> Any:
        args = tree.args
        match tree.head:
            case "number":
                return np.float64(tree.data)
            case "letter":
                return self._letters[tree.text]
            case "symbol":
                return self._symbol(tree)
            case "derivative":
                over, under = (arg.text for arg in args)
                return self._of_row(self._arrays[f"∂{over}/∂{under}"], tree)
            case "relation" if args[0].head == "tuple":
                return self._array(args[0]) == self._array(args[1])
            case "relation":
                return _RELATIONS[tree.text](*map(self._array, args))
            case "logic":
                return _LOGIC[tree.text](*map(self._array, args))
            case "cases":
                return self._choice([self._array(arg) for arg in args])
            case "function":
                return self._function(tree.text, [self._array(arg) for arg in args])
            case "apply" | "map":
                return self._applied(tree)
            case "diag":
                return np.diag(self._array(args[0]))
            case "onehot":
                labels = np.asarray(self._array(args[0]), int)
                return np.eye(int(tree.shape[-1]))[labels]
            case "norm":
                return np.sqrt(np.sum(self._array(args[0]) ** 2))
            case "view":
                array = np.asarray(self._array(args[0]))
                shape = tuple(map(self._size, tree.shape))
                is_same = array.size == np.prod(shape)
                shaped = (
                    array.reshape
                    if is_same
                    else (functools.partial(np.broadcast_to, array))
                )
                return shaped(shape)
            case "reduce":
                axes, keepdims = tree.data
                array = np.asarray(self._array(args[0]))
                return _REDUCTIONS[tree.text](array, axis=axes, keepdims=keepdims)
            case "pick":
                array, labels = (np.asarray(self._array(arg)) for arg in args)
                places = np.expand_dims(labels.astype(int), tree.data)
                found = np.take_along_axis(array, places, tree.data)
                return found.squeeze(tree.data)
            case "item":
                return self._item(args[0], args[1:])
            case "array":
                return self._elements(tree)
            case "named":
                return self._plain(args[0])
            case "tuple":
                return tuple(int(self._array(arg)) for arg in args)
            case "big":
                return self._big(tree)
            case "rows":
                return self._over_rows(tree)
            case head:
                return _ELEMENTS[head](*map(self._array, args))

    def _size(self, size: Any) -> int:
        return size.evaluate({"batch": self._rows}) if isinstance(size, Dim) else size

    def _symbol(self, tree: Tree) -> Any:
        if isinstance(tree.data, float):
            return tree.data
        if isinstance(tree.data, gc.Node) and tree.data.op is CONSTANT:
            return constant_of(tree.data)
        if isinstance(tree.data, Dim):
            return self._size(tree.data)
        return self._of_row(self._arrays[tree.text], tree)

    def _of_row(self, value: Any, tree: Tree) -> Any:
        array = np.asarray(value)
        is_by_rows = array.ndim == len(tree.shape) + 1 and self._row is not None
        return array[self._row] if is_by_rows else array

    def _function(self, name: str, args: list[Any]) -> Any:
        if name.startswith("log") and name[3:].isdigit():
            return np.log(args[0]) / np.log(int(name[3:]))
        function = _FUNCTIONS.get(name) or getattr(np, name, None)
        assert function is not None, name
        value = function(*args)
        return gc.evaluate(value, {}) if isinstance(value, gc.Node) else value

    def _applied(self, tree: Tree) -> Any:
        node = tree.data.node
        arrays = [self._array(arg) for arg in tree.args if arg.head != "options"]
        typed = [
            np.asarray(array, parent.dtype)
            for array, parent in zip(arrays, node.inputs, strict=True)
        ]
        if tree.head == "apply":
            pairs = zip(typed, node.inputs, strict=True)
            typed = [
                np.broadcast_to(array, tuple(map(self._size, parent.shape)))
                for array, parent in pairs
            ]
        again = node.op(*map(gc.constant, typed), **node.attributes)
        return gc.evaluate(again, {})

    def _choice(self, parts: list[Any]) -> Any:
        *pairs, value = parts
        for place in range(len(pairs) - 2, -1, -2):
            value = np.where(pairs[place + 1], pairs[place], value)
        return value

    def _item(self, base: Tree, indices: Any) -> Any:
        """An element; outside of an array 0, in a maximum none."""
        array = np.asarray(self._array(base))
        places = [float(self._array(index)) for index in indices]
        assert all(place.is_integer() for place in places), places
        inside = zip(places, array.shape, strict=True)
        if not all(0 <= place < size for place, size in inside):
            return self._outside
        return array[tuple(map(int, places))]

    def _each(self, bound: Any, sizes: Any, body: Tree) -> Iterator[tuple[Any, Any]]:
        """Places, and the value of a formula with letters for them."""
        before = dict(self._letters)
        for places in itertools.product(*(range(self._size(n)) for n in sizes)):
            letters = zip(bound, places, strict=True)
            self._letters |= {one.text: place for one, place in letters}
            yield places, self._array(body)
        self._letters = before

    def _elements(self, tree: Tree) -> Any:
        known = self._arrays_known.get((id(tree), self._row))
        if known is not None:
            return known
        body, *bound = tree.args
        found = np.zeros([self._size(size) for size in tree.shape])
        for places, value in self._each(bound, tree.shape, body):
            found[places] = value
        self._arrays_known[id(tree), self._row] = found
        return found

    def _big(self, tree: Tree) -> Any:
        body, *bound = tree.args
        is_maximum = tree.text in ("max", "argmax")
        before, self._outside = self._outside, -np.inf if is_maximum else 0.0
        terms = [*self._each(bound, tree.data, body)]
        self._outside = before
        values = np.array([value for _, value in terms])
        if tree.text == "argmax":
            place = terms[int(np.argmax(values))][0]
            return place[0] if len(place) == 1 else place
        return _REDUCTIONS[tree.text](values, axis=0)

    def _over_rows(self, tree: Tree) -> Any:
        assert self._rows is not None
        before, terms = self._row, []
        for row in range(self._rows):
            self._row = row
            terms.append(self._array(tree.args[0]))
        self._row = before
        return _REDUCTIONS[tree.text](np.array(terms), axis=0)


def _product(left: Value, right: Value) -> Value:
    (x, x_row), (y, y_row) = left, right
    if not np.ndim(x) or not np.ndim(y):
        return x * y, x_row or y_row
    if x.ndim == 1 and not x_row:
        return np.outer(x, y), False
    product = x @ y
    return product, x.ndim == 1 and product.ndim == 1
