"""Every sample of every operator that there is a function for."""

from __future__ import annotations

import string

import pytest

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("letter", [*string.ascii_lowercase, "_"])
def test_no_sample_is_wrong(letter: str) -> None:
    """Values and gradients are PyTorch's, or the sample is refused with a reason."""
    pytest.importorskip("expecttest")
    from tests.operator_database.samples import full_name, operators, run

    outcomes = [
        run(info)
        for info in operators()
        if _last(full_name(info)).lower().startswith(letter)
    ]
    bad = [str(outcome) for outcome in outcomes if outcome.wrong or outcome.crashed]
    assert not bad, "\n".join(bad)
    refused = sum(len(outcome.refused) for outcome in outcomes)
    assert refused <= 0.1 * sum(outcome.samples for outcome in outcomes), "\n".join(
        str(outcome) for outcome in outcomes if outcome.refused
    )


def _last(name: str) -> str:
    for prefix in ("nn.functional.", "linalg.", "special."):
        name = name.removeprefix(prefix)
    return name
