"""The working, shown: every Z, A, dZ, dW, db; the gradient check; why a network does not learn."""
