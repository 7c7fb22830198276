"""Functions that stay functions, and those that are computed again."""

from __future__ import annotations

import ast
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import ArgumentError, DTypeError, GraphcError, NamingError
from graphc.ir import Graph, Node, verify
from graphc.passes.pipeline import optimize
from graphc.program.footprint import CACHE_LINE
from tests.styles import STYLES, assert_styles_agree

WIDTH = 16
Wrap = Callable[[Any], Any]


def plain(fun: Any) -> Any:
    return fun


def network(wrap: Wrap, count: int) -> tuple[Node, list[Node]]:
    """A loss of residual layers, and its gradients."""
    hidden = gc.input("x", ("batch", WIDTH))
    for number in range(count):
        up = gc.nn.Linear(WIDTH, 4 * WIDTH, name=f"layer{number}.up")
        down = gc.nn.Linear(4 * WIDTH, WIDTH, name=f"layer{number}.down")

        def layer(x: Node, up: Any = up, down: Any = down) -> Node:
            return x + down(gc.tanh(up(x)))

        hidden = wrap(layer)(hidden)
    loss = gc.mean(gc.square(hidden))
    return loss, gc.grad(loss, list(Graph((loss,)).trainable))


def functions_of(source: str) -> dict[str, ast.FunctionDef]:
    body = ast.parse(source).body
    return {part.name: part for part in body if isinstance(part, ast.FunctionDef)}


X = np.linspace(-1, 1, 64 * WIDTH, dtype="float32").reshape(64, WIDTH)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("wrap", [gc.function, gc.checkpoint])
def test_layers_that_are_alike_are_one_function_forward_and_one_backward(
    wrap: Wrap, style: Any
) -> None:
    loss, gradients = network(plain, 5)
    expected = gc.compile([loss, *gradients], style=style)
    loss, gradients = network(wrap, 5)
    found = gc.compile([loss, *gradients], style=style)
    for name, value in expected.parameters.items():
        found.parameters[name] = value
    assert_styles_agree(found(x=X), expected(x=X))
    functions = functions_of(found.source)
    names = [a.arg for a in functions["layer"].args.args]
    assert names == ["x", "up_weight", "up_bias", "down_weight", "down_bias"]
    # In fast style results are written to arrays of the caller, as `out=` of NumPy.
    outs = [a.arg for a in functions["layer"].args.kwonlyargs]
    assert outs == (["out"] if style == "fast" else [])
    assert "layer_backward" in functions
    # In fast style there is one more of each for data of one row.
    variants = 2 if style == "fast" else 1
    times = 1 if wrap is gc.function else 2
    assert found.source.count("tanh(") == times * variants
    # Each further layer is two calls.
    longer = gc.compile([*network(wrap, 6)[1]], style=style).source
    assert set(functions_of(longer)) == set(functions)
    texts = [functions_of(text)["layer_backward"] for text in (found.source, longer)]
    assert ast.unparse(texts[0]) == ast.unparse(texts[1])


def test_the_memory_of_checkpoints_is_that_of_one_layer() -> None:
    used: dict[tuple[str, int], tuple[int, int]] = {}
    for wrap in (plain, gc.checkpoint):
        for count in (4, 8):
            loss, gradients = network(wrap, count)
            function = gc.compile([loss, *gradients])
            function(x=X)
            tracemalloc.start()
            function(x=X)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            workspace = function.footprint.workspace.evaluate({"batch": len(X)})
            used[wrap.__name__, count] = workspace, workspace + peak
    layer = X.nbytes
    # What is kept of a layer are its input and what is 4 times as wide, twice.
    assert used["plain", 8][0] - used["plain", 4][0] > 4 * 4 * layer
    # Besides the gradients, its input alone.
    kept = used["checkpoint", 8][0] - used["checkpoint", 4][0]
    assert kept <= 4 * (layer + CACHE_LINE)
    gradients = 4 * (2 * 4 * WIDTH * WIDTH + 5 * WIDTH) * 4
    growth = used["checkpoint", 8][1] - used["checkpoint", 4][1]
    assert growth < 1.5 * (4 * layer + gradients)


