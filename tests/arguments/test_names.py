"""A public name that does not exist is told the nearest one that does."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.arguments.elsewhere import OF_LAYERS
from graphc.arguments.functions_elsewhere import FUNCTIONS
from graphc.errors import NoAttributeError

PLACES = re.compile(r"gc\.(?:(nn|linalg|special|random)\.)?(\w+)")

MISSING: list[tuple[Any, str, str | None]] = [
    (gc, "sofmax", "gc.nn.softmax"),
    (gc, "relu", "gc.nn.relu"),
    (gc, "Adam", "gc.optim.Adam"),
    (gc, "trainer", "gc.Trainer"),
    (gc, "concat_", "gc.concat"),
    (gc, "cat", "gc.concatenate"),
    (gc, "masked_fill", "gc.where(mask, value, x)"),
    (gc.special, "bessel_j0", "gc.special.j0"),
    (gc.nn, "upsample", "gc.nn.interpolate"),
    (gc, "kaiser", "gc.constant(np.kaiser(n))"),
    (gc, "zzzqqq", None),
    (gc.nn, "soft_max", "gc.nn.softmax"),
    (gc.nn, "exp", "gc.exp"),
    (gc.optim, "ADAMW", "gc.optim.AdamW"),
    (gc.init, "xavier", "gc.init.xavier_normal"),
    (gc.nn, "Module", "gc.nn.Layer"),
    (gc.nn.Linear(2, 2), "weigth", "weight"),
    (gc.nn.Linear(2, 2), "eval", OF_LAYERS["eval"]),
    (gc.nn.Sequential(), "append", OF_LAYERS["append"]),
]


@pytest.mark.parametrize(("module", "name", "hint"), MISSING)
def test_the_nearest_name_is_told(module: Any, name: str, hint: str | None) -> None:
    assert not hasattr(module, name)
    with pytest.raises(NoAttributeError, match=f"has no attribute '{name}'") as caught:
        getattr(module, name)
    assert caught.value.hint == hint
    assert str(caught.value.location).startswith(__file__)


def test_what_is_told_exists() -> None:
    faces = {"": gc, **{name: getattr(gc, name) for name in ("nn", "linalg")}}
    faces |= {name: getattr(gc, name) for name in ("special", "random")}
    for name, words in FUNCTIONS.items():
        # A function of one of these names needs no words.
        assert not any(name in face.__all__ for face in faces.values()), name
        for place, each in PLACES.findall(words):
            assert hasattr(faces[place], each), (name, words)


@pytest.mark.peer
def test_names_of_numpy_are_here_or_told() -> None:
    """All but those about how arrays are stored, printed and read."""
    outside = re.compile(
        r"set|get|format|.*_str|.*_repr|.*print|.*array2string|.*mem|nested|busday"
        r"|is_busday|datetime|.*info|asmatrix|bmat|base_repr|binary_repr|from|copy"
        r"|packbits|unpackbits|require|show|test|typename|common_type|min_scalar_type"
        r"|mintypecode|isfortran|isnat|isscalar|iterable|asarray_chkfinite|may_share"
        r"|shares_memory|polydiv|geterr"
    )
    for name in dir(np):
        found = getattr(np, name)
        if name.startswith("_") or isinstance(found, type) or not callable(found):
            continue
        assert name in gc.__all__ or name in FUNCTIONS or outside.match(name), name
