"""Products of two arrays along labelled axes, as the matrix products that they are.

An axis is called by a label. What both operands have and the result has not is summed
over; what all three have counts a stack; the others are rows and columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ..errors import ShapeError
from ..ir.batching import Batch
from ..ir.dims import Dimension, Shape, format_shape, product
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .element_texts import at, elements, over
from .layout import contiguous
from .linalg import MATMUL
from .shape import TRANSPOSE, expand_dims, reshape, transpose
from .source import ArrayLike, as_node, astype, promote
from .sums_as_loops import contracted

Label = Hashable
Labels = tuple[Label, ...]


def in_one_dtype(*values: ArrayLike) -> tuple[Node, ...]:
    """Arrays in the dtype that NumPy promotes them to together."""
    dtype = promote(values)
    return tuple(astype(as_node(value, dtype), dtype) for value in values)


def arranged(x: Node, labels: Labels, wanted: Labels) -> Node:
    """The axes of an array in another order."""
    return x if labels == wanted else transpose(x, [labels.index(i) for i in wanted])


def _aligned(x: Node, labels: Labels, wanted: Labels) -> Node:
    """An array whose axes stand where `wanted` says, with others of size 1."""
    x = arranged(x, labels, tuple(label for label in wanted if label in labels))
    missing = tuple(i for i, label in enumerate(wanted) if label not in labels)
    first = next((i for i, label in enumerate(wanted) if label in labels), len(wanted))
    # Broadcasting itself adds axes in front.
    missing = tuple(i - first for i in missing if i > first)
    return expand_dims(x, missing) if missing else x


def contract(x: Node, xs: Labels, y: Node, ys: Labels, wanted: Labels) -> Node:
    """The product of two arrays, summed over the labels that are not wanted.

    Args:
        x, y: the operands.
        xs, ys: the labels of their axes, each once. Labels that only one of them has
            are wanted.
        wanted: the labels of the result.
    """
    if not any(label in ys and label not in wanted for label in xs):
        return _aligned(x, xs, wanted) * _aligned(y, ys, wanted)
    rows = [label for label in wanted if label in xs and label not in ys]
    columns = [label for label in wanted if label in ys and label not in xs]
    stack = [label for label in wanted if label in xs and label in ys]
    beside = [label for label in wanted if label not in stack]
    if columns and beside[0] in columns:
        x, xs, y, ys = y, ys, x, xs
        rows, columns = columns, rows
    # Summed over in the order in which the larger operand has them.
    leader = xs if len(xs) >= len(ys) else ys
    inner = [label for label in leader if label in xs and label in ys]
    inner = [label for label in inner if label not in wanted]
    is_slow = _is_slow(xs, stack, x.shape) or _is_slow(ys, stack, y.shape)
    if is_slow and not (rows and columns):
        # A copy would take longer than a product that reads each element once.
        return _by_loops(x, xs, y, ys, wanted)
    sizes = dict(zip((*xs, *ys), (*x.shape, *y.shape), strict=True))
    ahead: list[Label] = []
    if rows and beside != [*rows, *columns]:
        # Rows that stand before and after columns: the first ones count a stack, so
        # that neither operand nor result has to be rearranged.
        ahead = rows[: beside.index(columns[0])]
        if beside == [*ahead, *columns, *rows[len(ahead) :]]:
            x, xs, y, ys = y, ys, x, xs
            rows, columns = columns, rows[len(ahead) :]
        else:
            ahead = []
    left = _grouped(x, xs, (stack, rows, inner), sizes)
    right = _grouped(y, ys, ([*stack, *ahead], inner, columns), sizes)
    if ahead and stack:
        left = expand_dims(left, tuple(len(stack) + i for i in range(len(ahead))))
    if stack or ahead:
        found = _of_stacks(left, right, bool(rows), bool(columns))
    else:
        found = MATMUL(left, right)
    labels = (*stack, *ahead, *rows, *columns)
    shape = tuple(sizes[label] for label in labels)
    found = found if found.shape == shape else reshape(found, shape)
    return arranged(found, labels, wanted)


def _grouped(
    x: Node,
    labels: Labels,
    groups: Sequence[Sequence[Label]],
    sizes: Mapping[Label, Dimension],
) -> Node:
    """The axes in groups, of which all but the first become one axis, if not empty."""
    stack, *others = groups
    wanted = (*stack, *(label for group in others for label in group))
    is_slow = _is_slow(labels, stack, x.shape)
    merged = None if is_slow else _merged(x, labels, groups, sizes)
    if merged is not None:
        return merged
    x = arranged(x, labels, wanted)
    x = contiguous(x) if is_slow else x
    shape: Shape = tuple(sizes[label] for label in stack)
    shape += tuple(product(sizes[i] for i in group) for group in others if group)
    return x if x.shape == shape else reshape(x, shape)


def _merged(
    x: Node,
    labels: Labels,
    groups: Sequence[Sequence[Label]],
    sizes: Mapping[Label, Dimension],
) -> Node | None:
    """The same of an array in which the axes of each group are neighbours already.

    These are merged before they are moved, so that nothing is copied.
    """
    if x.op is TRANSPOSE:
        axes: tuple[int, ...] = x.attributes["axes"]
        named = dict(zip(axes, labels, strict=True))
        x, labels = x.inputs[0], tuple(named[axis] for axis in range(len(axes)))
    stack, *others = groups
    wanted = [(label,) for label in stack]
    wanted += [tuple(group) for group in others if group]
    kept = sorted(wanted, key=lambda group: labels.index(group[0]))
    if labels != tuple(label for group in kept for label in group):
        return None
    shape = tuple(product(sizes[label] for label in group) for group in kept)
    x = x if x.shape == shape else reshape(x, shape)
    return arranged(x, tuple(kept), tuple(wanted))


def _of_stacks(left: Node, right: Node, has_rows: bool, has_columns: bool) -> Node:
    """Products of stacks of matrices, some of which may be vectors."""
    left = left if has_rows else expand_dims(left, -2)
    right = right if has_columns else expand_dims(right, -1)
    found = MATMUL(left, right)
    if not has_columns:
        found = found[..., 0]
    return found if has_rows else found[..., 0] if not has_columns else found[..., 0, :]


def _is_slow(labels: Labels, stack: Sequence[Label], shape: Shape) -> bool:
    """True for a stack along the last axis: BLAS can't take such matrices."""
    return bool(stack) and labels[-1] in stack and shape[-1] != 1


