"""Dimensions: an int, or a named size with arithmetic.

A named size such as `"batch"` is known only when a program runs. What ops compute of
such sizes is nearly always a polynomial (`2*seq + 1`); SymPy is imported only for what
is none, as `(seq + 1) // 2`.
"""

from __future__ import annotations

import keyword
import operator
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

from ..errors import NamingError, ShapeError
from .polynomial import Polynomial
from .symbolic import computed, expression_of, python_of


def check_identifier(name: object, what: str) -> str:
    """Return `name` if it may stand in emitted source as it is, else raise.

    A name must be a Python identifier in its NFKC form (Python itself would silently
    rename any other), no keyword, and not private, because emitted modules keep
    leading underscores to themselves.
    """
    if not isinstance(name, str):
        raise NamingError(
            f"{what} must be a string, got {type(name).__name__} {name!r}"
        )
    hint = "letters, digits and underscores, starting with a letter: 'hidden_1'"
    if not name.isidentifier():
        raise NamingError(f"{what} {name!r} is not a Python identifier", hint=hint)
    if keyword.iskeyword(name):
        raise NamingError(
            f"{what} {name!r} is a Python keyword", hint=f"{name + '_'!r}"
        )
    if unicodedata.normalize("NFKC", name) != name:
        normal = unicodedata.normalize("NFKC", name)
        raise NamingError(
            f"{what} {name!r} is spelt by Python as {normal!r}", hint=repr(normal)
        )
    if name.startswith("_"):
        raise NamingError(f"{what} {name!r} starts with an underscore", hint=hint)
    return name


def check_dotted_name(name: object, what: str) -> str:
    """Return `name` if it is an identifier, or several joined by dots, else raise.

    Dots separate the levels of a model, as torch names parameters: `hidden.weight`.
    """
    if not isinstance(name, str) or "." not in name:
        return check_identifier(name, what)
    for part in name.split("."):
        check_identifier(part, f"part of {what} {name!r},")
    return name


