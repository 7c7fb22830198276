"""Fixtures of the tests of training."""

from tests.training.support import expected as expected
