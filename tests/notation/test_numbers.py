"""Numbers in formulas, those that are not finite included."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.notation.latex import Latex
from graphc.notation.tree import number


@pytest.mark.parametrize(
    ("value", "text", "latex"),
    [
        (2.0, "2", "2"),
        (1e-8, "1e-08", r"10^{-8}"),
        (np.inf, "∞", r"\infty"),
        (np.nan, "NaN", r"\mathrm{NaN}"),
    ],
)
def test_numbers(value: float, text: str, latex: str) -> None:
    tree = number(value)
    assert tree.text == text
    assert Latex().digits(tree) == latex
