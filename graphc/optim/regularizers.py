"""Penalties on parameters, as terms of the loss.

>>> import graphc as gc
>>> from graphc.optim import l2
>>> w = gc.parameter("w", (2,), [3.0, 4.0])
>>> gc.evaluate(l2([w], 0.1), {})
array(1.25, dtype=float32)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import DTypeError, OptionError
from ..ir.hyperparameters import Hyperparameter
from ..ir.node import Node
from ..ir.types import is_floating
from ..ops.arithmetic import absolute, square
from ..ops.reduction import sum
from .options import NonNegative


def l2(parameters: Node | Iterable[Node], strength: NonNegative) -> Node:
    """`strength / 2 * sum of w**2` over all elements of all parameters.

    Its gradient is `strength * w`, as that of an optimizer's coupled `weight_decay`.

    Args:
        parameters: floating nodes, or one of them.
        strength: at least 0.

    Returns:
        A scalar, to be added to a loss.

    Raises:
        OptionError: a negative strength, or no parameters.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [3.0, 4.0])
    >>> gc.evaluate(gc.grad(l2([w], 0.5), w), {})
    array([1.5, 2. ], dtype=float32)

    Source: Krogh and Hertz 1992, "A simple weight decay can improve generalization".
    """
    return _penalty("l2", lambda w: sum(square(w)), parameters, strength, 0.5)


def l1(parameters: Node | Iterable[Node], strength: NonNegative) -> Node:
    """`strength * sum of |w|` over all elements of all parameters.

    Its gradient is `strength * sign(w)`, and 0 at 0.

    Args:
        parameters: floating nodes, or one of them.
        strength: at least 0.

    Returns:
        A scalar, to be added to a loss.

    Raises:
        OptionError: a negative strength, or no parameters.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [3.0, -4.0])
    >>> gc.evaluate(l1([w], 0.5), {})
    array(3.5, dtype=float32)

    Source: Tibshirani 1996, "Regression shrinkage and selection via the lasso".
    """
    return _penalty("l1", lambda w: sum(absolute(w)), parameters, strength, 1.0)


def elastic_net(
    parameters: Node | Iterable[Node],
    l1_strength: NonNegative,
    l2_strength: NonNegative,
) -> Node:
    """The sum of both penalties.

    Args:
        parameters: floating nodes, or one of them.
        l1_strength, l2_strength: at least 0.

    >>> import graphc as gc
    >>> w = gc.parameter("w", (2,), [3.0, -4.0])
    >>> gc.evaluate(elastic_net([w], 0.5, 0.1), {})
    array(4.75, dtype=float32)

    Source: Zou and Hastie 2005, "Regularization and variable selection via the
    elastic net".
    """
    nodes = [parameters] if isinstance(parameters, Node) else list(parameters)
    return l1(nodes, l1_strength) + l2(nodes, l2_strength)


def _penalty(
    name: str,
    measure: Callable[[Node], Node],
    parameters: Any,
    strength: float,
    factor: float,
) -> Node:
    nodes: list[Node] = (
        [parameters] if isinstance(parameters, Node) else list(parameters)
    )
    if not nodes:
        raise OptionError(f"{name} requires at least one parameter", node=name)
    for node in nodes:
        if not is_floating(node.dtype):
            raise DTypeError(
                f"{name} requires floating parameters, got {node.describe()}", node=name
            )
    total = measure(nodes[0])
    for node in nodes[1:]:
        total = total + measure(node)
    known = Hyperparameter.called(f"{name}_strength", float(strength))
    return (known if factor == 1.0 else factor * known) * total
