"""Peers of the benchmarks that are written by hand in C and for Numba."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest

from benchmarks.gelu import Gelu
from benchmarks.harness import measure
from benchmarks.scan import Scan
from benchmarks.training.c_peer import ByHand
from benchmarks.training.network import Training

NETWORKS = (
    Training("softmax", (13, 4), 6),
    Training("softmax-row", (13, 4), 1),
    Training("sigmoid", (9, 5, 3), 4, "sigmoid", momentum=0.9),
    Training("sigmoid-row", (9, 5, 3), 1, "sigmoid"),
    Training("tanh-row", (6, 8, 7, 3), 1, "tanh", "Adam", lr=1e-2),
    Training("relu", (12, 16, 9, 5), 7, "relu", "Adam", lr=1e-2),
)
FUNCTIONS = (Gelu("gelu", 300), Scan("scan", 20))
NEEDS_C = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


def _name(workload: Any) -> str:
    return workload.name


@NEEDS_C
@pytest.mark.parametrize("network", NETWORKS, ids=_name)
def test_c_trains_every_kind_of_network(network: Training) -> None:
    data = network.data()
    for peer in (ByHand(network, data), ByHand(network, data)):
        network.check(peer, data)
        network.check(peer, data)
    # A library that rounds denormal numbers to zero would do so to the whole process.
    assert np.finfo(np.float32).tiny / np.float32(2) > 0


@NEEDS_C
@pytest.mark.parametrize("workload", FUNCTIONS, ids=_name)
def test_functions_in_c(workload: Any) -> None:
    outcome = measure(workload, ["c"], rounds=1, block=1e-4)
    assert (outcome.notes, list(outcome.timings)) == ({}, ["c"])


@pytest.mark.peer
@pytest.mark.parametrize("workload", [*NETWORKS, *FUNCTIONS], ids=_name)
def test_numba(workload: Any) -> None:
    pytest.importorskip("numba")
    outcome = measure(workload, ["numba"], rounds=1, block=1e-4)
    assert (outcome.notes, list(outcome.timings)) == ({}, ["numba"])
