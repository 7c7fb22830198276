"""Turn an optimised graph into the text of a NumPy program."""
