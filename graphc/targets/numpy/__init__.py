"""Print a decided program as Python with NumPy, readable or fast."""
