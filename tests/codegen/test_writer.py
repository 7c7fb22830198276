"""Hold the writer against ruff, Python's own parser, and expected texts.

Ruff says whether a text is formatted, and ``ast.parse`` whether it still means the tree
it was printed from; neither knows anything of the writer's rules.
"""

import ast
import copy
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable
from inspect import cleandoc
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from graphc.codegen.writer import Writer, format_expression, format_statement

LOAD, STORE = ast.Load(), ast.Store()


def ruff(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", *arguments, "-"]
    return subprocess.run(
        command, input=text, text=True, encoding="utf-8", capture_output=True
    )


def formatted(text: str) -> str:
    result = ruff("format", "--isolated", "--target-version=py311", text=text)
    assert result.returncode == 0, result.stderr
    return result.stdout


def complaints(text: str) -> str:
    """Return what ruff's layout rules and its import order say about ``text``."""
    rules = "--select=E1,E2,E3,E5,E70,E9,I,W,D2"
    skipped = "--ignore=D203,D205,D212,D213"
    return ruff(
        "check", "--isolated", "--preview", "--quiet", rules, skipped, text=text
    ).stdout


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def statement(text: str) -> ast.stmt:
    (node,) = ast.parse(text).body
    return node


# Random trees -----------------------------------------------------------------------

WORDS = ["loss", "gradient", "hidden", "batch", "weight", "d", "mean", "rate", "x"]
CONSTANTS: list[object] = [
    *(0, 1, 2, 10, -1, 1.5, -2.5, 1e-05, 1e16, True, False, None, ...),
    *(math.inf, -math.inf, -0.0, "axis", "", 'say "hi"', "it's", "a\\b\n'\"", "\u00e9"),
]
OPERATORS: list[type[ast.operator]] = [
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.Pow, ast.Mod),
    *(ast.FloorDiv, ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
]
SIGNS: list[type[ast.unaryop]] = [ast.USub, ast.USub, ast.Not, ast.Invert, ast.UAdd]
COMPARISONS: list[type[ast.cmpop]] = [
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
    *(ast.In, ast.NotIn, ast.Is, ast.IsNot),
]


class Trees:
    """Random trees of the subset; ``lambdas`` only where every line is long enough."""

    def __init__(self, source: random.Random, *, lambdas: bool = False) -> None:
        self.random = source
        self.lambdas = lambdas

    def many(
        self, make: Callable[[], ast.expr], least: int, most: int
    ) -> list[ast.expr]:
        return [make() for _ in range(self.random.randint(least, most))]

    def identifier(self) -> str:
        return "_".join(self.random.choices(WORDS, k=self.random.choice([1, 1, 2, 3])))

    def name(self) -> ast.expr:
        return ast.Name(self.identifier(), LOAD)

    def constant(self) -> ast.expr:
        value: object = self.random.choice(CONSTANTS)
        return ast.Constant(value)

    def keyword(self, depth: int) -> ast.keyword:
        name = self.random.choice([self.identifier()] * 4 + [None])
        return ast.keyword(name, self.expression(depth))

    def argument(self, depth: int) -> ast.expr:
        value = self.expression(depth)
        return ast.Starred(value, LOAD) if self.random.random() < 0.1 else value

    def index(self, depth: int) -> ast.expr:
        def bound() -> ast.expr | None:
            if self.random.random() < 0.4:
                return None
            return self.expression(self.random.choice([0, 0, depth - 1]))

        def one() -> ast.expr:
            if self.random.random() < 0.5:
                return self.expression(depth - 1)
            return ast.Slice(bound(), bound(), self.random.choice([None, bound()]))

        if self.random.random() < 0.5:
            return one()
        return ast.Tuple(self.many(one, 1, 3), LOAD)

    def expression(self, depth: int) -> ast.expr:
        if depth <= 0:
            return self.name() if self.random.random() < 0.75 else self.constant()

        def inner() -> ast.expr:
            return self.expression(depth - self.random.randint(1, 2))

        def argument() -> ast.expr:
            return self.argument(depth - 1)

        def attribute() -> ast.expr:
            return ast.Attribute(inner(), self.identifier(), LOAD)

        def call() -> ast.expr:
            function = self.random.choice([self.name, self.name, attribute, inner])()
            found = [self.keyword(depth - 1) for _ in range(self.random.randint(0, 2))]
            keywords = list({word.arg: word for word in found}.values())
            return ast.Call(function, self.many(argument, 0, 4), keywords)

        def operation() -> ast.expr:
            return ast.BinOp(inner(), self.random.choice(OPERATORS)(), inner())

        def sign() -> ast.expr:
            return ast.UnaryOp(self.random.choice(SIGNS)(), inner())

        def logic() -> ast.expr:
            word = self.random.choice([ast.And(), ast.Or()])
            return ast.BoolOp(word, self.many(inner, 2, 4))

        def comparison() -> ast.expr:
            others = self.many(inner, 1, 2)
            signs = [self.random.choice(COMPARISONS)() for _ in others]
            return ast.Compare(inner(), signs, others)

        def subscript() -> ast.expr:
            value = self.random.choice([self.name, self.name, inner])()
            return ast.Subscript(value, self.index(depth), LOAD)

        def dictionary() -> ast.expr:
            values = self.many(inner, 0, 4)
            makers = [self.constant, self.constant, self.name]
            keys = [self.random.choice(makers)() for _ in values]
            return ast.Dict(
                [self.random.choice([*[k] * 5, None]) for k in keys], values
            )

        def function() -> ast.expr:
            names = [ast.arg(word) for word in self.random.sample(WORDS, 2)]
            arguments = ast.arguments([], names, None, [], [], None, [inner()])
            return ast.Lambda(arguments, inner())

        makers = [
            *(self.name, self.constant, attribute, call, call, call, operation),
            *(operation, operation, sign, logic, comparison, subscript, subscript),
            *(lambda: ast.Tuple(self.many(argument, 0, 4), LOAD), dictionary),
            lambda: ast.List(self.many(argument, 0, 5), LOAD),
            lambda: ast.IfExp(inner(), inner(), inner()),
            *([function, function] if self.lambdas else []),
        ]
        return self.random.choice(makers)()

    def target(self) -> ast.expr:
        names = [ast.Name(self.identifier(), STORE) for _ in range(6)]
        return self.random.choice(
            [
                *names[:2],
                ast.Attribute(self.name(), self.identifier(), STORE),
                ast.Subscript(self.name(), self.index(2), STORE),
            ]
        )

    def statement(self) -> ast.stmt:
        value = self.expression(self.random.randint(1, 4))
        names = [ast.Name(self.identifier(), STORE) for _ in range(6)]
        kinds = ast.Subscript(self.name(), self.index(0), LOAD)
        error = ast.Call(self.name(), [self.expression(1)], [])
        call = ast.Call(self.name(), [value], [])
        return self.random.choice(
            [
                *[ast.Assign([self.target()], value)] * 4,
                *[ast.Return(value)] * 2,
                ast.Assign(
                    [ast.Tuple([*names[: self.random.randint(1, 6)]], STORE)], value
                ),
                ast.AugAssign(self.target(), self.random.choice(OPERATORS)(), value),
                ast.AnnAssign(
                    names[0], self.random.choice([kinds, self.name()]), value, 1
                ),
                ast.AnnAssign(names[0], kinds, None, 1),
                ast.Expr(call),
                ast.Raise(error, self.random.choice([None, self.name()])),
            ]
        )


def as_source_says(node: ast.AST) -> str:
    """Dump ``node`` with its numbers as a parser would meet them."""

    class Numbers(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            value = node.value
            if isinstance(value, bool) or not isinstance(value, int | float):
                return node
            if math.copysign(1, value) < 0:
                return ast.UnaryOp(
                    ast.USub(), self.visit_Constant(ast.Constant(-value))
                )
            if value == math.inf:
                return ast.Attribute(ast.Name("np", LOAD), "inf", LOAD)
            return node

    return ast.dump(Numbers().visit(copy.deepcopy(node)))


# A seed, not a strategy for each node, and no shrinking: that would take minutes.
SEEDS = st.integers(0, 10**9).map(random.Random)
# Derandomised, since the documented limits would fail a run in some ten thousand trees.
QUICK = settings(
    max_examples=15,
    derandomize=True,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
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
    for text in ("x = y = 1", "del x", "x = [i for i in y]", "f'{x}'", "b'x'", "1j"):
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


# The writer -------------------------------------------------------------------------


def test_a_whole_module() -> None:
    writer = Writer()
    writer.docstring("Train a line.\n\nWith gradient descent.")
    with writer.function(
        "forward", ["parameters: dict[str, np.ndarray]", "x"], returns="np.ndarray"
    ):
        writer.docstring("Return the prediction.")
        writer.heading("Forward")
        writer.statement(statement("y = x * parameters['slope']"), "(batch,)")
        writer.heading("Done")
        writer.statement(statement("return y"))
    writer.comment("Runs as a script.")
    with writer.block("if __name__=='__main__':"):
        writer.statement(statement("sys.exit(main())"))
    with writer.block("else:"):
        pass
    writer.import_("numpy", "np")
    writer.import_("sys")
    assert writer.source() == dedent('''
        """Train a line.

        With gradient descent.
        """

        import sys

        import numpy as np


        def forward(parameters: dict[str, np.ndarray], x) -> np.ndarray:
            """Return the prediction."""
            # Forward
            y = x * parameters["slope"]  # (batch,)

            # Done
            return y


        # Runs as a script.
        if __name__ == "__main__":
            sys.exit(main())
        else:
            pass
        ''').removeprefix("\n")


class Programs:
    """Write random structure: blocks, comments, definitions, whatever comes next."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.writer = Writer()
        self.statements = Trees(source)

    def text(self) -> str:
        words = [
            self.statements.identifier() for _ in range(self.random.randint(1, 30))
        ]
        return " ".join(words)

    def statement(self) -> ast.stmt:
        while True:
            node = self.statements.statement()
            lines = format_statement(node, 28)
            if max(map(len, lines)) <= 88 and not isinstance(node, ast.Return):
                return node

    def header(self) -> str:
        test = format_expression(self.statements.expression(3))
        name = self.statements.identifier()
        others = ["while", "if"]
        return self.random.choice(
            [
                *[f"{word} {test}:" for word in others],
                f"for {name}, i in {test}:",
                f'with np.errstate(over="ignore") as {name}:',
            ]
        )

    def definition(self, budget: int) -> None:
        parameters = [f"p{i}: int={i}" for i in range(self.random.randint(0, 12))]
        if self.random.random() < 0.3:
            with self.writer.block("class A:"):
                self.body(budget)
            return
        decorators = ["staticmethod"] if self.random.random() < 0.2 else []
        returns = self.random.choice([None, "np.ndarray", "dict[str, np.ndarray]"])
        with self.writer.function(
            "f", parameters, returns=returns, decorators=decorators
        ):
            self.body(budget)

    def body(self, budget: int) -> None:
        if self.random.random() < 0.5:
            self.writer.docstring(self.random.choice(["One.", "One.\n\nTwo\n  three."]))
        self.items(budget)

    def items(self, budget: int) -> None:
        for _ in range(self.random.randint(0, 4)):
            kind = self.random.random()
            if kind < 0.35:
                comment = self.random.choice([None, None, "short", self.text()])
                self.writer.statement(self.statement(), comment)
            elif kind < 0.5:
                self.writer.comment(self.text())
            elif kind < 0.6:
                self.writer.heading("Forward")
            elif kind < 0.7:
                self.writer.blank(self.random.randint(1, 3))
            elif budget and kind < 0.85:
                with self.writer.block(self.header()):
                    self.items(budget - 1)
                    self.writer.statement(self.statement())
                if self.random.random() < 0.3:
                    with self.writer.block("if x:"):
                        self.items(budget - 1)
                    with self.writer.block(self.random.choice(["elif y:", "else:"])):
                        self.items(budget - 1)
            elif budget:
                self.definition(budget - 1)

    def module(self) -> str:
        if self.random.random() < 0.7:
            self.writer.docstring("A module.")
        if self.random.random() < 0.7:
            self.writer.import_("numpy", "np")
            self.writer.from_import("os.path", "join")
        if self.random.random() < 0.3:
            self.writer.raw(
                self.random.choice(["def f():\n    pass\n", "\nLIMIT = 1\n"])
            )
        for _ in range(self.random.randint(0, 4)):
            self.items(3)
            if self.random.random() < 0.3:
                self.writer.raw("def f():\n    pass\n")
        return self.writer.source()


@settings(QUICK, max_examples=60)
@given(SEEDS)
def test_ruff_leaves_whole_modules_alone(source: random.Random) -> None:
    text = Programs(source).module()
    ast.parse(text)
    assert not text or (text.endswith("\n") and not text.endswith("\n\n"))
    found = formatted(text)
    if max(map(len, found.split("\n"))) <= 88:
        assert found == text


def test_layout_rules_have_no_complaint() -> None:
    for seed in range(20):
        text = Programs(random.Random(seed)).module()
        if max(map(len, text.split("\n"))) <= 88:
            assert complaints(text) == ""


def test_imports_are_sorted_as_ruff_sorts_them() -> None:
    writer = Writer()
    for module in ("zlib", "Zope", "numpy", "os.path", "os", "a10", "a9", "argparse"):
        writer.import_(module)
    writer.import_("numpy", "np")
    for name in ("b", "B", "BIG", "a10", "a9", "C", "long_name" * 5, "other" * 9):
        writer.from_import("a2", name)
        writer.from_import("collections", name)
    writer.statement(statement("x = 1"))
    text = writer.source()
    assert complaints(text) == ""
    assert formatted(text) == text


@given(st.text(st.sampled_from("\"'\\\n\t\r\x00\x0c\u2028 ab\u5b57"), max_size=20))
@example('"""')
@example('a"""; import os; """')
@example("a\\")
@example('""""')
@settings(max_examples=40, deadline=None)
def test_no_text_breaks_out_of_a_docstring(text: str) -> None:
    writer = Writer()
    with writer.function("f"):
        writer.docstring(text)
    source = writer.source()
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert len(function.body) == 1
    found = ast.get_docstring(function)
    assert found is not None
    wanted = cleandoc(text.replace("\r\n", "\n").replace("\r", "\n"))

    def stripped(text: str) -> list[str]:
        return [line.strip() for line in text.strip().split("\n")]

    assert stripped(found) == stripped(wanted)
    assert formatted(source) == source


@given(st.text())
@example("fmt: off")
@example("x\nimport os")
@example("noqa")
@example("coding: latin-1")
@settings(deadline=None)
def test_no_text_breaks_out_of_a_comment(text: str) -> None:
    writer = Writer()
    writer.comment(text)
    writer.statement(statement("x = 1"), text)
    source = writer.source()
    assert ast.dump(ast.parse(source.encode())) == ast.dump(ast.parse("x = 1"))
    for line in source.splitlines():
        assert line.startswith(("#", "x = 1"))
        assert not line.startswith(("# fmt:", "# noqa", "# ruff:", "# type: ignore"))


def test_headers_cannot_carry_more_than_a_header() -> None:
    writer = Writer()
    for header in (
        "x = 1",
        "if x: pass",
        "else: x = 1",
        "for x:",
        "if a:\n    b\nif c:",
    ):
        with pytest.raises(ValueError, match=r"pars|header"), writer.block(header):
            pass
    for parameters in (["a): pass #"], ["a=(1"], ["1"]):
        with (
            pytest.raises(ValueError, match="parse"),
            writer.function("f", parameters),
        ):
            pass
    with pytest.raises(ValueError, match="identifier"), writer.function("f(): x"):
        pass
    with pytest.raises(ValueError, match="identifier"):
        writer.import_("os; x")
    assert writer.source() == ""


def test_a_docstring_comes_first() -> None:
    writer = Writer()
    writer.statement(statement("x = 1"))
    with pytest.raises(ValueError, match="first"):
        writer.docstring("Late.")
    with writer.block("if x:"), pytest.raises(ValueError, match="first"):
        writer.docstring("Nowhere.")
    with (
        writer.function("f"),
        pytest.raises(ValueError, match="top level"),
    ):
        writer.raw("x = 1")


def test_a_comment_right_above_a_definition_stays_there() -> None:
    writer = Writer()
    writer.statement(statement("x = 1"))
    writer.comment("About f.")
    with writer.function("f", decorators=["cache"]):
        writer.statement(statement("y = 1"))
        writer.comment("About g.")
        with writer.function("g"):
            pass
        writer.statement(statement("z = 1"))
    assert writer.source() == dedent("""
        x = 1


        # About f.
        @cache
        def f():
            y = 1

            # About g.
            def g():
                pass

            z = 1
        """).removeprefix("\n")


def test_a_comment_that_does_not_fit_moves_up_and_wraps() -> None:
    writer = Writer(width=40)
    with writer.function("f"):
        writer.statement(statement("loss = x"), "a remark of more than forty columns")
        writer.statement(statement("total = first(a) + second(b) + third(c)"), "sum")
    assert writer.source() == dedent("""
        def f():
            # a remark of more than forty
            # columns
            loss = x
            # sum
            total = (
                first(a) + second(b) + third(c)
            )
        """).removeprefix("\n")


def test_time_is_linear() -> None:
    nodes = [statement("hidden = np.maximum(inputs @ weight.T + bias, 0.0)")] * 10
    nodes += [
        statement("d_weight = np.einsum('bi,bo->oi', d_outputs, " + "a, " * 20 + "b)")
    ]

    def seconds(count: int) -> float:
        writer = Writer()
        start = time.perf_counter()
        with writer.function("f"):
            for position in range(count):
                writer.statement(nodes[position % len(nodes)], "(batch, 64)")
        writer.source()
        return time.perf_counter() - start

    seconds(100)
    assert seconds(10_000) < 5
