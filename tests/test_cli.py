"""The command line: what each command does, and how it says what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.cli import main
from graphc.ir import OPS
from tests.styles import assert_styles_agree

from .targets.support import loader, metered

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


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory with two models and data for the first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "nodes.py").write_text(NODES)
    for name, rows, seed in (("train", 50, 0), ("dev", 20, 1), ("test", 20, 2)):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((rows, 4)).astype(np.float32)
        np.savez(tmp_path / f"{name}.npz", x=x, y=np.argmax(x[:, :3], axis=1))
    return tmp_path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def failure(capsys, *arguments: object, status: int = 2) -> str:
    """The error stream of a command that must fail without a traceback of graphc."""
    assert run(*arguments) == status
    text = capsys.readouterr().err
    assert str(Path(graphc.__file__).parent) not in text
    return text


# train


TRAIN = ("train", "model.py", "--data", "train.npz", "--dev", "dev.npz")


def test_train_prints_an_epoch_a_line_and_writes_parameters(capsys):
    status = run(*TRAIN, "--test", "test.npz", "--epochs", 3, "--out", "best.npz")
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert [line.split()[:2] for line in lines[:3]] == [
        ["epoch", str(epoch)] for epoch in (1, 2, 3)
    ]
    assert all("train accuracy" in line for line in lines[:3])
    assert all("dev accuracy" in line for line in lines[:3])
    assert lines[3].startswith("best on dev: epoch ")
    assert lines[4] == "wrote best.npz"
    assert lines[5].startswith("test loss ")
    with np.load("best.npz") as saved:
        assert set(saved) == {
            "hidden.weight",
            "hidden.bias",
            "output.weight",
            "output.bias",
        }


def test_train_gives_what_the_emitted_program_gives_bit_for_bit():
    options = ("--epochs", 4, "--batch-size", 16, "--seed", 5)
    for style in ("readable", "fast"):
        assert run(*TRAIN, *options, "--style", style, "--out", "ours.npz") == 0
        assert run("emit", "model.py", "-o", "train.py", "--style", style) == 0
        arguments = [*TRAIN[2:], *options, "--out", "theirs.npz"]
        subprocess.run(
            [sys.executable, "-I", "train.py", *map(str, arguments)],
            check=True,
            capture_output=True,
        )
        with np.load("ours.npz") as ours, np.load("theirs.npz") as theirs:
            assert set(ours) == set(theirs)
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name], strict=True)


def test_the_seed_and_the_style_change_what_they_should():
    results = {}
    for key, options in {
        "default": (),
        "seed 0": ("--seed", 0),
        "seed 1": ("--seed", 1),
        "readable": ("--style", "readable"),
    }.items():
        assert run(*TRAIN, "--epochs", 2, "--out", "out.npz", *options) == 0
        Path("out.checkpoint.npz").unlink()
        with np.load("out.npz") as saved:
            results[key] = saved["hidden.weight"]
    np.testing.assert_array_equal(results["default"], results["seed 0"])
    # Over two epochs the rounding of two styles adds up.
    assert_styles_agree(results["default"], results["readable"], ulps=2**12)
    assert (results["default"] != results["seed 1"]).any()


def test_resume_ends_where_an_unbroken_run_ends(capsys):
    assert run(*TRAIN, "--epochs", 4, "--out", "whole.npz") == 0
    assert run(*TRAIN, "--epochs", 2, "--out", "part.npz") == 0
    assert run(*TRAIN, "--epochs", 4, "--out", "part.npz", "--resume") == 0
    with np.load("whole.npz") as whole, np.load("part.npz") as part:
        for name in whole:
            np.testing.assert_array_equal(whole[name], part[name])
    capsys.readouterr()
    assert run(*TRAIN, "--epochs", 1, "--out", "new.npz", "--resume") == 0
    assert "no new.checkpoint.npz yet" in capsys.readouterr().err


def test_nothing_is_drawn_where_there_is_no_terminal():
    done = subprocess.run(
        [sys.executable, "-m", "graphc", *TRAIN, "--epochs", "1"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", -1), "epochs must be at least 0"),
        (("--batch-size", 0), "batch_size must be at least 1"),
        (("--seed", -1), "seed must be"),
        (("--best", "most loss"), "best must be 'max' or 'min'"),
        (("--resume",), "--resume needs --out or --checkpoint"),
        (("--out", "nowhere/best.npz"), "nowhere"),
        (("--name", "loss"), "defines no Trainer"),
        (("--name", "nothing"), "no variable 'nothing'"),
    ],
)
def test_bad_options_of_train(options, message, capsys):
    assert message in failure(capsys, *TRAIN, *options)
    assert not Path("nowhere").exists()


def test_bad_data_is_named_with_its_input_and_line(capsys):
    np.savez("bad.npz", x=np.zeros((5, 4), np.float32), y=np.array([0, 1, 2, 3, 0]))
    text = failure(capsys, "train", "model.py", "--data", "bad.npz")
    assert "row 3" in text
    assert "model.py:4" in text
    text = failure(capsys, *TRAIN, "--test", "bad.npz", "--out", "best.npz")
    assert "row 3" in text
    assert not Path("best.npz").exists()


def test_a_damaged_file_is_named_and_no_line_of_a_library(capsys):
    Path("bad.npz").write_bytes(Path("train.npz").read_bytes()[:-40])
    text = failure(capsys, "train", "model.py", "--data", "bad.npz")
    assert "bad.npz" in text
    assert "click" not in text
    assert "at:" not in text


def test_a_loss_that_is_not_finite_has_status_1(capsys):
    Path("wild.py").write_text(MODEL.replace("lr=0.2", "lr=1e30"))
    text = failure(capsys, "train", "wild.py", "--data", "train.npz", status=1)
    assert "wild.py:6" in text
    assert "smaller step size" in text


def test_an_interrupt_keeps_what_is_finished(capsys, monkeypatch):
    Path("stopped.py").write_text(
        MODEL.split("if __name__")[0]
        + "real = trainer.module.train_step\n"
        + "def train_step(parameters, state, *batch):\n"
        + "    if state['step'] == 3:\n"
        + "        raise KeyboardInterrupt\n"
        + "    return real(parameters, state, *batch)\n"
        + "trainer.module.train_step = train_step\n"
    )
    arguments = ("train", "stopped.py", "--data", "train.npz", "--out", "best.npz")
    assert run(*arguments) == 130
    captured = capsys.readouterr()
    assert "interrupted" in captured.err
    assert len([li for li in captured.out.splitlines() if li.startswith("epoch")]) == 1
    assert Path("best.npz").exists()


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


# render


@pytest.mark.parametrize("model", ["model.py", "nodes.py"])
@pytest.mark.parametrize("backward", [None, "graph", "overlay"])
@pytest.mark.parametrize("level", ["block", "primitive"])
def test_render_writes_a_drawing(model, backward, level):
    options = [] if backward is None else ["--backward", backward]
    assert run("render", model, "-o", "a.dot", "--level", level, *options) == 0
    text = Path("a.dot").read_text()
    assert text.startswith("digraph")
    if backward:
        name = "hidden.weight" if model == "model.py" else "w"
        assert f"d_{name}" in text


def test_render_has_a_default_file_name():
    assert run("render", "model.py") == 0
    assert "<svg" in Path("model.svg").read_text()


def test_render_refuses_other_formats(capsys):
    text = failure(capsys, "render", "model.py", "-o", "a.gif")
    assert ".svg" in text


# show


def test_show_prints_nodes_and_their_cost(capsys):
    assert run("show", "model.py", "--batch", 10) == 0
    text = capsys.readouterr().out
    row = next(line for line in text.splitlines() if line.startswith("hidden.weight"))
    assert "(5, 4)" in row
    assert "20" in row
    assert "parameters: 43" in text
    assert run("show", "model.py") == 0
    assert "batch" in capsys.readouterr().out


def test_show_tells_the_bytes_that_training_takes(capsys):
    assert run("emit", "model.py", "-o", "train.py", "--style", "fast") == 0
    module = loader(Path("train.py").read_text("utf-8"))()
    x, y = np.zeros((10, 4), np.float32), np.zeros(10, np.int64)
    generator = np.random.default_rng(0)
    with metered() as meter:
        parameters = module.init_parameters(0)
        state = {**module.init_state(parameters), "rng": generator}
        for _ in range(2):
            module.train_step(parameters, state, x, y)
    capsys.readouterr()
    assert run("show", "model.py", "--batch", 10) == 0
    line = f"bytes that a training step allocates, once: {meter.live:,}"
    assert line in capsys.readouterr().out.splitlines()
    assert run("show", "model.py") == 0
    (line,) = re.findall(
        "a training step allocates, once: (.*)", capsys.readouterr().out
    )
    assert eval(line, {"batch": 10}) == meter.live


def test_show_tells_the_bytes_that_a_function_takes(capsys):
    assert run("show", "nodes.py", "--size", "batch=7") == 0
    # The error of each row, aligned.
    line = "bytes that the compiled function allocates, once: 92"
    assert line in capsys.readouterr().out.splitlines()
    assert run("show", "nodes.py") == 0
    assert "allocates, once: 4*batch + 64" in capsys.readouterr().out


def test_show_takes_any_named_size(capsys):
    assert run("show", "nodes.py", "--size", "batch=7") == 0
    assert "(7, 3)" in capsys.readouterr().out
    assert "'length'" in failure(capsys, "show", "nodes.py", "--size", "length=7")
    for wrong in ("batch", "batch=-1", "batch=x", "=3"):
        assert run("show", "nodes.py", "--size", wrong) == 2


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


# Finding the model in a file


def test_a_trainer_is_found_by_its_type(capsys):
    Path("other.py").write_text(MODEL.replace("trainer =", "my_model ="))
    assert run("show", "other.py") == 0
    assert "hidden.weight" in capsys.readouterr().out


def test_several_trainers_need_a_name(capsys):
    again = "second = gc.Trainer(loss, gc.optim.SGD(lr=0.1))\n"
    body = MODEL.split("if __name__")[0]
    Path("two.py").write_text(body.replace("trainer =", "first =") + again)
    text = failure(capsys, "show", "two.py")
    assert "first, second" in text
    assert run("show", "two.py", "--name", "second") == 0
    # The usual name decides, where there is one.
    Path("two.py").write_text(body + again)
    assert run("show", "two.py") == 0


def test_nodes_are_shown_by_their_variables(capsys):
    Path("many.py").write_text(
        "import graphc as gc\n"
        "x = gc.input('x', (3,))\n"
        "first = gc.exp(x)\n"
        "second = gc.sin(first)\n"
        "third = gc.cos(first)\n"
    )
    assert run("emit", "many.py") == 0
    source = capsys.readouterr().out
    # Only results: `first` is a step on the way to them.
    assert "return sin, cos\n" in source
    assert run("emit", "many.py", "--name", "first") == 0
    assert "np.sin" not in capsys.readouterr().out
    text = failure(capsys, "check", "many.py")
    assert "one floating scalar" in text


def test_a_file_without_a_model(capsys):
    Path("empty.py").write_text("value = 3\n")
    assert "no Trainer and no nodes" in failure(capsys, "show", "empty.py")
    assert "defines no Trainer" in failure(
        capsys, "train", "empty.py", "--data", "train.npz"
    )
    assert "'value'" in failure(capsys, "show", "empty.py", "--name", "value")


def test_modules_beside_the_model_can_be_imported(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "sizes_of_model.py").write_text("WIDTH = 3\n")
    (folder / "sub" / "model.py").write_text(
        "import graphc as gc\n"
        "from dataclasses import dataclass\n"
        "from sizes_of_model import WIDTH\n"
        "@dataclass\n"
        "class Options:\n"
        "    width: 'int' = WIDTH\n"
        "y = gc.exp(gc.input('x', (Options().width,)))\n"
    )
    try:
        assert run("show", "sub/model.py") == 0
    finally:
        sys.modules.pop("sizes_of_model", None)


# Errors in the model file


def test_an_error_of_graphc_shows_the_line_and_no_traceback(capsys):
    Path("bad.py").write_text(
        "import graphc as gc\n"
        "x = gc.input('x', ('batch', 4))\n"
        "y = x @ gc.parameter('w', (5, 2))\n"
    )
    text = failure(capsys, "show", "bad.py")
    assert "Traceback" not in text
    assert "bad.py:3" in text
    assert "(5, 2)" in text


def test_another_error_shows_the_users_own_traceback(capsys):
    Path("bad.py").write_text("def f():\n    return 1 / 0\n\nvalue = f()\n")
    text = failure(capsys, "show", "bad.py")
    assert "ZeroDivisionError: division by zero" in text
    assert 'File "bad.py", line 4' in text
    assert 'File "bad.py", line 2' in text
    assert text.count("File ") == 2


def test_a_syntax_error_shows_its_place(capsys):
    Path("bad.py").write_text("x = (1,\ny = 2 +\n")
    text = failure(capsys, "show", "bad.py")
    assert "SyntaxError" in text
    assert 'File "bad.py"' in text


def test_a_model_that_exits_is_an_error(capsys):
    Path("bad.py").write_text("import sys\nsys.exit(0)\n")
    text = failure(capsys, "show", "bad.py")
    assert 'if __name__ == "__main__"' in text


def test_a_traceback_can_be_asked_for():
    Path("bad.py").write_text("import graphc as gc\ngc.input('not a name', ())\n")
    done = subprocess.run(
        [sys.executable, "-m", "graphc", "show", "bad.py", "--traceback"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "modelfile.py" in done.stderr


def test_a_missing_model_is_bad_use(capsys):
    assert run("show", "nothing.py") == 2
    assert "nothing.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [(), ("paint", "model.py"), ("train", "model.py")]
)
def test_bad_use_has_status_2(arguments):
    assert run(*arguments) == 2


def test_help_names_all_commands(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    for command in ("train", "emit", "render", "show", "check"):
        assert command in text


@pytest.mark.parametrize(
    "command",
    [
        ("show", "model.py"),
        ("check", "model.py"),
        ("emit", "model.py", "-o", "train.py"),
        ("render", "model.py", "-o", "graph.dot"),
        ("train", "model.py", "--data", "train.npz", "--epochs", "1"),
    ],
    ids=lambda command: command[0],
)
def test_commands_need_no_console(command: tuple[str, ...], monkeypatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert run(*command) == 0
