"""A glance at a formula gives up only those that computer algebra finds nothing in."""

import random
from collections.abc import Callable

import pytest

import graphc as gc
from graphc.ir import Graph, Node, Op
from graphc.ir.walk import ancestors
from graphc.passes.pipeline import pipeline
from graphc.passes.sympy import simplify
from graphc.passes.sympy.prospects import may_merge
from graphc.passes.sympy.regions import Region, find_regions
from graphc.passes.sympy.simplify import Simplify
from tests.random_graphs import Grower


def regions(root: Node) -> list[Region]:
    """The formulas of a graph that the simplifier would look at."""
    graph = Graph((root,))
    for step in pipeline(simplify=True):
        if isinstance(step, Simplify):
            break
        graph = step.run(graph)
    found = find_regions(graph, simplify._OPS)
    return [region for region in found if 1 <= len(region.inputs()) <= 6]


def arrays(count: int) -> list[Node]:
    return [gc.input(f"x{number}", (3,)) for number in range(count)]


HOPELESS: dict[str, Callable[[Node, Node, Node], Node]] = {
    "a running mean": lambda x, y, z: 0.9 * x + 0.1 * y,
    "of squares": lambda x, y, z: 0.999 * x + 0.001 * gc.square(y),
    "a bias correction": lambda x, y, z: 0.01 * x / (1 - 0.9**y),
    "its root": lambda x, y, z: gc.sqrt(1 - 0.999**x) * y,
    "a step of Adam": lambda x, y, z: x - y / (gc.sqrt(z) + 1e-8),
    "a scaled sine": lambda x, y, z: gc.sin(x) * 0.7 + y,
    "the derivative of tanh": lambda x, y, z: x * (1 - gc.square(y)),
    "one operand on both sides of a function": lambda x, y, z: x + gc.sin(x * 0.3) * y,
    "a chain": lambda x, y, z: gc.sin((gc.tanh(x * 0.7) + x) * 1.2) * y + x,
    "the derivative of GELU": lambda x, y, z: y * (z + x * gc.exp(x * x * -0.5) / 2.5),
    "a sum of one number": lambda x, y, z: (x + 2.0) * y - z,
}

PROMISING: dict[str, Callable[[Node, Node, Node], Node]] = {
    "two factors": lambda x, y, z: (x * y * 3.0) * (z * 5.0),
    "a factor of a scaled sum": lambda x, y, z: (0.9 * x + 0.1 * y) * 5.0,
    "one factor of two terms": lambda x, y, z: x * 0.3 + z + y * 0.3,
    "two offsets": lambda x, y, z: (x + 2.0) - (y - 3.0) * 1.5 + 1.0 * z,
    "an offset behind a factor": lambda x, y, z: 3.0 * (x - 2.0) + y + 7.0,
    "a value read twice": lambda x, y, z: x * y + x * z,
    "two exponentials": lambda x, y, z: gc.exp(x) * y * gc.exp(z),
    "powers of one operand": lambda x, y, z: gc.sqrt(x) * y * x,
    "exponentials of one operand": lambda x, y, z: gc.exp(x) * y + gc.exp(2 * x) * z,
    "a logarithm in an exponent": lambda x, y, z: gc.exp(gc.log(x) + y) * z,
    "a number in an exponent": lambda x, y, z: gc.exp(x + 0.3) * 0.7 + y * z,
    "a function shared": lambda x, y, z: gc.exp(x) / (gc.exp(x) + y),
    "nested functions": lambda x, y, z: gc.log(gc.sqrt(x) * y) + z,
    "a number below a root": lambda x, y, z: gc.sqrt(x * 4.0) * 0.3 + y,
    "a number within a power": lambda x, y, z: (x * 2.0) ** 5.5 + y,
    "one factor above and below": lambda x, y, z: 0.5 * x / (y / 2 - z),
    "a factor of the inverse": lambda x, y, z: (x / 2 + y) * 2.0 - z,
    "the size of what is positive": lambda x, y, z: abs(gc.square(x) - -2.0) * y,
    "a number over a quotient": lambda x, y, z: 1.0 / (x / y) + z,
}


@pytest.mark.parametrize("name", HOPELESS)
def test_formulas_in_which_nothing_meets_are_given_up(name: str) -> None:
    found = regions(HOPELESS[name](*arrays(3)))
    assert found
    assert not any(map(may_merge, found))


@pytest.mark.parametrize("name", PROMISING)
def test_formulas_in_which_things_meet_are_looked_at(name: str) -> None:
    assert any(map(may_merge, regions(PROMISING[name](*arrays(3)))))


def is_formula(op: Op) -> bool:
    return op.name in simplify._OPS


def formula(chance: random.Random) -> Node:
    """A random formula that reads some of its operands twice."""
    given = arrays(chance.randint(1, 4))
    grower = Grower(
        chance, given, keep=is_formula, bounded=0.0, numbers=0.5, domain=False
    )
    grower.grow(chance.randint(2, 7))
    last, *others = reversed(grower.values)
    for value in others:
        if value not in set(ancestors([last])):
            last = chance.choice([gc.add, gc.subtract, gc.multiply])(last, value)
    return last


def test_what_is_given_up_has_no_cheaper_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that only real numbers allow."""
    monkeypatch.setattr(simplify, "agree", lambda *arguments: True)
    given_up = looked_at = 0
    for seed in range(300):
        for region in regions(formula(random.Random(seed))):
            if may_merge(region):
                looked_at += 1
            else:
                given_up += 1
                assert simplify._simplify(region) is None, seed
    assert given_up > 50
    assert looked_at > 50
