"""The memory plan: who may write where, checked against a replay of the program.

The replay runs the statements in the planned arrays with plain NumPy and compares each
value, when it is read, with one computed in fresh arrays: a plan that lets a value be
overwritten too early fails here.
"""

from collections import Counter

import numpy as np
import pytest

import graphc as gc
from graphc.ir.graph import Graph, expand
from graphc.program.memory import plan_memory
from graphc.program.schedule import Chain, schedule
from graphc.program.storage import storage_of

FREE = ("input", "parameter", "constant", "dimension")


def plan(*outputs, fresh=(), destinations=None):
    graph = expand(Graph(tuple(outputs)))
    nodes = [n for n in graph.nodes if n.op.name not in FREE]
    result = plan_memory(nodes, set(), graph.outputs, set(fresh), destinations)
    return graph, nodes, result


def test_a_chain_of_elementwise_ops_uses_one_array():
    x = gc.input("x", (5,))
    y = x
    for _ in range(6):
        y = gc.sin(y)
    _, _, result = plan(y.sum())
    assert len(result.allocated) == 1
    assert result.bytes == 5 * 4


def test_a_value_that_is_read_later_is_not_overwritten():
    x = gc.input("x", (5,))
    kept = gc.exp(x)
    other = gc.sin(kept)
    _, _, result = plan((other * kept).sum())
    array = result.arrays
    assert array[kept] is not array[other]


def test_an_input_is_never_overwritten():
    x = gc.input("x", (5,))
    _, _, result = plan(gc.sin(x) + 1)
    assert all(array.op.name != "input" for array in result.arrays.values())


def test_a_view_keeps_the_array_it_looks_into():
    x = gc.input("x", (2, 3))
    base = gc.exp(x)
    view = base.T
    later = gc.cos(gc.sin(x))
    graph, nodes, result = plan((view + later.T).sum())
    array = result.arrays
    assert storage_of(view) is base
    assert array[later] is not array[base]
    assert len(nodes) == len(graph.nodes) - 1


def test_an_array_is_given_on_to_the_next_value_of_its_type():
    x = gc.input("x", (4, 4))
    first = x @ x
    second = first @ x
    third = second @ x
    _, _, result = plan((third @ x).sum())
    array = result.arrays
    assert len(result.allocated) == 2
    assert array[first] is array[third]
    assert array[first] is not array[second]


def test_a_product_is_not_written_over_its_own_operand():
    x = gc.input("x", (4, 4))
    first = x @ x
    _, _, result = plan((first @ first).sum())
    array = result.arrays
    written = [node for node in array if node.op.name == "matmul"]
    assert array[written[0]] is not array[written[1]]


def test_a_choice_is_not_written_over_its_own_condition_or_operands():
    x = gc.input("x", (4,))
    low, high = gc.exp(x), gc.sin(x)
    chosen = gc.where(x > 0, low, high)
    _, _, result = plan(chosen.sum())
    array = result.arrays
    assert array[chosen] is not array[low]
    assert array[chosen] is not array[high]


def test_fresh_values_have_no_planned_array():
    x = gc.input("x", (4,))
    y = gc.exp(x)
    _, _, result = plan(y, fresh=[y])
    assert result.allocated == []


def test_an_output_is_written_to_its_destination_once_that_is_read():
    w = gc.input("w", (4,))
    new = w - 0.1 * gc.sin(w)
    _, _, result = plan(new, destinations={new: w})
    assert [node for node, array in result.arrays.items() if array is w] == [new]


def test_an_output_waits_where_its_destination_is_read_again():
    w = gc.input("w", (4,))
    new = w - 1.0
    other = new * w
    _, _, result = plan(new, other, destinations={new: w})
    assert result.arrays[new] is not w


READ_OTHERWISE = {
    "a choice by itself": lambda w: gc.where(w > 0, w, 1.0),
    "with its transpose": lambda w: w + w.T,
    "backwards": lambda w: gc.tanh(w[::-1]),
    "a product": lambda w: w @ w,
    "moved": lambda w: gc.concatenate([w[1:], w[:1]]),
}


@pytest.mark.parametrize("kind", READ_OTHERWISE)
def test_an_output_is_not_written_over_what_its_op_still_reads(kind):
    w = gc.input("w", (4, 4))
    new = READ_OTHERWISE[kind](w)
    _, _, result = plan(new, destinations={new: w})
    assert result.arrays[new] is not w


def test_symbolic_bytes():
    x = gc.input("x", ("batch", 3), "float64")
    _, _, result = plan(gc.exp(x).sum())
    assert str(result.bytes) == "24*batch"


