"""Side-by-side runs of graphc and its peers: `python -m benchmarks --help`."""
