"""Tests of the tests: each fault that is planted here turns a generated test red."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphc.ir import OPS, Node, Op
from tests.op_cases import Application
from tests.ops.test_styles import check
from tests.planted import redeclared


def _forms(op: Op) -> list[str]:
    """The forms of an op that are not always replaced by another one."""
    applied = [Application(op, case, 0) for case in op.cases]
    nodes = [application.apply(application.nodes()) for application in applied]
    forms = [form for form in ("fast", "steady") if getattr(op, form) is not None]
    replaced = all(op.steady_form(node) is not None for node in nodes)
    return [*forms, "into"] if op.into is not None and not replaced else forms


FORMS = [
    pytest.param(op, form, id=f"{op.name}-{form}")
    for op in OPS.values()
    if op.cases
    for form in _forms(op)
]


def _wrong(op: Op, form: str) -> Any:
    """A form of an op as it is declared, but that it computes other values."""
    declared = getattr(op, form)

    def changed(node: Node) -> Any:
        found = declared(node) if callable(declared) else declared
        if found is None:
            return None
        is_bool = node.dtype.kind == "b"
        if form == "fast":
            return f"~({found})" if is_bool else f"1 + ({found})"
        more = "np.invert(out, out=out)" if is_bool else "out += 1"
        if form == "into":
            return f"{found}\n{more}"
        return replace(found, template=f"{found.template}\n{more}")

    return changed


def _is_seen(op: Op) -> bool:
    applied = [Application(op, case, number) for number, case in enumerate(op.cases)]
    try:
        for application in applied:
            check(application, "fast")
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(("op", "form"), FORMS)
def test_a_wrong_form_of_an_op_is_seen(op: Op, form: str) -> None:
    assert not _is_seen(op)
    with redeclared(op, **{form: _wrong(op, form)}):
        assert _is_seen(op)
