"""Explanations of passes: counts by hand, and a planted pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import graphc as gc
from graphc.errors import OptionError
from graphc.explanation.passes import PassRecord
from graphc.ir import Dim, Graph
from graphc.ir.graph import rebuild
from graphc.passes import pipeline
from graphc.passes.base import note


def declared() -> gc.Node:
    x = gc.input("x", ("n",))
    return gc.exp(x) * 1 + gc.tanh(gc.exp(x))


PLACE = f"test_passes.py:{declared.__code__.co_firstlineno + 2}"


def changed(explanation: Any) -> dict[str, PassRecord]:
    return {each.name: each for each in explanation if each.has_changed}


def test_counts_are_those_by_hand() -> None:
    found = changed(gc.explain(declared()))
    n = Dim("n")
    assert list(found) == ["merge equal values", "algebra"]
    merge, algebra = found.values()
    # x, exp, 1, *, exp, tanh, +; then one exp; then without 1 and *.
    assert (merge.before.nodes, merge.after.nodes, algebra.after.nodes) == (7, 6, 4)
    assert merge.before.multiply_adds == 5 * n
    assert algebra.before.multiply_adds == 4 * n
    assert algebra.after.multiply_adds == 3 * n
    assert (merge.before.bytes, algebra.after.bytes) == (20 * n, 12 * n)
    (one,) = merge.rules
    assert dict(one.formulas).keys() == {("exp(x)", "exp(x)", PLACE)}
    assert [each.rule for each in algebra.rules] == ["x * 1 -> x"]
    assert "IEEE 754" in algebra.rules[0].sound_when


def test_texts() -> None:
    whole = gc.explain(declared(), rules="none", n=10)
    assert [line.split() for line in str(whole).splitlines()] == [
        ["passes"],
        ["after", "nodes", "multiply-adds", "bytes"],
        ["as", "declared", "7", "50", "200"],
        ["merge", "equal", "values", "6", "40", "160"],
        ["algebra", "4", "30", "120"],
        f"peak: 120 bytes of values, while add is computed ({PLACE})".split(),
    ]
    assert "| `algebra` | `4` | `30` | `120` |" in whole.markdown
    first = gc.explain(declared())
    assert "x * 1 -> x" in str(first)
    assert "nothing to do for" not in str(first)
    assert "nothing to do for: stability" in str(gc.explain(declared(), rules="all"))
    x = gc.input("x", (3,))
    names: dict[str, Any] = {"gc": gc, "x": x}
    exec(compile("y = gc.exp(x) * 1", "<b>`|*.py", "exec"), names)
    hostile = gc.explain(names["y"])
    assert "<b>" not in hostile._repr_html_()
    assert "&lt;b&gt;`|*.py:1" in hostile._repr_html_()
    assert "<b>'|*.py:1`" in hostile.markdown


@dataclass(frozen=True)
class Planted:
    """A pass that does nothing right.

    Before: any graph. After: no tanh. Sound when pigs fly. Never, that is.
    """

    name: str = "planted"

    @property
    def reasons(self) -> dict[str, str]:
        """One."""
        return {"tanh -> x": "the sky is green"}

    def run(self, graph: Graph) -> Graph:
        """The graph without tanh."""

        def rule(node: gc.Node) -> gc.Node:
            if node.op.name != "tanh":
                return node
            note("tanh -> x", "the sky is green", node, node.inputs[0])
            return node.inputs[0]

        return rebuild(graph, rule)


def test_a_planted_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "pipeline", lambda simplify: (Planted(),))
    x = gc.input("x", (5,))
    h = gc.tanh(x)
    (record, *_) = gc.explain([gc.exp(h), gc.exp(gc.tanh(x))])
    assert record.reason == "when pigs fly"
    assert (record.before.nodes, record.after.nodes) == (5, 3)
    (rule,) = record.rules
    assert (rule.count, rule.sound_when) == (2, "the sky is green")
    assert {key[:2] for key in rule.formulas} == {("tanh(x)", "x")}
    # Twice in one line, once in another one.
    again = [gc.tanh(x) for _ in range(2)]
    (record, *_) = gc.explain([h, *again])
    assert sorted(record.rules[0].formulas.values()) == [1, 2]


def test_targets() -> None:
    """What is explained is what a compiled function and a training step compute."""
    y = declared()
    for style, simplify in (("fast", True), ("readable", True), ("readable", False)):
        function = gc.compile(y, style=style, simplify=simplify)
        *_, last = function.optimization.stages()
        assert last.after == function.graph
    x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3,), 0.0)
    loss = gc.mean(gc.square(x @ w))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    text = str(gc.explain(trainer))
    assert text.startswith("passes of a training step\n")
    assert "x * (1 / y) -> x / y" in text
    two = gc.Trainer(
        {"one": loss, "other": gc.sum(gc.parameter("v", (2,), 0.0) ** 2)},
        dict.fromkeys(("one", "other"), gc.optim.SGD(0.1)),
    )
    titles = [section.title for section in gc.explain(two).sections]
    assert titles == [
        *(
            title.format(f"a training step of {name}")
            for name in ("one", "other")
            for title in ("passes of {}", "memory of {}, in bytes")
        ),
        *(f"passes of the update by SGD for {name}" for name in ("one", "other")),
        "passes of evaluation",
    ]
    adam = str(gc.explain(gc.Trainer(loss, gc.optim.Adam(0.1)), rules="all"))
    update = adam.partition("passes of the update by Adam")[2]
    assert "equal values -> one node" in update.partition("passes of evaluation")[0]
    for wrong in (3, [], gc.nn.Linear(2, 2)):
        with pytest.raises(OptionError, match="explain takes a node"):
            gc.explain(wrong)
    with pytest.raises(OptionError, match="no size 'm'"):
        gc.explain(y, m=3)
