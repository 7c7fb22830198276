"""What all tests share: hypothesis without deadlines, the same examples every run.

`--op NAME` makes generated tests walk one op (or several, each with its own `--op`) and
not the whole table, to be quick.
"""

import gc as garbage
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

import graphc as gc
from tests import op_cases

# A shell starts what runs in the background with Ctrl-C ignored, and `nohup` ignores
# the end of a terminal; programs that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A test that fails shows where.
gc.full_tracebacks()

settings.register_profile("graphc", deadline=None, derandomize=True)
settings.load_profile("graphc")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--op", action="append", help="the only op of generated tests")
    parser.addoption("--seeds", default="0:3", help="FIRST:END of random programs in C")


def pytest_configure(config: pytest.Config) -> None:
    op_cases.only = config.getoption("--op")


# Tens of thousands of tests live to the end: each collection of garbage would walk
# through all of them, also while they are made.
@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    garbage.disable()
    try:
        return (yield)
    finally:
        garbage.freeze()
        garbage.enable()
