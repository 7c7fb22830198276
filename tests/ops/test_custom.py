"""Derivative rules of the user's: what they give, compose with, and refuse."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ArgumentError, DifferentiationError, GraphcError
from graphc.ir import Graph, Node, verify
from graphc.ir.fingerprint import graph_hash
from graphc.ops.control import call
from graphc.passes.pipeline import optimize
from tests.styles import STYLES, assert_styles_agree


@gc.custom_vjp
def doubled(x: Node) -> Node:
    """`x**2`, with twice its gradient."""
    return x * x


doubled.defvjp(lambda x: (doubled(x), x), lambda x, g: (4.0 * x * g,))


def clipped(m: Any) -> Callable[..., Any]:
    """The identity, with a gradient that is bounded; bounds are no arguments."""
    f = m.custom_vjp(lambda low, high, x: m.np.sin(x), nondiff_argnums=(0, 1))

    def fwd(low: float, high: float, x: Any) -> Any:
        return f(low, high, x), {"cos": m.np.cos(x), "unused": None}

    def bwd(low: float, high: float, saved: Any, g: Any) -> Any:
        return (m.np.clip(g * saved["cos"], low, high),)

    f.defvjp(fwd, bwd)
    return lambda x, y: f(-0.5, 0.5, x * y) * y


def of_structures(m: Any) -> Callable[..., Any]:
    """Several arguments and results in lists and dicts, one without a gradient."""

    @m.custom_vjp
    def f(pair: Any, z: Any) -> Any:
        return {"a": [pair["x"] * z], "b": m.np.exp(pair["y"])}

    def fwd(pair: Any, z: Any) -> Any:
        return f(pair, z), (pair["x"], m.np.exp(pair["y"]), z)

    def bwd(saved: Any, g: Any) -> Any:
        x, e, z = saved
        return {"x": 3.0 * z * g["a"][0], "y": g["b"] * e + g["a"][0] * x}, None

    f.defvjp(fwd, bwd)

    def whole(x: Any, y: Any) -> Any:
        found = f({"x": x, "y": y}, x + y)
        return found["a"][0] * found["b"]

    return whole


def by_tangents(m: Any) -> Callable[..., Any]:
    @m.custom_jvp
    def f(x: Any, y: Any) -> Any:
        return m.np.sin(x) * y, x / (1.0 + y * y)

    @f.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x, y), (dx, dy) = primals, tangents
        first, second = f(x, y)
        return (first, second), (m.np.cos(x) * y * dx + 7.0 * dy, dx * second)

    def whole(x: Any, y: Any) -> Any:
        first, second = f(x, y)
        return first * second

    return whole


def by_tangents_of_each(m: Any) -> Callable[..., Any]:
    @m.custom_jvp
    def f(x: Any, y: Any) -> Any:
        return m.np.exp(x) * y

    f.defjvps(lambda t, ans, x, y: 2.0 * t * ans, lambda t, ans, x, y: t * m.np.exp(x))
    return f


def nested(m: Any) -> Callable[..., Any]:
    """A function with a rule inside the rule of another."""
    inner = clipped(m)

    @m.custom_vjp
    def f(x: Any, y: Any) -> Any:
        return inner(x, y) * x

    def bwd(saved: Any, g: Any) -> Any:
        x, y = saved
        return inner(x, y) * g, g * f(y, x)

    f.defvjp(lambda x, y: (f(x, y), (x, y)), bwd)
    return f


FUNCTIONS = [
    clipped,
    of_structures,
    by_tangents,
    by_tangents_of_each,
    nested,
]
GC = SimpleNamespace(np=gc, custom_vjp=gc.custom_vjp, custom_jvp=gc.custom_jvp)
A = np.array([0.3, -1.2, 0.8])
B = np.array([1.1, 0.4, -0.9])


def nodes(make: Callable[[Any], Callable[..., Any]]) -> dict[str, Any]:
    """Value, gradients, and a gradient of them."""
    x, y = gc.input("x", (3,), "float64"), gc.input("y", (3,), "float64")
    value = make(GC)(x, y)
    loss = gc.sum(value * gc.exp(x))
    first = gc.grad(loss, [x, y], unused="zeros")
    mixed = gc.sum(first[0] * gc.sin(x) + first[1] * x)
    second = gc.grad(mixed, [x, y], unused="zeros")
    return {"loss": loss, "first": first, "second": second}


@pytest.mark.peer
@pytest.mark.parametrize("make", FUNCTIONS)
def test_values_and_derivatives_are_those_of_jax(
    make: Callable[[Any], Callable[..., Any]],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        module = SimpleNamespace(
            np=jnp, custom_vjp=jax.custom_vjp, custom_jvp=jax.custom_jvp
        )
        function = make(module)

        def loss(x: Any, y: Any) -> Any:
            return jnp.sum(function(x, y) * jnp.exp(x))

        def mixed(x: Any, y: Any) -> Any:
            first = jax.grad(loss, (0, 1))(x, y)
            return jnp.sum(first[0] * jnp.sin(x) + first[1] * x)

        expected = (loss(A, B), jax.grad(loss, (0, 1))(A, B))
        expected = (*expected, jax.grad(mixed, (0, 1))(A, B))
        examples = np.stack([A, B, A * B])
        per_example = jax.vmap(jax.grad(lambda x, y: loss(x, y)), (0, None))(
            examples, B
        )
        # A loop, since JAX's vmap counts a part that all examples share several times.
        shared = jax.grad(lambda y: sum(jnp.sum(function(e, y) ** 2) for e in examples))
        shared = shared(B)
    feeds = {"x": A, "y": B}
    found = gc.evaluate(nodes(make), feeds)
    for value, other in zip(found.values(), expected, strict=True):
        np.testing.assert_allclose(value, np.asarray(other), rtol=1e-12, atol=1e-14)

    ours = make(GC)
    several, y = gc.input("x", (3, 3), "float64"), gc.input("y", (3,), "float64")
    each = gc.vmap(
        lambda x, y: gc.grad(gc.sum(ours(x, y) * gc.exp(x)), x), in_axes=(0, None)
    )(several, y)
    together = gc.grad(gc.sum(gc.vmap(ours, (0, None))(several, y) ** 2), y)
    found = gc.evaluate([each, together], {"x": examples, "y": B})
    np.testing.assert_allclose(found[0], np.asarray(per_example), rtol=1e-12)
    np.testing.assert_allclose(found[1], np.asarray(shared), rtol=1e-12)


@pytest.mark.parametrize("make", FUNCTIONS)
def test_programs_compute_what_the_interpreter_does(
    make: Callable[[Any], Callable[..., Any]],
) -> None:
    declared = nodes(make)
    outputs = Graph((declared["loss"], *declared["first"], *declared["second"]))
    verify(outputs)
    optimized = optimize(outputs, verify_each=True)
    # The rules have been applied, and no function is left of them.
    assert not any(node.bodies for node in optimized.nodes)
    feeds = {"x": A, "y": B}
    expected = gc.evaluate(declared, feeds)
    for style in STYLES:
        assert_styles_agree(gc.compile(declared, style=style)(**feeds), expected)


@pytest.mark.parametrize("make", [f for f in FUNCTIONS if f is not clipped])
def test_both_modes_agree(make: Callable[[Any], Callable[..., Any]]) -> None:
    x, y = gc.input("x", (3,), "float64"), gc.input("y", (3,), "float64")
    value = make(GC)(x, y)
    tangent = gc.jvp(value, [x, y], [B, A])
    adjoints = gc.vjp(value, [x, y], A, unused="zeros")
    found = gc.evaluate([tangent, adjoints], {"x": A, "y": B})
    # All of these are the same elementwise, but for what they are times.
    right = found[1][0] @ B + found[1][1] @ A
    np.testing.assert_allclose(found[0] @ A, right, rtol=1e-12)


def test_inside_of_functions_that_are_called() -> None:
    x, w = gc.input("x", (3,), "float64"), gc.parameter("w", (3,), dtype="float64")
    f = nested(GC)
    layers = [lambda v: call(lambda v: gc.tanh(f(v, w)), v), lambda v: gc.tanh(f(v, w))]
    found: list[Any] = []
    for layer in layers:
        loss = gc.sum(layer(layer(layer(x))))
        gradients = gc.grad(loss, [x, w])
        second = gc.grad(gc.sum(gradients[0] * gradients[1]), w)
        outputs = [loss, *gradients, second]
        feeds = {"x": A, "w": B}
        found.append(gc.evaluate(outputs, feeds))
        program = gc.compile(outputs)
        program.parameters["w"] = B
        assert_styles_agree(program(x=A), found[-1])
    assert_styles_agree(found[0], found[1])


def test_arguments_by_name_defaults_arrays_and_numbers() -> None:
    @gc.custom_vjp
    def f(x: Node, scale: Any = 2.0, *, unused: int = 0) -> Node:
        return x * scale

    f.defvjp(lambda x, scale: (f(x), None), lambda _, g: (g, None))
    with pytest.raises(ArgumentError, match="f has keyword-only arguments"):
        f(A)

    @gc.custom_vjp
    def g(x: Node, scale: Any = 2.0) -> Node:
        return x * scale

    g.defvjp(lambda x, scale: (x * scale, scale), lambda s, c: (c * s * 10.0, None))
    x = gc.input("x", (3,), "float32")
    assert g(x).dtype == np.float32
    for value, slope in ((g(x), 20.0), (g(x, scale=3.0), 30.0), (g(x, A), A * 10.0)):
        found = gc.evaluate(gc.grad(gc.sum(value), x), {"x": A.astype("float32")})
        np.testing.assert_allclose(found, np.broadcast_to(slope, 3), rtol=1e-6)


def test_a_gradient_of_float64_is_rounded_to_the_argument() -> None:
    @gc.custom_vjp
    def f(x: Node) -> Node:
        return x + 1.0

    f.defvjp(lambda x: (f(x), None), lambda _, g: (g * np.float64(2.0),))
    x = gc.input("x", (3,), "float32")
    assert gc.grad(gc.sum(f(x)), x).dtype == np.float32


def test_integers_have_no_gradient() -> None:
    @gc.custom_vjp
    def pick(table: Node, index: Node) -> Node:
        return table[index]

    def bwd(saved: tuple[Node, Node], g: Node) -> tuple[Node, None]:
        table, index = saved
        return gc.zeros_like(table).at[index].add(g), None

    pick.defvjp(lambda t, i: (pick(t, i), (t, i)), bwd)
    table, index = gc.input("t", (4,), "float64"), gc.input("i", (2,), "int64")
    found = gc.grad(gc.sum(pick(table, index)), table)
    assert gc.evaluate(found, {"t": np.ones(4), "i": [3, 3]}).tolist() == [0, 0, 0, 2]


def test_copies_and_hashes() -> None:
    x = gc.input("x", (), "float64")
    node = doubled(x)
    assert graph_hash([node]) == graph_hash([doubled(x)])
    assert copy.deepcopy(node) is node
    restored = pickle.loads(pickle.dumps(node))
    (inner,) = Graph((restored,)).inputs
    assert gc.evaluate(gc.grad(restored, inner), {"x": 3.0}) == 12.0
    assert gc.evaluate(gc.grad(node, x), {"x": 3.0}) == 12.0


def test_checks_leave_rules_out_unless_asked() -> None:
    x = gc.input("x", (3,), "float64")
    right = gc.grad(gc.sum(doubled(x)), x)
    np.testing.assert_allclose(gc.evaluate(right, {"x": A}), 4 * A)
    loss = gc.sum(doubled(x) + gc.sin(x))
    report = gc.check_gradients(loss, feeds={"x": A})
    assert report.passed
    (part,) = report.unchecked
    assert [node.name for node in part.variables] == ["x"]
    assert "not checked: what flows to x through custom_vjp doubled" in str(report)
    assert "all other parts of gradients agree" in str(report)
    report = gc.check_gradients(loss, feeds={"x": A}, custom=True)
    assert not report.passed
    assert "custom_vjp 'doubled'" in str(report.worst_node)
    fine = gc.sum(by_tangents_of_each(GC)(gc.ones(3, "float64"), x))
    assert gc.check_gradients(fine, [x], {"x": A}, custom=True).passed


def test_checks_find_rules_in_loops_and_blocks_and_functions() -> None:
    x = gc.input("x", (4, 3), "float64")
    feeds = {"x": np.linspace(-1, 1, 12).reshape(4, 3), "w": np.array([1.0, 2.0, 0.5])}
    w = gc.parameter("w", (3,), dtype="float64")

    @gc.block
    def part(v: Node) -> Node:
        return doubled(v) + gc.sin(v)

    def stopped(c: Node, v: Node) -> tuple[Node, None]:
        return gc.tanh(c + v * w) * gc.stop_gradient(c), None

    losses = {
        "scan": gc.scan(lambda c, v: (part(c + v * w), None), w, x * 0.1)[0],
        "custom_vjp doubled": gc.function(part)(x * w),
        "scan stopped": gc.scan(stopped, w, x)[0],
    }
    for name, value in losses.items():
        report = gc.check_gradients(gc.sum(value) + gc.sum(w**2), w, feeds)
        assert report.passed, report
        assert f"through {name}" in str(report)
    right = gc.check_gradients(gc.sum(losses["scan stopped"]), w, feeds, custom=True)
    assert right.passed
    assert right.unchecked


def test_a_check_holds_all_results_of_an_op_together() -> None:
    x = gc.input("x", (3, 3), "float64")
    values, vectors = gc.linalg.eigh(x @ x.T)
    loss = gc.sum(gc.sin(values) + vectors[0] ** 2)
    assert gc.check_gradients(loss).passed


def wrong_rules() -> list[tuple[str, Callable[[Node], Any]]]:
    w = gc.parameter("w", (3,), dtype="float64")

    def of(fwd: Callable[..., Any], bwd: Callable[..., Any]) -> Callable[[Node], Any]:
        def f(x: Node) -> Node:
            return x * 2.0

        custom = gc.custom_vjp(f)
        custom.defvjp(fwd, bwd)
        return lambda x: gc.grad(gc.sum(custom(x)), x)

    def of_jvp(rule: Callable[..., Any]) -> Callable[[Node], Any]:
        custom = gc.custom_jvp(lambda x: x * 2.0)
        custom.defjvp(rule)
        return lambda x: gc.grad(gc.sum(custom(x)), x)

    def good(x: Node) -> Any:
        return x * 2.0, None

    return [
        ("forward rule of f must return a pair", of(lambda x: x, lambda r, g: (g,))),
        (
            "values of the form",
            of(lambda x: ([x], None), lambda r, g: (g,)),
        ),
        (
            r"must return a value of type float64 \(3,\)",
            of(lambda x: (gc.sum(x), None), lambda r, g: (g,)),
        ),
        (
            "must return a tuple with a cotangent for each of the 1",
            of(good, lambda r, g: g),
        ),
        (
            r"a tuple with a cotangent for each of the 1",
            of(good, lambda r, g: (g, g)),
        ),
        (
            r"returned float64 \(\) for x, which is float64 \(3,\)",
            of(good, lambda r, g: (gc.sum(g),)),
        ),
        (
            r"backward rule of f takes w: float64 \(3,\) from outside",
            of(good, lambda r, g: (g * w,)),
        ),
        ("the rule of <lambda> must return a pair", of_jvp(lambda p, t: t[0])),
        ("not linear in the tangents", of_jvp(lambda p, t: (p[0], t[0] * t[0]))),
        (
            r"returned float64 \(1,\) for the result",
            of_jvp(lambda p, t: (p[0], t[0][:1])),
        ),
    ]


@pytest.mark.parametrize(("message", "make"), wrong_rules(), ids=lambda v: str(v)[:30])
def test_what_rules_return_is_checked(
    message: str, make: Callable[[Node], Any]
) -> None:
    with pytest.raises(GraphcError, match=message) as caught:
        make(gc.input("x", (3,), "float64"))
    assert str(caught.value.location).startswith(__file__)


def test_what_functions_do_is_checked() -> None:
    x, w = gc.input("x", (3,), "float64"), gc.parameter("w", (3,), dtype="float64")
    wrong: list[tuple[type[GraphcError], str, Callable[[], Any]]] = [
        (ArgumentError, "must be a function, got 3", lambda: gc.custom_vjp(3)),  # type: ignore[arg-type]
        (
            ArgumentError,
            "nondiff_argnums must be positions",
            lambda: gc.custom_vjp(lambda x: x, 1),
        ),
        (
            DifferentiationError,
            "a gc.custom_vjp without a rule",
            lambda: gc.custom_vjp(lambda x: x)(x),
        ),
        (
            DifferentiationError,
            "a gc.custom_jvp without a rule",
            lambda: gc.custom_jvp(lambda x: x)(x),
        ),
        (ArgumentError, "must be a function, got 3", lambda: doubled.defvjp(3, 4)),  # type: ignore[arg-type]
        (ArgumentError, "too many positional", lambda: doubled(x, x)),  # type: ignore[call-arg]
        (GraphcError, "takes w: float64", lambda: ruled(lambda x: x * w)(x)),
        (
            GraphcError,
            "results of <lambda> must be nodes",
            lambda: ruled(lambda x: "text")(x),
        ),
        (
            GraphcError,
            "gc.where",
            lambda: ruled(lambda x: x if x[0] > 0 else -x)(x),
        ),
        (
            GraphcError,
            "draws .* from outside",
            lambda: ruled(lambda x: gc.nn.dropout(x))(x),
        ),
    ]
    for error, message, make in wrong:
        with pytest.raises(error, match=message) as caught:
            make()
        assert str(caught.value.location).startswith(__file__)


def ruled(function: Callable[..., Any]) -> Any:
    custom = gc.custom_vjp(function)
    custom.defvjp(lambda x: (x, None), lambda _, g: (g,))
    return custom