class Dim:
    """A named or computed size. Immutable; equal when its canonical text is equal.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> batch = x.shape[0]
    >>> batch, 2 * batch + 1, gc.concatenate([x, x]).shape
    (batch, 2*batch + 1, (2*batch, 3))
    """

    __slots__ = ("_expression", "_polynomial", "text")

    text: str
    """The canonical spelling: `batch`, `2*seq + 1`."""

    def __init__(self, name: str) -> None:
        self.text = check_identifier(name, "dimension name")
        self._polynomial: Polynomial | None = Polynomial.of(self.text)
        self._expression: Any = None

    @staticmethod
    def _from_polynomial(polynomial: Polynomial) -> Dimension:
        number = polynomial.number
        if number is not None:
            return number
        return Dim._of(polynomial.text, polynomial, None)

    @staticmethod
    def _from_expression(expression: Any) -> Dimension:
        if expression.is_Integer:
            return int(expression)
        if expression.is_Symbol:
            return Dim(str(expression))
        return Dim._of(str(expression), None, expression)

    @staticmethod
    def _of(text: str, polynomial: Polynomial | None, expression: Any) -> Dim:
        dim = object.__new__(Dim)
        dim.text = text
        dim._polynomial = polynomial
        dim._expression = expression
        return dim

    @property
    def is_symbol(self) -> bool:
        """True where this is a bare name."""
        return self.text.isidentifier()

    @property
    def is_nonnegative(self) -> bool:
        """True where this is known not to be negative, whatever its names stand for."""
        if self._polynomial is not None:
            return all(factor > 0 for factor in self._polynomial.terms.values())
        return bool(self.expression.is_nonnegative)

    def bound(self) -> tuple[Dimension, Dimension, str, int]:
        """The meaning of this not being negative: that one size is not below another.

        Returns:
            The larger and the smaller size, `n` and 3 for `n - 3` as for `m*n - 3*m`,
            what depends on names, as text, and the number that is added to that.
        """
        if self._polynomial is None:
            return self, 0, self.text, 0
        terms = self._polynomial.over_common_factor().terms
        above = Polynomial({product: f for product, f in terms.items() if f > 0})
        below = Polynomial({product: -f for product, f in terms.items() if f < 0})
        named = Polynomial({product: f for product, f in terms.items() if product})
        sides = Dim._from_polynomial(above), Dim._from_polynomial(below)
        return *sides, named.text, terms.get((), 0)

    @property
    def is_whole(self) -> bool:
        """True where this is a whole number whatever its names stand for."""
        if self._polynomial is not None:
            return True
        return bool(self.expression.as_numer_denom()[1] == 1)

    @property
    def expression(self) -> Any:
        """The SymPy expression of this size."""
        if self._expression is None:
            assert self._polynomial is not None
            self._expression = expression_of(self._polynomial)
        return self._expression

    def symbols(self) -> tuple[str, ...]:
        """The names this size depends on, sorted."""
        if self._polynomial is not None:
            return self._polynomial.symbols()
        return tuple(sorted(str(s) for s in self.expression.free_symbols))

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """This size as an int, given the sizes of its names."""
        unknown = [name for name in self.symbols() if name not in sizes]
        if unknown:
            raise ShapeError(
                f"the size {unknown[0]} is known from no input",
                hint=f"an input with {unknown[0]!r} in its shape",
            )
        if self._polynomial is not None:
            return self._polynomial.evaluate(sizes)
        value = self.expression.subs({s: sizes[str(s)] for s in self._free()})
        if not value.is_Integer:
            given = ", ".join(f"{n}={sizes[n]}" for n in self.symbols())
            raise ShapeError(f"dimension {self.text} is no whole number for {given}")
        return int(value)

    def given(self, sizes: Mapping[str, int]) -> Dimension:
        """This size where some of its names have these sizes."""
        if self._polynomial is not None:
            return Dim._from_polynomial(self._polynomial.given(sizes))
        known = {s: sizes[str(s)] for s in self._free() if str(s) in sizes}
        return Dim._from_expression(self.expression.subs(known))

    def source(self, prefix: str = "") -> str:
        """This size as Python integer arithmetic over its names, each prefixed."""
        if self._polynomial is not None:
            return self._polynomial.source(prefix)
        return python_of(self.expression, prefix)

    def _free(self) -> Iterable[Any]:
        return self.expression.free_symbols

    def _combine(self, other: object, name: str) -> Any:
        right = other if isinstance(other, Dim) else _operand(self, other)
        return NotImplemented if right is None else Dim._computed(name, self, right)

    def _combine_reversed(self, other: object, name: str) -> Any:
        left = _operand(self, other)
        return NotImplemented if left is None else Dim._computed(name, left, self)

    @staticmethod
    def _computed(name: str, left: Dimension, right: Dimension) -> Dimension:
        """An operation, on polynomials where its result is one, else in SymPy."""
        if right == 0 and name in ("divide", "floor_divide"):
            raise ShapeError(f"dimension {left} is divided by 0")
        polynomials = [
            size._polynomial if isinstance(size, Dim) else Polynomial.of(size)
            for size in (left, right)
        ]
        match polynomials:
            case [Polynomial() as x, Polynomial() as y]:
                result = _ON_POLYNOMIALS[name](x, y)
            case _:
                result = None
        if result is not None:
            return Dim._from_polynomial(result)
        x, y = (
            size.expression if isinstance(size, Dim) else size for size in (left, right)
        )
        return Dim._from_expression(computed(name, x, y))

    def __add__(self, other: int | Dim) -> Dimension:
        return self._combine(other, "add")

    def __radd__(self, other: int) -> Dimension:
        return self._combine_reversed(other, "add")

    def __sub__(self, other: int | Dim) -> Dimension:
        return self._combine(other, "subtract")

    def __rsub__(self, other: int) -> Dimension:
        return self._combine_reversed(other, "subtract")

    def __mul__(self, other: int | Dim) -> Dimension:
        return self._combine(other, "multiply")

    def __rmul__(self, other: int) -> Dimension:
        return self._combine_reversed(other, "multiply")

    def __floordiv__(self, other: int | Dim) -> Dimension:
        return self._combine(other, "floor_divide")

    def __rfloordiv__(self, other: int) -> Dimension:
        return self._combine_reversed(other, "floor_divide")

    def __mod__(self, other: int | Dim) -> Dimension:
        return self - self // other * other

    def __rmod__(self, other: int) -> Dimension:
        return other - other // self * self

    def __neg__(self) -> Dimension:
        return 0 - self

    def __pos__(self) -> Dimension:
        return self

    def divide_exactly(self, other: Dimension) -> Dimension:
        """This size divided by one that is known to divide it."""
        return self._combine(other, "divide")

    def __truediv__(self, other: object) -> Any:
        if _operand(self, other) is None and not isinstance(other, Dim):
            return NotImplemented
        raise _not_a_size(self, "a quotient")

    def __rtruediv__(self, other: object) -> Any:
        if _operand(self, other) is None:
            return NotImplemented
        raise _not_a_size(self, "a quotient")

    def __pow__(self, other: int) -> Dimension:
        exponent = -1 if isinstance(other, Dim) else _operand(self, other)
        if exponent is None:
            return NotImplemented
        if exponent < 0:
            raise _not_a_size(self, f"a power with the exponent {other!r}")
        return product([self] * exponent)

    def __rpow__(self, other: object) -> Any:
        if _operand(self, other) is None:
            return NotImplemented
        raise _not_a_size(self, "a power")

    def __divmod__(self, other: int | Dim) -> tuple[Dimension, Dimension]:
        return self // other, self % other

    def __lt__(self, other: object) -> bool:
        raise _not_a_size(self, "the order")

    __le__ = __gt__ = __ge__ = __lt__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dim):
            return self.text == other.text
        if isinstance(other, str):
            return self.text == other
        return NotImplemented if not isinstance(other, int) else False

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text

    def __int__(self) -> int:
        raise ShapeError(
            f"dimension {self.text} is known only when the program runs",
            hint="use it in arithmetic with nodes, or declare an integer size",
        )

    __index__ = __int__


