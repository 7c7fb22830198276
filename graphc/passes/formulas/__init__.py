"""Elementwise formulas in the fewest operations that floats allow."""
