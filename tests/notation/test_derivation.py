"""Derivations: the text of those worked out by hand, and values of all gradients."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import DifferentiationError
from graphc.ir import Graph
from graphc.notation import tree as build
from graphc.notation.derivation import Derivation
from graphc.notation.elements import Letters, at
from graphc.notation.tree import Tree
from tests.notation.evaluator import Evaluator

ROWS = 5
RNG = np.random.default_rng(0)


def _input(name: str, *shape: Any, dtype: str = "float64") -> gc.Node:
    return gc.input(name, shape, dtype)


def _parameter(name: str, *shape: int) -> gc.Node:
    return gc.parameter(name, shape, dtype="float64")


def _x() -> gc.Node:
    return _input("x", "batch", 4)


def _labels() -> gc.Node:
    return _input("y", "batch", dtype="int64")


def _linear(x: gc.Node, number: str, out: int) -> gc.Node:
    W = _parameter(f"W{number}", out, int(x.shape[-1]))
    return gc.nn.linear(x, W, _parameter(f"b{number}", out))


def _network(activation: Callable[[gc.Node], gc.Node]) -> gc.Node:
    z = _linear(_x(), "1", 5)
    h = activation(z)
    o = _linear(h, "2", 3)
    loss = gc.nn.cross_entropy(o, _labels())
    return loss


def _primitive() -> gc.Node:
    """The same of primitives, as a lecture draws it, with a penalty."""
    W, b = _parameter("W", 3, 4), _parameter("b", 3)
    z = _x() @ W.T + b
    p = gc.nn.softmax(gc.tanh(z), dim=1)
    picked = gc.take_along_axis(p, _labels()[:, None], axis=1)
    loss = -gc.mean(gc.log(picked)) + 0.5 * gc.sum(W**2)
    return loss


def _branching() -> gc.Node:
    """A value that three others depend on."""
    h = gc.exp(_x() @ _parameter("W", 4, 3) / 3.0)
    loss = gc.sum(h * gc.sin(h) + 2.0 / h)
    return loss


def _matrices() -> gc.Node:
    """Without rows: arrays are matrices."""
    A, B, v = _parameter("A", 3, 4), _parameter("B", 4, 3), _parameter("v", 3)
    u = gc.tanh(A @ B @ v)
    loss = gc.sum(u * v) + gc.sum(gc.log(A @ B + 9.0))
    return loss


def _regression() -> gc.Node:
    scale = _parameter("scale", 4)
    h = gc.nn.layer_norm(_x(), (4,), scale)
    y = gc.nn.gelu(_linear(h, "1", 2))
    loss = gc.nn.mse_loss(y, _input("t", "batch", 2))
    return loss


def _centered() -> gc.Node:
    """Rows that are less their mean: no row alone has a gradient."""
    x = _x() @ _parameter("W", 4, 3)
    loss = gc.mean(gc.square(x - gc.mean(x, axis=0)))
    return loss


def _attention() -> gc.Node:
    Q, K, V = (_parameter(*each) for each in (("Q", 2, 4), ("K", 3, 4), ("V", 3, 4)))
    a = gc.nn.scaled_dot_product_attention(Q, K, V)
    loss = gc.sum(a * a)
    return loss


def _channels() -> gc.Node:
    x, g = _input("x", ROWS, 3), _parameter("g", 3)
    h = gc.nn.batch_norm(x, None, None, g, _parameter("b", 3), training=True)
    loss = gc.sum(gc.nn.rms_norm(gc.exp(h), (3,), _parameter("w", 3)) ** 2)
    return loss


def _images() -> gc.Node:
    x = _input("x", "batch", 1, 5)
    c = gc.nn.conv1d(x, _parameter("W", 2, 1, 3), _parameter("b", 2), padding=1)
    p = gc.nn.max_pool1d(gc.tanh(c), 2)
    u = gc.nn.conv_transpose1d(p, _parameter("V", 2, 1, 2), stride=2)
    loss = gc.mean(gc.nn.avg_pool1d(u, 3, stride=1) ** 2)
    return loss


def _indices() -> gc.Node:
    t = gc.input("t", (ROWS,), "int64")
    E, v = _parameter("E", 3, 4), _parameter("v", 6)
    h = gc.cumsum(gc.nn.embedding(t, E), axis=0)[1:4, ::-1]
    s = gc.concatenate([v[2:], gc.pad(v, (1, 2))])
    loss = gc.sum(h**2) + gc.sum(gc.where(s > 0.5, s**3, gc.roll(s, 1)))
    return loss


def _scalar() -> gc.Node:
    x, w = _parameter("x"), _parameter("w")
    z = 2 * x + 1
    y = z**2 * w + gc.exp(w * x) - x / w + gc.nn.softplus(gc.sqrt(w))
    return y


MODELS = {
    "relu": lambda: _network(gc.nn.relu),
    "sigmoid": lambda: _network(gc.nn.sigmoid),
    "silu": lambda: _network(gc.nn.silu),
    "primitive": _primitive,
    "branching": _branching,
    "matrices": _matrices,
    "regression": _regression,
    "centered": _centered,
    "attention": _attention,
    "channels": _channels,
    "images": _images,
    "indices": _indices,
    "scalar": _scalar,
}


def _feeds(loss: gc.Node) -> tuple[dict[str, Any], dict[str, Any]]:
    graph = Graph((loss,))
    arrays: dict[str, Any] = {}
    for node in (*graph.inputs, *graph.parameters):
        shape = [ROWS if not isinstance(size, int) else size for size in node.shape]
        is_label = node.dtype.kind == "i"
        drawn = RNG.integers(0, 3, shape) if is_label else RNG.uniform(0.2, 1.2, shape)
        arrays[str(node.name)] = drawn
    names = {str(node.name) for node in graph.parameters}
    inputs = {name: array for name, array in arrays.items() if name not in names}
    return inputs, {name: arrays[name] for name in names}


class _Values:
    """The values of names in a derivation, some of them one for each row."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.known = dict(arrays)
        self.evaluate = Evaluator(self.known, ROWS)

    def of(self, tree: Tree) -> Any:
        by_row = [self.evaluate(tree, row) for row in range(ROWS)]
        is_same = all(np.array_equal(value, by_row[0]) for value in by_row)
        return by_row[0] if is_same else np.array(by_row)


