"""Tables larger than the memory: two passes over all rows make what a fit in memory makes at once.

The first pass (`rows`) draws a sample, and counts the labels; of the sample the plan is made. The second (`statistics`)
gathers what the preparation needs to know of all rows; `preparing` makes the fitted pipeline of it. Then the networks
learn from the blocks, prepared one after the other (`learning`).
"""
