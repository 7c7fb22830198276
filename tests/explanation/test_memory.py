"""Explanations of memory: bytes counted by hand."""

from __future__ import annotations

import graphc as gc
from graphc.explanation.memory import LayerMemory, Peak
from graphc.ir import Dim


def test_bytes_are_those_by_hand() -> None:
    x = gc.input("x", ("n", 4))
    hidden, out = gc.nn.Linear(4, 3, name="hidden"), gc.nn.Linear(3, 1, name="out")
    h = gc.tanh(hidden(x))
    loss = gc.mean(gc.exp(out(h)))
    trainer = gc.Trainer(loss, gc.optim.SGD(0.1))
    told = gc.explain(trainer)
    layers = {each.name: each for each in told if isinstance(each, LayerMemory)}
    n = Dim("n")
    assert layers["hidden"].parameters == 4 * (4 * 3 + 3)
    assert layers["out"].parameters == 4 * (3 + 1)
    # The derivatives of tanh and exp are formulas of their results; the product with
    # the second weight needs what the first layer gave, and the products' own results
    # are of no use.
    assert layers["h"].kept == 12 * n
    assert layers["exp"].kept == 4 * n
    assert layers["hidden"].kept == layers["out"].kept == 0
    assert "in all" in str(told)
    assert f"allocates, once: {trainer.footprint.total({})} bytes" in str(told)


def test_the_peak() -> None:
    x = gc.input("x", (100,))
    small = gc.sum(x)
    e = gc.exp(x)
    t = gc.tanh(e)
    s = gc.sin(t)
    value, slope = e * s, gc.grad(small**3, x)
    (peak,) = [each for each in gc.explain([value, slope]) if isinstance(each, Peak)]
    # e and t are in use while s is computed; then t is no more, and e * s is.
    assert peak.node.op is s.op
    assert peak.bytes == 3 * 400 + 4
