"""The emitted code of a page, the vertices of its lines, and the time they take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from types import CodeType, FrameType
from typing import Any

from ..runtime.load import EMITTED
from ..targets.numpy.module import Emitted
from .graph import PageGraph

_RUNS = 5
"""Runs of which each line's least time counts."""


def code_data(
    graph: PageGraph, emitted: Emitted, seconds: Mapping[int, float] | None
) -> Mapping[str, Any]:
    """The lines of a program, and for each that computes something its vertices.

    Args:
        graph: in which the nodes of lines are found.
        emitted: the text, with the nodes that its lines compute.
        seconds: measured times by line, if they were.
    """
    backward = _backward_by_ends(graph)
    links: dict[int, Mapping[str, Any]] = {}
    for number, node in emitted.lines.items():
        through, of = graph.ends(node)
        if node.origin.derivative is None:
            vertex = graph.find(node)
            if vertex is not None:
                links[number] = {"vertex": vertex}
        elif through is not None:
            made = backward.get((through, of), [])
            links[number] = {"through": through, "of": of, "backward": made}
    found: dict[str, Any] = {"text": emitted.source, "links": links}
    if seconds is not None:
        found["seconds"] = {line: f"{time:.3g}" for line, time in seconds.items()}
    return found


def _backward_by_ends(
    graph: PageGraph,
) -> Mapping[tuple[int | None, int | None], list[int]]:
    found: dict[tuple[int | None, int | None], list[int]] = {}
    for node, number in graph.backward.items():
        found.setdefault(graph.ends(node), []).append(number)
    return found


def seconds_of_lines(run: Callable[[], object]) -> dict[int, float]:
    """The least time that each line of emitted text took in a few runs, in seconds.

    What a line calls is part of it, and is counted there, too, if it is such text. To
    trace lines costs some microseconds for each.

    Args:
        run: calls functions of one program.
    """
    least: dict[int, float] = {}
    before = sys.gettrace()
    for _ in range(_RUNS):
        clock = _Clock()
        sys.settrace(clock.enter)
        try:
            run()
        finally:
            sys.settrace(before)
        for line, time in clock.seconds.items():
            least[line] = min(time, least.get(line, time))
    return least


class _Clock:
    """Adds up the time between events of lines of emitted text."""

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self._started: dict[FrameType, tuple[int, float]] = {}

    def enter(self, frame: FrameType, event: str, argument: object) -> Any:
        """Trace a frame of the program; no other."""
        code: CodeType = frame.f_code
        return self._line if code.co_filename.startswith(EMITTED) else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        now = perf_counter()
        if frame in self._started:
            line, start = self._started.pop(frame)
            self.seconds[line] = self.seconds.get(line, 0.0) + now - start
        if event == "line":
            self._started[frame] = frame.f_lineno, perf_counter()
        return self._line
