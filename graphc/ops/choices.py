"""Choices between several arrays or functions, by conditions on elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from ..errors import DTypeError, OptionError
from ..ir.array_methods import array_function
from ..ir.node import Node
from .arithmetic import where
from .source import ArrayLike, as_node, astype, coerce, promote, zeros_like


@array_function
def select(
    condlist: Sequence[ArrayLike],
    choicelist: Sequence[ArrayLike],
    default: ArrayLike = 0,
) -> Node:
    """The element of the first choice whose condition holds, elementwise.

    Args:
        condlist: boolean arrays.
        choicelist: as many arrays; all shapes broadcast.
        default: what stands where no condition holds.

    Returns:
        An array of the dtype that the choices have together.

    Raises:
        OptionError: there are not as many choices as conditions, or none.
        DTypeError: a condition is not boolean.

    >>> import graphc as gc
    >>> x = gc.constant([-2.0, 0.5, 3.0])
    >>> gc.evaluate(gc.select([x < 0.0, x > 1.0], [-x, x * x]), {})
    array([2., 0., 9.])
    """
    conditions = [as_node(condition) for condition in condlist]
    if not conditions or len(conditions) != len(choicelist):
        raise OptionError(
            f"select requires as many choices as conditions, got {len(choicelist)} and "
            f"{len(conditions)}",
            node="select",
        )
    for condition in conditions:
        _check_boolean(condition, "select")
    values = [*choicelist, default]
    target = promote(values)
    *choices, chosen = (
        astype(value, target) for value in coerce(*values, dtype=target)
    )
    for condition, choice in zip(conditions[::-1], choices[::-1], strict=True):
        chosen = where(condition, choice, chosen)
    return chosen


def _check_boolean(condition: Node, function: str) -> None:
    if condition.dtype.kind != "b":
        raise DTypeError(
            f"{function} requires boolean conditions, got {condition.type}",
            node=condition.describe(),
            hint="x != 0",
        )


@array_function
def piecewise(
    x: ArrayLike,
    condlist: ArrayLike,
    funclist: Sequence[Callable[..., ArrayLike] | ArrayLike],
    *args: Any,
    **kw: Any,
) -> Node:
    """A function of `x` by pieces, elementwise, as `np.piecewise`.

    Each function is given the whole of `x`, not only the elements that it is meant for.

    Args:
        x: numbers.
        condlist: boolean arrays of the shape of `x`; the last one that holds is taken.
        funclist: as many functions or numbers, and perhaps one more, for where no
            condition holds; else it is 0 there.
        args, kw: more arguments of the functions.

    Returns:
        An array of the type of `x`.

    Raises:
        OptionError: the numbers of functions and of conditions do not fit.
        DTypeError: a condition is not boolean.

    >>> import graphc as gc
    >>> x = gc.constant([-2.0, 0.5, 3.0])
    >>> gc.evaluate(gc.piecewise(x, [x < 0.0, x > 1.0], [-1.0, lambda x: x * x]), {})
    array([-1.,  0.,  9.])
    """
    node = as_node(x)
    is_list = isinstance(condlist, list | tuple)
    given = cast("Sequence[ArrayLike]", condlist if is_list else [condlist])
    if given and all(isinstance(each, bool) for each in given) and node.shape:
        given = [condlist]
    conditions = [as_node(condition) for condition in given]
    values = [
        astype(each(node, *args, **kw) if callable(each) else as_node(each), node.dtype)
        for each in cast("Sequence[Any]", funclist)
    ]
    if len(values) not in (len(conditions), len(conditions) + 1):
        raise OptionError(
            f"piecewise requires {len(conditions)} functions, one for each condition, "
            f"or one more, got {len(values)}",
            node="piecewise",
        )
    has_default = len(values) > len(conditions)
    chosen = values[-1] if has_default else zeros_like(node)
    for condition, value in zip(conditions, values, strict=False):
        _check_boolean(condition, "piecewise")
        chosen = where(condition, value, chosen)
    return chosen