# By NumPy's own loops -----------------------------------------------------------------


def letters(*operands: Labels) -> list[str]:
    """Labels as letters, the same for the same."""
    known: dict[Label, str] = {}
    for labels in operands:
        for label in labels:
            if label not in known:
                place = len(known)
                known[label] = chr((97 if place < 26 else 39) + place)
    return ["".join(known[label] for label in labels) for labels in operands]


def _by_loops(x: Node, xs: Labels, y: Node, ys: Labels, wanted: Labels) -> Node:
    left, right, out = letters(xs, ys, wanted)
    return SUM_OF_PRODUCTS(x, y, subscripts=f"{left},{right}->{out}")


def _parts(subscripts: str) -> tuple[Labels, Labels, Labels]:
    operands, _, out = subscripts.partition("->")
    left, _, right = operands.partition(",")
    return tuple(left), tuple(right), tuple(out)


def _products_infer(x1: TensorType, x2: TensorType, *, subscripts: str) -> TensorType:
    left, right, out = _parts(subscripts)
    sizes = dict(zip(left, x1.shape, strict=True))
    for label, size in zip(right, x2.shape, strict=True):
        if sizes.setdefault(label, size) != size:
            raise ShapeError(
                f"requires equal sizes for {label}, got {sizes[label]} and {size} in "
                f"{format_shape(x1.shape)} and {format_shape(x2.shape)}"
            )
    return x1.with_shape(tuple(sizes[label] for label in out))


def _products_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    left, right, wanted = _parts(out.attributes["subscripts"])
    return (
        contract(g, wanted, x2, right, left),
        contract(g, wanted, x1, left, right),
    )


