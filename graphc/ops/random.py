"""Random draws as nodes. Each is one draw a run, from the generator of the program.

Two draws of the same distribution are two values, so no pass may merge them, and the
backward pass uses the very mask that the forward pass drew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import GraphcError, OptionError
from ..ir.dims import Shape, as_shape
from ..ir.node import Node
from ..ir.op import Case, Op
from ..ir.origin import here
from ..ir.types import TensorType

__all__ = ["bernoulli"]


def _bernoulli_infer(*, p: float, shape: Shape) -> TensorType:
    return TensorType(np.dtype(bool), shape)


BERNOULLI = Op(
    name="bernoulli",
    inputs=(),
    infer=_bernoulli_infer,
    kind="source",
    numpy="rng.random(shape, dtype=np.float32) < p",
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
            f"p must be a probability in [0, 1], got {p!r}",
            node="bernoulli",
            location=str(here().location),
        )
    try:
        return BERNOULLI(p=probability, shape=as_shape(shape))
    except GraphcError as error:
        raise error.locate(node="bernoulli", location=str(here().location)) from None
