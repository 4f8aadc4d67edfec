"""The check of a learner's whole training: every update and every cost recomputed, and what a wrong one looks like."""
