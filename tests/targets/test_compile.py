"""`gc.compile`: both styles against the interpreter, and what may go wrong."""

import subprocess
import sys
import textwrap
import traceback
import tracemalloc

import numpy as np
import pytest

import graphc as gc
from graphc.errors import FeedError, GraphError, NamingError, OptionError, ShapeError
from tests.styles import assert_styles_agree

from .support import assert_formatted

STYLES = ("readable", "fast")


@pytest.fixture(params=STYLES)
def style(request):
    return request.param


def agree(outputs, feeds, style, rtol=1e-12, **options):
    """Compiled twice over the same function, since a workspace is written again."""
    function = gc.compile(outputs, style=style, **options)
    expected = gc.evaluate(outputs, feeds)
    for _ in range(2):
        found = function(**feeds)
        assert type(found) is type(expected)
        for value, reference in zip(found, expected, strict=True):
            assert value.dtype == reference.dtype
            assert value.shape == reference.shape
            np.testing.assert_allclose(value, reference, rtol=rtol, atol=1e-12)
    return function


def test_structure_of_outputs_comes_back(style):
    x = gc.input("x", (2,))
    f = gc.compile({"a": x + 1, "b": [x * 2, (x, x.sum())]}, style=style)
    found = f(x=[1.0, 2.0])
    assert list(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], [2, 3])
    np.testing.assert_array_equal(found["b"][0], [2, 4])
    assert isinstance(found["b"][1], tuple)
    assert found["b"][1][1] == 3


def test_a_multilayer_perceptron_and_its_gradients(style):
    x = gc.input("x", ("batch", 6), "float64")
    y = gc.input("y", ("batch",), "int64")
    hidden = gc.nn.Linear(6, 5, name="hidden", dtype="float64")
    out = gc.nn.Linear(5, 3, name="out", dtype="float64")
    loss = gc.nn.cross_entropy(out(gc.nn.relu(hidden(x))), y)
    wrt = [*hidden.parameters, *out.parameters]
    rng = np.random.default_rng(0)
    for batch in (4, 1, 4, 7):
        feeds = {"x": rng.normal(size=(batch, 6)), "y": rng.integers(0, 3, batch)}
        agree([loss, *gc.grad(loss, wrt)], feeds, style)


def test_results_are_not_overwritten_by_the_next_call(style):
    x = gc.input("x", ("n", "n"), "float64")
    product = x @ x
    f = gc.compile([product, product.T, gc.exp(product)[0], x, x.T], style=style)
    rng = np.random.default_rng(1)
    first_feed = rng.normal(size=(3, 3))
    first = f(x=first_feed)
    kept = [value.copy() for value in first]
    second = f(x=rng.normal(size=(3, 3)))
    for value, copy, other in zip(first, kept, second, strict=True):
        np.testing.assert_array_equal(value, copy)
        assert not np.shares_memory(value, other)
        assert not np.shares_memory(value, first_feed)
        value[...] = 0


def test_results_do_not_share_memory_with_parameters(style):
    w = gc.parameter("w", (2, 2), [[1.0, 2.0], [3.0, 4.0]])
    f = gc.compile([w, w.T, w[0]], style=style)
    for value in f():
        value[...] = 0
    np.testing.assert_array_equal(f.parameters["w"], [[1, 2], [3, 4]])


def test_results_do_not_share_memory_with_constants(style):
    c = gc.constant(np.arange(20.0))
    f = gc.compile([c, c.reshape(4, 5)], style=style)
    for value in f():
        value[...] = -1
    np.testing.assert_array_equal(f()[0], np.arange(20.0))


def test_every_result_may_be_written_to(style):
    x = gc.input("x", (3,), "float64")
    product = 2 * x
    outputs = [
        gc.broadcast_to(product, (2, 3)),
        gc.broadcast_to(x, (2, 3)),
        (product + 1)[::-1],
        product.sum(),
        x.sum() > 0,
    ]
    for value in gc.compile(outputs, style=style)(x=np.arange(3.0)):
        assert type(value) is np.ndarray
        first, *others = value.flat
        value.flat[0] = first - 1 if value.dtype != bool else not first
        assert value.flat[0] != first
        assert list(value.flat[1:]) == others


