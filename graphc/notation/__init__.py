"""Mathematics in a textbook's notation: formulas of nodes, derivations of gradients.

A formula is a tree (`tree`), made of a node (`translate`) by what each op declares
(`ir.mathematics`, read by `parse`), and printed as text or as LaTeX.
"""
