"""Formulas that lose digits or overflow, in forms that do not."""
