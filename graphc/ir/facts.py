"""Facts about an op that passes, drawings and cost models ask for.

They stand in the op's declaration, so that nothing else keeps a table of op names; a
generated test holds each of them against NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from .dims import Shape

if TYPE_CHECKING:
    from .node import Node


class Role(Enum):
    """Kinds of nodes that passes and printers treat in their own way."""

    INPUT = "fed when the program runs"
    PARAMETER = "persistent and trained"
    BUFFER = "persistent, and assigned to rather than trained"
    CONSTANT = "an array that is known from the declaration"
    FULL = "one number that is known from the declaration, in every element"
    SIZE = "the size of an axis"
    ARGUMENT = "passed when the body that it belongs to runs"
    CALL = "runs its body once, on its inputs"
    LOOP = "runs its body once for each item of sequences, and carries values along"
    WHILE = "runs its body as long as a test is true, and carries values along"
    BRANCH = "runs one of its bodies"
    RESULT = "one of the results of its input"


PERSISTENT = frozenset({Role.PARAMETER, Role.BUFFER})
"""Roles of arrays that outlive a run of the program."""

NAMED = PERSISTENT | {Role.INPUT}
"""Roles of nodes that are one thing by their name, with an array from outside."""


class Formula(Enum):
    """Formulas that overflow or cancel as a textbook writes them.

    A block that computes one says so, see `StableForm`, and takes its place.
    """

    SIGMOID = "1 / (1 + exp(-x))"
    LOG_SIGMOID = "log(1 / (1 + exp(-x)))"
    SOFTPLUS = "log(1 + exp(x))"
    SOFTMAX = "exp(x - max(x)) / sum(exp(x - max(x)))"
    SOFTMAX_QUOTIENT = "exp(x) / sum(exp(x))"
    LOG_SOFTMAX = "log(exp(x) / sum(exp(x)))"
    CROSS_ENTROPY = "-log(exp(x) / sum(exp(x)))[label]"


@dataclass(frozen=True, slots=True)
class StableForm:
    """The formula that an op computes without overflow or loss of digits."""

    of: Formula
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Those for which it is that formula, but for an axis."""


Inputs = Literal["all"] | tuple[int, ...] | None
"""Inputs that must have a property for the result to have it; None where even all of
them are not enough, and an empty tuple where the result always has it."""

ZeroSign = Literal["ignored", "kept", "shown"]
"""Effect that the sign of a zero in an input has: none; at most the sign of a zero in
the result; or more, as in a division by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Properties of an op. Left out, nothing is claimed, which is always right."""

    commutative: Literal["exact", "real"] | None = None
    """The two operands may be exchanged: bit for bit, or in real arithmetic only."""
    neutral: tuple[float | None, ...] = ()
    """For each of two operands the number that makes the other one the result, bit for
    bit; None where no number does."""
    associative: Literal["exact", "integers"] | None = None
    """`op(op(x, y), z)` and `op(x, op(y, z))` are the same, but for the sign of a zero:
    of all numbers, or of integers only, whose results are not rounded."""
    absorbing: tuple[float | None, ...] = ()
    """For each of two operands the number that is the result, but for the sign of a
    zero, if the other one is a number, neither NaN nor an infinity."""
    idempotent: bool = False
    """`op(x, x)` is `x` bit for bit, where it is of the type of `x`."""
    involutive: bool = False
    """`op(op(x))` is `x` bit for bit, where both are of the type of `x`."""
    parity: Literal["even", "odd"] | None = None
    """`op(-x)` is `op(x)`, or `-op(x)`, to rounding."""
    nonnegative: Inputs = None
    """The result is NaN or in [+0, inf] where these inputs are."""
    finite: Inputs = None
    """The result is finite where these inputs are, short of overflow."""
    overflows: bool = True
    """Finite numbers may give an infinity, and integers a wrapped one."""
    zero_sign: ZeroSign | tuple[ZeroSign, ...] = "shown"
    """For all inputs, or for each."""
    rearranges: bool = False
    """Each element of the result is an element of the first input. Views always do."""
    cost: float | tuple[float, float] | None = None
    """Time for an element of an elementwise op, as a multiple of that of an addition:
    in all dtypes, or in up to 32 bits and in 64. Measured with NumPy 2.4 on x86-64,
    contiguous and with `out=` given; a choice between formulas needs only its order.
    """
    multiply_adds: Callable[[Node], Shape] | None = None
    """Sizes whose product is the number of multiply-adds. Left out, it is that of the
    op's kind: the elements of the result if elementwise, those of the input of a
    reduction, and else none."""
    symmetric: bool = False
    """The first input is a symmetric matrix, or a stack of them, of which one triangle
    is read, and its derivatives are those along symmetric directions."""
    only_rules: bool = False
    """A body is there for its derivative rules alone, and stands where it is called."""
    recomputes: bool = False
    """A call that stays one, and of whose values none is kept for its derivative."""
    called: tuple[str, ...] = ()
    """Variables for a value that nobody named, of which emitted code takes the first
    whose inputs in braces have names; left out, what the op is called, of its input."""
    notation: str | None = None
    """The formula in drawings, where it is not the NumPy source."""
    formula: str | None = None
    """The line of a drawing below the name of a block."""

    def zero_sign_of(self, position: int) -> ZeroSign:
        """The effect of a zero's sign in one input."""
        if isinstance(self.zero_sign, tuple):
            return self.zero_sign[position]
        return self.zero_sign


NONE = Facts()
"""The facts of an op that declares nothing."""


def inputs_that(needed: Inputs, node: Any) -> tuple[Node, ...] | None:
    """The nodes that `needed` names among the inputs of `node`, if it names any."""
    if isinstance(needed, tuple):
        return tuple(node.inputs[position] for position in needed)
    return node.inputs if needed == "all" else None
