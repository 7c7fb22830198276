"""`gc.page`: one interactive HTML file of a graph, its derivation and its code.

What a page holds is collected here as plain data (`graph`, `code`, `mathematics`,
`account`, `values`, `recording`) and written into one document (`document`). What it
looks like and does is in the files of JavaScript and CSS beside.
"""
