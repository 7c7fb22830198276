"""Formulas as LaTeX, for mathematics mode, with `amsmath`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .names import split_name
from .printing import ATOM, Printer
from .text import GREEK
from .tree import Tree

_SIGNS = {
    "<=": r"\le",
    ">=": r"\ge",
    "!=": r"\ne",
    "mod": r"\bmod",
    "and": r"\land",
    "or": r"\lor",
    "xor": r"\oplus",
    "not": r"\lnot",
}
_BETWEEN = {
    "bars": (r"\left|", r"\right|"),
    "floor": (r"\left\lfloor ", r"\right\rfloor"),
    "ceiling": (r"\left\lceil ", r"\right\rceil"),
    "norm": (r"\left\|", r"\right\|"),
}
_WORD = re.compile(r"[^\W\d_]+( [^\W\d_]+)*( (?=\d))?|.", re.DOTALL)
_LITERALS = {
    "∗": "*",
    "×": r"\times ",
    "⊙": r"\odot ",
    "…": r"\dots ",
    "→": r"\to ",
    "Σ": r"\sum",
    "⋆": r"\star ",
}
"""Signs in forms of ops."""
_KNOWN = frozenset(
    [
        "exp",
        "log",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "arcsin",
        "arccos",
        "arctan",
        "max",
        "min",
    ]
)
_OPERATORS = {
    "argmax": r"\operatorname*{arg\,max}",
    "Σ": r"\sum",
    "Π": r"\prod",
    "max": r"\max",
    "min": r"\min",
}
_ESCAPES = {
    "\\": r"\backslash ",
    "^": r"\hat{\ }",
    "~": r"\sim ",
    "<": "<",
    ">": ">",
    **{mark: "\\" + mark for mark in "&%$#_{}"},
}
_CAPITALS = r"\Gamma \Delta \Theta \Lambda \Xi \Phi \Psi \Omega"
_LETTERS = {
    **{letter: f"\\{name}" for name, letter in GREEK.items()},
    **dict(zip("ΓΔΘΛΞΦΨΩ", _CAPITALS.split(), strict=True)),
    "ℓ": r"\ell",
}


def escaped(text: str) -> str:
    """Text that somebody chose, where LaTeX would take parts of it for commands."""
    return "".join(
        _ESCAPES.get(c, c) if c.isascii() else _LETTERS.get(c, _plain(c)) for c in text
    )


def _plain(character: str) -> str:
    """A character that fonts of mathematics lack, as its number."""
    return f"[U{ord(character):X}]"


class Latex(Printer):
    """LaTeX: `\\mathbf{1}[z > 0] \\odot W^{\\top} d`."""

    def name(self, text: str) -> str:
        r"""A name: `z1` is `z_{1}`, `theta` is `\theta`, a word is upright."""
        stem, index = split_name(text)
        if not index:
            return self._stem(stem)
        below = index if index.isdigit() else self._word(index)
        return f"{self._stem(stem)}_{{{below}}}"

    def _stem(self, text: str) -> str:
        if text in GREEK:
            return f"\\{text}"
        if text in _LETTERS:
            return _LETTERS[text]
        if text[1:] == "\u0302":
            return f"\\hat{{{self._stem(text[0])}}}"
        return (
            text
            if len(text) == 1 and text.isalpha() and text.isascii()
            else (self._word(text))
        )

    def _word(self, text: str) -> str:
        return f"\\mathrm{{{escaped(text)}}}"

    def digits(self, tree: Tree) -> str:
        """A number."""
        if "/" in tree.text:
            over, _, under = tree.text.partition("/")
            return f"\\frac{{{over}}}{{{under}}}"
        if tree.text == "∞":
            return r"\infty"
        if tree.text == "NaN":
            return self._word(tree.text)
        mantissa, _, exponent = tree.text.partition("e")
        if not exponent:
            return mantissa
        power = f"10^{{{int(exponent)}}}"
        return power if mantissa == "1" else f"{mantissa} \\cdot {power}"

    def bracketed(self, text: str) -> str:
        """`(x)`, as high as it is."""
        return f"\\left({text}\\right)"

    def derivative(self, over: str, under: str) -> str:
        """A fraction of partial signs."""
        return f"\\frac{{\\partial {over}}}{{\\partial {under}}}"

    def fraction(self, over: Tree, under: Tree) -> tuple[str, int]:
        """A fraction."""
        return f"\\frac{{{self(over)}}}{{{self(under)}}}", ATOM - 1

    def share(self, text: str) -> str:
        """A fraction in front of a sum."""
        return text

    def raised(self, base: str, exponent: str, tree: Tree) -> str:
        """A power."""
        return f"{{{base}}}^{{{exponent}}}"

    def transposed(self, base: str) -> str:
        """A transpose."""
        return f"{{{base}}}^{{\\top}}"

    def beside(self, left: str, right: str, factor: Tree) -> str:
        """Two factors side by side."""
        if left[-1:].isdigit() and right[:1].isdigit():
            return f"{left} \\cdot {right}"
        return f"{left} {right}"

    def hadamard(self, factors: Sequence[str]) -> str:
        """A product element by element."""
        return " \\odot ".join(factors)

    def literal(self, text: str) -> str:
        """Words upright, and signs as commands."""
        return _WORD.sub(self._upright, text)

    def _upright(self, found: re.Match[str]) -> str:
        text = found[0]
        if text in _LITERALS:
            return _LITERALS[text]
        if text.isspace():
            return r"\ " if len(text) > 1 else " "
        if " " in text and text.isascii():
            return f"\\text{{{text}}}"
        if len(text) > 1 and text[0].isalpha():
            return f"\\mathrm{{{escaped(text)}}}"
        return escaped(text)

    def call(self, name: str, args: Sequence[str], below: str = "") -> str:
        """A function of arguments."""
        if name in _KNOWN:
            sign = f"\\{name}"
        elif len(name) == 1:
            sign = self.name(name)
        else:
            sign = f"\\operatorname{{{escaped(name)}}}"
        index = f"_{{{below}}}" if below else ""
        return f"{sign}{index}\\left({', '.join(args)}\\right)"

    def sign(self, text: str) -> str:
        """The sign of a relation."""
        return _SIGNS.get(text, text)

    def indicator(self, text: str) -> str:
        """A bold 1 with the condition in brackets."""
        return f"\\mathbf{{1}}\\left[{text}\\right]"

    def between(self, head: str, text: str) -> str:
        """A formula between bars or brackets of a kind."""
        left, right = _BETWEEN[head]
        return f"{left}{text}{right}"

    def root(self, text: str) -> str:
        """A square root."""
        return f"\\sqrt{{{text}}}"

    def cases(self, parts: Sequence[str]) -> str:
        """A choice between lines."""
        *pairs, last = parts
        lines = [
            f"{pairs[i]} & \\text{{if }} {pairs[i + 1]}"
            for i in range(0, len(pairs), 2)
        ]
        lines.append(f"{last} & \\text{{else}}")
        return "\\begin{cases}" + " \\\\ ".join(lines) + "\\end{cases}"

    def below(self, base: str, index: str) -> str:
        """A name with an index."""
        if base.endswith("}") and "_{" in base and not base.startswith("{"):
            # TeX takes a group of one accent for that, which has an index then.
            base = f"{{{base}{{}}}}" if base.startswith("\\hat") else f"{{{base}}}"
        return f"{base}_{{{index}}}"

    def operator(self, sign: str, bound: str, body: str) -> str:
        """A sum, product, maximum, ... over letters."""
        known = _OPERATORS.get(sign, f"\\operatorname{{{escaped(sign)}}}")
        return f"{known}_{{{bound}}} {body}"
