"""What graphs are at one row: every op, and random graphs of several.

Each graph is evaluated at one row as it is and as `one_row` makes it, by the reference
interpreter, so by NumPy, and every bit is compared.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import OPS, Dim, Graph, Node
from graphc.ir.dims import Dimension
from graphc.ir.graph import expand
from graphc.ops.slices import Slice
from graphc.passes.one_row import one_row
from graphc.passes.pipeline import optimize
from tests.op_cases import WITHOUT_CASES, Application, applications
from tests.random_graphs import Grower, is_smooth

from .helpers import PAIRS
from .rows import BATCH, Feeds, derivative, draws, same

# Every op -----------------------------------------------------------------------------

Place = tuple[Any, ...]

SIZES = ("size", "stop", "num", "N", "M")
"""Attributes that are sizes."""


def places(application: Application) -> list[Place]:
    """Where a case says a size: of an input, and in attributes that tell shapes."""
    shapes, attributes = application.case.shapes, application.case.attributes
    found: list[Place] = [
        ("input", number, axis)
        for number, shape in enumerate(shapes)
        for axis in range(len(shape))
    ]
    found += [("shape", axis) for axis in range(len(attributes.get("shape", ())))]
    found += [(key,) for key in SIZES if isinstance(attributes.get(key), int)]
    index = enumerate(attributes.get("index", ()))
    found += [("index", i) for i, item in index if isinstance(item, Slice)]
    return found


def with_rows(
    application: Application, chosen: Sequence[Place], rows: Dimension = BATCH
) -> list[Node]:
    """The inputs of a case with `rows` for the sizes chosen, and then the output."""
    shapes = [list(shape) for shape in application.case.shapes]
    attributes = dict(application.case.attributes)
    for kind, *place in chosen:
        if kind == "input":
            shapes[place[0]][place[1]] = rows
        elif kind in SIZES:
            attributes[kind] = rows
        else:
            items = list(attributes[kind])
            item = items[place[0]]
            is_slice = isinstance(item, Slice)
            cut = is_slice and Slice(item.start, item.stop, item.step, rows)
            items[place[0]] = cut or rows
            attributes[kind] = tuple(items)
    dtypes = application.dtypes("float32")
    nodes = [
        gc.input(f"x{number}", shape, dtype)
        for number, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]
    case = replace(application.case, attributes=attributes)
    return [*nodes, replace(application, case=case).apply(nodes)]


def variants(application: Application) -> Iterator[list[Node]]:
    """The case with rows everywhere, and wherever a size stands (the first of them is
    enough if the op is elementwise); for other primitives in each place and in each
    two, too. But for those that the op refuses, or would for one row."""
    found = places(application)
    shapes = application.case.shapes
    by_size: dict[int, list[Place]] = {}
    for place in found:
        if place[0] == "input":
            by_size.setdefault(shapes[place[1]][place[2]], []).append(place)
    several = [found, *by_size.values()] if found else []
    if application.op.kind == "elementwise":
        several = several[:2]
    elif not application.op.is_block:
        several += [[place] for place in found]
    if application.op.kind not in ("block", "elementwise"):
        several += [list(pair) for pair in itertools.combinations(found, 2)]
    for chosen in dict.fromkeys(map(tuple, several)):
        try:
            nodes = with_rows(application, chosen)
            expand(Graph((nodes[-1],)))
            with_rows(application, chosen, 1)
        except GraphcError:
            continue
        yield nodes


def case_feeds(application: Application, inputs: Sequence[Node], seed: int) -> Feeds:
    """From the domain of the case, and special numbers where the seed is odd."""
    case, rng = application.case, np.random.default_rng(seed)
    maxima = case.maximum or (None,) * len(inputs)
    special = [0.0, -0.0, 1.0, -1.0, 0.5, 1e30, np.inf, -np.inf, np.nan]
    feeds: dict[str, np.ndarray] = {"rows": np.ones(1, np.float32)}
    for node, maximum in zip(inputs, maxima, strict=True):
        shape = tuple(1 if isinstance(size, Dim) else size for size in node.shape)
        if node.dtype.kind == "f":
            plain = rng.uniform(case.low, case.high, shape)
            values = rng.choice(special, shape) if seed % 2 else plain
        elif maximum is not None:
            values = rng.integers(0, 1 if seed % 2 else maximum, shape)
        else:
            values = rng.integers(0, 2, shape)
        feeds[str(node.name)] = np.asarray(values).astype(node.dtype)
    return feeds


CUT = {"getitem-1", "scatter_add-1"}
"""Cases with a slice of two rows, which has no meaning at one."""
UNREACHED = {"put_in_windows", "affine_grid", "permutation"}
"""Ops that tell a size in several places, which have to agree, or may not be told a
size by name."""


APPLICATIONS = [
    pytest.param(a, id=a.id, marks=[pytest.mark.slow] if a.number > 1 else [])
    for a in applications()
]


@pytest.mark.parametrize("application", APPLICATIONS)
def test_every_op(application: Application) -> None:
    """The value as it is written, and its derivatives when they are simplified."""
    if application.id in CUT:
        return
    rows = gc.sum(gc.input("rows", ("batch",)))
    for *inputs, output in variants(application):
        graphs = [expand(Graph((output, rows)))]
        slopes = derivative(output, inputs)
        if slopes is not None:
            graphs.append(optimize(Graph((*slopes.outputs, rows))))
        fed = [case_feeds(application, inputs, seed) for seed in (0, 1)]
        for graph in graphs:
            same(graph, *fed, signs=graph is graphs[0], note=str(output))


def test_every_op_is_reached() -> None:
    reached = {a.op.name for a in applications() if next(variants(a), None)}
    assert set(OPS) - reached == WITHOUT_CASES | UNREACHED


ARITHMETIC = [
    op
    for op in OPS.values()
    if isinstance(getattr(np, op.name, None), np.ufunc)
    and op.kind == "elementwise"
    and len(op.inputs) == 2
    and not op.cases[0].dtypes
]


@pytest.mark.parametrize("op", ARITHMETIC, ids=lambda op: op.name)
def test_special_numbers_in_pairs(op: Any) -> None:
    """In one row, and each pair as two scalars, which NumPy has other loops for."""
    wide = [gc.input(name, ("batch", len(PAIRS))) for name in "xy"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(Graph((op(*wide),)), {"x": PAIRS[None, :, 0], "y": PAIRS[None, :, 1]})
        graph = Graph((op(*(gc.input(name, ("batch",)) for name in "xy")),))
        same(graph, *({"x": x[None], "y": y[None]} for x, y in PAIRS[::11]))


# Graphs of several ops ----------------------------------------------------------------


def leaves() -> tuple[list[Node], list[Node]]:
    """Numbers and indices, with rows on any axis, or none."""
    shapes: tuple[tuple[Any, ...], ...] = (
        *(("batch", 3, 9), ("batch", 9), (9, "batch"), (5, "batch", 3), ("batch",)),
        *(("batch", 1), (1, "batch"), ("time", "batch", 9), ("batch", "batch")),
        *((9, 3), (1, 9), (9, 1), (9,), (), (1,), (3, 1, 9), (0, 9), (5, 9)),
    )
    indices: tuple[tuple[Any, ...], ...] = (
        *(("batch",), ("batch", 2), (1,), ("batch", 1), (2,), (), (2, "batch")),
        *((2, 1), (2, 2)),
    )
    numbers = [gc.input(f"x{i}", s, "float64") for i, s in enumerate(shapes)]
    return numbers, [gc.input(f"i{n}", s, "int64") for n, s in enumerate(indices)]


def random_graph(seed: int) -> Graph:
    """Two values of several ops each, and derivatives by all that they depend on."""
    numbers, indices = leaves()
    chance = Random(seed)
    grower = Grower(chance, [*numbers, *indices], keep=is_smooth, bounded=0.7)
    grower.grow(chance.randint(2, 9))
    outputs = grower.values[-2:]
    total = gc.sum(gc.sin(outputs[0])) + gc.mean(outputs[1])
    slopes = gc.grad(total, numbers, unused="zeros")
    known = gc.sum(numbers[4]) + gc.sum(numbers[7])
    return Graph((*outputs, known, *slopes))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(80))
def test_composed_graphs(seed: int) -> None:
    graph = optimize(random_graph(seed), simplify=seed % 2 == 0)
    # None where a value has no meaning at one row, as the largest of `x[1:]`.
    if one_row(graph, "batch") is not None:
        same(graph, draws(graph.inputs, seed), signs=False, ulps=2**24)
