"""Text of Python programs from `ast` trees, formatted as ruff formats it."""
