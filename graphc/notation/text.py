"""Formulas as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .printing import BIG, POWER, PRODUCT, Printer
from .tree import Tree

GREEK = {
    name: chr(code)
    for code, name in enumerate(
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "omicron",
            "pi",
            "rho",
            "_",
            "sigma",
            "tau",
            "upsilon",
            "phi",
            "chi",
            "psi",
            "omega",
        ],
        0x3B1,
    )
    if name not in ("_", "omicron")
}
"""Letters of the Greek alphabet by their names."""

_SIGNS = {
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "and": "∧",
    "or": "∨",
    "xor": "⊕",
    "not": "¬",
}
_SPACED = re.compile(r" ([-+/=<≤≠]) ")
_BETWEEN = {"bars": "||", "floor": "⌊⌋", "ceiling": "⌈⌉", "norm": "‖‖"}


class Text(Printer):
    """Plain text: `1[z > 0] ⊙ (W^T d)`."""

    def name(self, text: str) -> str:
        """The name as the user wrote it."""
        return text

    def digits(self, tree: Tree) -> str:
        """A number."""
        return tree.text

    def bracketed(self, text: str) -> str:
        """`(x)`."""
        return f"({text})"

    def derivative(self, over: str, under: str) -> str:
        """`∂y/∂x`."""
        return f"∂{over}/∂{under}"

    def fraction(self, over: Tree, under: Tree) -> tuple[str, int]:
        """`x / y`."""
        is_number = over.head == under.head == "number"
        line = (
            "/" if is_number or (over.text == "1" and under.head == "symbol") else " / "
        )
        is_last = under.head in ("big", "reduce")
        left, right = (
            self._in(over, PRODUCT),
            self._in(under, BIG if is_last else POWER),
        )
        # A product above reads well; one quotient above another does not.
        if over.head == "number" and "/" in over.text:
            left = self.bracketed(left)
        return f"{left}{line}{right}", PRODUCT - 1

    def share(self, text: str) -> str:
        """`(1/n)`."""
        return f"({text})"

    def raised(self, base: str, exponent: str, tree: Tree) -> str:
        """`x^2`."""
        is_short = tree.head in ("symbol", "letter") or exponent.isalnum()
        return f"{base}^{exponent}" if is_short else f"{base}^({exponent})"

    def transposed(self, base: str) -> str:
        """`W^T`."""
        return f"{base}^T"

    def beside(self, left: str, right: str, factor: Tree) -> str:
        """`2x`, `a b`."""
        is_tight = left.isdigit() and factor.head in (
            "symbol",
            "power",
            "letter",
            "item",
            "floor",
        )
        if left[-1:].isdigit() and right[:1].isdigit():
            return f"{left} · {right}"
        return f"{left}{right}" if is_tight else f"{left} {right}"

    def hadamard(self, factors: Sequence[str]) -> str:
        """`a ⊙ b`."""
        return " ⊙ ".join(factors)

    def call(self, name: str, args: Sequence[str], below: str = "") -> str:
        """`exp(x)`, `polygamma_1(x)`."""
        is_short = below.isalnum() and "_" not in name
        index = below if is_short else f"{{{below}}}"
        return f"{name}{'_' + index if below else ''}({', '.join(args)})"

    def literal(self, text: str) -> str:
        """The text as it is."""
        return text

    def sign(self, text: str) -> str:
        """The sign of a relation."""
        return _SIGNS.get(text, text)

    def indicator(self, text: str) -> str:
        """`1[x > 0]`."""
        return f"1[{text}]"

    def between(self, head: str, text: str) -> str:
        """`|x|`."""
        left, right = _BETWEEN[head]
        return f"{left}{text}{right}"

    def root(self, text: str) -> str:
        """`√x`."""
        return f"√{text}" if text.isalnum() else f"√({text})"

    def cases(self, parts: Sequence[str]) -> str:
        """`{x if x > 0, else 0}`."""
        *pairs, last = parts
        chosen = [f"{pairs[i]} if {pairs[i + 1]}" for i in range(0, len(pairs), 2)]
        return "{" + ", ".join([*chosen, f"else {last}"]) + "}"

    def below(self, base: str, index: str) -> str:
        """`x_i`."""
        if ("_" in base or "^" in base) and not base.endswith((")", "]")):
            base = f"({base})"
        return f"{base}_{index}" if index.isalnum() else f"{base}_{{{index}}}"

    def indexed(self, text: str) -> str:
        """`i+k`, `i<n`, without the spaces around signs."""
        return _SPACED.sub(r"\1", text)

    def operator(self, sign: str, bound: str, body: str) -> str:
        """`Σ_i x_i`."""
        below = bound if bound.isalnum() else f"{{{bound}}}"
        return f"{sign}_{below} {body}"
