"""Ops with several results: their text, their drawing, and what is read of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import NonFiniteError

A = np.array([[2.0, 1.0], [1.0, 3.0]])


def _eigh() -> Any:
    return gc.linalg.eigh(gc.input("a", (2, 2), "float64"))


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_results_are_assigned_at_once(style: Any) -> None:
    values, vectors = _eigh()
    source = gc.compile(gc.sum(vectors * values), style=style).source
    line = "eigenvalues, eigenvectors = np.linalg.eigh(a)  # (2,), (2, 2)"
    assert source.count(line) == source.count("np.linalg.eigh") == 1


def test_a_result_that_nothing_reads_has_no_name() -> None:
    source = gc.compile(gc.sum(_eigh().eigenvectors)).source
    assert "_, eigenvectors = np.linalg.eigh(a)" in source


def test_a_name_of_the_users_own_goes_first() -> None:
    values, vectors = _eigh()
    source = gc.compile([values.named("w") * 2, vectors]).source
    assert "w, eigenvectors = np.linalg.eigh(a)" in source


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_a_result_may_be_returned_and_written_to(style: Any) -> None:
    values, vectors = _eigh()
    f = gc.compile([values, values, vectors, vectors[0]], style=style, simplify=False)
    found = f(a=A)
    expected = np.linalg.eigh(A)
    for array, other in zip(found, [0, 0, 1, 1], strict=True):
        kept = [each.copy() for each in found]
        array += 1.0
        changed = [not np.array_equal(a, b) for a, b in zip(found, kept, strict=True)]
        assert sum(changed) == 1
        array -= 1.0
        np.testing.assert_allclose(array.ravel()[:2], expected[other].ravel()[:2])


@pytest.mark.parametrize("backward", [False, "graph", "overlay"])
def test_a_drawing_names_results(backward: Any, tmp_path: Path) -> None:
    values, vectors = _eigh()
    path = tmp_path / "eigh.dot"
    gc.render(gc.sum(vectors * values), backward=backward).save(path)
    text = path.read_text(encoding="utf-8")
    for label in ("eigenvalues", "eigenvectors"):
        assert f'label="{label}' in text
    assert ('label="linalg.eigh"' in text) == (backward != "graph")


def test_constants_are_not_folded_into_several() -> None:
    values, _ = gc.linalg.eigh(A)
    np.testing.assert_allclose(gc.compile(values)(), np.linalg.eigvalsh(A))


def test_a_result_that_is_not_finite_is_named() -> None:
    logabsdet = gc.linalg.slogdet(np.zeros((2, 2))).logabsdet
    with pytest.raises(NonFiniteError, match="inf in logabsdet"):
        gc.evaluate(logabsdet, check_finite=True)