def _check_steps(derived: Derivation, values: _Values) -> None:
    """Steps are equal to what they are written out, as a whole and by an element."""
    for step in derived.steps:
        for letter, meaning in reversed(step.letters):
            values.known[letter.text] = values.of(meaning)
        over, under = (arg.text for arg in step.gradient.args)
        closed = values.known[f"∂{over}/∂{under}"] = values.of(step.closed)
        formula = values.of(step.formula)
        np.testing.assert_allclose(formula, closed, rtol=1e-9, err_msg=str(derived))
        letters = Letters(build.names_in(step.formula))
        last = [build.number(int(size) - 1) for size in step.formula.shape]
        element = values.of(at(step.formula, last, letters))
        end = np.asarray(formula)[(..., *(-1 for _ in last))]
        np.testing.assert_allclose(element, end, rtol=1e-9, err_msg=str(derived))


@pytest.mark.parametrize("name", MODELS)
def test_gradients_have_the_values_of_grad(name: str) -> None:
    loss = MODELS[name]()
    parameters = Graph((loss,)).parameters
    derived = gc.derivation(loss, parameters)
    inputs, values = _feeds(loss)
    names = _Values({**inputs, **values})
    for name_, tree in [(e.name, e.value) for e in derived.forward]:
        assert name_ is not None
        names.known[name_.text] = names.of(tree)
    if name != "centered":
        _check_steps(derived, names)
    for symbol, tree in derived.abbreviations:
        names.known[symbol.text] = names.of(tree)
    expected = gc.evaluate(gc.grad(loss, parameters), inputs, parameters=values)
    for gradient, value in zip(derived.gradients, expected, strict=True):
        for form in gradient.forms:
            found = names.evaluate(form)
            message = f"{gradient.node}: {derived}"
            np.testing.assert_allclose(found, value, rtol=1e-9, err_msg=message)


# By hand


def _text(loss: gc.Node, wrt: Any) -> list[str]:
    return [line.strip() for line in str(gc.derivation(loss, wrt)).splitlines()]


def test_softmax_and_likelihood_of_a_linear_layer() -> None:
    W, b = _parameter("W", 3, 4), _parameter("b", 3)
    z = gc.nn.linear(_x(), W, b)
    loss = gc.nn.cross_entropy(z, _labels())
    assert str(gc.derivation(loss, [W, b])) == BY_HAND