def _multiply_adds(node: Node) -> Shape:
    left, right, _ = _parts(node.attributes["subscripts"])
    shapes: Any = (*node.inputs[0].shape, *node.inputs[1].shape)
    return tuple(dict(zip((*left, *right), shapes, strict=True)).values())


def _products_of_examples(batch: Batch, node: Node) -> Node:
    *operands, wanted = _parts(node.attributes["subscripts"])
    text = subscripts_of_examples(batch, node, operands, wanted)
    return node.op(*map(batch.value, node.inputs), subscripts=text)


def subscripts_of_examples(
    batch: Batch, node: Node, operands: Sequence[Labels], wanted: Labels
) -> str:
    """Subscripts with a label more, for the mapped axes of the inputs of a node."""
    example: Labels = ("examples",)
    given = [
        (*example, *labels) if batch.is_mapped(parent) else labels
        for labels, parent in zip(operands, node.inputs, strict=True)
    ]
    *parts, result = letters(*given, (*example, *wanted))
    return f"{','.join(parts)}->{result}"


def written_einsum(node: Node) -> str | None:
    """The form of a contraction in formulas: `(Σ_j x_ij y_jk)_ik`."""
    operands, arrow, result = node.attributes["subscripts"].partition("->")
    if not arrow or "..." in operands:
        return None
    inner = sorted({*operands} - {*result} - {",", " "})
    text = f"Σ_{{{','.join(inner)}}} " if inner else ""
    text += " ".join(
        f"<{place}>_{{{labels}}}" if labels else f"<{place}>"
        for place, labels in enumerate(operands.replace(" ", "").split(","))
    )
    return f"({text})_{{{result}}}" if result else text


def einsum_elements(node: Node, inputs: Sequence[str]) -> str | None:
    """The elements of a contraction of inputs by their names."""
    operands, arrow, result = (
        node.attributes["subscripts"].replace(" ", "").partition("->")
    )
    if not arrow:
        return None
    labels = [
        _labels(one, parent.ndim)
        for one, parent in zip(operands.split(","), node.inputs, strict=True)
    ]
    outer = _labels(result, node.ndim)
    inner = sorted({label for one in labels for label in one} - {*outer})
    # A label of which an axis has size 1 is that of another size elsewhere.
    sizes = [parent.shape for parent in node.inputs]
    for number, (one, shape) in enumerate(zip(labels, sizes, strict=True)):
        labels[number] = ["0" if n == 1 else k for k, n in zip(one, shape, strict=True)]
    inner = [label for label in inner if any(label in one for one in labels)]
    pairs = zip(inputs, labels, strict=True)
    return elements(outer, over(" * ".join(at(x, one) for x, one in pairs), inner))


def _labels(text: str, rank: int) -> list[str]:
    """Labels as names, with some for what dots stand for, counted from the last."""
    before, dots, after = text.partition("...")
    count = rank - len(before) - len(after) if dots else 0
    middle = [f"dots{number}" for number in range(count, 0, -1)]
    return [*before, *middle, *after]


SUM_OF_PRODUCTS = Op(
    name="sum_of_products",
    mathematics=Mathematics(
        written=written_einsum,
        elements=lambda node: einsum_elements(node, ("x1", "x2")),
        is_plain=True,
    ),
    loops=contracted,
    inputs=("x1", "x2"),
    infer=_products_infer,
    kind="contraction",
    numpy="np.einsum(subscripts, x1, x2)",
    into="np.einsum(subscripts, x1, x2, out=out)",
    vjp=_products_vjp,
    jvp="multilinear",
    batch=_products_of_examples,
    facts=Facts(zero_sign="ignored", multiply_adds=_multiply_adds),
    cases=(
        Case(((3, 4, 2), (4, 5, 2)), {"subscripts": "ikb,kjb->ijb"}),
        Case(((3, 2), (3, 2)), {"subscripts": "ib,ib->b"}),
    ),
)
"""Sums of products where matrix products would have to copy: by `np.einsum` itself."""
