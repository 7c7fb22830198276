"""Formulas as MathML: well-formed, and the same signs as in the text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import graphc as gc
from graphc.notation.formula import line, single_letters
from graphc.notation.mathml import MathML, mathml

x = gc.input("x", ("n",))
W, theta, z1 = gc.parameter("W", (3, 4)), gc.input("theta", ()), gc.input("z1", (4,))
h = gc.input("h", ("batch", 4))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (2 * theta**2 + 1, "2\u2062θ2+1"),
        (-gc.exp(theta) / theta, "−exp\u2061(θ)θ"),
        (W @ z1, "Wz1"),
        (gc.where(theta > 0, theta, 0.5), "{θifθ>00.5else"),
        (gc.sqrt(gc.abs(theta)) <= 1e-8, "|θ|≤10-8"),
        (gc.sum(z1 * z1), "∑iz1iz1i"),
        (gc.nn.relu(theta), "max\u2061(0,θ)"),
    ],
    ids=str,
)
def test_formulas(node, text):
    equation = line(node).equation
    assert equation is not None
    printed = mathml(MathML(single_letters([equation.value]))(equation.value))
    root = ElementTree.fromstring(printed)
    found = "".join("".join(root.itertext()).split())
    assert found == text
    for element in root.iter():
        is_leaf = element.tag in ("mi", "mn", "mo", "mtext")
        assert bool((element.text or "").strip()) == is_leaf, printed
        assert not (element.tail or "").strip(), printed


def test_names_are_escaped():
    assert MathML().name("<b>&") == "<mi>&lt;b&gt;&amp;</mi>"
    assert MathML().call("<b>", ["<mi>x</mi>"]).startswith("<mi>&lt;b&gt;</mi>")
