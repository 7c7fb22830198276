"""Templates with variables, loops, functions and helpers of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import InternalError
from graphc.ir.op import OPS, Op
from graphc.ir.template import parsed
from graphc.ir.types import TensorType

from ..planted import undeclared_later
from .support import assert_formatted

STYLES = ("readable", "fast")
TWICE = '''
import math


def twice(x):
    """Return two times x."""
    return x * math.sqrt(4.0)
'''


def same(x: TensorType) -> TensorType:
    return x


def largest(x: Any) -> Any:
    return x / np.max(x)


def running(x: Any) -> Any:
    return np.cumsum(x, axis=0) if x.ndim else x


FORMS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "a variable": (
        {"numpy": "scale = np.max(x)\nout = x / scale"},
        largest,
    ),
    "a variable, and one in the form that writes": (
        {
            "numpy": "scale = np.max(x)\nout = x / scale",
            "into": "row = np.max(x)\nnp.divide(x, row, out=out)",
        },
        largest,
    ),
    "a loop": (
        {
            "numpy": "out = np.zeros_like(x)\n"
            "for row in range(len(x)):\n"
            "    if row:\n"
            "        out[row] = out[row - 1] + x[row]\n"
            "    elif row == 0:\n"
            "        out[row] = x[row]\n"
            "    else:\n"
            "        raise ValueError(row)",
            "into": "total = np.zeros_like(x[0])\n"
            "for row in range(len(x)):\n"
            "    total = total + x[row]\n"
            "    out[row] = total",
        },
        running,
    ),
    "a function": (
        {
            "numpy": "def scale(row):\n    return row / np.max(x)\n\n\n"
            "out = np.stack(list(map(scale, x)))",
        },
        largest,
    ),
    "a function with arguments by name": (
        {
            "numpy": "def scaled(row, scale=2.0, *, out=1.0):\n"
            "    return row / scale * out\n\n\n"
            "total = 3.0\n"
            "out = scaled(row=x, out=total, scale=np.max(x)) / total",
        },
        largest,
    ),
    "an anonymous function": (
        {"numpy": "np.apply_along_axis(lambda row: row / np.max(x), 1, x)"},
        largest,
    ),
    "a helper": ({"numpy": "twice(x)", "helpers": (TWICE,)}, lambda x: x * 2),
    "a helper in the form that writes": (
        {"numpy": "x + x", "into": "out[...] = twice(x)", "helpers": (TWICE,)},
        lambda x: x * 2,
    ),
    "comprehensions": (
        {
            "numpy": "np.stack([row / scale for scale in [np.max(x)] for row in x])",
            "into": "rows = {row: total for row, total in enumerate(x) if row < 9}\n"
            "out[...] = np.stack([total / np.max(x) for total in rows.values()])",
        },
        largest,
    ),
    "a generator": (
        {"numpy": "x * sum(row for row in (1.0, 2.0) for _ in [1] if row > 1.0)"},
        lambda x: x * 2,
    ),
    "a generator that reads a variable late": (
        {
            "numpy": "row = 1.0\nrows = (total * row for total in x)\nrow = 2.0\n"
            "out = np.stack(list(rows))"
        },
        lambda x: x * 2,
    ),
    "an anonymous function with an argument by name": (
        {
            "numpy": "total = lambda row, scale=1.0: row * scale\n"
            "out = total(row=x, scale=2.0)"
        },
        lambda x: x * 2,
    ),
    "a starred value": (
        {
            "numpy": "row, *total = x\nout = np.stack([*total, row])\n"
            "out = np.stack([out[-1], *out[:-1]]) * 2.0"
        },
        lambda x: x * 2,
    ),
    "a context": (
        {
            "numpy": "with np.nditer(x) as row:\n"
            "    scale = 2.0 * row.operands[0].ndim\n"
            "out = x * scale / x.ndim",
            "into": "with np.errstate(all='ignore'):\n    np.add(x, x, out=out)",
        },
        lambda x: x * 2,
    ),
    "exceptions and formatted text": (
        {
            "numpy": "total = 0\n"
            "try:\n"
            "    raise ValueError(f'{x.shape[0]} rows of {np.max(x)!r:>8} {{')\n"
            "except (ValueError, TypeError) as row:\n"
            "    scale = len(f'{row}') / len(str(row))\n"
            "else:\n    scale = 3.0\n"
            "finally:\n    total += 1\n"
            "out = x * (scale + total)",
        },
        lambda x: x * 2,
    ),
    "a loop that ends": (
        {
            "numpy": "row = 0\n"
            "out = x * 3.0\n"
            "while row < 3:\n    row += 1\n    if row > 5:\n        break\n"
            "else:\n    out = x + x",
        },
        lambda x: x * 2,
    ),
    "an elementwise op with a variable": (
        {
            "numpy": "x * 0.5 + x",
            "into": "scale = x * 0.5\nnp.add(scale, x, out=out)",
            "kind": "elementwise",
        },
        lambda x: x * 1.5,
    ),
}


@pytest.fixture(params=FORMS, ids=str)
def form(request: pytest.FixtureRequest) -> Iterator[tuple[Op, Callable[[Any], Any]]]:
    declared, meaning = FORMS[request.param]
    options = {"kind": "movement", **declared}
    op = Op(name="tried", inputs=("x",), infer=same, **options)
    yield op, meaning
    del OPS["tried"]


NAMES = ("scale", "row", "total", "twice", "tried", "math", "x", "out", "dtype")
"""Names that templates and helpers use, as names of a user's inputs."""


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tile", [None, 4])
def test_names_of_templates_never_meet_those_of_users(
    tmp_path: Path, form: tuple[Op, Callable[[Any], Any]], style: Any, tile: int | None
) -> None:
    op, meaning = form
    inputs = [gc.input(name, ("batch", 3)) for name in NAMES]
    computed = [op(gc.exp(each) + first) for each, first in pairwise(inputs)]
    total = sum(computed[1:], computed[0]) * inputs[0] + inputs[1]
    values = {
        name: np.linspace(0.1, 1.0 + i, 12, dtype="float32").reshape(4, 3)
        for i, name in enumerate(NAMES)
    }
    arrays = list(values.values())
    expected = sum(meaning(np.exp(a) + b) for a, b in pairwise(arrays))
    expected = expected * arrays[0] + arrays[1]
    np.testing.assert_allclose(gc.evaluate(total, values), expected, rtol=1e-5)
    function = gc.compile(total, style=style, tile_size=tile)
    assert_formatted(function.source, tmp_path)
    result = function(**values)
    np.testing.assert_allclose(result, expected, rtol=1e-5)


