"""The lab, of which there is so far the time line: a training that goes to any of its steps, forwards and backwards."""
