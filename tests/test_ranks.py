"""Costs of sums over ranks: formulas against a simulation of each message."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ranks import cost, simulation, thousand
from benchmarks.ranks.cost import ETHERNET, INFINIBAND, Network, Step

NAMES = tuple(cost.ALGORITHMS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ranks", [1, 2, 4, 8, 64, 1024])
@pytest.mark.parametrize("size", [4 * 1024, 4 * 1024 * 1024])
def test_a_power_of_two_takes_what_the_formula_says(
    name: str, ranks: int, size: int
) -> None:
    ends = simulation.ALGORITHMS[name](ETHERNET, np.zeros(ranks), size)
    assert ends.max() == pytest.approx(cost.ALGORITHMS[name](ETHERNET, ranks, size))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ranks", [3, 5, 6, 7, 100, 1000])
def test_any_other_number_takes_no_longer(name: str, ranks: int) -> None:
    size = 4 * 7 * ranks + 8
    ends = simulation.ALGORITHMS[name](ETHERNET, np.zeros(ranks), size)
    bound = cost.ALGORITHMS[name](ETHERNET, ranks, size)
    assert 0.5 * bound < ends.max() <= bound * 1.02


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ranks", [2, 5, 16, 24])
def test_nobody_has_the_sum_before_the_last_rank_has_begun(
    name: str, ranks: int
) -> None:
    free = Network("free", 0.0, np.inf, np.inf)
    for late in range(ranks):
        ready = np.zeros(ranks)
        ready[late] = 1.0
        np.testing.assert_array_equal(simulation.ALGORITHMS[name](free, ready, 64), 1.0)


def test_much_goes_round_a_ring_and_little_by_halves() -> None:
    assert cost.best(INFINIBAND, 1000, 4e9)[1] == "ring"
    assert cost.best(INFINIBAND, 1000, 4e4)[1] == "halving"
    # A tree sends the whole array in each of its rounds.
    assert cost.tree(INFINIBAND, 1000, 4e6) > 4 * cost.halving(INFINIBAND, 1000, 4e6)


def test_overlap_hides_what_there_is_time_for() -> None:
    step = Step(1_000_000, rows=128)
    plain = step.seconds(ETHERNET, 8)
    hidden = step.seconds(ETHERNET, 8, overlap=True)
    assert hidden == max(plain - step.backward, step.seconds(ETHERNET, 1))
    assert 1 < step.speedup(ETHERNET, 8) < step.speedup(ETHERNET, 8, overlap=True) <= 8


def test_overlapped_layers_wait_for_each_other_and_for_the_slowest_rank() -> None:
    even = Network("even", 0.0, 4.0, np.inf)
    first, last = np.array([1.0, 3.0]), np.array([4.0, 3.5])
    ends = simulation.step(even, "tree", [(8.0, first), (4.0, last)])
    # 8 bytes up and down take 4 s from 3 s on, 4 bytes take 2 s after them.
    np.testing.assert_array_equal(ends, 9.0)


def test_the_smallest_model_that_pays_is_just_that() -> None:
    smallest = cost.pays_from(INFINIBAND, 1000, rows=128)
    assert smallest is not None
    assert Step(smallest, 128).weak_efficiency(INFINIBAND, 1000) >= 0.5
    assert Step(smallest - 1, 128).weak_efficiency(INFINIBAND, 1000) < 0.5
    assert cost.pays_from(ETHERNET, 1000, rows=8) is None


def test_tables_have_a_row_for_each_size() -> None:
    text = thousand.page(ranks=12)
    assert all(f"| {size:,} | " in text for size in thousand.SIZES)
