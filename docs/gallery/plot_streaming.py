"""
Streaming from disk
===================

A table that does not fit into the memory is trained on where it lies. Here it is small, so that you can look;
nothing in the program would change for a terabyte.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import chainrule as cr

# %%
# A Parquet file in blocks of 1,000 rows, written in the worst order there is: sorted by the answer.

X, Y = cr.datasets.moons(20_000, noise=0.2)
table = pd.DataFrame({"x1": X[0], "x2": X[1], "y": Y[0]}).sort_values("y", kind="stable")
folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "moons.parquet")
table.to_parquet(path, row_group_size=1000, index=False)

blocks = cr.Blocks(path, target="y", window=6)
print(f"{blocks.rows:,} rows in {len(blocks.sizes)} blocks, six of them mixed at a time")

# %%
# ``Blocks`` goes where X and Y go. ``every=Batches(20)`` reports within the epoch, with J of every mini-batch.

net = cr.Network([2, 16, 1], hidden="tanh", seed=0)
steps = net.train(blocks, cr.Adam(0.01), epochs=2, batch_size=100, seed=0, every=cr.Batches(20)).run()
streamed = [cost for step in steps for cost in step.costs]

same = cr.Network([2, 16, 1], hidden="tanh", seed=0)
steps = same.train(X, Y, cr.Adam(0.01), epochs=2, batch_size=100, seed=0, every=cr.Batches(20)).run()
in_memory = [cost for step in steps for cost in step.costs]

figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
ax.plot(in_memory, label="all in memory", linewidth=1)
ax.plot(streamed, label="block by block", linewidth=1)
ax.set(xlabel="mini-batch", ylabel="J of the mini-batch", ylim=(0, None))
ax.legend()

# %%
# Six blocks out of twenty, in a new order, are mixed at a time: enough to break a sorted file up.

for name, network in (("in memory", same), ("block by block", net)):
    print(f"{name}: {np.mean((network.forward(X) > 0.5) == Y):.1%} right")

folder.cleanup()
