"""Products along axes: of elements, and sums of products of two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.array_methods import array_function
from ..ir.batching import along_axes
from ..ir.dims import broadcast_shapes, format_shape, product
from ..ir.facts import Facts
from ..ir.mathematics import Mathematics
from ..ir.node import Node
from ..ir.op import Case, Op, Point
from ..ir.types import TensorType, is_floating
from .arithmetic import multiply, where
from .as_loops import dot_of_last_axis, reduced
from .axes import normalize_axes
from .batched_products import vecdot_of_examples
from .reduction import (
    REDUCTION_CASES,
    SUM,
    method_call,
    numpy_call,
    operand,
    restore_axes,
    result,
    sum_type,
)
from .rows import vecdot_of_one_row
from .shape import expand_dims, reshape, transpose
from .source import ArrayLike, arange, constant
from .type_rules import same_type


def _others_expand(x: Node, *, axis: tuple[int, ...]) -> Node:
    is_zero = (x == 0.0).named("is_zero")
    zero = is_zero.astype(x.dtype).named("zero")
    zeros = SUM(zero, axis=axis, keepdims=True).named("zeros")
    factors = where(is_zero, constant(1.0, x.dtype), x).named("factors")
    product = PROD(factors, axis=axis, keepdims=True).named("product")
    quotients = (product / factors).named("quotients")
    without = where(is_zero, product, quotients).named("without_it")
    has_none = ((zeros - zero).named("other_zeros") == 0.0).named("has_no_other_zero")
    return where(has_none, without, constant(0.0, x.dtype))


def _others_vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
    """By quotients this would be wrong at zeros, so it takes products of all pairs:
    `sum_i g_i * prod_(k not in (i, j)) x_k` for each `j` but `i` itself."""
    axis: tuple[int, ...] = out.attributes["axis"]
    kept = tuple(a for a in range(x.ndim) if a not in axis)
    order = (*kept, *axis)
    count = product(x.shape[a] for a in axis)
    flat = (*(x.shape[a] for a in kept), count)
    factors = expand_dims(reshape(transpose(x, order), flat), -2)
    cotangents = expand_dims(reshape(transpose(g, order), flat), -1)
    position = arange(count)
    same = expand_dims(position, 1) == expand_dims(position, 0)
    others = OTHERS_PRODUCT(
        where(same, constant(1.0, x.dtype), factors), axis=(len(flat),)
    )
    pairs = where(same, constant(0.0, x.dtype), cotangents * others)
    total = SUM(pairs, axis=(len(flat) - 1,), keepdims=False)
    back = tuple(order.index(a) for a in range(x.ndim))
    return (transpose(reshape(total, tuple(x.shape[a] for a in order)), back),)


OTHERS_PRODUCT = Op(
    name="others_product",
    inputs=("x",),
    infer=same_type,
    expand=_others_expand,
    batch=along_axes,
    vjp=_others_vjp,
    cases=(
        Case(((3, 4),), {"axis": (1,)}),
        Case(((2, 3, 2),), {"axis": (0, 2)}),
        Case(((4,),), {"axis": (0,)}),
        Case(((2, 3),), {"axis": ()}),
        Case(((),), {"axis": ()}),
        Case(((0, 3),), {"axis": (0,)}),
    ),
)
"""For each element the product of all others along `axis`, right at zeros too."""


PROD = Op(
    name="prod",
    loops=reduced("*"),
    mathematics=Mathematics(formula="prod(x, axis, keepdims)"),
    inputs=("x",),
    infer=sum_type,
    facts=Facts(nonnegative="all", zero_sign="kept"),
    kind="reduction",
    numpy=numpy_call("np.prod"),
    into=lambda node: method_call("multiply", node, ", out=out"),
    fast=lambda node: method_call("multiply", node),
    vjp=lambda g, out, x: (
        restore_axes(g, out, x) * OTHERS_PRODUCT(x, axis=out.attributes["axis"]),
    ),
    jvp=lambda tangents, out, x: SUM(
        tangents[0] * OTHERS_PRODUCT(x, axis=out.attributes["axis"]), **out.attributes
    ),
    cases=(
        *REDUCTION_CASES,
        Case(
            ((2, 3),),
            {"axis": (1,), "keepdims": False},
            points=(
                Point(([[0.0, 2.0, 3.0], [0.0, 0.0, 3.0]],)),
                Point(([[0.0, 0.0, 0.0], [1e-200, 1e200, 5.0]],)),
            ),
        ),
    ),
)


@array_function
def prod(
    a: ArrayLike,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: ArrayLike = None,
    where: ArrayLike = None,
) -> Node:
    """Product over `axis`, with derivatives that are right at zeros, too.

    Args:
        a: numbers or booleans.
        axis: one axis, several, or all where None.
        dtype: the dtype that elements are converted to before they are multiplied.
            Where None, small integers are multiplied in int64, as in NumPy.
        keepdims: keep the axes, with size 1.
        initial: a number to begin with.
        where: booleans that broadcast to `a`: the elements to multiply.

    >>> import graphc as gc
    >>> gc.evaluate(gc.prod([2.0, 3.0, 4.0]), {})
    array(24.)
    """
    x = operand(a, dtype, where, 1)
    found = PROD(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))
    return result(found, dtype, initial, multiply)


def _vecdot_infer(x1: TensorType, x2: TensorType) -> TensorType:
    for x in (x1, x2):
        if not x.shape or not is_floating(x.dtype):
            raise ShapeError(f"requires floating vectors along the last axis, got {x}")
    shape = broadcast_shapes(x1.shape, x2.shape)
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"requires vectors of one length, got {format_shape(x1.shape)} "
            f"and {format_shape(x2.shape)}"
        )
    return TensorType(np.result_type(x1.dtype, x2.dtype), shape[:-1])


def _vecdot_vjp(g: Node, out: Node, x1: Node, x2: Node) -> tuple[Node, Node]:
    column = expand_dims(g, -1)
    return (column * x2, column * x1)


def _vecdot_numpy(node: Node) -> str:
    x1, x2 = node.inputs
    products = "np.square(x1)" if x1 is x2 else "x1 * x2"
    return f"np.sum({products}, axis=-1)"


VECDOT = Op(
    name="vecdot",
    inputs=("x1", "x2"),
    infer=_vecdot_infer,
    facts=Facts(
        called=("{x1}_dot_{x2}", "dot_products"),
        nonnegative="all",
        finite="all",
        zero_sign="kept",
    ),
    kind="reduction",
    loops=dot_of_last_axis,
    # `np.vecdot` is new in NumPy 2; products of one row and one column are the same.
    numpy=_vecdot_numpy,
    fast="np.matmul(x1[..., None, :], x2[..., None])[..., 0, 0]",
    into="np.matmul(x1[..., None, :], x2[..., None], out[..., None, None])",
    one_row=vecdot_of_one_row,
    batch=vecdot_of_examples,
    vjp=_vecdot_vjp,
    jvp="multilinear",
    cases=(
        Case(((3, 4), (3, 4))),
        Case(((2, 3, 4), (4,))),
        Case(((4,), (4,))),
        Case(((0, 4), (0, 4))),
        Case(((3, 0), (3, 0))),
    ),
)
"""The sum of products along the last axis."""
