"""Drawings and reports of any stage of a graph."""