def test_results_for_one_row_are_their_own_and_those_of_the_other_style():
    x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3, 4), gc.init.normal(0, 1))
    d = gc.tanh(x @ w)
    # At one row, most of these are the same numbers.
    sums = [gc.sum(d, axis=0), gc.sum(d, axis=1), gc.mean(d), gc.max(d, axis=1)]
    views = [d[0], d.T, x, gc.expand_dims(d, 0), gc.concatenate([d, d])]
    outputs = [d, *sums, *views]
    fast, readable = (
        gc.compile(outputs, style=style) for style in ("fast", "readable")
    )
    assert "def compute_for_one_row(" in fast.source
    rng = np.random.default_rng(0)
    for rows in (1, 2, 1, 3):
        feeds = {"x": rng.standard_normal((rows, 3), np.float32)}
        found, expected = fast(**feeds), readable(**feeds)
        kept = [value.copy() for value in found]
        assert_styles_agree(found, expected)
        for value in found:
            value[...] = 7
        again = fast(**feeds)
        for value, other in zip(again, kept, strict=True):
            np.testing.assert_array_equal(value, other)
        for position, value in enumerate(again):
            value[...] = 9
            for other in range(position + 1, len(again)):
                np.testing.assert_array_equal(again[other], kept[other])


def test_a_call_allocates_its_results_and_nothing_else():
    x = gc.input("x", ("n",))
    y = gc.input("y", ("n",), "int64")
    f = gc.compile([gc.tanh(x * 2) * gc.exp(x) + 1, (x * x).sum(), y + 1])
    feeds = {"x": np.ones(50_000, "float32"), "y": np.ones(50_000, int)}
    results = f(**feeds)
    size = sum(result.nbytes for result in results)
    del results
    tracemalloc.start()
    try:
        f(**feeds)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size <= peak < size + 10_000


def test_parameters_start_from_their_init_and_are_live(style):
    w = gc.parameter("w", (3,), gc.init.normal(0, 1))
    f = gc.compile(2 * w, style=style, seed=5)
    np.testing.assert_array_equal(f(), 2 * f.parameters["w"])
    np.testing.assert_array_equal(
        f.parameters["w"], gc.compile(w, style=style, seed=5)()
    )
    f.parameters["w"][:] = [1, 2, 3]
    np.testing.assert_array_equal(f(), [2, 4, 6])


def test_updates_are_assigned_after_the_call(style):
    w = gc.parameter("w", (2,), [1.0, 2.0])
    v = gc.parameter("v", (2,), [10.0, 20.0])
    f = gc.compile(w.sum(), style=style, updates={w: v, v: w + 1})
    assert f() == 3
    np.testing.assert_array_equal(f.parameters["w"], [10, 20])
    np.testing.assert_array_equal(f.parameters["v"], [2, 3])
    assert f() == 30
    np.testing.assert_array_equal(f.parameters["w"], [2, 3])
    np.testing.assert_array_equal(f.parameters["v"], [11, 21])


def test_updates_must_fit_their_parameter():
    w = gc.parameter("w", (2,))
    x = gc.input("x", (2,))
    with pytest.raises(ShapeError, match=r"float32 \(2,\)"):
        gc.compile(w, updates={w: w.sum()})
    with pytest.raises(OptionError, match="only parameters"):
        gc.compile(w, updates={x: x})


def test_scalars_of_every_kind(style):
    x = gc.input("x", (), "float32")
    n = gc.input("n", (), "int64")
    outputs = [
        gc.exp(gc.constant(2.0, "float32")) * x,
        n / 2,
        n + x,
        gc.where(x > 0, 0.5, 1.0) * x,
        gc.where(gc.constant(True), gc.constant(1, "int32"), n),
        x**3 + x**0.5,
        x == 1,
        gc.constant(np.float64(0.1)) * x,
        x * gc.constant(float("inf")),
        -gc.constant(float("nan")) * x,
    ]
    agree(outputs, {"x": np.float32(1.7), "n": np.int64(3)}, style, rtol=1e-6)


def test_sizes_in_arithmetic(style):
    x = gc.input("x", ("batch", "seq"), "float64")
    y = gc.concatenate([x, x, x[:, 1:]], axis=1)
    mean = x.sum() / x.shape[0] / (2 * x.shape[1] + 1)
    outputs = [y, mean, x.mean(), x.mean(axis=1), y.reshape(-1), gc.zeros(y.shape)]
    rng = np.random.default_rng(0)
    for shape in ((2, 3), (5, 1), (2, 3)):
        agree(outputs, {"x": rng.normal(size=shape)}, style)


def test_empty_arrays(style):
    x = gc.input("x", ("batch", 3), "float64")
    outputs = [gc.exp(x).sum(axis=0), x @ gc.ones((3, 2), "float64"), x.sum()]
    agree(outputs, {"x": np.zeros((0, 3))}, style)


