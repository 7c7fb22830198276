"""Formulas as MathML, which browsers show without any font or script of ours."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from .names import split_name
from .printing import ATOM, Printer
from .text import GREEK
from .tree import Tree

_SIGNS = {
    "mod": "mod",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "and": "∧",
    "or": "∨",
    "xor": "⊕",
    "not": "¬",
}
_BETWEEN = {"bars": "||", "floor": "⌊⌋", "ceiling": "⌈⌉", "norm": "‖‖"}
_OPERATORS = {"Σ": "∑", "Π": "∏"}
_TALL = ("<mfrac", "<munder", "<mtable", "<msqrt")
_PART = re.compile(
    r"(?P<leaf><(?P<tag>m[ino]|mtext)\b[^>]*>[^<]*</(?P=tag)>)|(?P<mark><[^>]*>)"
    r"|(?P<gap>(?<=>)[ ]+(?=<))|(?P<space>\s+)|(?P<word>[^\W\d]+)"
    r"|(?P<digits>\d[\d.]*)|(?P<sign>&\w+;|.)"
)


def mathml(text: str) -> str:
    """The element of what a `MathML` printer wrote, with signs between parts marked.

    >>> mathml("<mi>x</mi> = <mn>1</mn>")
    '<math><mi>x</mi><mo>=</mo><mn>1</mn></math>'
    """
    return f"<math>{_PART.sub(_marked, text)}</math>"


def _marked(found: re.Match[str]) -> str:
    if found["leaf"] or found["mark"]:
        return found[0]
    if found["gap"]:
        return '<mspace width="0.2em"></mspace>'
    if found["word"]:
        return f"<mi>{found[0]}</mi>"
    if found["digits"]:
        return f"<mn>{found[0]}</mn>"
    sign = "−" if found[0] == "-" else found[0]
    return f"<mo>{sign}</mo>" if found["sign"] else ""


def _row(text: str) -> str:
    return f"<mrow>{text}</mrow>"


class MathML(Printer):
    """The inside of a `math` element: give what it prints to `mathml`."""

    def name(self, text: str) -> str:
        """A name: `z1` with an index, `theta` as its letter, a word upright."""
        stem, index = split_name(text)
        if not index:
            return _identifier(stem)
        tag = "mn" if index.isdigit() else "mi"
        return f"<msub>{_identifier(stem)}<{tag}>{html.escape(index)}</{tag}></msub>"

    def digits(self, tree: Tree) -> str:
        """A number."""
        over, _, under = tree.text.partition("/")
        if under:
            return f"<mfrac><mn>{over}</mn><mn>{under}</mn></mfrac>"
        mantissa, _, exponent = tree.text.partition("e")
        if not exponent:
            return f"<mn>{html.escape(mantissa)}</mn>"
        power = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>"
        return power if mantissa == "1" else f"<mn>{mantissa}</mn>·{power}"

    def bracketed(self, text: str) -> str:
        """`(x)`, as high as it is."""
        # Brackets that may grow have wide margins in some fonts.
        kind = "" if any(tag in text for tag in _TALL) else ' stretchy="false"'
        return _row(f"<mo{kind}>(</mo>{text}<mo{kind}>)</mo>")

    def derivative(self, over: str, under: str) -> str:
        """A fraction of partial signs."""
        return f"<mfrac>{_row('<mo>∂</mo>' + over)}{_row('<mo>∂</mo>' + under)}</mfrac>"

    def fraction(self, over: Tree, under: Tree) -> tuple[str, int]:
        """A fraction."""
        return f"<mfrac>{_row(self(over))}{_row(self(under))}</mfrac>", ATOM - 1

    def share(self, text: str) -> str:
        """A fraction in front of a sum."""
        return text

    def raised(self, base: str, exponent: str, tree: Tree) -> str:
        """A power."""
        return f"<msup>{_row(base)}{_row(exponent)}</msup>"

    def transposed(self, base: str) -> str:
        """A transpose."""
        return f"<msup>{_row(base)}<mo>⊤</mo></msup>"

    def beside(self, left: str, right: str, factor: Tree) -> str:
        """Two factors side by side."""
        if not left.endswith("</mn>"):
            return f"{left} {right}"
        return f"{left}{'·' if right.startswith('<mn>') else '<mo>&#8290;</mo>'}{right}"

    def hadamard(self, factors: Sequence[str]) -> str:
        """A product element by element."""
        return " ⊙ ".join(factors)

    def literal(self, text: str) -> str:
        """The text; `mathml` tells words from signs."""
        return html.escape(text)

    def call(self, name: str, args: Sequence[str], below: str = "") -> str:
        """A function of arguments."""
        inside = self.bracketed("<mo>,</mo>".join(args))
        sign = f"<mi>{html.escape(name)}</mi>"
        sign = f"<msub>{sign}{_row(below)}</msub>" if below else sign
        return f"{sign}<mo>&#8289;</mo>{inside}"

    def sign(self, text: str) -> str:
        """The sign of a relation."""
        return f"<mo>{html.escape(_SIGNS.get(text, text))}</mo>"

    def indicator(self, text: str) -> str:
        """A bold 1 with the condition in brackets."""
        return f"<mn>𝟏</mn>{_row(f'<mo>[</mo>{text}<mo>]</mo>')}"

    def between(self, head: str, text: str) -> str:
        """A formula between bars or brackets of a kind."""
        left, right = _BETWEEN[head]
        return _row(f"<mo>{left}</mo>{text}<mo>{right}</mo>")

    def root(self, text: str) -> str:
        """A square root."""
        return f"<msqrt>{text}</msqrt>"

    def cases(self, parts: Sequence[str]) -> str:
        """A choice between lines."""
        *pairs, last = parts
        lines = [
            (pairs[i], f"<mtext>if&#160;</mtext>{pairs[i + 1]}")
            for i in range(0, len(pairs), 2)
        ]
        lines.append((last, "<mtext>else</mtext>"))
        rows = "".join(
            f"<mtr><mtd>{value}</mtd><mtd>{when}</mtd></mtr>" for value, when in lines
        )
        return _row(f"<mo>{{</mo><mtable>{rows}</mtable>")

    def below(self, base: str, index: str) -> str:
        """A name with an index."""
        return f"<msub>{_row(base)}{_row(index)}</msub>"

    def operator(self, sign: str, bound: str, body: str) -> str:
        """A sum, product, maximum, ... over letters."""
        known = html.escape(_OPERATORS.get(sign, sign))
        return f"<munder><mo>{known}</mo>{_row(bound)}</munder>{_row(body)}"


def _identifier(text: str) -> str:
    return f"<mi>{html.escape(GREEK.get(text, text))}</mi>"
