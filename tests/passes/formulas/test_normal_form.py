"""Normal forms: equal to what was written, and with what is equal in one place."""

import random
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

import graphc as gc
from graphc.ir import Graph, Node, Op
from graphc.passes.formulas import simplify
from graphc.passes.formulas.elementwise_regions import Region, find_regions
from graphc.passes.formulas.normal_form import Formulas, Sum
from graphc.passes.pipeline import pipeline
from tests.exact import exact_values
from tests.random_graphs import Grower

F64 = np.dtype("float64")


def regions(root: Node) -> list[Region]:
    """The formulas of a graph that the simplifier looks at."""
    graph = Graph((root,))
    for step in pipeline(simplify=True):
        if isinstance(step, simplify.Simplify):
            break
        graph = step.run(graph)
    return [region for region in find_regions(graph) if region.inputs]


def merges(root: Node) -> bool:
    return any(simplify._form(region) for region in regions(root))


def arrays(count: int) -> list[Node]:
    return [gc.input(f"x{number}", (3,)) for number in range(count)]


NOTHING_MERGES: dict[str, Callable[[Node, Node, Node], Node]] = {
    "a running mean": lambda x, y, z: 0.9 * x + 0.1 * y,
    "of squares": lambda x, y, z: 0.999 * x + 0.001 * gc.square(y),
    "a bias correction": lambda x, y, z: 0.01 * x / (1 - 0.9**y),
    "its root": lambda x, y, z: gc.sqrt(1 - 0.999**x) * y,
    "a step of Adam": lambda x, y, z: x - y / (gc.sqrt(z) + 1e-8),
    "the derivative of tanh": lambda x, y, z: x * (1 - gc.square(y)),
    "a chain": lambda x, y, z: gc.sin((gc.tanh(x * 0.7) + x) * 1.2) * y + x,
    "the derivative of GELU": lambda x, y, z: y * (z + x * gc.exp(x * x * -0.5) / 2.5),
    "a number before a plain sum": lambda x, y, z: (x + 1.0) * 2.0 * y + z,
    "an inverse": lambda x, y, z: y - 2.0 / x,
    "a sigmoid": lambda x, y, z: gc.nn.sigmoid(x) * y,
    "the derivative of a sigmoid": lambda x, y, z: x * (y * (1 - y)),
    "ELU": lambda x, y, z: gc.nn.elu(x) + y,
    "Huber's": lambda x, y, z: gc.nn.huber_loss(x, y, reduction="none"),
}

MERGES: dict[str, Callable[[Node, Node, Node], Node]] = {
    "two numbers": lambda x, y, z: (x * y * 3.0) * (z * 5.0),
    "an offset in a product": lambda x, y, z: (gc.cos(x) + 1.0) * 0.045 + 0.01 + y,
    "two offsets": lambda x, y, z: (x + 2.0) - 3.0 + y * z,
    "a number before a sum": lambda x, y, z: (x * 3.0 + 1.0) * 2.0 * y + z,
    "a number and an inverse": lambda x, y, z: 1.0 / x / 2.5066 + gc.exp(y),
    "the sign in a sine": lambda x, y, z: y - gc.sin(-x) * z,
    "like terms": lambda x, y, z: x * y - 3.0 * (y * x) + z,
    "powers of one operand": lambda x, y, z: gc.sqrt(x) * y * x,
    "a number below a root": lambda x, y, z: gc.sqrt(x * 4.0) * 0.3 + y,
    "a number over a quotient": lambda x, y, z: 1.0 / (x / y) + z,
    "the sign in a cosine": lambda x, y, z: gc.cos(-x) * y,
    "a number in an absolute value": lambda x, y, z: abs(x * 0.5) * y,
    "a zero": lambda x, y, z: gc.hypot(0.0 - x, y) + z,
}


@pytest.mark.parametrize("name", NOTHING_MERGES)
def test_formulas_in_which_nothing_merges_are_given_up(name: str) -> None:
    root = NOTHING_MERGES[name](*arrays(3))
    assert regions(root)
    assert not merges(root)


@pytest.mark.parametrize("name", MERGES)
def test_formulas_in_which_something_merges_are_looked_at(name: str) -> None:
    assert merges(MERGES[name](*arrays(3)))


def is_formula(op: Op) -> bool:
    return op.kind == "elementwise" and op.sympy is not None and op.vjp is not None


def formula(seed: int) -> Node:
    given = [gc.input(name, (4,), "float64") for name in "xyz"]
    grower = Grower(random.Random(seed), given, keep=is_formula, numbers=0.5)
    grower.grow(6)
    return grower.values[-1]


def test_forms_are_the_formulas_but_for_rounding() -> None:
    """What is proposed is right for real numbers; validation is about floats."""
    compared = 0
    for seed in range(120):
        for region in regions(formula(seed)):
            if (found := simplify._form(region)) is not None:
                hold(region, *found)
                compared += 1
    assert compared > 20


def hold(region: Region, formulas: Formulas, form: Sum) -> None:
    """Hold a form against the region, in as many digits as that takes."""
    inputs = [gc.input(f"v{n}", (4,), "float64") for n in range(len(region.inputs))]
    rng = np.random.default_rng(0)
    feeds = {node: rng.uniform(0.2, 0.9, 4) for node in inputs}
    built = simplify._build(formulas, form, inputs, F64)
    written, found = exact_values([region.replay(inputs, F64), built], feeds)
    for a, b in zip(written, np.broadcast_to(found, written.shape), strict=True):
        if mpmath.isfinite(a) and abs(a) < 1e6:
            assert abs(a - b) <= 1e-9 * max(1, abs(a))
