"""Ops of formulas: what a user writes in SymPy, with derivatives that SymPy finds."""
