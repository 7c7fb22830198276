"""Options of dataclasses, checked by their annotations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

import graphc as gc
from graphc.arguments import Count, Natural, Within
from graphc.errors import ArgumentError, OptionError
from graphc.optim.options import (
    REQUIRED,
    Decay,
    NonNegative,
    Options,
    Share,
)


@dataclass(frozen=True)
class Example(Options):
    """One field of each kind."""

    size: NonNegative = 1.0
    share: Share = 0.5
    decays: tuple[Decay, Decay | None] = (0.9, None)
    count: Count | None = None
    milestones: tuple[Natural, ...] = (1, 2)
    function: Callable[..., Any] | None = None
    kind: Literal["one", "other"] = "one"
    is_on: bool = False
    limit: Annotated[float, Within(above=0.0, finite=False)] = 1.0
    anything: Any = None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": -1.0}, "size to be a number >= 0, got -1.0"),
        ({"size": math.inf}, "size to be a number >= 0"),
        ({"size": "1"}, "size to be a number >= 0"),
        ({"size": True}, "size to be a number >= 0"),
        ({"share": 1.5}, "share to be a number >= 0 and <= 1"),
        ({"decays": (0.9, 1.0)}, r"decays to be a tuple of a number >= 0 and < 1 and"),
        ({"decays": (None, 0.9)}, r"decays to be a tuple of a number >= 0 and < 1 and"),
        ({"decays": (0.9,)}, "decays to be a tuple of a number"),
        ({"count": 0}, "count to be an integer >= 1"),
        ({"count": 1.0}, "count to be an integer >= 1"),
        ({"milestones": [1, -2]}, "milestones to be a list of integers >= 0"),
        ({"milestones": 3}, "milestones to be a list of integers"),
        ({"function": 3}, "function to be a function"),
        ({"kind": "third"}, 'kind to be one of "one", "other", got \'third\''),
        ({"is_on": 1}, "is_on to be True or False"),
        ({"limit": 0.0}, "limit to be a number > 0"),
        ({"limit": -math.inf}, "limit to be a number > 0"),
    ],
)
def test_a_field_that_does_not_fit_its_annotation(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(OptionError, match=f"Example requires {says}") as caught:
        Example(**options)
    assert f"{__file__}:" in str(caught.value)


def test_numbers_become_pythons() -> None:
    example = Example(np.float32(2), 1, [0, 0.5], np.int64(3), [4], limit=math.inf)
    assert example == Example(2.0, 1.0, (0.0, 0.5), 3, (4,), limit=math.inf)
    assert isinstance(example.size, float)
    assert not isinstance(example.size, np.generic)
    assert isinstance(example.share, float)
    assert type(example.count) is int


def test_an_option_without_a_default_is_asked_for_first() -> None:
    @dataclass(frozen=True)
    class Rate(gc.optim.Schedule):
        lr: NonNegative = 1.0
        period: Count = REQUIRED

        def at(self, count: gc.Node) -> gc.Node:
            return self.lr * count / self.period

    with pytest.raises(ArgumentError, match="Rate requires the argument period"):
        Rate(-1.0)
    with pytest.raises(OptionError, match="lr to be a number >= 0"):
        Rate(-1.0, 2)


def test_a_plain_float_is_what_the_base_class_says() -> None:
    @dataclass(frozen=True)
    class Rule(gc.optim.Rule):
        lr: float = 0.1

        def update(
            self, parameter: Any, gradient: Any, state: Any, clock: Any
        ) -> tuple[Any, Any]:
            return parameter, {}

    schedule = gc.optim.StepLR(0.1, step_size=1)
    assert Rule(schedule).lr == schedule
    assert Rule().lr == 0.1
    with pytest.raises(OptionError, match="lr to be a number >= 0"):
        Rule(-1.0)


def test_names_that_only_a_function_knows_are_not_checked() -> None:
    Local = Annotated[float, Within(low=3.0)]

    @dataclass(frozen=True)
    class Rule(gc.optim.Rule):
        strength: Local = 0.0

        def update(
            self, parameter: Any, gradient: Any, state: Any, clock: Any
        ) -> tuple[Any, Any]:
            return parameter, {}

    assert Rule(1, strength=0.5).lr == 1.0
    with pytest.raises(OptionError, match="lr to be a number >= 0"):
        Rule(-1)