BY_HAND = """\
Forward
  z = W x + b
  ℓ = -log(softmax(z)_y)
  loss = (1/batch) Σ_rows ℓ

Backward
  ∂ℓ/∂z = softmax(z) - onehot(y)
  ∂ℓ/∂z_i = softmax(z)_i - 1[y = i]
  ∂ℓ/∂b = (∂z/∂b)^T ∂ℓ/∂z
        = ∂ℓ/∂z
  ∂ℓ/∂W = (∂z/∂W)^T ∂ℓ/∂z
        = ∂ℓ/∂z x^T
  ∂ℓ/∂W_ij = ∂ℓ/∂z_i x_j
  ∂loss/∂b = (1/batch) Σ_rows ∂ℓ/∂b
  ∂loss/∂W = (1/batch) Σ_rows ∂ℓ/∂W

Gradients
  ∂loss/∂W = (1/batch) Σ_rows (∂z/∂W)^T ∂ℓ/∂z
           = (1/batch) Σ_rows (p - onehot(y)) x^T
  ∂loss/∂b = (1/batch) Σ_rows (∂z/∂b)^T ∂ℓ/∂z
           = (1/batch) Σ_rows (p - onehot(y))
  p = softmax(z)

For each row of the batch; vectors are columns."""


def test_the_chain_rule_with_and_without_a_name() -> None:
    x = _input("x")
    z = 2 * x + 1
    y = z**2
    assert _text(y, x)[-3:] == ["∂y/∂x = ∂y/∂z ∂z/∂x", "= 4z", "= 8x + 4"]
    assert _text((2 * x + 1) ** 2, x)[-1] == "= 8x + 4"


def test_one_neuron_a_layer() -> None:
    """The product of seven factors, by which a gradient vanishes."""
    a = _input("x")
    weights = [_parameter(f"w{n}") for n in range(1, 5)]
    b1, b2, b3, b4 = (_parameter(f"b{n}") for n in range(1, 5))
    z1 = weights[0] * a + b1
    a1 = gc.nn.sigmoid(z1)
    z2 = weights[1] * a1 + b2
    a2 = gc.nn.sigmoid(z2)
    z3 = weights[2] * a2 + b3
    a3 = gc.nn.sigmoid(z3)
    z4 = weights[3] * a3 + b4
    C = (z4 - 1.0) ** 2
    lines = _text(C, b1)
    chain = "∂C/∂z4 ∂z4/∂a3 ∂a3/∂z3 ∂z3/∂a2 ∂a2/∂z2 ∂z2/∂a1 ∂a1/∂z1 ∂z1/∂b1"
    factors = "w4 a3 (1 - a3) w3 a2 (1 - a2) w2 a1 (1 - a1)"
    assert lines[-2:] == [f"∂C/∂b1 = {chain}", f"= 2 (z4 - 1) {factors}"]
    assert "∂a3/∂z3 = a3 (1 - a3)" in lines


def test_hidden_layer() -> None:
    """Relu as a diagonal matrix, the linear layers by their transposes and by sums."""
    loss = _network(gc.nn.relu)
    lines = _text(loss, Graph((loss,)).parameters)
    for expected in (
        "∂h/∂z = diag(1[z > 0])",
        "∂ℓ/∂z_i = 1[z_i > 0] ∂ℓ/∂h_i",
        "∂ℓ/∂h_i = Σ_j W2_ji ∂ℓ/∂o_j",
        "= W2^T ∂ℓ/∂o",
        "= (1/batch) Σ_rows diag(1[z > 0]) W2^T (p - onehot(y)) x^T",
    ):
        assert expected in lines, "\n".join(lines)


def test_scalars_stand_in_front() -> None:
    """Of a diagonal matrix by a column of one number, and of a quadratic form."""
    theta = gc.parameter("theta", (3,))
    assert _text(0.05 * gc.sum(gc.square(theta)), theta)[-1] == "∂L/∂theta = 0.1 theta"
    x, w = _input("x", 3), _parameter("w", 3, 3)
    last = "∂L/∂w = 2 (x^T w x) x x^T"
    assert _text(gc.square(x @ w @ x), w)[-1] == last


def test_attention_is_written_in_one_way() -> None:
    loss = _attention()
    text = str(gc.derivation(loss, Graph((loss,)).parameters))
    assert "softmax(Q K^T / √4)" in text
    assert "0.5" not in text


def test_accumulation_is_shown() -> None:
    x = _input("x")
    u = gc.sin(x)
    v = gc.exp(x)
    y = u * v
    lines = _text(y, x)
    assert "∂y/∂x = ∂y/∂u ∂u/∂x + ∂y/∂v ∂v/∂x" in lines