@pytest.mark.parametrize("seed", range(30))
def test_replay_of_random_programs(seed):
    rng = np.random.default_rng(seed)
    x = gc.input("x", (3, 3), "float64")
    pool = [x, gc.exp(x * 0.1)]
    for _ in range(25):
        a, b = (pool[i] for i in rng.integers(0, len(pool), 2))
        choice = rng.integers(0, 6)
        if choice == 0:
            node = gc.tanh(a + b)
        elif choice == 1:
            node = a.T
        elif choice == 2:
            node = gc.tanh(a @ b)
        elif choice == 3:
            node = gc.where(a > b, a, b)
        elif choice == 4:
            node = a - gc.mean(b, axis=0)
        else:
            node = gc.sin(a) * b
        pool.append(node)
    outputs = [pool[-1], pool[-3]]
    feed = {"x": rng.normal(size=(3, 3))}
    expected = gc.evaluate(outputs, feed)
    for style in ("fast", "readable"):
        function = gc.compile(outputs, style=style, simplify=False)
        for _ in range(2):
            for value, reference in zip(function(**feed), expected, strict=True):
                np.testing.assert_allclose(value, reference, rtol=1e-12)


# Chains -------------------------------------------------------------------------------


class Replay:
    """What stands in each row of each array: the node that it was computed for.

    It knows nothing of lifetimes. Two rows stand for the tiles of a chain, which run
    in any order; other statements read and write both. A plan is right if each value
    that is read is the one that its own statement wrote.
    """

    def __init__(self, plan, tiles):
        self.plan = plan
        self.tiles = tiles
        self.rows = {}

    def array(self, node):
        return self.plan.arrays.get(node, node)

    def run(self, steps):
        for step in steps:
            if not isinstance(step, Chain):
                self.compute(step, None, None)
                continue
            for tile in self.tiles:
                for node in step.nodes:
                    self.compute(node, step, tile)
                for array in self.plan.scratch.get(step, ()):
                    del self.rows[array, tile]

    def compute(self, node, chain, tile):
        for parent in node.inputs:
            storage = storage_of(parent)
            tiled = chain is not None and parent is storage and chain.is_tiled(parent)
            self.read(storage, (tile,) if tiled else (0, 1))
            if not node.op.is_view(node) and self.array(storage) is self.array(node):
                # Only what goes number by number may write where it reads.
                assert parent is storage
                assert node.op.kind == "elementwise"
                assert "\n" not in node.op.template_into(node)
        if not node.op.is_view(node):
            for row in (0, 1) if chain is None else (tile,):
                self.rows[self.array(node), row] = node

    def read(self, storage, rows):
        start = storage if storage.op.name in FREE else None
        for row in rows:
            assert self.rows.get((self.array(storage), row), start) is storage


def random_graph(rng):
    """Outputs over a square input: elementwise ops, views, products and reductions."""
    x = gc.input("x", (9, 9), "float64")
    pool = [x, gc.input("column", (9, 1), "float64"), gc.input("row", (9,), "float64")]
    for _ in range(rng.integers(4, 22)):
        a, b = (pool[-1 - i] for i in rng.integers(0, min(6, len(pool)), 2))
        choices = [
            lambda a, b: gc.tanh(a) * b,
            lambda a, b: a + b,
            lambda a, b: gc.sin(a),
            lambda a, b: gc.where(a > b, a, b),
            lambda a, b: a + a.T,
            lambda a, b: gc.cos(a[::-1] - a) + b,
            lambda a, b: (a + x).T,
            lambda a, b: (a + x).T + b,
            lambda a, b: (b * x)[::-1] - a,
            lambda a, b: gc.concatenate([(a * x)[1:], (b * x)[:1]]) + a,
            lambda a, b: x @ (a + x),
            lambda a, b: a - gc.sum(b + x, axis=0),
            lambda a, b: a / gc.sum(b),
        ]
        pool.append(choices[rng.integers(0, len(choices))](a, b))
    return [pool[-1], *(node for node in pool[3:-1] if rng.random() < 0.15)]


@pytest.mark.parametrize("seed", range(150))
def test_chains_read_what_was_written_for_them(seed):
    rng = np.random.default_rng(seed)
    graph = expand(Graph(tuple(random_graph(rng))))
    outputs = dict.fromkeys(graph.outputs)
    uses = Counter(parent for node in graph.nodes for parent in node.inputs)
    inline = {
        node
        for node in graph.nodes
        if node.op.name in FREE
        or (node.op.is_view(node) and uses[node] == 1 and node not in outputs)
    }
    nodes = [node for node in graph.nodes if node not in inline]
    steps = schedule(nodes, inline, outputs, tile=8)
    chains = [step for step in steps if isinstance(step, Chain)]
    placed = [n for s in steps for n in (s.nodes if isinstance(s, Chain) else [s])]
    assert len(placed) == len(nodes)
    assert set(placed) == set(nodes)
    fresh = {storage_of(node) for node in list(outputs)[:: 1 + seed % 2]}
    plan = plan_memory(placed, inline, outputs, fresh, chains=chains)
    for tiles in ((0, 1), (1, 0)):
        replay = Replay(plan, tiles)
        replay.run(steps)
        for node in outputs:
            replay.read(storage_of(node), (0, 1))
    for chain in chains:
        local = set(chain.nodes) - set(chain.outputs)
        assert set(plan.scratch.get(chain, ())) <= local
