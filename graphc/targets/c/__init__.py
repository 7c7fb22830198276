"""Print a decided program as C99."""
