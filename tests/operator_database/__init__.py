"""PyTorch's own operator database as an outside oracle of values and gradients."""
