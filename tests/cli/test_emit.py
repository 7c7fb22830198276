"""`graphc emit`: programs of trainers, functions of nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cli.support import MODEL, failure, run


# emit
def test_emit_is_what_the_trainer_emits(capsys):
    assert run("emit", "model.py", "-o", "train.py") == 0
    assert capsys.readouterr().out == "wrote train.py\n"
    assert run("emit", "model.py") == 0
    text = capsys.readouterr().out
    assert text == Path("train.py").read_text()
    namespace: dict = {"__name__": "model"}
    exec(MODEL, namespace)
    compile(text, "train.py", "exec")
    assert "def train_step(" in text
    assert "graphc" not in [
        line.split()[1]
        for line in text.splitlines()
        if line.startswith(("import ", "from "))
    ]


def test_emit_of_nodes_is_the_function(capsys):
    assert run("emit", "nodes.py", "--style", "readable") == 0
    scope: dict = {}
    exec(capsys.readouterr().out, scope)
    x, w = np.ones((2, 3), np.float32), np.full(3, 2, np.float32)
    (loss,) = scope["compute"]({"w": w}, x)
    assert loss == 36.0


def test_emit_of_nodes_of_a_model_is_in_evaluation_mode(capsys):
    source = MODEL.replace('"output")(hidden)', '"output")(gc.nn.dropout(hidden))')
    assert "dropout" in source
    Path("dropping.py").write_text(source)
    options = ("--data", "train.npz", "--epochs", 2, "--out", "best.npz")
    assert run("train", "dropping.py", *options) == 0
    capsys.readouterr()
    assert run("emit", "dropping.py", "--name", "logits", "-o", "free.py") == 0
    assert "its parameters are not in the function" in capsys.readouterr().err
    given = ("--parameters", "best.npz", "-o", "full.py")
    assert run("emit", "dropping.py", "--name", "logits", *given) == 0
    assert capsys.readouterr().err == ""
    assert run("emit", "dropping.py", *given) == 2
    assert "--parameters is for nodes" in capsys.readouterr().err
    np.savez("other.npz", w=np.ones(3))
    given = ("--name", "logits", "--parameters", "other.npz")
    assert run("emit", "dropping.py", *given) == 2
    assert "for the parameter" in capsys.readouterr().err
    with np.load("best.npz") as file:
        parameters = dict(file)
    x = np.load("train.npz")["x"][:5]
    found = []
    for name, values in (("free.py", parameters), ("full.py", {})):
        scope: dict = {}
        exec(Path(name).read_text(), scope)
        found.append(scope["compute"](values, x)[0])
    p = {name: array.astype(float) for name, array in parameters.items()}
    hidden = np.maximum(x @ p["hidden.weight"].T + p["hidden.bias"], 0.0)
    expected = hidden @ p["output.weight"].T + p["output.bias"]
    for logits in found:
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_a_file_that_can_not_be_written_is_an_error(capsys):
    assert "nowhere" in failure(capsys, "emit", "model.py", "-o", "nowhere/train.py")


def test_verify_says_by_its_status_what_became_of_a_file(capsys):
    assert run("emit", "model.py", "-o", "train.py", "--with", "csv") == 0
    assert run("verify", "train.py", "model.py") == 0
    text = Path("train.py").read_text()
    Path("train.py").write_text(text.replace("np.maximum(", "np.minimum("))
    assert run("verify", "train.py", "model.py") == 3
    assert "train.py was edited: predict, loss_and_gradients" in capsys.readouterr().out
    Path("train.py").write_text(text)
    Path("model.py").write_text(MODEL.replace("relu", "tanh"))
    assert run("verify", "train.py", "model.py") == 1
    assert "train.py is stale: the model changed" in capsys.readouterr().out
