"""Random draws as nodes. Each is one draw a run, from the generator of the program.

Two draws of the same distribution are two values, so no pass may merge them, and the
backward pass uses the very mask that the forward pass drew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, GraphcError, OptionError
from ..ir.dims import Shape, as_shape
from ..ir.node import Node
from ..ir.op import AllocationFree, Case, Op
from ..ir.types import DType, TensorType, as_dtype


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
    pure=False,
    cases=(Case((), {"p": 0.3, "shape": (3, 4)}), Case((), {"p": 1.0, "shape": (0,)})),
)


def bernoulli(p: float, shape: Any) -> Node:
    """Booleans that are true with probability `p`, drawn anew in every run.

    >>> import graphc as gc
    >>> gc.bernoulli(0.5, ("batch", 10))
    <bernoulli bool (batch, 10)>
    """
    probability = float(p)
    if not 0.0 <= probability <= 1.0:
        raise OptionError(
            f"p must be a probability in [0, 1], got {p!r}", node="bernoulli"
        )
    try:
        return BERNOULLI(p=probability, shape=as_shape(shape))
    except GraphcError as error:
        raise error.locate(node="bernoulli") from None


def _normal_infer(*, shape: Shape, dtype: DType) -> TensorType:
    return TensorType(dtype, shape)


STANDARD_NORMAL = Op(
    name="standard_normal",
    inputs=(),
    infer=_normal_infer,
    kind="source",
    numpy="rng.standard_normal(shape, dtype)",
    into="rng.standard_normal(shape, out.dtype, out)",
    pure=False,
    cases=(
        Case((), {"shape": (3, 4), "dtype": np.dtype("float64")}),
        Case((), {"shape": (0,), "dtype": np.dtype("float32")}),
    ),
)


STANDARD_UNIFORM = Op(
    name="standard_uniform",
    inputs=(),
    infer=_normal_infer,
    kind="source",
    numpy="rng.random(shape, dtype)",
    into="rng.random(shape, out.dtype, out)",
    pure=False,
    cases=(Case((), {"shape": (3, 4), "dtype": np.dtype("float64")}),),
)


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
    return _drawn(STANDARD_UNIFORM, shape, dtype)


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
    return _drawn(STANDARD_NORMAL, shape, dtype)


def _drawn(op: Op, shape: Any, dtype: Any) -> Node:
    try:
        target = as_dtype(dtype)
        if target not in (np.dtype("float32"), np.dtype("float64")):
            raise DTypeError(f"requires float32 or float64, got {target}")
        return op(shape=as_shape(shape), dtype=target)
    except GraphcError as error:
        raise error.locate(node=op.name) from None
