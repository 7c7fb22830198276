"""Generated tests: what every op declares, held against NumPy itself."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS, Dim, Op, verify
from graphc.ir.evaluate import evaluate_node
from graphc.ir.graph import Graph
from graphc.ir.op import Case
from graphc.ir.template import parsed, top_level_names
from graphc.ops.elementwise import ufunc
from tests.op_cases import (
    WITHOUT_CASES,
    Application,
    accepts_named_size,
    applications,
    feeds,
)
from tests.op_references import numpy_value, tolerance
from tests.planted import undeclared_later
from tests.styles import assert_styles_agree


def _id(application: Application) -> str:
    return application.id


def test_every_op_has_cases() -> None:
    """An op without cases would be an op without tests."""
    missing = {name for name, op in OPS.items() if not op.cases}
    assert missing == WITHOUT_CASES


def test_every_op_can_be_computed() -> None:
    for op in OPS.values():
        if op.name not in WITHOUT_CASES:
            assert (op.numpy is not None) != op.is_block, op.name


def test_every_op_says_what_its_derivative_is() -> None:
    """A VJP without a JVP would serve reverse mode only."""
    for op in OPS.values():
        if not op.is_block and not op.facts.only_rules:
            assert (op.vjp is None) == (op.jvp is None), op.name


@pytest.mark.parametrize("floating", ["float32", "float64"])
@pytest.mark.parametrize("application", applications(), ids=_id)
def test_result_has_the_inferred_type(application: Application, floating: str) -> None:
    """The value's dtype and shape are what was promised when it was declared."""
    nodes = application.nodes(floating)
    output = application.apply(nodes)
    verify(Graph((output,)))
    run = gc.interpret([output, *nodes], feeds(application.draw(floating)))
    assert run[output].dtype == output.dtype
    assert run[output].shape == output.shape


def _slots(application: Application, arrays: list[Any]) -> dict[str, Any]:
    """The names that a template may use."""
    scope: dict[str, Any] = {"np": np, "rng": np.random.default_rng(7)}
    for helper in application.op.helpers:
        exec(helper, scope)
    for name, value in application.case.attributes.items():
        scope[name] = value.type if isinstance(value, np.dtype) else value
    for position, name in enumerate(application.op.inputs):
        if name.startswith("*"):
            scope[name[1:]] = tuple(arrays[position:])
        else:
            scope[name] = arrays[position]
    return scope


def _has_value(op: Any) -> bool:
    return op.numpy is not None and op.pure


@pytest.mark.parametrize("floating", ["float32", "float64"])
@pytest.mark.parametrize("application", applications(_has_value), ids=_id)
def test_template_is_the_function_of_its_name(
    application: Application, floating: str
) -> None:
    """Interpreting an op gives what NumPy's function of that name gives."""
    arrays = application.draw(floating)
    expected = numpy_value(application, arrays)
    actual = gc.evaluate(application.apply(application.nodes(floating)), feeds(arrays))
    assert actual.dtype == expected.dtype
    assert actual.shape == np.shape(expected)
    error = tolerance(application, actual.dtype)
    np.testing.assert_allclose(actual, expected, rtol=error, atol=0)


def shares_undeclared(application: Application) -> bool:
    """True where the value is an input's memory, though the node is not a view.

    Programs reuse the arrays of values, and only views are known to look into them.
    """
    node = application.node(application.nodes())
    arrays = application.draw()
    for given in (arrays, [np.array(a, order="F") for a in arrays]):
        value = evaluate_node(node, given, rng=np.random.default_rng(7))
        values = value if isinstance(value, tuple) else (value,)
        shares = any(np.shares_memory(v, array) for v in values for array in given)
        if shares and not node.op.is_view(node):
            return True
    return False


@pytest.mark.parametrize(
    "application", applications(lambda op: op.numpy is not None), ids=_id
)
def test_only_views_share_memory(application: Application) -> None:
    assert not shares_undeclared(application)


def test_an_op_that_gives_its_input_is_seen() -> None:
    for template in ("np.asarray(x)", "y = x.T\nout = y.T", "np.ascontiguousarray(x)"):
        with undeclared_later():
            op = Op(
                name="tried",
                inputs=("x",),
                infer=lambda x: x,
                kind="movement",
                numpy=template,
                cases=(Case(((3, 2),)),),
            )
            assert shares_undeclared(Application(op, op.cases[0], 0))


def _writes(op: Any) -> bool:
    return op.into is not None


@pytest.mark.parametrize("application", applications(_writes), ids=_id)
def test_into_writes_what_the_expression_gives(application: Application) -> None:
    """Both forms of an op agree, whatever `out` held before."""
    op = application.op
    arrays = application.draw("float32")
    node = application.apply(application.nodes("float32"))
    scope = _slots(application, arrays)
    scope.setdefault("dtype", node.dtype.type)
    template = op.template(node)
    if op.is_statements(node):
        exec(template, scope)
        expected = scope["out"]
    else:
        expected = eval(template, scope)
    written = _slots(application, arrays)
    written["out"] = np.full(node.shape, 113, node.dtype)
    into = op.template_into(node)
    assert into is not None
    before = written["out"]
    exec(into, written)
    assert written["out"] is before
    if op.kind in ("contraction", "reduction"):
        # Sums of products, which another call may add up in another order.
        assert_styles_agree(written["out"], np.asarray(expected))
    else:
        np.testing.assert_array_equal(written["out"], expected)


