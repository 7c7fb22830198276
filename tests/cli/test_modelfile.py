"""Model files: the target that is found in them, and errors that they raise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import MODEL, failure, run


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
    assert "return second, third\n" in source
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