@pytest.mark.parametrize("name", ["regression", "scalar", "images", "indices", "loop"])
def test_latex(name: str, tmp_path: Path) -> None:
    """It is what LaTeX compiles, where there is one; in Markdown it stands in `$$`."""
    loss = _loop() if name == "loop" else MODELS[name]()
    derived = gc.derivation(loss, Graph((loss,)).parameters)
    assert derived.markdown.count("$$") == 6
    assert derived.latex.count("{") == derived.latex.count("}")
    # Every letter is one that LaTeX's fonts have.
    assert "[U" not in derived.latex
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    document = tmp_path / "derivation.tex"
    document.write_text(
        "\\documentclass{article}\\usepackage{amsmath}\\begin{document}\n"
        f"{derived.latex}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-halt-on-error", document.name]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def _loop() -> gc.Node:
    W, U, h0 = _parameter("W", 3, 3), _parameter("U", 3, 2), _parameter("h0", 3)

    def step(h: gc.Node, x: gc.Node) -> tuple[gc.Node, gc.Node]:
        new = gc.tanh(W @ h + U @ x)
        return new, new

    h, hs = gc.scan(step, h0, _input("x", 4, 2))
    loss = gc.sum(h**2) + gc.sum(gc.sin(hs))
    return loss


def test_a_loop_is_a_recurrence() -> None:
    """Backpropagation through time, as it is printed, by NumPy."""
    loss = _loop()
    parameters = Graph((loss,)).parameters
    lines = _text(loss, parameters)
    for expected in (
        "h_t = tanh(W h_{t-1} + U x_t),  t = 1, …, 4",
        "h_0 = h0",
        "∂loss/∂h_4 = ∂loss/∂h + ∂loss/∂hs_4",
        "∂loss/∂h_{t-1} = (∂h_t/∂h_{t-1})^T ∂loss/∂h_t + 1[t > 1] ∂loss/∂hs_{t-1}",
        "= W^T diag(1 - h_t^2) ∂loss/∂h_t + 1[t > 1] ∂loss/∂hs_{t-1},  t = 4, …, 1",
        "= Σ_t diag(1 - h_t^2) ∂loss/∂h_t h_{t-1}^T",
    ):
        assert expected in lines, "\n".join(lines)
    inputs, values = _feeds(loss)
    W, U, h = values["W"], values["U"], [values["h0"]]
    for x_t in inputs["x"]:
        h.append(np.tanh(W @ h[-1] + U @ x_t))
    d = 2 * h[-1] + np.cos(h[-1])
    d_W, d_U, x = np.zeros_like(W), np.zeros_like(U), inputs["x"]
    for t in range(4, 0, -1):
        flow = np.diag(1 - h[t] ** 2) @ d
        d_W, d_U = d_W + np.outer(flow, h[t - 1]), d_U + np.outer(flow, x[t - 1])
        d = W.T @ flow + (t > 1) * np.cos(h[t - 1])
    by_name = {"W": d_W, "U": d_U, "h0": d}
    found = gc.evaluate(gc.grad(loss, parameters), inputs, parameters=values)
    for node, value in zip(parameters, found, strict=True):
        np.testing.assert_allclose(value, by_name[str(node.name)], rtol=1e-9)


def test_elements_of_rows_and_letters_without_axes_of_one() -> None:
    x = _input("x", "batch", 4)
    lines = _text(gc.mean(x[:, 0]), [x])
    assert "∂ℓ/∂x_i = 1[i = 0]" in lines
    lines = _text(gc.mean(gc.nn.layer_norm(x, (4,)) ** 2), [x])
    assert any("/ σ" in line for line in lines)
    assert not any("σ_0" in line for line in lines)
    once = gc.nn.layer_norm(x, (4,))
    twice = gc.nn.layer_norm(once, (4,))
    latex = gc.derivation(gc.mean(twice**2), [x]).latex
    assert r"{\hat{x}_{2}{}}_{i}" in latex  # Without {} TeX sees two indices.
    assert r"+ 10^{-5}}" in latex
    assert "1e" not in latex


def test_clips_and_pools() -> None:
    x = _input("x", 1, 1, 9, 9)
    p = gc.clip(gc.nn.max_pool2d(x, 3, stride=2, padding=1), 0.0, 6.0)
    lines = _text(gc.sum(p), x)
    pool = "maxpool_{3×3, stride 2×2, padding 1×1}"
    assert any(line.startswith(f"p = min(max({pool}(x), 0), 6)") for line in lines)
    assert any(f"1[0 ≤ {pool}(x) ≤ 6]" in line for line in lines)


