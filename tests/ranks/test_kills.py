"""Some runs that are ended at random moments; `make fuzz-ranks` does more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ranks import kills
from tests.ranks.test_ranks import needs_ranks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_ranks()
    path = tmp_path_factory.mktemp("kills")
    kills.emit_programs(path)
    return path


@pytest.mark.slow
@pytest.mark.mpi
@pytest.mark.parametrize("seed", [5, 10, 20, 31])
def test_a_run_that_is_ended_is_resumed_to_the_same_bits(
    seed: int, folder: Path
) -> None:
    kills.disturb(folder, seed)
