"""Formulas of nodes as a reader sees them."""

from __future__ import annotations

import re

import pytest
from matplotlib.mathtext import MathTextParser

import graphc as gc
from graphc.notation.latex import escaped

X = gc.input("x", ("batch", 4), "float64")
Y = gc.input("y", ("batch",), "int64")
M, V, S = gc.input("M", (4, 3)), gc.input("v", (3,)), gc.input("s", ())
A, K = gc.input("A", (1, 2, 4, 4)), gc.input("K", (3, 2, 1, 1))


def _network() -> gc.Node:
    hidden = gc.nn.Linear(4, 5, name="hidden", dtype="float64")
    h = gc.nn.sigmoid(hidden(X))
    W, b = gc.parameter("W", (3, 5)), gc.parameter("b", (3,))
    z = gc.nn.linear(h, W, b)
    loss = gc.nn.cross_entropy(z, Y)
    return loss


LINES = (
    (X @ gc.parameter("W", (4, 3)), "W^T x", r"{W}^{\top} x"),
    ((2 * S + 1) ** 2, "(2s + 1)^2", r"{\left(2 s + 1\right)}^{2}"),
    (gc.sum(M @ V), "Σ_{i,j} M_ij v_j", r"\sum_{i,j} M_{ij} v_{j}"),
    (gc.mean(M, axis=1), "((1/3) Σ_j M_ij)_i", None),
    (gc.nn.softmax(V, dim=0), "exp(v) / Σ_i exp(v_i)", None),
    (gc.where(V > 0, V, 0), "1[v > 0] ⊙ v", r"\mathbf{1}\left[v > 0\right] \odot v"),
    (gc.where(V > S, V, S), "{v if v > s, else s}", None),
    (gc.outer(V, M[0]).T @ V, "M_0 v^T v", None),
    (-(V - 1) / 2, "-(v - 1) / 2", r"-\frac{v - 1}{2}"),
    (gc.abs(gc.floor(V)), "|⌊v⌋|", r"\left|\left\lfloor v\right\rfloor\right|"),
    (V**-0.5 * 3, "3v^(-0.5)", "3 {v}^{-0.5}"),
    (S * (V + V), "s (v + v)", None),
    (M[1:, 0], "M_{1:,0}", "M_{1:,0}"),
    (gc.nn.embedding(gc.argmax(V), M.T), "(M^T)_{argmax(v)}", None),
    (gc.concatenate([V, V * S]), "[v; s v]", None),
    (gc.nn.conv2d(A, K, V, stride=2), "K ∗_{stride 2×2} A + v", None),
    (2 * gc.nn.max_pool2d(A, 2), "2 maxpool_{2×2}(A)", None),
    (gc.nn.layer_norm(V, 3), "(v - mean(v)) / √(var(v) + 1e-05)", None),
    (gc.linalg.norm(V - 1), "‖v - 1‖", r"\left\|v - 1\right\|"),
    (gc.einsum("ij,jk->ki", M, M.T), "(Σ_j M_ij (M^T)_jk)_ki", None),
    (
        gc.nn.layer_norm(V + S, 3),
        "((v + s) - mean(v + s)) / √(var(v + s) + 1e-05)",
        None,
    ),
    (gc.linalg.solve(M.T @ M, V), "(M^T M)^(-1) v", None),
    (gc.cumsum(M, axis=0), "cumsum_{axis 0}(M)", None),
    (
        gc.nn.scaled_dot_product_attention(M, M, M, is_causal=True),
        "softmax_causal(M M^T / √3) M",
        r"\mathrm{softmax}_{\mathrm{causal}}\left(M {M}^{\top} / \sqrt{3}\right) M",
    ),
)


def test_lines() -> None:
    """Each as text and as LaTeX, which Matplotlib reads, too."""
    read = MathTextParser("path").parse
    for node, text, latex in LINES:
        unnamed = node.copy().told(None)
        assert text is None or str(unnamed) == text
        printed = unnamed._repr_latex_()
        assert printed is not None
        assert latex is None or printed == f"$\\displaystyle {latex}$"
        plain = printed.replace("\\displaystyle ", "").replace("\\top", "T")
        if "cases" not in plain:
            read(plain)


def test_a_network_by_rows() -> None:
    loss = _network()
    assert str(loss.formula()).splitlines() == [
        "hidden = W_hidden x + b_hidden",
        "h = 1 / (1 + exp(-hidden))",
        "z = W h + b",
        "loss = -(1/batch) Σ_rows log(softmax(z)_y)",
        "",
        "For each row of the batch; vectors are columns.",
    ]
    assert "h = σ(hidden)" in str(loss.formula(depth=0))
    assert "exp(z_y) / Σ_i exp(z_i)" in str(loss.formula(depth=2))
    assert str(loss) == "loss = -(1/batch) Σ_rows log(softmax(z)_y)"
    assert "\\begin{aligned}" in loss.formula().markdown


@pytest.mark.parametrize("mixed", [False, True])
def test_rows_that_are_mixed_are_a_matrix(mixed: bool) -> None:
    """Where a value depends on other rows, arrays are what they are."""
    W = gc.parameter("W", (4, 4), dtype="float64")
    x = gc.cumsum(X, axis=0) if mixed else X
    z = gc.tanh(x @ W)
    assert ("W^T x" in str(z.formula())) is not mixed


def test_hostile_names_stay_text() -> None:
    for name in (r"\input{/etc/passwd}", "a&b%c$d#e_f{g}h~i^j", "π<é>"):
        text = escaped(name)
        plain = re.sub(r"\\[&%$#_{}]|\\(hat\{\\ \}|sim|backslash|pi) ?", "", text)
        assert not set(plain) & set("\\&%$#_{}~^"), text


def test_deep_graphs() -> None:
    """Neither recursion nor the doubling of shared values stands in the way."""
    (x,) = [V]
    for _ in range(500):
        (x,) = [gc.tanh(y + y) for y in (x,)]
    lines = str(x.formula()).splitlines()
    assert lines[0] == "v1 = tanh(v + v)"
    assert len(lines) < 510