def test_choices_and_loops_with_a_test() -> None:
    x = _input("x")
    y = gc.cond(x > 0, lambda a: gc.sin(a) * x, lambda a: a * 2.0, 3.0 * x)
    assert str(y) == "y = {sin(3x) x if x > 0, else 6x}"
    z = gc.while_loop(lambda a: a < 100.0, lambda a: 2.0 * a + 1.0, x)
    line = "a_t = 2 a_{t-1} + 1,  t = 1, …, T,  as long as  a_{t-1} < 100"
    assert str(z).splitlines() == ["z = a_T", line, "a_0 = x"]
    with pytest.raises(DifferentiationError, match="reverse mode needs the values"):
        gc.derivation(z * 1.0, x)


def test_closed_forms_by_hand() -> None:
    """Printed gradients, worked out by NumPy for the same arrays."""
    x, W = _input("x", 2, 6), _parameter("W", 3, 2, 3)
    y = gc.nn.conv1d(x, W, padding=1)
    convolution = gc.sum(y**3)
    t, E = gc.input("t", (5,), "int64"), _parameter("E", 3, 2)
    e = gc.nn.embedding(t, E)
    lookup = gc.sum(e**3)
    v = _parameter("v", 6)
    p = gc.nn.max_pool1d(gc.expand_dims(v, 0), 3)
    pool = gc.sum(p**3)
    c = gc.cumsum(v, axis=0)
    total = gc.sum(c**3)
    n = gc.nn.batch_norm(_parameter("b", 4, 3), None, None, training=True, eps=0.25)
    norm = gc.sum(n**3)

    def of_convolution(x: Any, W: Any) -> Any:
        padded = np.pad(x, ((0, 0), (1, 1)))
        windows = np.stack([padded[:, k : k + 6] for k in range(3)])
        d = 3 * np.einsum("ock,kcj->oj", W, windows) ** 2
        return np.einsum("kcj,oj->ock", windows, d)

    def of_pool(v: Any) -> Any:
        best = v.reshape(2, 3).argmax(axis=1).repeat(3)
        return np.where(np.arange(6) % 3 == best, 3 * v**2, 0.0)

    def of_norm(b: Any) -> Any:
        deviation = np.sqrt(b.var(axis=0) + 0.25)
        scaled = (b - b.mean(axis=0)) / deviation
        d = 3 * scaled**2
        return (d - d.mean(axis=0) - scaled * (d * scaled).mean(axis=0)) / deviation

    cases: list[tuple[gc.Node, str, Callable[..., Any]]] = [
        (convolution, "∂L/∂W_ijk = Σ_l x_{j,l+k-1} ∂L/∂y_il", of_convolution),
        (
            lookup,
            "∂L/∂E_ij = Σ_{k: t_k=i} ∂L/∂e_kj",
            lambda t, E: np.eye(3)[t].T @ (3 * E[t] ** 2),
        ),
        (pool, "1[i mod 3 = argmax_j v_{3⌊i/3⌋+j}] ∂L/∂p_{0,⌊i/3⌋}", of_pool),
        (
            total,
            "∂L/∂v_i = Σ_{j: i≤j} ∂L/∂c_j",
            lambda v: (3 * np.cumsum(v) ** 2)[::-1].cumsum()[::-1],
        ),
        (norm, "mean_{axis 0}(∂L/∂n ⊙ x̂)) / σ", of_norm),
    ]
    for loss, line, by_hand in cases:
        (parameter,) = Graph((loss,)).parameters
        text = str(gc.derivation(loss * 1.0, parameter))
        inputs, values = _feeds(loss)
        expected = by_hand(**inputs, **values)
        found = gc.evaluate(gc.grad(loss, parameter), inputs, parameters=values)
        np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=line)
        assert line in text, text


def test_drawings_light_up_edge_by_edge() -> None:
    """From the loss back, laid out alike: gradients to come are there, unseen."""
    loss = _network(gc.nn.relu)
    drawings = gc.derivation(loss, Graph((loss,)).parameters).drawings()
    sources = [drawing.source for drawing in drawings]
    edges = sources[0].count('class="gradient"')
    assert len(sources) == edges + 1
    for count, source in enumerate(sources):
        assert source.count('style="invis"') == edges - count
        assert source.count("penwidth") == (count > 0)
    lit = next(line for line in sources[2].splitlines() if "penwidth" in line)
    assert "∂ℓ/∂o = softmax(o) - onehot(y)" in lit


def test_errors() -> None:
    x, w = _input("x", 3), _parameter("w", 3)
    with pytest.raises(DifferentiationError, match="takes a floating scalar"):
        gc.derivation(x * w, w)
    with pytest.raises(DifferentiationError, match="does not depend on w"):
        gc.derivation(gc.sum(x), w)