@pytest.mark.parametrize("style", STYLES)
def test_a_helper_stands_once_and_only_where_it_is_called(style: Any) -> None:
    forms = {"readable": {"into": "out[...] = twice(x)"}, "fast": {}}[style]
    op = Op(
        name="tried",
        inputs=("x",),
        infer=same,
        kind="movement",
        numpy="twice(x)" if style == "fast" else "x + x",
        helpers=(TWICE,),
        **forms,
    )
    try:
        x = gc.input("x", (3,))
        called = gc.compile(op(op(x)) * 2.0, style="fast").source
        plain = gc.compile(op(op(x)) * 2.0, style="readable").source
        assert called.count("def twice(") == 1
        assert plain.count("def twice(") == int(style == "fast")
        assert gc.compile(x * 2.0, style=style).source.count("twice(") == 0
    finally:
        del OPS["tried"]


def test_names_of_a_template_are_found() -> None:
    template = parsed(
        "first = arrays[0] + dim_batch\n"
        "for item in arrays:\n"
        "    first += shape[1] * item\n"
        "np.add(first, [y for y in x], out=out)"
    )
    assert template.names == {"arrays", "dim_batch", "np", "x", "out"}
    assert template.items == {("shape", 1)}
    assert template.own == {"first", "item", "y"}
    assert template.written_at == 2
    assert template.returns_out


REFUSED = {
    "x = x * 2.0\nout = x": "has a variable 'x', which is the name of an input",
    "def twice(x):\n    return x * 2.0\n\n\nout = twice(x)": "variable 'x', which is",
    "np.stack([*map(lambda x: x * 2.0, x)])": "variable 'x', which is the name of",
    "(lambda row: row * 2.0)(x)": "a lambda that is called where it stands",
    "[x for x in x]": "variable 'x', which is the name of an input",
    "(y := x * 2.0) + y": "an assignment inside an expression",
    "return x * 2.0": "return outside of a function",
    "def f():\n    yield x\n\n\nout = list(f())": "yield",
    "import math\nout = x * math.pi": "import; a helper may import",
    "class A:\n    y = x\n\n\nout = A.y": "a class; a helper may be one",
    "y = out = x * 2.0": "an assignment to several names at once",
    "out = x * 2.0\ndel x": "del",
    "out = x * len({1, 2})": "a set",
    "out = x * len(b'12')": "bytes",
    "out = x * len(f'{dict(a=1)[\"a\"]}')": "a string, dict or lambda inside",
    "x * (1j).imag": "a complex number",
    "x * ": "is not Python",
    "out = x": "gives the array of 'x' itself, though it is not a view",
    "x": "gives the array of 'x' itself, though it is not a view",
}
"""Templates that make no sense, and what is said of them."""


@pytest.mark.parametrize("template", REFUSED)
@pytest.mark.parametrize("form", ["numpy", "into"])
def test_a_template_that_makes_no_sense_is_refused(template: str, form: str) -> None:
    forms = {"numpy": "x + x", form: template}
    with undeclared_later(), pytest.raises(ValueError, match="of op 'tried'") as error:
        Op(name="tried", inputs=("x",), infer=same, kind="movement", **forms)
    assert REFUSED[template] in str(error.value)
    assert "tried" not in OPS


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "template", ["dtype = x.dtype\nout = x.astype(dtype)", "(y := x)", "out = x"]
)
def test_a_template_of_a_node_is_checked_when_it_is_known(
    template: str, style: Any
) -> None:
    with undeclared_later():
        op = Op(
            name="tried",
            inputs=("x",),
            infer=same,
            kind="movement",
            numpy=lambda node: template,
        )
        with pytest.raises(InternalError, match="a template of op 'tried'"):
            gc.compile(op(gc.input("x", (3,))), style=style)