Dimension: TypeAlias = int | Dim
Shape: TypeAlias = tuple[Dimension, ...]


def _operand(size: Dim, value: object) -> int | None:
    """An int of Python or NumPy; None for an array or node, which knows what to do."""
    integer = _integer(value)
    # What has no such method is no number, an array or anything else of arithmetic.
    if integer is None and (
        isinstance(value, bool | float | complex) or not hasattr(value, "__radd__")
    ):
        raise ShapeError(
            f"dimension {size} is combined with {value!r}, which is not an integer",
            hint=f"gc.constant({size}), a node, in arithmetic that is not of sizes",
        )
    return integer


def _not_a_size(size: Dim, operation: str) -> ShapeError:
    return ShapeError(
        f"{operation} of dimension {size} is known only when the program runs",
        hint=f"gc.constant({size}), a node, or an integer size",
    )


def _integer(value: object) -> int | None:
    """An int of Python or NumPy; None for anything else, booleans included."""
    if isinstance(value, bool | Dim):
        return None
    try:
        return operator.index(cast(int, value))
    except TypeError:
        return None


_ON_POLYNOMIALS: Mapping[str, Callable[[Polynomial, Polynomial], Polynomial | None]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": Polynomial.divided_by,
    "floor_divide": Polynomial.divided_by,
}


def as_dimension(value: object, what: str = "dimension") -> Dimension:
    """An int, `Dim` or name as a dimension."""
    if isinstance(value, Dim):
        return value
    if isinstance(value, str):
        return Dim(value)
    size = _integer(value)
    if size is None:
        raise ShapeError(
            f"{what} must be an int or a name, got {type(value).__name__} {value!r}"
        )
    if size < 0:
        raise ShapeError(f"{what} must not be negative, got {size}")
    if size > _LARGEST:
        raise ShapeError(f"{what} must be less than 2**63")
    return size


_LARGEST = 2**63 - 1


def as_shape(value: object) -> Shape:
    """A user's shape (a single dimension or a sequence of them) as a tuple."""
    if isinstance(value, int | str | Dim) or _integer(value) is not None:
        return (as_dimension(value),)
    if not isinstance(value, Iterable):
        raise ShapeError(
            f"a shape is a sequence of dimensions, got {type(value).__name__}",
            hint='("batch", 784)',
        )
    items = cast(Iterable[object], value)
    return tuple(
        as_dimension(item, f"dimension {axis} of a shape")
        for axis, item in enumerate(items)
    )


def product(shape: Iterable[Dimension]) -> Dimension:
    """The number of elements of a shape."""
    total: Dimension = 1
    for dimension in shape:
        total = (
            dimension
            if total == 1
            else total
            if dimension == 1
            else (total * dimension)
        )
    return total


def format_shape(shape: Shape) -> str:
    """A shape as a tuple is written: `(batch, 64)`."""
    inner = ", ".join(str(dimension) for dimension in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def symbols_of(shape: Iterable[Dimension]) -> tuple[str, ...]:
    """The names that a shape depends on, sorted."""
    names = {
        name
        for dimension in shape
        if isinstance(dimension, Dim)
        for name in dimension.symbols()
    }
    return tuple(sorted(names))


def evaluate_shape(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A shape as ints, given the sizes of its names."""
    return tuple(d.evaluate(sizes) if isinstance(d, Dim) else d for d in shape)


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The shape NumPy's broadcasting gives; a named size fits only itself or a 1."""
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[Dimension] = []
    for axis in range(-rank, 0):
        size: Dimension = 1
        for shape in shapes:
            if -axis > len(shape) or shape[axis] == 1:
                continue
            if size != 1 and size != shape[axis]:
                given = " and ".join(format_shape(s) for s in shapes)
                raise ShapeError(
                    f"requires shapes that broadcast, got {given}: "
                    f"{size} and {shape[axis]} meet at axis {axis}",
                    hint="equal sizes, or 1 where an axis is to be broadcast",
                )
            size = shape[axis]
        result.append(size)
    return tuple(result)
