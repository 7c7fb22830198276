"""Print decided programs in the languages that they run in."""
