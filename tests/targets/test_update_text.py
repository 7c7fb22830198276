"""The text of the emitted `update`: its names, and its comments."""

import ast
import itertools
import re

import pytest

import graphc as gc
from graphc import optim
from graphc.ir import OPS

from ..optim.cases import RULES
from .test_update import MATRICES, source


def update_text(optimizer, style):
    """The text of `update` for two parameters that follow one rule."""
    shapes = MATRICES if isinstance(optimizer, optim.Muon) else {"a": (3, 4), "b": (5,)}
    text = source(optimizer, style, shapes)
    return text[text.index("def update(") :].partition("\n\n\ndef ")[0]


def assignments(text):
    """The values that statements assign to variables, by variable."""
    found = [s for s in ast.walk(ast.parse(text)) if isinstance(s, ast.Assign)]
    return {ast.unparse(s.targets[0]): ast.unparse(s.value) for s in found}


def formulas(text):
    """What comments say that the statements after them compute, by variable."""
    lines = [line.strip() for line in text.splitlines()]
    runs = [
        " ".join(line.removeprefix("# ") for line in run)
        for is_comment, run in itertools.groupby(lines, lambda n: n.startswith("#"))
        if is_comment
    ]
    return assignments("\n".join(runs))


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "NAdam", "RMSprop", "Adadelta", "LAMB", "Lion"]
)
def test_comments_of_the_fast_style_say_what_the_readable_one_computes(name):
    optimizer = getattr(optim, name)(0.1)
    expected = assignments(update_text(optimizer, "readable"))
    said = formulas(update_text(optimizer, "fast"))
    assert "new_parameter" in said
    assert said.items() <= expected.items()


OPERATIONS = {name for name, op in OPS.items() if op.inputs}


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("name", RULES)
def test_no_value_is_called_by_its_op(name, style):
    """A value that a rule does not name is called by its op where it is a statement."""
    named = assignments(update_text(RULES[name](), style))
    unnamed = [
        f"{variable} = {value}"
        for variable, value in named.items()
        if re.sub(r"_\d+$", "", variable) in OPERATIONS
    ]
    assert not unnamed, (
        f"{name} needs `.named(...)` on what programs call by its op, because it is "
        f"used twice or lies deep in an expression: {'; '.join(unnamed)}"
    )


def test_new_values_that_a_rule_does_not_name_are_called_by_what_they_replace():
    optimizer = optim.GradientAccumulation(optim.SGD(0.1, momentum=0.9), steps=2)
    names = assignments(update_text(optimizer, "readable")).keys()
    assert {"new_momentum_buffer", "new_accumulated"} <= names


def test_a_single_array_to_work_in_needs_no_number():
    text = update_text(optim.Adam(), "fast")
    assert "exp_avg_sq, scratch = tile" in text
    assert "scratch_1" not in text


def test_a_value_is_called_as_the_only_view_of_it():
    x = gc.input("x", ("batch", 8))
    loss = gc.mean(gc.nn.LayerNorm(8, name="norm")(x) ** 3)
    program = gc.compile(loss, style="fast")
    # The variance is a dot product, seen as a column.
    assert re.search(r"variance = np\.divide\(\w+, NUMBER_8, ", program.source)


def test_a_chain_of_optimizers_is_named_whole() -> None:
    x, w = gc.input("x", ("n",)), gc.parameter("w", (), 1.0)
    chain = gc.optim.ClipByGlobalNorm(gc.optim.EMA(gc.optim.Adam(0.1)), 1.0)
    source = gc.Trainer(gc.mean((w * x) ** 2), chain).source
    assert "with nothing but NumPy: ClipByGlobalNorm(EMA(Adam)), 1 number." in source
    assert "Apply one step of ClipByGlobalNorm(EMA(Adam)) to parameters" in source
