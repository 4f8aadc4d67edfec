"""Training: one loop over epochs, L-BFGS, and many networks at a time."""
