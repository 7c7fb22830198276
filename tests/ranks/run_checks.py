"""Parameters that ranks train, for `test_ranks.py`: started by `mpiexec`."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from graphc.harness.ranks import is_first_rank
from tests.ranks.support import trained

CASES = [
    ("fast", 20, False),
    ("fast", 20, True),
    ("fast", 3, False),
    ("readable", 20, False),
    ("readable", 20, True),
    ("native", 20, False),
    ("native", 20, True),
]
"""Styles, rows of a batch, and whether bits are to be the same."""

if __name__ == "__main__":
    found = {}
    for case in CASES:
        style, size, again = case
        if style in sys.argv[2:]:
            found[case] = trained(style, size, reproducible=again)
    if is_first_rank():
        Path(sys.argv[1]).write_bytes(pickle.dumps(found))
