"""Random draws as nodes. Each is one draw a run, from a stream of numbers of its own.

Two draws of the same distribution are two values, so no pass may merge them, and the
backward pass uses the very mask that the forward pass drew. A draw has no inputs: what
a distribution depends on is computed with it afterwards, and has gradients.

The name of a draw is that of its stream, whose generator starts from the seed and the
name. So the numbers of a draw are the same in every style and at every place in a
program, and stay so when other draws are declared or removed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphcError, OptionError, ShapeError, UnsupportedError
from ..ir.batching import Batch
from ..ir.dims import Dimension, Shape, as_shape, broadcast_shapes, format_shape
from ..ir.naming import DrawNaming
from ..ir.node import Node
from ..ir.op import AllocationFree, Case, Op, ValueRange
from ..ir.types import DType, TensorType, as_dtype, is_floating, is_integer
from .as_routines import drawn_bools, drawn_numbers
from .source import ArrayLike, as_node

Size = Any
"""A shape of ints and names of sizes, or one of these; None for that of parameters."""


def drawn(
    draw: Node, what: str, of: Node | None = None, name: str | None = None
) -> Node:
    """A draw under the name of its stream.

    Args:
        draw: the draw.
        what: its name in words where the user gave none: after that of `of`, and with
            a number where others want it, too.
        of: the node that it is for.
        name: the name that the user gave.
    """
    if name is not None:
        return draw.named(name)
    rules = (*draw.origin.rules, f"{what}, drawn")
    unnamed = draw.copy(origin=replace(draw.origin, rules=rules))
    return DrawNaming(what, of).give(unnamed, "")


def _bernoulli_infer(*, p: float, shape: Shape) -> TensorType:
    return TensorType(np.dtype(bool), shape)


BERNOULLI = Op(
    name="bernoulli",
    inputs=(),
    infer=_bernoulli_infer,
    kind="source",
    numpy="rng.random(shape, dtype=np.float32) < p",
    into="np.less(rng.random(shape, dtype=np.float32), p, out=out)",
    allocation_free=lambda node: AllocationFree(
        "rng.random(dtype=np.float32, out=draws)\nnp.less(draws, p, out=out)",
        {"draws": TensorType(np.dtype(np.float32), node.shape)},
    ),
    loops=drawn_bools,
    pure=False,
    cases=(Case((), {"p": 0.3, "shape": (3, 4)}), Case((), {"p": 1.0, "shape": (0,)})),
)


def _typed(*, shape: Shape, dtype: DType) -> TensorType:
    return TensorType(dtype, shape)


_CASE = Case((), {"shape": (3, 4), "dtype": np.dtype("float64")})


def _standard(name: str, method: str, loops: Any = None) -> Op:
    """A distribution that generators draw from in either dtype, and into arrays."""
    return Op(
        name=name,
        inputs=(),
        infer=_typed,
        kind="source",
        numpy=f"rng.{method}(shape, dtype)",
        into=f"rng.{method}(dtype=out.dtype, out=out)",
        loops=loops,
        pure=False,
        cases=(_CASE, Case((), {"shape": (0,), "dtype": np.dtype("float32")})),
    )


STANDARD_NORMAL = _standard("standard_normal", "standard_normal")
STANDARD_UNIFORM = _standard(
    "standard_uniform", "random", drawn_numbers("standard_uniform")
)
STANDARD_EXPONENTIAL = _standard("standard_exponential", "standard_exponential")


def _wide(name: str, method: str) -> Op:
    """A distribution that generators draw from in float64 alone."""

    def template(node: Node) -> str:
        wide = f"rng.{method}(size=shape)"
        return wide if node.dtype == np.dtype("f8") else f"{wide}.astype(dtype)"

    return Op(
        name=name,
        inputs=(),
        infer=_typed,
        kind="source",
        numpy=template,
        pure=False,
        cases=(_CASE,),
    )


STANDARD_GUMBEL = _wide("standard_gumbel", "gumbel")
STANDARD_LAPLACE = _wide("standard_laplace", "laplace")
STANDARD_LOGISTIC = _wide("standard_logistic", "logistic")


def _integers_infer(
    *, low: Dimension, high: Dimension, shape: Shape, dtype: DType
) -> TensorType:
    return TensorType(dtype, shape)


INTEGERS = Op(
    name="random_integers",
    inputs=(),
    infer=_integers_infer,
    kind="source",
    numpy="rng.integers(low, high, shape, dtype)",
    value_range=lambda node, _: ValueRange(
        node.attributes["low"], node.attributes["high"] - 1, True
    ),
    pure=False,
    cases=(
        Case((), {"low": -2, "high": 7, "shape": (3, 4), "dtype": np.dtype("int64")}),
    ),
)
"""Integers from `low` to below `high`."""


def _permutation_infer(*, n: Dimension) -> TensorType:
    return TensorType(np.dtype(np.int64), (n,))


def _permutation_of_examples(batch: Batch, node: Node) -> Node:
    raise UnsupportedError(
        f"{node.describe()} would be a permutation of its own for each example",
        at=node,
        hint="gc.argsort of uniform numbers, or the permutation outside",
    )


PERMUTATION = Op(
    name="permutation",
    inputs=(),
    infer=_permutation_infer,
    kind="source",
    numpy="rng.permutation(n)",
    batch=_permutation_of_examples,
    value_range=lambda node, _: ValueRange(0, node.attributes["n"] - 1, True),
    pure=False,
    cases=(Case((), {"n": 5}),),
)
"""The positions of `n` things in an order of chance."""


def standard_uniform(shape: Any, dtype: Any = "float32") -> Node:
    """Numbers in [0, 1), all alike, drawn anew in every run.

    Args:
        shape: ints and names of sizes.
        dtype: `"float32"` or `"float64"`.

    Raises:
        DTypeError: another dtype.

    >>> from graphc.ops.random import standard_uniform
    >>> standard_uniform(("batch", 10))
    <standard_uniform float32 (batch, 10)>
    """
    return floating_draw(STANDARD_UNIFORM, shape, dtype)


def standard_normal(shape: Any, dtype: Any = "float32") -> Node:
    """Gaussian numbers of mean 0 and deviation 1, drawn anew in every run.

    Args:
        shape: ints and names of sizes.
        dtype: `"float32"` or `"float64"`.

    Raises:
        DTypeError: another dtype.

    >>> from graphc.ops.random import standard_normal
    >>> standard_normal(("batch", 10))
    <standard_normal float32 (batch, 10)>
    """
    return floating_draw(STANDARD_NORMAL, shape, dtype)


def floating_draw(op: Op, shape: Any, dtype: Any) -> Node:
    """A draw of floating numbers.

    Raises:
        DTypeError: a dtype that generators don't draw.
    """
    try:
        target = as_dtype(dtype)
        if target not in (np.dtype("float32"), np.dtype("float64")):
            raise DTypeError(f"requires float32 or float64, got {target}")
        return op(shape=as_shape(shape), dtype=target)
    except GraphcError as error:
        raise error.locate(node=op.name) from None


# Draws for parameters


def parameters_of(
    what: str, values: Iterable[ArrayLike], dtype: Any
) -> tuple[Any, DType]:
    """Parameters, those that are arrays as nodes, and the dtype of the draw."""
    parts = [v if isinstance(v, int | float) else as_node(v) for v in values]
    nodes = [part for part in parts if isinstance(part, Node)]
    found = [node.dtype for node in nodes if is_floating(node.dtype)]
    target = as_dtype(dtype) if dtype is not None else np.dtype("float32")
    if dtype is None and nodes:
        target = np.result_type(*found) if found else target
    for node in nodes:
        if not is_floating(node.dtype) and not is_integer(node.dtype):
            raise DTypeError(f"requires numbers, got {node.dtype}", node=what)
    return parts, target


def shape_of(what: str, size: Size, parts: Iterable[Any]) -> Shape:
    """The shape of a draw: as asked for, else that of its parameters."""
    shapes = [part.shape for part in parts if isinstance(part, Node)]
    try:
        if size is None:
            return broadcast_shapes(*shapes)
        shape = as_shape(size)
        if broadcast_shapes(shape, *shapes) == shape:
            return shape
        given = " and ".join(map(format_shape, shapes))
        raise ShapeError(
            f"requires parameters that broadcast to the size {format_shape(shape)}, "
            f"got {given}"
        )
    except GraphcError as error:
        raise error.locate(node=what) from None


def first_node(parts: Iterable[Any]) -> Node | None:
    """The node that a draw is for."""
    return next((part for part in parts if isinstance(part, Node)), None)


def check_scale(what: str, name: str, scale: Any) -> None:
    """Raise where a number is negative or infinite."""
    if isinstance(scale, int | float) and not 0 <= scale < math.inf:
        raise OptionError(f"requires {name} >= 0, got {scale!r}", node=what)


def draw_for(
    op: Op, what: str, size: Size, parts: Any, dtype: DType, name: str | None
) -> Node:
    """The standard draw for parameters."""
    drawn_in = np.dtype("float32") if dtype == np.dtype("float16") else dtype
    shape = shape_of(what, size, parts)
    draw = drawn(floating_draw(op, shape, drawn_in), what, first_node(parts), name)
    return draw if drawn_in == dtype else draw.astype(dtype)
