"""Rules of arithmetic and of the moves of elements."""
