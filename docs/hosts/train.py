"""A training on several processes: each reads its part of the examples, process 0 prints and saves.

Under SLURM, Open MPI, Kubernetes (with the package kubernetes) and on TPU pods:  python train.py
Anywhere else, on each machine:                           python train.py HOST:PORT PROCESSES PROCESS
"""

import sys

from sklearn.datasets import load_digits

import chainrule as cr


def main() -> None:
    if given := sys.argv[1:]:
        process, processes = cr.distributed(given[0], int(given[1]), int(given[2]))
    else:
        process, processes = cr.distributed()

    rows, labels = load_digits(return_X_y=True)  # better: a file for each process
    X, Y = rows[process::processes].T / 16, cr.one_hot(labels[process::processes], 10)

    net = cr.Network([64, 32, 10], output="softmax", dtype="float32", seed=0)
    kept = cr.Checkpoint("digits.checkpoint", resume=True)
    training = net.train(X, Y, cr.Adam(0.01), epochs=20, batch_size=128, every=5, seed=0, engine="jax", checkpoint=kept)
    for step in training:
        if process == 0:
            print(f"epoch {step.epoch}: cost {step.cost:.4f}", flush=True)
    if process == 0:
        cr.save(net, "digits.chainrule")


if __name__ == "__main__":
    main()
