"""Losses: of labels, of yes and no, and of numbers."""
