"""The lab: a page on which a network trains in the open, on any of its steps. session.py is it without the web."""
