"""Parameters and buffers, with initialisers that suit their shape."""

from __future__ import annotations

from typing import Any

from ..ir.node import Node
from ..ops.source import BUFFER, PARAMETER, persistent_node
from .init import constant, glorot_uniform, zeros


def parameter(name: str, shape: Any, init: Any = None, dtype: Any = "float32") -> Node:
    """A persistent, trainable tensor.

    Args:
        name: an identifier, or several joined by dots, as in `"hidden.weight"`.
        shape: integer dimensions.
        init: an array, a number, or an initialiser of `gc.init`; by default
            `glorot_uniform()` for two axes or more and `zeros()` for fewer.
        dtype: a NumPy dtype; gradients need a floating one.

    Raises:
        NamingError, ShapeError, DTypeError: for arguments that don't fit.

    >>> import graphc as gc
    >>> gc.parameter("w", (784, 30), gc.init.normal(0, 0.1))
    <parameter 'w' float32 (784, 30)>
    """
    if init is None:
        is_matrix = hasattr(shape, "__len__") and len(shape) >= 2
        init = glorot_uniform() if is_matrix else zeros()
    return persistent_node(PARAMETER, name, shape, _initializer(init), dtype)


def buffer(name: str, shape: Any, init: Any = 0, dtype: Any = "float32") -> Node:
    """A persistent tensor that is assigned to, not trained: a running mean, a counter.

    A step of training assigns it what a block such as `gc.nn.batch_norm` says, or
    `gc.Trainer(updates={buffer: value})`. It is saved with the parameters, and emitted.

    Args:
        name: an identifier, or several joined by dots, as in `"norm.running_mean"`.
        shape: integer dimensions.
        init: an array, a number, or an initialiser of `gc.init`.
        dtype: any NumPy dtype of numbers or booleans.

    Raises:
        NamingError, ShapeError, DTypeError: for arguments that don't fit.

    >>> import graphc as gc
    >>> x, w = gc.input("x", ("n",)), gc.parameter("w", (), 1.0)
    >>> steps = gc.buffer("steps", (), 0, "int64")
    >>> loss = gc.mean((w * x) ** 2)
    >>> trainer = gc.Trainer(loss, gc.optim.SGD(0.1), updates={steps: steps + 1})
    >>> _ = trainer.step(x=[1.0])
    >>> trainer.parameters["steps"]
    array(1)
    """
    return persistent_node(BUFFER, name, shape, _initializer(init), dtype)


def _initializer(init: Any) -> Any:
    """A number as the initialiser that prints it."""
    is_number = isinstance(init, int | float) and not isinstance(init, bool)
    return constant(init) if is_number else init


def start_from(node: Node, init: Any) -> None:
    """Give a parameter or a buffer another start, for all who hold the node.

    Args:
        node: of either.
        init: an array of its shape, or an initialiser of `gc.init`.
    """
    declare = buffer if node.op is BUFFER else parameter
    started = declare(str(node.name), node.shape, init, node.dtype)
    object.__setattr__(node, "attributes", started.attributes)


def parameter_like(node: Node, layer: str, part: str) -> Node:
    """A part of a layer like that of another one, and declared after it."""
    name, origin = f"{layer}.{part}", node.origin
    return Node(node.op, (), node.attributes, node.type, name=name, origin=origin)
