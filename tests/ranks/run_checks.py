"""Parameters that ranks train, for `test_ranks.py`: started by `mpiexec`."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from graphc.harness.ranks import is_first_rank
from graphc.program import early_sums
from tests.ranks.support import trained

CASES = [
    ("fast", 20, False, False),
    ("fast", 20, True, False),
    ("fast", 3, False, False),
    ("fast", 20, False, True),
    ("fast", 3, False, True),
    ("fast", 20, True, True),
    ("readable", 20, False, False),
    ("readable", 20, True, False),
    ("native", 20, False, False),
    ("native", 20, False, True),
    ("native", 3, False, True),
    ("native", 20, True, False),
]
"""Styles, rows of a batch, whether bits are to be the same, and whether sums of few
gradients start early, too."""

if __name__ == "__main__":
    found = {}
    for case in CASES:
        style, size, again, early = case
        if style in sys.argv[2:]:
            early_sums.LARGE_SUM = 1 if early else 1 << 20
            found[case] = trained(style, size, reproducible=again)
    if is_first_rank():
        Path(sys.argv[1]).write_bytes(pickle.dumps(found))
