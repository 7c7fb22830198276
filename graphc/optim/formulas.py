"""Parts that formulas of optimizers share: running means, norms, decay of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from ..ir.hyperparameters import Hyperparameter
from ..ir.literal import scalar_value
from ..ir.node import Node
from ..ops.arithmetic import sqrt, square
from ..ops.reduction import sum
from ..ops.source import FULL, astype, constant, zeros_like


def wide(array: Node) -> Node:
    """An array in a dtype that squares of gradients and small numbers fit in."""
    return astype(array, "float32") if array.dtype == "float16" else array


def in_dtype_of(parameter: Node, scalar: Node) -> Node:
    """A float64 scalar in the dtype of the array that it is about to multiply."""
    value = scalar_value(scalar)
    if value is not None:
        return constant(value, parameter.dtype)
    value = astype(scalar, parameter.dtype)
    if scalar.name is None or value is scalar:
        return value
    return value.named(f"{scalar.name}_{parameter.dtype}")


def norm(array: Node) -> Node:
    """The Euclidean norm of all elements, a scalar."""
    return sqrt(sum(square(wide(array))))


def complement(beta: float) -> float:
    """`1 - beta`; of a plain number as one would write it, 0.1 for 0.9."""
    if isinstance(beta, Hyperparameter):
        return 1.0 - beta
    return float(1 - Decimal(repr(beta)))


def running_mean(
    mean: Node, value: Node, beta: float, of: Callable[[Node], Node] = lambda x: x
) -> Node:
    """`beta * mean + (1 - beta) * of(value)`."""
    return beta * mean + complement(beta) * of(value)


def moments(
    state: Mapping[str, Node], gradient: Node, betas: tuple[float, float]
) -> tuple[Node, Node]:
    """Running means of the gradient and of its square."""
    first = running_mean(state["exp_avg"], gradient, betas[0])
    second = running_mean(state["exp_avg_sq"], gradient, betas[1], square)
    return first.named("first_moment"), second.named("second_moment")


def decayed(parameter: Node, step_size: Node, weight_decay: float) -> Node:
    """`(1 - step_size * weight_decay) * w`: decoupled weight decay."""
    if not weight_decay:
        return parameter
    kept = (1.0 - step_size * weight_decay).named("kept_by_decay")
    return (in_dtype_of(parameter, kept) * parameter).named("decayed_parameter")


def filled_like(parameter: Node, value: float) -> Node:
    """An array of one number, of the type of the parameter."""
    if not value:
        return zeros_like(parameter)
    return FULL(shape=parameter.shape, value=value, dtype=parameter.dtype)


def zero_slots(parameter: Node, *names: str) -> dict[str, Node]:
    """State that starts at zero, of the type of the parameter."""
    return {name: zeros_like(parameter) for name in names}
