"""Emitted programs of eighteen kinds of models, which a person has read.

The text of the mathematics in `readable/` is what is emitted today. Where it changes,
`python -m tests.emitted.refresh` writes it anew, and the difference is to be read: is
each name the user's, or one that says what the value is?
"""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import graphc as gc
from tests.emitted.models import MODELS
from tests.emitted.reading import layer_names, mathematics, named_by_op, variables
from tests.targets.support import ISOLATED, OURS, assert_clean, run

READABLE = Path(__file__).parent / "readable"
MOST_NAMED_BY_OP = 0.01

IN_CI = ("pinn", "matrix_factorisation")
"""Models that are run each time; the others take minutes."""


def every_model(*quick: str) -> list[object]:
    slow = pytest.mark.slow
    return [
        name if name in quick else pytest.param(name, marks=slow) for name in MODELS
    ]


def test_the_mathematics_is_what_was_read_and_its_values_have_names():
    counted = found = 0
    for name, declare in MODELS.items():
        trainer = declare(style="readable")
        text = mathematics(trainer.source)
        file = READABLE / f"{name}.txt"
        assert text == file.read_text("utf-8"), (
            f"{name}: read the difference after `python -m tests.emitted.refresh`"
        )
        counted += len(variables(text))
        found += len(
            named_by_op(text, inspect.getsource(declare), layer_names(trainer))
        )
    assert found <= MOST_NAMED_BY_OP * counted, f"{found} of {counted}"


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize("name", every_model(*IN_CI[:1]))
def test_programs_run_where_only_numpy_is_and_hold_against_ruff(name, style, tmp_path):
    file = tmp_path / "train.py"
    trainer: gc.Trainer = MODELS[name](style=style)
    parts = ("csv", "idx", "checkpoint", "check")
    trainer.emit(file, style=style, include=parts)
    assert run(file, "--check").stdout.count("ok")
    assert_clean(file, *ISOLATED)
    assert_clean(file, *OURS)
