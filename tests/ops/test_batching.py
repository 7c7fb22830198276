"""The rule of each op for several examples is a loop over them, and a stack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ops.control import results_of
from tests.op_cases import Application, Array, applications, feeds

EXAMPLES = 3

INCREASING = {"searchsorted": 0, "interval": 1}
"""Ops that mean something for increasing vectors alone, and the input that is one."""


def _is_tried(application: Application) -> bool:
    op = application.op
    whole = application.result in (None, 0)
    if op.kind == "elementwise" or op.jvp == "diagonal":
        # They have one rule in common.
        whole = application.number == 0
    return whole and op.pure and bool(application.case.shapes)


TRIED = [a for a in applications() if _is_tried(a)]


@pytest.mark.parametrize("application", TRIED, ids=lambda a: a.id)
def test_rules_are_what_a_loop_computes(application: Application) -> None:
    drawn = [application.draw(seed=seed) for seed in range(EXAMPLES)]
    if application.op.name in INCREASING:
        for arrays in drawn:
            arrays[INCREASING[application.op.name]].sort()
    count = len(application.case.shapes)
    masks = {(True,) * count}
    masks |= {tuple(i == j for j in range(count)) for i in range(count)}
    for mask in sorted(masks):
        per_example = [
            [own if is_mapped else shared for own, shared, is_mapped in parts]
            for parts in (zip(d, drawn[0], mask, strict=True) for d in drawn)
        ]
        expected = [_applied(application, arrays) for arrays in per_example]
        for last in (False, True):
            got = _mapped(application, drawn, mask, last=last)
            for place, values in enumerate(zip(*expected, strict=True)):
                stacked = np.stack(values)
                assert got[place].dtype == stacked.dtype
                np.testing.assert_allclose(
                    got[place], stacked, rtol=1e-10, atol=1e-10, err_msg=str(mask)
                )


def _results(application: Application, nodes: Any) -> list[gc.Node]:
    node = application.node(nodes)
    return [*results_of(node)] if application.op.outputs else [node]


def _applied(application: Application, arrays: list[Array]) -> list[Array]:
    found = _results(application, application.nodes())
    return gc.evaluate(found, feeds(arrays))


def _mapped(
    application: Application, drawn: list[list[Array]], mask: Any, *, last: bool
) -> list[Array]:
    """The op of all examples at once, mapped along the first axis or the last."""
    arrays: list[Array] = []
    for position, is_mapped in enumerate(mask):
        of_all = np.stack([each[position] for each in drawn])
        at = -1 if last else 0
        arrays.append(np.moveaxis(of_all, 0, at) if is_mapped else drawn[0][position])
    nodes = [
        gc.input(f"x{position}", array.shape, array.dtype)
        for position, array in enumerate(arrays)
    ]
    axes = tuple((-1 if last else 0) if is_mapped else None for is_mapped in mask)
    found = gc.vmap(lambda *each: _results(application, each), axes)(*nodes)
    return gc.evaluate(found, feeds(arrays))
