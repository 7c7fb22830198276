"""Hold printed expressions and statements against ruff and Python's own parser.

Ruff says whether a text is formatted, and ``ast.parse`` whether it still means the tree
it was printed from; neither knows anything of the printer's rules.
"""

import ast
import math
import random
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.pysource.expression_text import format_expression
from graphc.pysource.statement_text import format_statement

from .trees import (
    LOAD,
    QUICK,
    SEEDS,
    Trees,
    as_source_says,
    expression,
    formatted,
    statement,
)


@QUICK
@given(SEEDS)
def test_printed_statements_parse_back_to_their_trees(source: random.Random) -> None:
    trees = Trees(source, lambdas=True)
    for _ in range(100):
        node = trees.statement()
        printed = "\n".join(format_statement(node))
        assert ast.dump(statement(printed)) == as_source_says(node)
        value = trees.expression(4)
        assert ast.dump(expression(format_expression(value))) == as_source_says(value)


@QUICK
@given(SEEDS)
def test_ruff_leaves_printed_statements_alone(source: random.Random) -> None:
    trees = Trees(source)
    openers = {0: "if x:\n    y\n", 4: "def f():\n", 8: "def f():\n    if x:\n"}
    printed: list[str] = []
    flat: list[str] = []
    for _ in range(200):
        node = trees.statement()
        indent = source.choice([0, 4, 8])
        printed.append(openers[indent] + "\n".join(format_statement(node, indent)))
        one_line = format_statement(node, indent, width=10**6)
        flat.append(openers[indent] + "\n".join(one_line))

    def pieces(texts: list[str]) -> list[str]:
        mark = "\n\n# cut here\n"
        return [piece.strip("\n") for piece in formatted(mark.join(texts)).split(mark)]

    kept = made = 0
    for ours, theirs, from_flat in zip(
        printed, pieces(printed), pieces(flat), strict=True
    ):
        # A word too long for any line is the documented limit.
        if max(map(len, theirs.split("\n"))) <= 88:
            kept += 1
            assert ours == theirs
            made += theirs == from_flat or "return" in ours
    assert kept == made > 150


# Expected texts ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x[a+1:n]", "x[a + 1 : n]"),
        ("x[:,0]", "x[:, 0]"),
        ("x[1:]", "x[1:]"),
        ("x[::2,-1:,...]", "x[::2, -1:, ...]"),
        ("x[f(a):]", "x[f(a) :]"),
        ("x[::a+1]", "x[:: a + 1]"),
        ("x[a,]", "x[a,]"),
        ("x**2+y[0]**2+2**f(x)", "x**2 + y[0] ** 2 + 2 ** f(x)"),
        ("-x**2", "-(x**2)"),
        ("(-x)**-2", "(-x) ** -2"),
        ("a-(b-c)-(d*e)", "a - (b - c) - d * e"),
        ("(a,)", "(a,)"),
        ("lambda x,*,y=1:x+y", "lambda x, *, y=1: x + y"),
        ("{'a':1,**b}", '{"a": 1, **b}'),
        ("f(*a,b,k=-1,**c)", "f(*a, b, k=-1, **c)"),
        ("(1).real+1.5.real", "(1).real + (1.5).real"),
        ("not (a and b) or c", "not (a and b) or c"),
        ("'it\\'s'", '"it\'s"'),
        ("'say \"a\"'", "'say \"a\"'"),
        ("1e+16", "1e16"),
        ("[a for a,b in c if a if b]", "[a for a, b in c if a if b]"),
        ("f(a for a in (b if c else d))", "f(a for a in (b if c else d))"),
        ("{a:b for a in c}", "{a: b for a in c}"),
        ("f'{d[\"a\"]!r:>{n}}'", "f\"{d['a']!r:>{n}}\""),
        ("f'n = {n}, {{\"m\"}}: it\\'s {m}'", 'f"n = {n}, {{\\"m\\"}}: it\'s {m}"'),
    ],
)
def test_expressions_on_one_line(source: str, expected: str) -> None:
    assert format_expression(expression(source)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.inf, "np.inf"),
        (-math.inf, "-np.inf"),
        (math.nan, "np.nan"),
        (-0.0, "-0.0"),
        (-2, "-2"),
        (True, "True"),
    ],
)
def test_numbers_that_source_cannot_say(value: float, expected: str) -> None:
    assert format_expression(ast.Constant(value)) == expected
    square = ast.BinOp(ast.Constant(value), ast.Pow(), ast.Constant(2))
    printed = format_expression(square)
    assert printed == (f"({expected}) ** 2" if "-" in expected else f"{expected}**2")


