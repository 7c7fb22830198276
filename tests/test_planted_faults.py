"""Tests of the tests: each fault that is planted here turns a generated test red."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir import OPS, Case, Graph, Node, Op, Point
from graphc.ops.arithmetic import WHERE
from graphc.passes import pipeline
from graphc.passes.rewriting import Rule, Uses, apply_rules
from tests.op_cases import Application
from tests.ops.test_special_points import around_zero, declared
from tests.ops.test_special_points import check as check_point
from tests.ops.test_styles import check
from tests.passes import test_rules
from tests.passes.test_one_row_graphs import test_every_op as check_rows_of
from tests.planted import redeclared, undeclared_later


def _forms(op: Op) -> list[str]:
    """The forms of an op that are not always replaced by another one."""
    applied = [Application(op, case, 0) for case in op.cases]
    nodes = [application.apply(application.nodes()) for application in applied]
    forms = [
        form for form in ("fast", "allocation_free") if getattr(op, form) is not None
    ]
    replaced = all(op.allocation_free_form(node) is not None for node in nodes)
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
        if form == "fast" and not op.is_statements(node):
            return f"~({found})" if is_bool else f"1 + ({found})"
        more = "np.invert(out, out=out)" if is_bool else "out += 1"
        if form in ("fast", "into"):
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


def _sinc(name: str, second: float, **more: Any) -> Op:
    """`gc.sinc` with the derivative of its derivative at 0 as told; -pi**2/3 is right.

    The first derivative is right, at 0 too.
    """

    def vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
        z = gc.where(x == 0.0, 1.0, x)
        slope = (gc.cos(np.pi * z) - gc.sin(np.pi * z) / (np.pi * z)) / z
        return (g * gc.where(x == 0.0, second * x, slope),)

    declaration: dict[str, Any] = {
        "infer": lambda x: x,
        "kind": "elementwise",
        "numpy": "np.sinc(x)",
        "vjp": vjp,
        "jvp": "diagonal",
        "cases": (Case(((3, 4),)),),
    }
    return Op(name=name, inputs=("x",), **declaration | more)


@pytest.mark.parametrize("meaning", ["sinc(pi*x)", "sin(pi*x)/(pi*x)"])
def test_a_wrong_second_derivative_at_a_special_point_is_seen(meaning: str) -> None:
    with undeclared_later():
        right = _sinc("right_sinc", -(np.pi**2) / 3, sympy=meaning)
        for special in around_zero(Application(right, right.cases[0], 0)):
            check_point(special)
        wrong = _sinc("wrong_sinc", 0.0, sympy=meaning)
        specials = list(around_zero(Application(wrong, wrong.cases[0], 0)))
        red = [special for special in specials if _is_red(special)]
        assert [special.point.inputs for special in red] == [(0.0,)]


def _is_red(special: Any) -> bool:
    try:
        check_point(special)
    except AssertionError:
        return True
    return False


def test_a_wrong_second_derivative_at_a_declared_point_is_seen() -> None:
    """Of a product, as a quotient: right but where two factors are 0."""
    case = Case(((3,),), points=(Point(([2.0, 3.0, 5.0],)), Point(([0.0, 2.0, 3.0],))))

    def vjp(g: Node, out: Node, x: Node) -> tuple[Node]:
        others = [x[1] * x[2], x[0] * x[2], x[0] * x[1]]
        one = gc.where(x == 0.0, 1.0, x)
        kept = gc.stop_gradient(gc.stack(others))
        return (g * gc.where(x == 0.0, kept, gc.prod(x) / one),)

    with undeclared_later():
        op = Op(
            name="wrong_product",
            inputs=("x",),
            infer=lambda x: x.with_shape(()),
            kind="reduction",
            numpy="np.prod(x)",
            vjp=vjp,
            jvp=lambda tangents, out, x: gc.sum(
                tangents[0] * vjp(gc.constant(1.0), out, x)[0]
            ),
            cases=(case,),
        )
        specials = list(declared(Application(op, case, 0)))
        assert [_is_red(special) for special in specials] == [False, True]


@dataclass(frozen=True)
class WrongBranch:
    """A pass that takes the wrong branch of two nested choices by one condition."""

    name: str = "nested choices"
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])

    def run(self, graph: Graph) -> Graph:
        return apply_rules(graph, [Rule(self.name, (WHERE,), _wrong_branch, "")])


def _wrong_branch(node: Node, uses: Uses) -> Node | None:
    condition, chosen, other = node.inputs
    if chosen.op is not WHERE or chosen.inputs[0] is not condition:
        return None
    found = node.op(condition, chosen.inputs[2], other)
    return found if found.type == node.type else None


def _with_wrong_branch(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    right = pipeline.pipeline(True)
    wrong = (*right, WrongBranch(**fields))
    monkeypatch.setattr(pipeline, "pipeline", lambda simplify: wrong)
    monkeypatch.setattr(test_rules, "pipeline", lambda simplify: wrong)


def test_an_unsound_pass_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    test_rules.check_nested(OPS["where"])
    _with_wrong_branch(monkeypatch)
    with pytest.raises(AssertionError, match="where of "):
        test_rules.check_nested(OPS["where"])


def test_a_pass_that_does_not_tell_its_rules_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _with_wrong_branch(monkeypatch)
    with pytest.raises(AssertionError):
        test_rules.test_every_pass_says_what_its_rules_are()


def test_a_rule_without_a_case_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_wrong_branch(monkeypatch, reasons={"nested choices": "never"})
    made = list(test_rules.found_in(list(test_rules.cases())))
    with pytest.raises(AssertionError, match="nested choices"):
        test_rules.test_every_rule_has_a_case(made)


def test_a_wrong_meaning_on_one_row_is_seen() -> None:
    """Of a transposition that does not move axes, and a slice that takes all."""
    for name, number in (("transpose", 1), ("getitem", 0)):
        op = OPS[name]
        application = Application(op, op.cases[number], number)
        check_rows_of(application)
        wrong = redeclared(op, one_row=lambda rows, node: rows.short(node.inputs[0]))
        with wrong, pytest.raises(AssertionError):
            check_rows_of(application)
