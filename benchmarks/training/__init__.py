"""Training steps of fully connected networks."""
