"""The formula of an op as a textbook writes it, and the formulas of its derivatives.

They are text in a small language with Python's syntax, over the names of the op's
inputs: `exp(x) / sum(exp(x), axis, True)`, `input @ weight.T`, `x[target]`. Its words
are those of `notation.parse`; blocks may be named as functions, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .node import Node
    from .op import Op

Text = str | Callable[["Node"], "str | None"]
"""A formula, or a function of the node where attributes or axes change it; None where
the application of the op to its inputs says it best."""

Texts = tuple[str | None, ...] | Callable[["Node"], "tuple[str | None, ...]"]


def _none(node: Node) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mathematics:
    """Formulas of an op, see the module."""

    formula: Text | None = None
    """The result; left out, it is the SymPy source, or the op's name applied."""
    abbreviation: str | None = None
    """The letter that a textbook has for the result, as `p` for a softmax."""
    written: Text | None = None
    """The result as it is written where there is no `formula`, in place of the op's
    name with arguments: text with `<0>` for the first input, `_{}` around what is
    below, `√{}`, `‖{}`, `^{}` and `^T`: `<1> ∗ <0>`."""
    symbol: str | None = None
    """The sign of the function, where it is not the op's name: `σ`."""
    is_known: bool = False
    """A function that a textbook calls by its name, as softmax or relu."""
    slope: Text | None = None
    """Of an elementwise op of one input, the derivative, over the input and `out`. Left
    out, it is what the derivative rule multiplies by."""
    jacobians: Texts = ()
    """The Jacobian by each input, where it is a matrix; None where it is not."""
    gradients: Texts = ()
    """The gradient of each input, over the inputs, `out`, and the gradient `d` of the
    result. Left out, it is what the derivative rule says."""
    elements: Text | None = None
    """An element of the result, for ops that move elements or add them up: letters of
    its indices, and a formula with `total(..., k)` and `largest(..., k < 3)` over
    others: `"i j: total(x1[i, k] * x2[k, j], k)"`. Elements outside of arrays are 0. It
    says what the name or form of the op means, and what flows to its inputs."""
    is_plain: bool = False
    """True where the form that is written says its elements, as `x_{2:5}` does."""
    transposes: Callable[[Node], tuple[Op, Mapping[str, Any]]] | None = None
    """The op, and its attributes, of which this one is the transpose. That one takes an
    array of the shape of this result."""
    adjoints: Texts = ()
    """For gradients by elements the signs of them, in the form of `written`, where
    `<d>` is the gradient of the result."""
    letters: Callable[[Node], Mapping[str, str]] = _none
    """Parts of gradients by the letters that stand for them there, each over those
    before it: where a formula gets long, a reader sees the letter, and its meaning."""

    def gradient_of(self, node: Node, position: int) -> str | None:
        """The formula of the gradient of an input, if there is one."""
        return _at(self.gradients, node, position)

    def slope_of(self, node: Node) -> str | None:
        """The formula of the derivative of an elementwise op, if there is one."""
        return self.slope(node) if callable(self.slope) else self.slope

    def written_of(self, node: Node) -> str | None:
        """The text in place of the op's name and arguments, if there is one."""
        return self.written(node) if callable(self.written) else self.written

    def elements_of(self, node: Node) -> str | None:
        """The formula of an element of the result, if there is one."""
        return self.elements(node) if callable(self.elements) else self.elements

    def adjoint_of(self, node: Node, position: int) -> str | None:
        """The sign of the gradient of an input, if there is one."""
        return _at(self.adjoints, node, position)

    def jacobian_of(self, node: Node, position: int) -> str | None:
        """The formula of the Jacobian by an input, if there is one."""
        return _at(self.jacobians, node, position)


UNSAID = Mathematics()
"""The formulas of an op that declares none."""


class Printed(Protocol):
    """Equations, which print as text."""

    @property
    def latex(self) -> str:
        """For mathematics mode, one below the other, with `amsmath`."""
        ...

    @property
    def markdown(self) -> str:
        """Between `$$`, as notebooks and GitHub show them."""
        ...


def notation() -> Any:
    """The module that makes formulas of nodes, imported when one is asked for."""
    return import_module("graphc.notation.formula")


def _at(texts: Texts, node: Node, position: int) -> str | None:
    given = texts(node) if callable(texts) else texts
    return given[position] if position < len(given) else None
