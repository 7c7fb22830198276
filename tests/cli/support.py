"""Models for the command line, and commands that must fail."""

from __future__ import annotations

from pathlib import Path

import graphc
from graphc.cli import main

MODEL = """\
import graphc as gc

x = gc.input("x", ("batch", 4))
y = gc.input("y", ("batch",), "int64")
hidden = gc.nn.relu(gc.nn.Linear(4, 5, name="hidden")(x))
logits = gc.nn.Linear(5, 3, name="output")(hidden)
loss = gc.nn.cross_entropy(logits, y)
accuracy = gc.mean((gc.argmax(logits, axis=1) == y).astype("float32"))
trainer = gc.Trainer(loss, gc.optim.SGD(lr=0.2), metrics={"accuracy": accuracy})

if __name__ == "__main__":
    raise RuntimeError("run as a program")
"""


NODES = """\
import graphc as gc

x = gc.input("x", ("batch", 3))
w = gc.parameter("w", (3,))
error = x @ w
loss = gc.mean(error ** 2)
"""


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def failure(capsys, *arguments: object, status: int = 2) -> str:
    """The error stream of a command that must fail without a traceback of graphc."""
    assert run(*arguments) == status
    text = capsys.readouterr().err
    assert str(Path(graphc.__file__).parent) not in text
    return text
