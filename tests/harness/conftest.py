"""Fixtures of these tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.targets.support import load, program


@pytest.fixture(scope="module")
def module() -> Any:
    return load(program())
