"""Meanings of ops over windows, element by element."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.op_cases import Application

Places = Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]


def places(attributes: Any, shape: tuple[int, ...]) -> Places:
    """For each element of each window its window, its place there, and in the array."""
    axis, window = attributes["axis"], attributes["window_shape"]
    stride, dilation = attributes["stride"], attributes["dilation"]
    counts = list(shape)
    for a, w, s, d in zip(axis, window, stride, dilation, strict=True):
        counts[a] = len(range(0, shape[a] - (w - 1) * d, s))
    for start in np.ndindex(*counts):
        for inside in np.ndindex(*window):
            source = list(start)
            for number, a in enumerate(axis):
                source[a] = (
                    start[a] * stride[number] + inside[number] * dilation[number]
                )
            yield start, inside, tuple(source)


def _in_windows(attributes: Any, start: Any, inside: Any) -> tuple[int, ...]:
    place = attributes["place"]
    return (*start[:place], *inside, *start[place:])


def windows(application: Application, x: Any) -> Any:
    """An array of all windows."""
    attributes = application.case.attributes
    out = np.zeros(application.apply(application.nodes()).shape, x.dtype)
    for start, inside, source in places(attributes, x.shape):
        out[_in_windows(attributes, start, inside)] = x[source]
    return out


def added(application: Application, given: Any) -> Any:
    """The sum of windows where they came from."""
    attributes = application.case.attributes
    out = np.zeros(attributes["shape"], given.dtype)
    for start, inside, source in places(attributes, out.shape):
        out[source] += given[_in_windows(attributes, start, inside)]
    return out


def _lists(attributes: Any, x: Any) -> dict[tuple[int, ...], list[Any]]:
    found: dict[tuple[int, ...], list[Any]] = {}
    for start, _, source in places(attributes, x.shape):
        found.setdefault(start, []).append(x[source])
    return found


def sums(application: Application, x: Any) -> Any:
    """The sum of each window."""
    out = np.zeros(application.apply(application.nodes()).shape, x.dtype)
    for start, values in _lists(application.case.attributes, x).items():
        out[start] = np.sum(values)
    return out


def maxima(application: Application, x: Any) -> Any:
    """The maximum of each window."""
    out = np.zeros(application.apply(application.nodes()).shape, x.dtype)
    for start, values in _lists(application.case.attributes, x).items():
        out[start] = max(values)
    return out


def positions(application: Application, x: Any, largest: Any) -> Any:
    """The first position of a value in each window, or 0."""
    out = np.zeros(largest.shape, np.intp)
    for start, values in _lists(application.case.attributes, x).items():
        out[start] = values.index(largest[start]) if largest[start] in values else 0
    return out


def taken(application: Application, x: Any, position: Any) -> Any:
    """The element at a position of each window."""
    out = np.zeros(position.shape, x.dtype)
    for start, values in _lists(application.case.attributes, x).items():
        out[start] = values[position[start]]
    return out


def put(application: Application, x: Any, position: Any) -> Any:
    """Elements added at a position of each window."""
    attributes = application.case.attributes
    out = np.zeros(attributes["shape"], x.dtype)
    strides = np.array(attributes["window_shape"])
    for start, inside, source in places(attributes, out.shape):
        if np.ravel_multi_index(inside, strides) == position[start]:
            out[source] += x[start]
    return out