def test_random_draws_are_anew_each_call_and_seeded(style):
    x = gc.input("x", ("n",))
    y = gc.nn.dropout(x, 0.5)
    feed = {"x": np.ones(1000, "float32")}
    f = gc.compile(y, style=style, seed=3)
    first, second = f(**feed), f(**feed)
    assert set(np.unique(first)) == {0.0, 2.0}
    assert abs(first.mean() - 1) < 0.2
    assert (first != second).any()
    again = gc.compile(y, style=style, seed=3)
    np.testing.assert_array_equal(again(**feed), first)


def test_both_styles_draw_the_same_numbers():
    x = gc.input("x", ("n", 50))
    y = gc.nn.dropout(gc.nn.dropout(x, 0.3) * 2, 0.4)
    loss = y.sum()
    feed = {"x": np.ones((4, 50), "float32")}
    results = [
        gc.compile([y, gc.grad(loss, x)], style=style, seed=1)(**feed)
        for style in STYLES
    ]
    assert_styles_agree(*results)
    np.testing.assert_array_equal(results[0][0], results[0][1])


def test_a_long_chain_compiles_and_runs(style):
    x = gc.input("x", (3,), "float64")
    y = x
    for _ in range(3000):
        y = gc.sin(y)
    f = gc.compile([y, gc.grad(y.sum(), x)], style=style, simplify=False)
    found = f(x=[0.1, 0.2, 0.3])
    expected = np.array([0.1, 0.2, 0.3])
    slope = np.ones(3)
    for _ in range(3000):
        slope *= np.cos(expected)
        expected = np.sin(expected)
    np.testing.assert_allclose(found[0], expected, rtol=1e-10)
    np.testing.assert_allclose(found[1], slope, rtol=1e-8)


@pytest.mark.parametrize(
    "name",
    [
        *("np", "parameters", "run", "rng", "lru_cache", "compute", "x_2", "sum"),
        *("batch", "CONSTANT", "self", "Ünïcödé", "__doc", "loss", "gradients"),
        "print",
    ],
)
def test_any_identifier_may_name_an_input(name, style):
    if name.startswith("_"):
        with pytest.raises(NamingError):
            gc.input(name, ("batch",))
        return
    x = gc.input(name, ("batch", 2), "float64")
    w = gc.parameter(f"layer.{name}", (2,), [3.0, 4.0], dtype="float64")
    big = gc.constant(np.arange(40.0).reshape(20, 2))
    outputs = [(x * w).sum() / x.shape[0], (x + big[:1]).sum(), gc.exp(x)]
    agree(outputs, {name: np.array([[1.0, 2.0], [3.0, 4.0]])}, style)


def test_a_size_may_have_the_name_of_anything(style):
    for symbol in ("np", "x", "parameters", "run", "exp", "shape"):
        x = gc.input("x", (symbol,), "float64")
        agree([x.mean(), gc.exp(x) / x.shape[0]], {"x": np.arange(4.0)}, style)


def test_two_inputs_of_one_name_are_refused():
    first, second = gc.input("x", (2,)), gc.input("x", (2,))
    with pytest.raises(NamingError, match="'x'"):
        gc.compile(first + second)


def test_a_size_that_no_input_tells_is_refused():
    with pytest.raises(GraphError, match="'n'"):
        gc.compile(gc.zeros(("n",)))


def test_unknown_style_is_refused():
    with pytest.raises(OptionError, match="style"):
        gc.compile(gc.input("x", (2,)), style="quick")


def test_bad_feeds_name_input_and_line(style):
    x = gc.input("x", ("batch", 3))
    y = gc.input("y", ("batch",), "int64")
    logits = gc.nn.Linear(3, 4, name="out")(x)
    f = gc.compile(gc.nn.cross_entropy(logits, y), style=style)
    good = {"x": np.zeros((2, 3), "float32"), "y": np.array([0, 3])}
    f(**good)
    for change, text in [
        ({"x": np.zeros((2, 4), "float32")}, r"\(batch, 3\), got \(2, 4\)"),
        ({"x": np.full((2, 3), 1e40)}, "float32, got float64 with 1e"),
        ({"x": np.zeros((3, 3), "float32")}, "batch = 2"),
        ({"y": np.array([0.0, 1.0])}, "int64, got float64"),
        ({"y": np.array([0, 4])}, "labels from 0 to 3, got 4"),
        ({"y": np.array([-1, 0])}, "labels from 0 to 3, got -1"),
        ({"z": np.array([0])}, "'z' is not an input"),
    ]:
        with pytest.raises(FeedError, match=text):
            f(**{**good, **change})
    with pytest.raises(FeedError, match="'y' was not fed") as caught:
        f(x=good["x"])
    assert "test_compile.py" in str(caught.value)


