"""Special functions that NumPy lacks, under SciPy's names."""
