"""Training: the Trainer, its program, data, callbacks, history and progress."""