def test_tracebacks_show_the_emitted_and_the_declared_line(style):
    table = gc.input("table", ("n", 2), "float64")
    rows = gc.input("rows", ("k",), "int64")
    picked = table[rows].named("picked")
    line = picked.origin.location.line
    f = gc.compile(gc.exp(picked), style=style)
    with pytest.raises((IndexError, TypeError)) as caught:
        # Past the checks of feeds, as a mistake in them would be.
        f._program.call("compute", {}, np.zeros((3, 2)), np.array([1.0]))
    text = "".join(traceback.format_exception(caught.value))
    assert ("table[rows]" if style == "readable" else "table.take(rows") in text
    assert f"test_compile.py:{line}" in text
    assert "'picked'" in text or "picked:" in text


def test_the_text_is_the_same_under_any_hash_seed():
    program = textwrap.dedent(
        """
        import graphc as gc
        x = gc.input("x", ("batch", 4))
        y = gc.input("y", ("batch",), "int64")
        layers = gc.nn.Sequential(
            gc.nn.Linear(4, 8), gc.nn.Tanh(), gc.nn.Dropout(0.2), gc.nn.Linear(8, 3)
        )
        loss = gc.nn.cross_entropy(layers(x), y)
        gradients = gc.grad(loss, layers.parameters)
        for style in ("fast", "readable"):
            print(gc.compile([loss, *gradients], style=style).source)
        """
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(texts) == 1


def test_declaring_again_gives_the_same_text(style):
    def text():
        x = gc.input("x", ("n",))
        return gc.compile(gc.exp(x) / gc.sum(gc.exp(x)), style=style).source

    assert text() == text()


def test_emitted_text_is_formatted_and_lint_clean(tmp_path, style):
    x = gc.input("x", ("batch", 3, 4))
    index = gc.input("index", ("batch",), "int64")
    w = gc.parameter("a_rather_long_name.that_goes_on.weight", (4, 5))
    h = gc.tanh(x @ w).named("another_rather_long_name_for_an_activation")
    outputs = [
        h.reshape(-1, 15),
        gc.concatenate([h, h, x], axis=2)[:, 1:, ::2],
        h[index, 0],
        gc.grad(gc.sum(h[:, 1] ** 3), w),
        gc.clip(h, -1, 1).max(axis=(0, 2), keepdims=True),
        h != h,
        x + gc.constant(np.arange(100.0).reshape(25, 4))[:3],
        x + gc.constant(np.arange(12.0).reshape(3, 4)),
    ]
    assert_formatted(gc.compile(outputs, style=style).source, tmp_path)


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_code_has_no_import_and_no_array_that_it_does_not_use(style, tmp_path):
    x = gc.input("x", (3,), "float64")
    steps = np.array([1.0, 2.0, 4.0])
    known = gc.constant(steps)
    # The sum is made with the workspace, and the difference for it alone.
    scaled = x[1:] * ((known[1:] - known[:-1]) + known[1:])
    for node in (-x, scaled):
        run = gc.compile(node, style=style, simplify=False)
        assert_formatted(run.source, tmp_path)
    np.testing.assert_array_equal(run(x=steps), [6.0, 24.0])


def test_a_comment_names_the_block_that_several_statements_compute(style):
    x, y = gc.input("x", (4, 3)), gc.input("y", (4,), "int64")
    scores = gc.nn.gelu(x) * 2.0
    loss = gc.nn.cross_entropy(scores, y).named("loss")
    lines = gc.compile([loss, gc.grad(loss, x)], style=style).source.splitlines()
    comments = [n for n, line in enumerate(lines) if line.startswith("    # ")]
    if style == "readable":  # It calls functions of these names.
        assert [lines[n] for n in comments] == ["    # Forward", "    # Backward"]
        return
    assert [lines[n].removeprefix("    # ") for n in comments] == [
        "Forward",
        "gelu",
        "loss: cross_entropy",
        "Backward",
        "Gradient of loss: cross_entropy",
        "Gradient of gelu",
    ]
    assert all(lines[n - 1] == "" for n in comments)
    # What is outside of a block stands apart from it.
    (scaled,) = [n for n, line in enumerate(lines) if line.startswith("    scores = ")]
    assert lines[scaled - 1] == ""
    assert comments[1] < scaled < comments[2]
