"""Formulas that SymPy shortens."""
