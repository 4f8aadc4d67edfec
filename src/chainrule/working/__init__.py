"""The working, shown: every Z, A, dZ, dW, db; checks of gradients and of trainings; why a network does not learn."""