@pytest.mark.parametrize("application", applications(), ids=_id)
def test_templates_parse_and_use_only_known_names(application: Application) -> None:
    """A printer may substitute every name of a template, and rename what is its own."""
    op = application.op
    if op.numpy is None:
        return
    node = application.node(application.nodes())
    given = {name.lstrip("*") for name in op.inputs} | set(node.attributes)
    allowed = given | {"np", "out", "dtype", "rng", *dir(builtins)}
    allowed |= {name for helper in op.helpers for name in top_level_names(helper)}
    form = op.allocation_free_form(node)
    for template, more in (
        (op.template(node), ()),
        (op.template_into(node), ()),
        (form and form.setup, form.arrays if form else ()),
        (form and form.template, form.arrays if form else ()),
    ):
        if template is None:
            continue
        assert parsed(template).reads <= allowed | set(more)
        assert parsed(template).own.isdisjoint(given | set(more))


NAMED = [a for a in applications(lambda op: op.pure) if accepts_named_size(a)]


def test_named_sizes_are_tested_for_every_elementwise_op() -> None:
    named = {a.op.name for a in NAMED}
    elementwise = {op.name for op in OPS.values() if op.kind == "elementwise"}
    assert elementwise <= named
    assert {"matmul", "sum", "mean", "concatenate", "getitem", "transpose"} <= named


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("application", NAMED, ids=_id)
def test_named_leading_size_means_the_same(
    application: Application, batch: int
) -> None:
    """Declared with a named size and fed `batch` rows, or declared with `batch`."""
    named = application.apply(application.nodes(batch=Dim("batch")))
    plain = application.apply(application.nodes(batch=batch))
    values = feeds(application.draw(batch=batch))
    np.testing.assert_array_equal(
        gc.evaluate(named, values), gc.evaluate(plain, values)
    )


SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, np.inf, -np.inf, np.nan, 1e-300, 1e300, -3.0]
)

SPECIAL_OF = {
    "": SPECIAL,
    "bool": SPECIAL != 0,
    "int64": np.array([0, 1, -1, 2, 3, -12, 18, 62, 63, 64, 2**40]),
}
"""By the dtype that an op declares for an input."""


def _is_ufunc(op: Any) -> bool:
    return isinstance(getattr(np, op.name, None), np.ufunc) and op.name != "matmul"


UFUNCS = [op for op in OPS.values() if _is_ufunc(op)]


@pytest.mark.parametrize("op", UFUNCS, ids=lambda op: op.name)
def test_special_values_are_numpys(op: Any) -> None:
    """0, -0, infinities, NaN and huge numbers, in all pairs."""
    function = getattr(np, op.name)
    dtypes = op.cases[0].dtypes or ("",) * len(op.inputs)
    grids = np.meshgrid(*(SPECIAL_OF[dtype] for dtype in dtypes))
    nodes = [gc.input(f"x{i}", g.shape, g.dtype) for i, g in enumerate(grids)]
    actual = gc.evaluate(getattr(gc, op.name, op)(*nodes), feeds(grids))
    with np.errstate(all="ignore"):
        expected = function(*grids)
    np.testing.assert_array_equal(actual, expected)
    if expected.dtype.kind == "f":
        number = ~np.isnan(expected)
        np.testing.assert_array_equal(
            np.signbit(actual[number]), np.signbit(expected[number])
        )


def test_bernoulli_draws_at_the_rate_asked_for() -> None:
    draw = gc.evaluate(gc.bernoulli(0.3, (20000,)), {}, seed=1)
    assert abs(draw.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20000)
    again = gc.evaluate(gc.bernoulli(0.3, (20000,)), {}, seed=1)
    other = gc.evaluate(gc.bernoulli(0.3, (20000,)), {}, seed=2)
    assert (draw == again).all()
    assert (draw != other).any()
    assert not gc.evaluate(gc.bernoulli(0.0, (1000,)), {}).any()
    assert gc.evaluate(gc.bernoulli(1.0, (1000,)), {}).all()


def test_two_draws_are_two_values() -> None:
    first, second = gc.bernoulli(0.5, (64,)), gc.bernoulli(0.5, (64,))
    a, b = gc.evaluate([first, second], {})
    assert (a != b).any()
    assert gc.evaluate(first == first, {}).all()


def test_a_ufunc_that_numpy_has_not_is_refused_where_it_is_declared() -> None:
    for name, arity in (("unwrap", 1), ("exp", 2), ("nowhere", 1)):
        source = f"def {name}({', '.join(f'x{i}' for i in range(arity))}): ..."
        namespace: dict[str, Any] = {}
        exec(source, namespace)
        with pytest.raises(TypeError, match=f"NumPy has no ufunc {name}"):
            ufunc()(namespace[name])
        assert name not in OPS or len(OPS[name].inputs) != arity


def test_a_block_has_no_kind_and_another_op_has_one() -> None:
    infer = OPS["exp"].infer
    with pytest.raises(ValueError, match="a block or has a kind"):
        Op(name="neither", inputs=("x",), infer=infer)
    with pytest.raises(ValueError, match="a block or has a kind"):
        Op(name="both", inputs=("x",), infer=infer, kind="view", expand=gc.exp)
    assert not {"neither", "both"} & set(OPS)
