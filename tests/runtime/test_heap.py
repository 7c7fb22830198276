"""New arrays for each result do not cost new pages for each result."""

from __future__ import annotations

import platform
import subprocess
import sys
import textwrap

import pytest

GLIBC = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"


@pytest.mark.skipif(not GLIBC, reason="only glibc adapts")
@pytest.mark.parametrize("size", [100_000, 1_000_000, 4_000_000])
def test_dropped_results_cost_no_page_faults(size: int) -> None:
    program = textwrap.dedent(
        f"""
        import resource
        import numpy as np
        import graphc as gc

        def faults():
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

        x = gc.input("x", ("n",))
        f = gc.compile([x + 1, x + 2, x + 3])
        # Not drawn, since other arrays that were freed would hide the effect.
        array = np.zeros({size}, "float32")
        for _ in range(5):
            f(x=array)
        before = faults()
        for _ in range(20):
            f(x=array)
        print((faults() - before) / 20)
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # Without, this is a hundred or more: all pages of the three results.
    assert float(result.stdout) < 5
