"""The lab: a page where a network trains in the open."""
