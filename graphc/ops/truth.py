"""Reductions of truth: any, all, and the number of elements that are not zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.array_methods import array_function
from ..ir.facts import Facts
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.types import TensorType
from .as_loops import reduced
from .axes import normalize_axes
from .reduction import SUM, method_call, numpy_call, operand, reduced_type
from .source import ArrayLike, as_node


def _truth_infer(x: TensorType, *, axis: tuple[int, ...], keepdims: bool) -> TensorType:
    return reduced_type(x, axis, keepdims, np.dtype(bool))


ANY, ALL = (
    Op(
        name=name,
        inputs=("x",),
        infer=_truth_infer,
        facts=Facts(zero_sign="ignored"),
        kind="reduction",
        loops=reduced({"any": "or", "all": "and"}[name]),
        numpy=numpy_call(f"np.{name}"),
        fast=lambda node, ufunc=ufunc: method_call(ufunc, node),
        into=lambda node, ufunc=ufunc: method_call(ufunc, node, ", out=out"),
        cases=(
            Case(((3, 4),), {"axis": (0,), "keepdims": True}, dtypes=("bool",)),
            Case(((2, 3),), {"axis": (0, 1), "keepdims": False}),
            Case(((0, 3),), {"axis": (0,), "keepdims": False}, dtypes=("bool",)),
        ),
    )
    for name, ufunc in (("any", "logical_or"), ("all", "logical_and"))
)


@array_function
def any(
    a: ArrayLike, axis: Any = None, *, keepdims: bool = False, where: ArrayLike = None
) -> Node:
    """True where any element along `axis` is true, which is to say not zero.

    Args:
        a: numbers or booleans; NaN is true.
        axis: one axis, several, or all where None.
        keepdims: keep the axes, with size 1.
        where: booleans that broadcast to `a`: the elements to look at.

    Returns:
        Booleans; False over no elements.

    >>> import graphc as gc
    >>> gc.evaluate(gc.any([[0.0, 2.0], [0.0, 0.0]], axis=1), {})
    array([ True, False])
    """
    x = operand(a, None, where, 0)
    return ANY(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


@array_function
def all(
    a: ArrayLike, axis: Any = None, *, keepdims: bool = False, where: ArrayLike = None
) -> Node:
    """True where all elements along `axis` are true, which is to say not zero.

    Args:
        a: numbers or booleans; NaN is true.
        axis: one axis, several, or all where None.
        keepdims: keep the axes, with size 1.
        where: booleans that broadcast to `a`: the elements to look at.

    Returns:
        Booleans; True over no elements.

    >>> import graphc as gc
    >>> gc.evaluate(gc.all([[1.0, 2.0], [3.0, 0.0]], axis=1), {})
    array([ True, False])
    """
    x = operand(a, None, where, 1)
    return ALL(x, axis=normalize_axes(axis, x), keepdims=bool(keepdims))


@array_function
def count_nonzero(a: ArrayLike, axis: Any = None, *, keepdims: bool = False) -> Node:
    """Number of elements along `axis` (all axes where None) that are not zero.

    >>> import graphc as gc
    >>> gc.evaluate(gc.count_nonzero([[0.0, 2.0], [3.0, 4.0]], axis=1), {})
    array([1, 2])
    """
    x = as_node(a)
    true = x if x.dtype == np.dtype(bool) else x != 0
    return SUM(true, axis=normalize_axes(axis, x), keepdims=bool(keepdims))
