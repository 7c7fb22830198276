"""What README.md shows is what happens: its code and commands are run in order."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import graphc as gc
from graphc.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")

BLOCK = re.compile(
    r"(?:<!-- (?P<note>\w+): (?P<name>[\w.]+) -->\n)?"
    r"```(?P<kind>\w+)\n(?P<body>.*?)```",
    re.S,
)

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def refresh() -> Any:
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs/refresh.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_shell(command: str) -> str | None:
    """What a command prints; None for one that sets a machine up."""
    program, *arguments = shlex.split(command)
    if program == "python" and arguments[0].endswith(".py"):
        done = subprocess.run(
            [sys.executable, "-I", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
    if program == "graphc":
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = main(arguments)
        assert (status == 0) == ("error:" not in out.getvalue())
        return out.getvalue()
    assert command.startswith(("make ", "python -m venv", ".venv/bin/pip install"))
    return None


def check_console(body: str) -> None:
    for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.M):
        printed = run_shell(command)
        if printed is not None:
            matches = doctest.OutputChecker().check_output(expected, printed, FLAGS)
            assert matches, f"$ {command}\n{printed}"


def check_session(body: str, scope: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(body, {}, "README", "README.md", 0)
    test.globs = scope
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    failed, _ = runner.run(test, out=report.write, clear_globs=False)
    assert not failed, report.getvalue()


def test_everything_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    scope: dict[str, Any] = {}
    kinds: list[str] = []
    for block in BLOCK.finditer(README):
        note, kind, body = block["note"], block["kind"], block["body"]
        kinds.append(kind)
        if note == "file":
            (tmp_path / block["name"]).write_text(body)
        elif note == "emitted":
            continue
        elif kind == "python":
            exec(compile(body, "README.md", "exec"), scope)
        elif kind == "pycon":
            check_session(body, scope)
        else:
            assert kind == "console"
            check_console(body)
    assert {"python", "pycon", "console"} <= set(kinds)
    for name in ("model", "train"):
        sys.modules.pop(name, None)
    # The number that a comment gives.
    claimed = float(re.findall(r'\["accuracy"\]\)  # ([\d.]+)', README)[0])
    measured = scope["trainer"].evaluate(scope["data"].test)["accuracy"]
    assert round(measured, 2) == claimed
    capsys.readouterr()


def test_the_excerpt_is_what_the_compiler_writes_now():
    assert refresh().refreshed(README) == README, "run: python docs/refresh.py"


def test_the_drawing_is_what_the_compiler_draws_now(tmp_path):
    """By its words: positions depend on the Graphviz that is installed."""
    path = tmp_path / "now.svg"
    refresh().drawing(README).save(path)

    def words(svg: Path) -> list[str]:
        return sorted(re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text("utf-8")))

    shown = ROOT / "docs" / "images" / "overlay.svg"
    assert len(words(path)) > 20
    assert words(path) == words(shown), "run: python docs/refresh.py"


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert len(links) > 5
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_public_names_exist():
    table = README.split("## The public interface")[1].split("## Examples")[0]
    found = 0
    for cell in re.findall(r"^\| (.*?) \|", table, re.M):
        owner: Any = gc
        for name in re.findall(r"`(?:gc\.)?(\w[\w.]*)(?:\([^`]*\))?`", cell):
            # `gc.nn.relu`, `softmax`: what follows stands in the same place.
            *place, last = name.split(".")
            if f"`gc.{name}" in cell:
                owner = gc
                for part in place:
                    owner = getattr(owner, part)
            assert hasattr(owner, last), name
            found += 1
    assert found > 30


@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", README))
def test_make_targets_exist(target):
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


def test_every_public_name_is_exported():
    exported = set(gc.__all__)
    assert all(hasattr(gc, name) for name in exported)
    assert len(gc.__all__) == len(exported)
    for name in ("input", "grad", "compile", "Trainer", "render", "check_gradients"):
        assert name in exported


def test_the_makefile_demo_is_the_readme_s():
    assert "make demo" in README
    makefile = (ROOT / "Makefile").read_text()
    assert os.path.join("examples", "digits_mlp.py") in makefile
