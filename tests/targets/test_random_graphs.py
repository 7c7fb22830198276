"""Random graphs: every way of compiling one gives the interpreter's values."""

import warnings
from random import Random

import numpy as np
import pytest

import graphc as gc
from tests.random_graphs import (
    MOVED,
    Grower,
    assert_near,
    drawn,
    is_smooth,
    leaves,
    moved,
    outputs_of,
)
from tests.styles import assert_styles_agree


@pytest.mark.parametrize("seed", range(30))
def test_compiled_is_interpreted(seed: int) -> None:
    chance = Random(seed)
    given = leaves()
    grower = Grower(chance, given, keep=is_smooth)
    grower.grow(chance.randint(2, 7))
    outputs = outputs_of(grower, given)
    functions = [
        gc.compile(outputs, style=style, simplify=simplify, seed=1)
        for simplify in (False, True)
        for style in ("readable", "fast")
    ]
    parameters = functions[0].parameters
    for rows in (4, 6, 4):
        feeds = drawn(given[:1], seed, batch=rows)
        everything = {**feeds, **parameters}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            expected = gc.evaluate(outputs, everything)
            beside = gc.evaluate(outputs, moved(everything, MOVED))
            found = [function(**feeds) for function in functions]
        for values in found:
            assert_near(values, expected, beside, note=f"seed {seed}")
        # As written, both styles are the interpreter's own calls, but for their order.
        for values in found[:2]:
            assert_styles_agree(values, expected, ulps=2**20, note=f"seed {seed}")
    for function in functions:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(function.source, "emitted", "exec")
