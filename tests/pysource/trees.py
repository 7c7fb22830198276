"""Random syntax trees, and ruff's word on text, for the tests of what prints them."""

import ast
import copy
import math
import random
import subprocess
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from ruff import find_ruff_bin

LOAD, STORE = ast.Load(), ast.Store()


def ruff(*arguments: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [find_ruff_bin(), *arguments, "-"]
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

        def comprehension() -> ast.expr:
            clauses = [
                ast.comprehension(
                    ast.Name(self.identifier(), STORE),
                    inner(),
                    self.many(inner, 0, 1),
                    0,
                )
                for _ in range(self.random.randint(1, 2))
            ]
            kinds = [ast.ListComp, ast.SetComp, ast.GeneratorExp]
            if self.random.random() < 0.2:
                return ast.DictComp(inner(), inner(), clauses)
            return self.random.choice(kinds)(inner(), clauses)

        makers = [
            comprehension,
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
