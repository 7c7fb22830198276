"""Training by many processes: what sums of gradients cost, on paper and measured."""