def test_results_of_functions_are_arrays_of_their_own() -> None:
    """Views, arguments, numbers and one value twice, some read and some not."""
    x = gc.input("x", ("n", 3), "float64")
    w = gc.parameter("w", (3, 3), gc.init.normal(), dtype="float64")

    @gc.function
    def part(x: Node) -> tuple[Node, ...]:
        h = gc.tanh(x @ w)
        return h.T, h, h, x, gc.sum(h), h[:, :2], gc.exp(x)[1:], x.T

    @gc.function
    def whole(x: Node) -> tuple[Node, ...]:
        a = part(x)
        b = part(a[2])
        return a[0], b[1], b[0], a[1] + b[1], a[5]

    def step(h: Node, _: Node) -> tuple[Node, Any]:
        found = part(h)
        return found[1], (found[0], found[1], found[4])

    a = part(x)
    b, d = part(a[1]), whole(x)
    e = whole(d[3])
    last, stacks = gc.scan(step, x, gc.zeros((4,)))
    chosen = gc.cond(gc.sum(x) > 0, lambda x: part(x)[1], lambda x: part(x)[0].T, x)
    loss = gc.sum(a[1] * 2) + gc.sum(b[6]) + b[4] * gc.sum(e[3] * e[0].T)
    loss = loss + gc.sum(last) + gc.sum(stacks[0]) + gc.sum(chosen)
    nodes = [*a, *b[:5], *d, *e, a[0].T + b[1], last, *stacks, chosen, loss]
    nodes += gc.grad(loss, [x, w])
    feeds = {"x": np.random.default_rng(0).normal(size=(5, 3))}
    compiled = gc.compile(nodes, style="fast")
    found = compiled(**feeds)
    copies = [np.copy(value) for value in found]
    compiled(x=-feeds["x"])
    expected = gc.evaluate(nodes, feeds, parameters=compiled.parameters)
    for value, copied, right in zip(found, copies, expected, strict=True):
        assert np.array_equal(value, copied)
        np.testing.assert_allclose(value, right, rtol=1e-9, atol=1e-12)
    arrays = [value for value in found if value.ndim]
    for place, value in enumerate(arrays):
        assert not any(np.shares_memory(value, each) for each in arrays[:place])


def test_what_is_computed_again_is_not_merged_with_what_is_there() -> None:
    x = gc.input("x", (3,), "float64")
    y = gc.checkpoint(lambda x: gc.exp(gc.sin(x)))(x)
    loss = gc.sum(y) + gc.sum(gc.exp(gc.sin(x)))
    optimized = optimize(Graph((loss, gc.grad(loss, x))), verify_each=True)
    calls = [node for node in optimized.nodes if node.bodies]
    assert [node.name for node in calls] == [None, None]
    assert [node.op.facts.recomputes for node in calls] == [True, True]
    assert len([n for n in calls[1].bodies[0].nodes if n.op is gc.exp.op]) == 1