@given(st.text())
def test_strings_keep_their_value(value: str) -> None:
    printed = format_expression(ast.Constant(value))
    assert ast.literal_eval(printed) == value
    assert printed.isprintable()


@given(st.text(st.sampled_from("'\"\\a\u00e9\n"), max_size=8))
@settings(max_examples=20, deadline=None)
def test_strings_are_quoted_as_ruff_does(value: str) -> None:
    line = f"x = {format_expression(ast.Constant(value))}\n"
    assert formatted(line) == line


LONG = [
    """
    hidden_activation = np.maximum(
        inputs @ parameters["hidden.weight"].T + parameters["hidden.bias"], 0.0
    )
    """,
    """
    d_hidden_weight = np.einsum(
        "bi,bo->oi",
        inputs_of_the_hidden_layer,
        d_outputs_of_the_hidden_layer,
        optimize=True,
    )
    """,
    """
    return (
        -np.log(probabilities[np.arange(batch), labels]).mean()
        + weight_decay * np.sum(hidden_weight**2)
        + 1e-12
    )
    """,
    """
    loss = -np.log(probabilities[np.arange(batch), labels]).mean() + decay * np.sum(
        hidden_weight**2
    )
    """,
    """
    return (
        loss,
        {"hidden.weight": d_hidden_weight, "hidden.bias": d_hidden_bias, "rate": 1e-05},
    )
    """,
    """
    normalised = (
        inputs.reshape(batch_size, groups, channels // groups, height, width)
        .mean(axis=(2, 3, 4), keepdims=True)
        .astype(np.float32)
    )
    """,
    """
    d_weight[start_of_the_block : start_of_the_block + block_size] += (
        d_outputs_of_the_layer @ inputs
    )
    """,
    """
    parameters: dict[str, np.ndarray] = initialise_parameters_of_the_network(
        seed=seed, dtype="float32"
    )
    """,
]


@pytest.mark.parametrize("expected", LONG)
def test_long_statements(expected: str) -> None:
    text = dedent(expected).strip("\n")
    assert "\n".join(format_statement(statement(text))) == text
    assert formatted(text + "\n") == text + "\n"


def test_wide_signs_count_twice() -> None:
    wide = "\u5b57" * 20
    line = f"{'x' * 40} = f('{wide}', a)"
    assert len(line) < 88
    printed = "\n".join(format_statement(statement(line))) + "\n"
    assert printed.count("\n") > 1
    assert formatted(printed) == printed


def test_what_is_not_in_the_subset_is_refused() -> None:
    for text in ("x = y = 1", "del x", "f(x := 1)", "b'x'", "1j", "f'{ {1: 2} }'"):
        with pytest.raises(TypeError):
            format_statement(statement(text))
    for name in ("x; import os", "", "class", "a.b", "a\nb"):
        with pytest.raises(ValueError, match="identifier"):
            format_expression(ast.Name(name, LOAD))
        with pytest.raises(ValueError, match="identifier"):
            format_expression(ast.Attribute(ast.Name("x", LOAD), name, LOAD))


def test_long_chains_and_deep_nests() -> None:
    chain = format_expression(expression(" + ".join(["x"] * 300)))
    assert chain == " + ".join(["x"] * 300)
    assert len(format_statement(statement(f"y = {chain}"))) == 302
    nest = "f(" * 80 + "x" + ")" * 80
    assert "".join(format_statement(statement(nest))).replace(" ", "") == nest
