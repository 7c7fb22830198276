"""The compiler from a shell: `graphc train | emit | render | page | show | ...`.

A model file is a plain Python file, so that what runs from a shell is what runs in a
notebook. Messages are for a person who may never have seen graphc: one
clear message with the line to look at, and a traceback only of their own code.
"""

from .commands import main

__all__ = ["main"]
