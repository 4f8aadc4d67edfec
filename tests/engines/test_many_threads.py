"""Many threads at once, from the first call of a process on: each comes to what it comes to alone.

With a global lock the threads change places every microsecond; in a Python without one they run at once.
"""

import os
import subprocess
import sys

import pytest

AT_ONCE = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import chainrule as cr

sys.setswitchinterval(1e-6)
THREADS = 8
X, Y = cr.datasets.flower()
shared = cr.Network([2, 16, 1], hidden="tanh", seed=0)
drawing = np.random.default_rng(0)
begin = threading.Barrier(THREADS)

def results(seed):
    net = cr.Network([2, 8, 1], hidden=["tanh", "relu", "gelu", "elu"][seed % 4], seed=seed)
    steps = net.train(X, Y, cr.Adam(0.01), epochs=10, batch_size=50, dropout=0.1 * (seed % 2), seed=seed).run()
    solver = ["adam", "lbfgs"][seed % 2]
    clf = cr.MLPClassifier((8,), solver=solver, max_iter=5, early_stopping=solver == "adam", random_state=seed)
    clf.fit(X.T, Y[0])
    _, dW, db = shared.gradients(X, Y)
    return [steps[-1].cost, net.parameters, clf.predict_proba(X.T), shared.forward(X), *dW[1:], *db[1:]]

def at_once(seed):
    begin.wait()
    found = [results(seed) for _ in range(2)]
    # Of one generator nobody can say which thread draws what; but each has all examples once.
    other = cr.Network([2, 3, 1], hidden="tanh", seed=seed)
    other.train(X, Y, cr.Adam(0.01), epochs=20, batch_size=100, seed=drawing).run()
    assert np.isfinite(other.parameters).all()
    return found

with ThreadPoolExecutor(THREADS) as pool:
    found = list(pool.map(at_once, range(THREADS)))
for seed in range(THREADS):
    alone = results(seed)
    for one in found[seed]:
        assert all(np.array_equal(a, b) for a, b in zip(one, alone, strict=True)), seed
print("the same", len(found))
"""


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_threads_that_begin_together_come_to_what_each_comes_to_alone(engine):
    code = AT_ONCE.replace("batch_size=50,", f"batch_size=50, engine={engine!r},")
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, env=os.environ)
    assert run.stdout.split() == ["the", "same", "8"], run.stderr