def test_derivatives_of_any_order_and_in_both_modes() -> None:
    w = gc.parameter("w", (3,), dtype="float64")
    feeds = {"x": np.array([0.3, -0.2, 0.9]), "w": np.array([1.0, 2.0, -1.5])}

    def inner(x: Node) -> Node:
        return gc.sin(x * w)

    def outer(wrap: Wrap) -> Callable[[Node], Node]:
        return lambda x: gc.exp(wrap(inner)(x)) * x

    found: list[Any] = []
    for wrap in (plain, gc.function, gc.checkpoint):
        x = gc.input("x", (3,), "float64")
        twice = wrap(outer(wrap))
        loss = gc.sum(twice(twice(x)))
        first = gc.grad(loss, [x, w])
        second = gc.grad(gc.sum(first[0] * first[1]), [x, w])
        tangent = gc.jvp(loss, x, np.ones(3))
        outputs = [loss, *first, *second, tangent, gc.hvp(loss, w, np.ones(3))]
        verify(Graph(tuple(outputs)))
        found.append(gc.evaluate(outputs, feeds))
        for style in STYLES:
            program = gc.compile(outputs, style=style)
            program.parameters["w"] = feeds["w"]
            assert_styles_agree(program(x=feeds["x"]), found[-1])
        several = gc.input("several", (2, 3), "float64")
        rows = np.stack([feeds["x"], feeds["w"]])
        each = gc.vmap(lambda x, f=twice: gc.grad(gc.sum(f(x)), x))(several)
        found[-1].append(gc.evaluate(each, {"several": rows, "w": feeds["w"]}))
    for other in found[1:]:
        for value, expected in zip(other, found[0], strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.peer
def test_checkpoints_are_those_of_jax() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)

        def build(np: Any, checkpoint: Any) -> Callable[..., Any]:
            @checkpoint
            def part(pair: Any, scale: Any) -> Any:
                return {"a": np.tanh(pair[0] * scale), "b": [np.exp(pair[1])]}

            def whole(x: Any, y: Any) -> Any:
                found = part((x, y), 2.0)
                again = checkpoint(lambda z: part((z, y), 3.0)["a"] * z)(found["b"][0])
                return np.sum(found["a"] * again)

            return whole

        a, b = np.array([0.1, 0.5]), np.array([-0.4, 0.2])
        theirs = build(jnp, jax.checkpoint)
        expected = (theirs(a, b), *jax.grad(theirs, (0, 1))(a, b))
        hessian = jax.hessian(theirs, 1)(a, b)
    x, y = gc.input("x", (2,), "float64"), gc.input("y", (2,), "float64")
    loss = build(gc, gc.checkpoint)(x, y)
    outputs = [loss, *gc.grad(loss, [x, y]), gc.hessian(loss, y)]
    for found, other in zip(
        gc.evaluate(outputs, {"x": a, "y": b}), (*expected, hessian), strict=True
    ):
        np.testing.assert_allclose(found, np.asarray(other), rtol=1e-12)


def test_a_draw_is_the_same_when_it_is_computed_again() -> None:
    x = gc.input("x", (1000,), "float64")
    y = gc.checkpoint(lambda x: gc.nn.dropout(x, 0.5) * x)(x)
    run = gc.interpret([y, gc.grad(gc.sum(y), x)], {"x": np.ones(1000)})
    value, slope = [array for node, array in run.items()][-1], run[y]
    np.testing.assert_array_equal(value, 2 * slope)
    assert 300 < np.count_nonzero(slope) < 700


def test_a_layer_is_called_as_its_class_and_keywords_are_passed() -> None:
    x = gc.input("x", ("batch", 8))
    for number in range(2):
        x = gc.function(gc.nn.LayerNorm(8, name=f"norm{number}"))(x)
    assert "def layer_norm(" in gc.compile(x, style="readable").source

    def scaled(x: Node, *, by: Node, mode: str = "up") -> dict[str, Any]:
        return {"y": x * by if mode == "up" else x / by, "nothing": None}

    found = gc.function(scaled, name="scale_it")(x, by=x + 1.0, mode="down")
    assert found["nothing"] is None
    (node,) = [n for n in Graph((found["y"],)).nodes if n.name == "scale_it"]
    assert [argument.name for argument in node.bodies[0].arguments] == ["x", "by"]


def test_what_is_refused() -> None:
    x = gc.input("x", (3,))
    wrong: list[tuple[type[GraphcError], str, Callable[[], Any]]] = [
        (ArgumentError, "must be a function, got 3", lambda: gc.function(3)),  # type: ignore[arg-type]
        (ArgumentError, "must be a function, got 3", lambda: gc.checkpoint(3)),  # type: ignore[arg-type]
        (NamingError, "'for' is a Python keyword", lambda: gc.function(plain, "for")),
        (
            DTypeError,
            r"the results of <lambda>\[1\] must be nodes, got str 'y'",
            lambda: gc.function(lambda x: (x, "y"))(x),
        ),
        (
            DTypeError,
            "the results of <lambda> must be nodes, got None",
            lambda: gc.checkpoint(lambda x: None)(x),
        ),
        (
            GraphcError,
            "gc.where",
            lambda: gc.checkpoint(lambda x: x if x > 0 else 0)(x),
        ),
    ]
    for error, message, make in wrong:
        with pytest.raises(error, match=message) as caught:
            make()
        assert str(caught.value.location).startswith(__file__)
