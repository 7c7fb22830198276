"""The examples of the docstrings run, and every public name has one."""

import doctest
import importlib
import inspect
import pkgutil
from dataclasses import fields, is_dataclass

import pytest

from graphc import optim

MODULES = [f"graphc.optim.{m.name}" for m in pkgutil.iter_modules(optim.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.failed == 0


@pytest.mark.parametrize("name", optim.__all__)
def test_docstrings(name):
    text = inspect.getdoc(getattr(optim, name)) or ""
    assert text
    abstract = {"Optimizer", "Rule", "Schedule", "Transformation", "PlateauState"}
    if name not in abstract:
        assert ">>>" in text, "an example"
        assert "Args:" in text


def test_options_are_documented():
    for name in optim.__all__:
        value = getattr(optim, name)
        if name in ("PlateauState", "Rule", "Transformation", "Schedule"):
            continue
        for field in fields(value) if is_dataclass(value) else ():
            if field.init:
                text = inspect.getdoc(value) or ""
                is_told = field.name in text or "as for `Adam`" in text
                assert is_told, f"{name}.{field.name}"
