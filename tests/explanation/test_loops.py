"""Explanations of loops, branches and functions: sizes of bodies, counted by hand."""

from __future__ import annotations

import graphc as gc
from graphc.explanation.loops import BodyRecord
from graphc.explanation.native import PartRecord
from graphc.explanation.passes import PassRecord


def test_bodies_and_what_passes_did_to_them() -> None:
    items, w = gc.input("items", (5, 4)), gc.parameter("w", (4,), 1.0)
    last, _ = gc.scan(
        lambda h, item: (gc.tanh(h * gc.exp(w) + item), item), gc.zeros(4, "f4"), items
    )
    chosen = gc.cond(gc.sum(w) > 0, gc.sin, lambda x: x * gc.cos(x), last)
    told = gc.explain(gc.while_loop(lambda x: gc.sum(x) > 1, lambda x: x / 2, chosen))
    bodies = {each.name: each for each in told if isinstance(each, BodyRecord)}
    found = {name: (b.runs, b.size.nodes, b.size.bytes) for name, b in bodies.items()}
    assert found == {
        # h, exp(w) and item; product, sum and tanh.
        "scan": ("5 steps", 6, 3 * 16),
        "cond, when_true": ("if it is chosen", 2, 16),
        "cond, when_false": ("if it is chosen", 3, 2 * 16),
        "while_loop, test": ("until the test fails", 4, 4 + 1),
        "while_loop, body": ("until the test fails", 3, 16),
    }
    rules = [
        (rule.rule, rule.count, *rule.formulas)
        for each in told
        if isinstance(each, PassRecord) and each.name == "tidy loops"
        for rule in each.rules
    ]
    # The item, which nothing reads, and the value that each step began with.
    assert rules[0][2][:2] == (
        "scan: 6 nodes, 3 results, 3 operands",
        "6 nodes, 1 result, 3 operands",
    )
    assert all(count == 1 for _, count, *_ in rules)


def test_native_style() -> None:
    x = gc.input("x", (4, 4))
    values = gc.linalg.eigvalsh(gc.exp(x))
    function = gc.compile(gc.tanh(values) + 1, style="native")
    parts = [each for each in gc.explain(function) if isinstance(each, PartRecord)]
    assert [each.language for each in parts] == ["C", "NumPy", "C"]
    assert parts[1].nodes[0].op is values.op
