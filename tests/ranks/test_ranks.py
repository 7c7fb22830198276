"""Ranks that share batches, held against one process that has them whole."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.ranks import run_early, run_others, support
from tests.ranks.run_checks import CASES

RUN = Path(__file__).parent / "run_checks.py"


def needs_ranks() -> None:
    if reason := support.missing():
        pytest.skip(reason)


def check(count: int, styles: list[str], folder: Path) -> None:
    """Hold what some ranks train against what one process does."""
    needs_ranks()
    path = folder / "found"
    done = support.run(count, RUN, path, *styles)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = pickle.loads(path.read_bytes())
    assert found.keys() == {case for case in CASES if case[0] in styles}
    for (style, size, again, _), (parameters, record) in found.items():
        alone, known = support.trained(style, size, reproducible=again)
        assert parameters.keys() == alone.keys()
        for name, array in alone.items():
            if again:
                np.testing.assert_array_equal(parameters[name], array)
            else:
                np.testing.assert_allclose(parameters[name], array, 1e-12, 1e-12)
        assert record.keys() == known.keys()
        for key, value in known.items():
            assert record[key] == pytest.approx(value, rel=0 if again else 1e-12)


def test_two_ranks_train_as_one_process_does(tmp_path: Path) -> None:
    check(2, ["fast"], tmp_path)


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_any_number_of_ranks_trains_as_one_process_does(
    count: int, tmp_path: Path
) -> None:
    check(count, ["fast", "readable", "native"], tmp_path)


def test_batches_in_parts_give_the_gradients_of_whole_ones() -> None:
    whole, record = support.trained()
    parts, known = support.trained(reproducible=True)
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, 1e-12, 1e-12)
    assert record["dev_f1"] == pytest.approx(known["dev_f1"])


@pytest.mark.slow
@pytest.mark.mpi
def test_several_losses_accumulation_and_streams(tmp_path: Path) -> None:
    needs_ranks()
    path, styles = tmp_path / "found", ("fast", "readable", "native")
    done = support.run(3, RUN.with_name("run_others.py"), path, *styles)
    assert done.returncode == 0, done.stderr
    for style, found in pickle.loads(path.read_bytes()).items():
        for name, (parameters, told) in run_others.results(style).items():
            given = 0 if name == "again" else 1e-12
            for record, known in zip(found[name][1], told, strict=True):
                assert record == pytest.approx(known, given, given)
            for key, array in parameters.items():
                np.testing.assert_allclose(found[name][0][key], array, given, given)


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("style", ["fast", "native"])
def test_steps_may_fail_while_sums_go_on(style: str, tmp_path: Path) -> None:
    needs_ranks()
    path, script = tmp_path / "found", RUN.with_name("run_early.py")
    done = support.run(3, script, path, style, "all")
    assert done.returncode == 0, done.stderr
    alone = support.trained(style)[0] | support.wide(style)
    for name, array in pickle.loads(path.read_bytes()).items():
        np.testing.assert_allclose(array, alone[name], 1e-12, 1e-12)
    done = support.run(3, script, path, style, "one")
    assert done.returncode != 0
    assert done.stderr.count(f"MemoryError: {run_early.FAILS}") == 1
