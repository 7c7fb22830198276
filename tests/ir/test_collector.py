"""The garbage collector waits while graphs are compiled, and is then as it was."""

from __future__ import annotations

import gc as collector
from collections.abc import Iterator

import pytest

import graphc as gc
from graphc.autodiff import reverse
from graphc.errors import OptionError
from graphc.ir.collector import paused
from graphc.runtime import compiler
from graphc.training import assemble


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    assert collector.isenabled()
    yield
    collector.enable()


def test_a_pause_ends_where_it_began_even_inside_another() -> None:
    with paused():
        assert not collector.isenabled()
        with paused():
            assert not collector.isenabled()
        assert not collector.isenabled()
    assert collector.isenabled()


def test_a_pause_ends_with_an_error() -> None:
    with pytest.raises(KeyError), paused():
        raise KeyError
    assert collector.isenabled()


def test_who_switched_the_collector_off_finds_it_off() -> None:
    collector.disable()
    with paused():
        pass
    assert not collector.isenabled()


def test_it_waits_for_derivatives_and_compilers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, bool] = {}
    for module, name in (
        (reverse, "backward"),
        (compiler, "emit_function"),
        (assemble, "emit_training"),
    ):
        real = getattr(module, name)

        def spy(*arguments: object, name=name, real=real, **keywords: object) -> object:
            seen[name] = collector.isenabled()
            return real(*arguments, **keywords)

        monkeypatch.setattr(module, name, spy)
    x, w = gc.input("x", ("batch", 3)), gc.parameter("w", (3,))
    loss = gc.mean((x @ w) ** 2)
    gc.compile([loss, gc.grad(loss, w)])
    gc.Trainer(loss, gc.optim.SGD(0.1))
    assert seen == dict.fromkeys(("backward", "emit_function", "emit_training"), False)
    assert collector.isenabled()


def test_a_refusal_to_compile_leaves_it_on() -> None:
    x = gc.input("x", (3,))
    with pytest.raises(OptionError):
        gc.compile(x + 1, style="quick")
    assert collector.isenabled()
