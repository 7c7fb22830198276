"""Hold whole modules against ruff, Python's own parser, and expected texts."""

import ast
import random
import time
from inspect import cleandoc
from textwrap import dedent

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphc.pysource.expression_text import format_expression
from graphc.pysource.statement_text import format_statement
from graphc.pysource.writer import Writer

from .trees import QUICK, SEEDS, Trees, complaints, formatted, statement


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
        start = time.process_time()
        with writer.function("f"):
            for position in range(count):
                writer.statement(nodes[position % len(nodes)], "(batch, 64)")
        writer.source()
        return time.process_time() - start

    seconds(100)
    assert seconds(10_000) < 5


COMPOUND = '''\
for row in range(3):
    if row > 1:
        out = row
    elif row:
        out = 2
    else:
        out = 3
while out:
    out = out - 1
with open("file") as file:
    text = file.read()


def step(x):
    """Return x."""
    return x
'''


def test_statements_that_hold_others_are_written_as_they_are() -> None:
    writer = Writer()
    for part in ast.parse(COMPOUND).body:
        writer.statement(part)
    assert writer.source() == COMPOUND


def test_lines_belong_to_what_they_were_written_for() -> None:
    writer, inner = Writer(), Writer()
    first, second = object(), object()
    with inner.function("f", ["x"]):
        inner.docstring("Return x.")
        with inner.about(first):
            inner.heading("A heading belongs to nobody.")
            inner.statement(ast.parse("y = x").body[0])
            with inner.about(second):
                inner.statement(ast.parse("z = y").body[0], "a comment beside it")
            inner.statement(ast.parse(f"y = [{', '.join(['x' * 20] * 9)}]").body[0])
        inner.statement(ast.parse("return y").body[0])
    writer.docstring("A module.")
    writer.statement(ast.parse("a = 1").body[0])
    writer.append(inner)
    writer.import_("math")
    lines = writer.source().splitlines()
    found = {
        lines[number - 1].strip(): thing for number, thing in writer.subjects().items()
    }
    assert found["y = x"] is first
    assert found["z = y  # a comment beside it"] is second
    whole = next(i for i, line in enumerate(lines) if line.endswith("y = ["))
    end = next(i for i, line in enumerate(lines) if i > whole and line.strip() == "]")
    for number in range(whole + 1, end + 2):
        assert writer.subjects()[number] is first
    assert not {"return y", "a = 1", "import math"} & found.keys()
    assert not any(line.startswith("#") for line in found)
