"""`graphc check`: gradients against finite differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphc.ir import OPS
from tests.cli.support import failure, run


# check
def test_check_passes_and_names_the_worst_node(capsys):
    assert run("check", "model.py") == 0
    text = capsys.readouterr().out
    for name in ("hidden.weight", "hidden.bias", "output.weight", "output.bias"):
        assert any(
            line.startswith(name) and line.endswith("ok") for line in text.splitlines()
        )
    assert "worst node: " in text
    assert "model.py:" in text


def test_check_with_data(capsys):
    assert run("check", "model.py", "--data", "train.npz", "--rows", 5) == 0
    np.savez("bad.npz", x=np.zeros((5, 4), np.float32), y=np.full(5, 7))
    text = failure(capsys, "check", "model.py", "--data", "bad.npz")
    assert "labels from 0 to 2, got 7" in text


def test_check_finds_a_wrong_rule(capsys):
    Path("wrong.py").write_text(
        "import graphc as gc\n"
        "from graphc.ir import Op\n"
        "half = Op(name='half_gradient', inputs=('x',), infer=lambda x: x,\n"
        "          kind='elementwise', numpy='np.square(x)',\n"
        "          vjp=lambda g, out, x: (g * x,))\n"
        "w = gc.parameter('w', (3,))\n"
        "squared = half(gc.exp(w))\n"
        "loss = gc.sum(squared)\n".replace("(3,))", "(3,), gc.init.ones())")
    )
    try:
        assert run("check", "wrong.py") == 1
    finally:
        del OPS["half_gradient"]
    text = capsys.readouterr().out
    assert "WRONG" in text
    assert "half_gradient, declared at wrong.py:7" in text
