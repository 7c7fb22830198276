"""Sums of products in Einstein's notation, in an order that costs least."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..arguments import shown
from ..errors import DTypeError, OptionError, ShapeError
from ..ir.array_methods import array_function
from ..ir.batching import Batch
from ..ir.dims import Dimension, format_shape
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .contraction import (
    Label,
    Labels,
    arranged,
    contract,
    einsum_elements,
    in_one_dtype,
    subscripts_of_examples,
    written_einsum,
)
from .diagonals import diagonal
from .reduction import sum
from .shape import squeeze
from .source import astype

_ASSUMED = 256
"""The number that a named size is taken for, when orders are compared."""

_MOST_IN_ANY_ORDER = 8
"""Operands of which all orders are tried."""


@dataclass(frozen=True)
class Subscripts:
    """Labels of the axes of all operands, and of the result."""

    operands: tuple[Labels, ...]
    result: Labels


def _parsed(subscripts: str, ranks: Sequence[int]) -> Subscripts:
    """The labels that a text gives to operands of so many axes."""

    def refuse(problem: str, hint: str | None = None) -> OptionError:
        return OptionError(f"einsum {subscripts!r}: {problem}", hint=hint)

    text = subscripts.replace(" ", "")
    given, arrow, out = text.partition("->")
    parts = given.split(",")
    if len(parts) != len(ranks):
        raise refuse(f"labels {len(parts)} operands, got {len(ranks)}")
    letters_only = f"{given}{out}".replace("...", "").replace(",", "")
    for character in letters_only:
        if not (character.isascii() and character.isalpha()):
            raise refuse(f"{character!r} is not a letter", "letters, commas, ..., ->")
    operands: list[Labels] = []
    widest = 0
    for part, rank in zip(parts, ranks, strict=True):
        before, dots, after = part.partition("...")
        if "..." in after:
            raise refuse(f"{part!r} has more than one ellipsis")
        count = rank - len(before) - len(after)
        if count < 0 or (count and not dots):
            raise refuse(f"{part!r} does not label an operand of {rank} axes")
        widest = max(widest, count)
        # Axes of an ellipsis are counted from the last one, as broadcasting does.
        operands.append((*before, *range(-count, 0), *after))
    dims = tuple(range(-widest, 0))
    everything = [label for labels in operands for label in labels]
    if not arrow:
        once = sorted({c for c in everything if isinstance(c, str)})
        named = (c for c in once if everything.count(c) == 1)
        return Subscripts(tuple(operands), (*dims, *named))
    before, dots, after = out.partition("...")
    result: Labels = (*before, *(dims if dots else ()), *after)
    if widest and not dots:
        raise refuse("the result has no ellipsis, the operands have", f"{given}->...")
    if len(set(result)) < len(result):
        raise refuse(f"{out!r} has a label twice")
    unknown = [c for c in result if isinstance(c, str) and c not in everything]
    if unknown:
        raise refuse(f"no operand has the label {unknown[0]!r} of the result")
    return Subscripts(tuple(operands), result)


def _sizes(
    labels: Subscripts, shapes: Sequence[Sequence[Dimension]]
) -> dict[Label, Dimension]:
    """The size of each label, where axes of size 1 are broadcast."""
    sizes: dict[Label, Dimension] = {}
    for operand, shape in zip(labels.operands, shapes, strict=True):
        for label, size in zip(operand, shape, strict=True):
            known = sizes.get(label, 1)
            if known != size and known != 1 and size != 1:
                what = "an axis of the ellipsis" if isinstance(label, int) else label
                given = ", ".join(format_shape(tuple(each)) for each in shapes)
                raise ShapeError(
                    f"requires equal sizes for {what!s}, got {known} and {size} in "
                    f"operands of shapes {given}"
                )
            sizes[label] = size if known == 1 else known
    return sizes


# The order of products ----------------------------------------------------------------


def _number(label: Label, sizes: Mapping[Label, Dimension]) -> int:
    size = sizes[label]
    return size if isinstance(size, int) else _ASSUMED


class _Orders:
    """The best order of the products of operands, by multiply-adds."""

    def __init__(
        self,
        operands: Sequence[Labels],
        result: Labels,
        sizes: Mapping[Label, Dimension],
    ) -> None:
        self._operands, self._result, self._sizes = operands, set(result), sizes
        self._kept: dict[frozenset[int], frozenset[Label]] = {}

    def kept(self, group: frozenset[int]) -> frozenset[Label]:
        """The labels that the product of a group still needs."""
        if group not in self._kept:
            inside = {label for i in group for label in self._operands[i]}
            others = (
                labels for i, labels in enumerate(self._operands) if i not in group
            )
            needed = self._result.union(*others)
            self._kept[group] = frozenset(inside & needed)
        return self._kept[group]

    def cost(self, left: frozenset[int], right: frozenset[int]) -> int:
        """The multiply-adds of one product, and the numbers that it writes."""
        everything = self.kept(left) | self.kept(right)
        written = self.kept(left | right)
        return self._count(everything) + self._count(written)

    def _count(self, labels: frozenset[Label]) -> int:
        count = 1
        for label in labels:
            count *= max(_number(label, self._sizes), 1)
        return count

    def best(self) -> list[tuple[frozenset[int], frozenset[int]]]:
        """The pairs of groups to multiply, one after the other."""
        alone: list[frozenset[int]] = [
            frozenset([i]) for i in range(len(self._operands))
        ]
        if len(alone) <= _MOST_IN_ANY_ORDER:
            return self._cheapest(alone)
        pairs: list[tuple[frozenset[int], frozenset[int]]] = []
        while len(alone) > 1:
            pair = min(itertools.combinations(alone, 2), key=lambda p: self.cost(*p))
            alone = [group for group in alone if group not in pair]
            alone.append(pair[0] | pair[1])
            pairs.append(pair)
        return pairs

    def _cheapest(
        self, alone: list[frozenset[int]]
    ) -> list[tuple[frozenset[int], frozenset[int]]]:
        costs: dict[frozenset[int], int] = dict.fromkeys(alone, 0)
        splits: dict[frozenset[int], tuple[frozenset[int], frozenset[int]]] = {}
        everything = range(len(alone))
        for count in range(2, len(alone) + 1):
            for chosen in itertools.combinations(everything, count):
                group = frozenset(chosen)
                for left, right in _halves(chosen):
                    cost = costs[left] + costs[right] + self.cost(left, right)
                    if group not in costs or cost < costs[group]:
                        costs[group], splits[group] = cost, (left, right)
        found: list[tuple[frozenset[int], frozenset[int]]] = []
        pending = [frozenset(everything)] if len(alone) > 1 else []
        while pending:
            split = splits[pending.pop()]
            found.append(split)
            pending += [half for half in split if len(half) > 1]
        return found[::-1]


def _halves(
    chosen: Sequence[int],
) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """All ways to part a group in two, each once."""
    first, *others = chosen
    for count in range(len(others)):
        for more in itertools.combinations(others, count):
            left = frozenset((first, *more))
            yield left, frozenset(chosen) - left


# The block ----------------------------------------------------------------------------


def _simple(
    x: Node, labels: Labels, sizes: Mapping[Label, Dimension], needed: set[Label]
) -> tuple[Node, Labels]:
    """An operand with each label once, without labels that nothing else needs."""
    while len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        first = labels.index(twice)
        second = labels.index(twice, first + 1)
        x = diagonal(x, axis1=first, axis2=second)
        others = (label for i, label in enumerate(labels) if i not in (first, second))
        labels = (*others, twice)
    ones = [i for i, n in enumerate(x.shape) if n == 1 and sizes[labels[i]] != 1]
    if ones:
        x = squeeze(x, tuple(ones))
        labels = tuple(label for i, label in enumerate(labels) if i not in ones)
    alone = tuple(i for i, label in enumerate(labels) if label not in needed)
    if alone:
        x = astype(sum(x, alone), x.dtype)
        labels = tuple(label for label in labels if label in needed)
    return x, labels


def _expanded(*operands: Node, subscripts: str) -> Node:
    """The sums and matrix products that the notation stands for."""
    parsed = _parsed(subscripts, [x.ndim for x in operands])
    sizes = _sizes(parsed, [x.shape for x in operands])
    values: dict[frozenset[int], tuple[Node, Labels]] = {}
    for place, (x, labels) in enumerate(zip(operands, parsed.operands, strict=True)):
        others = (o for i, o in enumerate(parsed.operands) if i != place)
        needed = set(parsed.result).union(*others)
        values[frozenset([place])] = _simple(x, labels, sizes, needed)
    orders = _Orders([labels for _, labels in values.values()], parsed.result, sizes)
    for left, right in orders.best():
        (x, xs), (y, ys) = values.pop(left), values.pop(right)
        kept = orders.kept(left | right)
        if len(left | right) == len(operands):
            wanted = tuple(label for label in parsed.result if label in kept)
        else:
            stack = [label for label in xs if label in kept and label in ys]
            rows = [label for label in xs if label in kept and label not in ys]
            columns = [label for label in ys if label in kept and label not in xs]
            wanted = (*stack, *rows, *columns)
        x, xs = _summed(x, xs, ys, kept)
        y, ys = _summed(y, ys, xs, kept)
        values[left | right] = contract(x, xs, y, ys, wanted), wanted
    ((found, labels),) = values.values()
    return arranged(found, labels, parsed.result)


def _summed(
    x: Node, labels: Labels, others: Labels, kept: frozenset[Label]
) -> tuple[Node, Labels]:
    """An operand summed over what neither the other one nor the result has."""
    alone = [i for i, c in enumerate(labels) if c not in others and c not in kept]
    if not alone:
        return x, labels
    left = tuple(label for i, label in enumerate(labels) if i not in alone)
    return astype(sum(x, tuple(alone)), x.dtype), left


def _infer(*operands: TensorType, subscripts: str) -> TensorType:
    parsed = _parsed(subscripts, [x.ndim for x in operands])
    sizes = _sizes(parsed, [x.shape for x in operands])
    if operands[0].dtype.kind == "b":
        raise DTypeError(
            "einsum requires numbers, got booleans", hint='x.astype("int64")'
        )
    for labels, x in zip(parsed.operands, operands, strict=True):
        for label in {c for c in labels if labels.count(c) > 1}:
            found = {n for c, n in zip(labels, x.shape, strict=True) if c == label}
            if len(found) > 1:
                raise ShapeError(
                    f"requires equal sizes for a diagonal along {label!s}, "
                    f"got {format_shape(x.shape)}"
                )
    return operands[0].with_shape(tuple(sizes[label] for label in parsed.result))


def _of_examples(batch: Batch, node: Node) -> Node:
    ranks = [parent.ndim for parent in node.inputs]
    labels = _parsed(node.attributes["subscripts"], ranks)
    text = subscripts_of_examples(batch, node, labels.operands, labels.result)
    return node.op(*map(batch.value, node.inputs), subscripts=text)


EINSUM = Op(
    name="einsum",
    mathematics=Mathematics(
        written=written_einsum,
        elements=lambda node: einsum_elements(
            node, [f"operands{n}" for n, _ in enumerate(node.inputs)]
        ),
        is_plain=True,
    ),
    inputs=("*operands",),
    infer=_infer,
    expand=_expanded,
    batch=_of_examples,
    cases=(
        Case(((3, 4), (4, 5)), {"subscripts": "ij,jk->ki"}),
        Case(((2, 3, 4), (4, 2), (3,)), {"subscripts": "...ij,jk,i->k..."}),
        Case(((3, 3, 2), (2, 2)), {"subscripts": "iij,jj->ij"}),
        Case(((2, 3, 4), (2, 5, 4)), {"subscripts": "bic,bjc->bij"}),
    ),
)


@array_function
def einsum(*operands: Any, optimize: Any = True) -> Node:
    """Sums of products of arrays, in Einstein's notation.

    Each axis of an operand has a letter. Elements of equal letters are multiplied, and
    summed over letters that the result has not: `"ij,jk->ik"` is a matrix product,
    `"ii->"` a trace, `"bij->bji"` a transpose. An ellipsis `...` stands for axes that
    broadcast. Without `->` the result has the letters that occur once, in order.

    The order of the products is chosen when the program is made, by their cost, with
    named sizes taken for 256; a program has matrix products, sums and transposes. Its
    derivatives are of the same kind.

    Args:
        operands: the subscripts, and an array for each of their parts; or, in turn, an
            array and the list of the numbers of its axes, and last such a list for the
            result.
        optimize: taken for NumPy's sake; the best order is found anyway.

    Returns:
        An array of the common dtype of the operands.

    Raises:
        OptionError: subscripts that don't fit the operands.
        ShapeError: equal letters for axes of other sizes.
        DTypeError: booleans.

    >>> import graphc as gc
    >>> x = gc.input("x", ("batch", 3))
    >>> gc.einsum("bi,bj->bij", x, x)
    <einsum float32 (batch, 3, 3)>
    >>> gc.evaluate(gc.einsum("ij,j", [[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0]), {})
    array([-1., -1.])
    """
    if operands and isinstance(operands[0], str):
        subscripts, arrays = operands[0], operands[1:]
    else:
        subscripts, arrays = _from_lists(operands)
    if not arrays:
        raise OptionError("einsum requires an operand", hint='gc.einsum("ij->ji", x)')
    return EINSUM(*in_one_dtype(*arrays), subscripts=subscripts.replace(" ", ""))


def _letter(label: Any) -> str:
    """The letter that stands for the number of an axis, in the same order."""
    if label is ...:
        return "..."
    try:
        number = operator.index(label)
    except TypeError:
        number = -1
    if not 0 <= number < 52:
        raise OptionError(
            f"einsum takes numbers of axes from 0 to 51, got {shown(label)}"
        )
    return chr(65 + number) if number < 26 else chr(71 + number)


def _from_lists(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """Subscripts in letters, from lists of numbers of axes."""
    arrays, lists = list(operands[: len(operands) // 2 * 2 : 2]), list(operands[1::2])
    if len(operands) % 2:
        lists.append(operands[-1])
    if not all(isinstance(each, list | tuple) for each in lists):
        raise OptionError(
            "einsum requires subscripts and arrays, or arrays and lists in turn",
            hint='gc.einsum("ij,jk->ik", x, y)',
        )
    texts = ["".join(map(_letter, each)) for each in lists]
    parts = texts[: len(arrays)]
    out = f"->{texts[-1]}" if len(operands) % 2 else ""
    return ",".join(parts) + out, arrays
