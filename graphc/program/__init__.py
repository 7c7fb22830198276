"""Decide how a graph is computed, in data that knows no language."""
