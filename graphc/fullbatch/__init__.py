"""Full-batch training: a loss to its minimum, with all data in every step."""
