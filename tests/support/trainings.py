"""Homework: whole trainings as people write them, right in themselves; `support.homework.mistaken` plants mistakes."""

import numpy as np


def one_hidden(X, Y, learning_rate=1.2, num_iterations=12):
    """One hidden layer of tanh, a sigmoid at the end, a dictionary after each update."""
    rng = np.random.default_rng(3)
    m = X.shape[1]
    W1, b1 = rng.standard_normal((4, 2)) * 0.5, np.zeros((4, 1))
    W2, b2 = rng.standard_normal((1, 4)) * 0.5, np.zeros((1, 1))
    costs, history = [], []
    for i in range(num_iterations):  # noqa: B007 - for mistakes
        A1 = np.tanh(np.dot(W1, X) + b1)
        A2 = 1 / (1 + np.exp(-(np.dot(W2, A1) + b2)))
        cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
        dZ2 = A2 - Y
        dW2 = np.dot(dZ2, A1.T) / m
        db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = np.dot(W2.T, dZ2) * (1 - A1**2)
        dW1 = np.dot(dZ1, X.T) / m
        db1 = np.sum(dZ1, axis=1, keepdims=True) / m
        W1 = W1 - learning_rate * dW1
        b1 = b1 - learning_rate * db1
        W2 = W2 - learning_rate * dW2
        b2 = b2 - learning_rate * db2
        costs.append(cost)
        history.append({"W1": W1, "b1": b1, "W2": W2, "b2": b2})
    return costs, history


def deep(X, Y, learning_rate=0.3, num_iterations=8, lambd=0.0):
    """Layers of equal width in a loop, ReLU and softmax, dictionaries; those before the first update in front."""
    rng = np.random.default_rng(1)
    m, L = X.shape[1], 3
    p, costs = {}, []
    for l in range(1, L + 1):
        p[f"W{l}"] = rng.standard_normal((3, 3)) * np.sqrt(2 / 3)
        p[f"b{l}"] = np.zeros((3, 1))
    history = [{key: value.copy() for key, value in p.items()}]
    for i in range(num_iterations):  # noqa: B007 - for mistakes
        A, Z, g = {0: X}, {}, {}
        for l in range(1, L + 1):
            Z[l] = p[f"W{l}"] @ A[l - 1] + p[f"b{l}"]
            A[l] = np.maximum(0, Z[l])
        E = np.exp(Z[L] - Z[L].max(axis=0))
        A[L] = E / E.sum(axis=0)
        penalty = lambd / (2 * m) * sum(np.sum(p[f"W{l}"] ** 2) for l in range(1, L + 1))
        costs.append(-np.sum(Y * np.log(A[L])) / m + penalty)
        dZ = A[L] - Y
        for l in range(L, 0, -1):
            g[f"W{l}"] = dZ @ A[l - 1].T / m + lambd / m * p[f"W{l}"]
            g[f"b{l}"] = dZ.sum(axis=1, keepdims=True) / m
            if l > 1:
                dZ = (p[f"W{l}"].T @ dZ) * (Z[l - 1] > 0)
        for l in range(1, L + 1):
            for name in "Wb":
                p[f"{name}{l}"] = p[f"{name}{l}"] - learning_rate * g[f"{name}{l}"]
        history.append({key: value.copy() for key, value in p.items()})
    return costs, history


def stepping(X, Y, learning_rate, epochs, batch_size, make_update, seed=0):
    """Mini-batches in a new order in each epoch; (W, b) after each update, the beginning in front."""
    rng = np.random.default_rng(seed)
    m, L = X.shape[1], 2
    W = [None, rng.standard_normal((5, X.shape[0])) * 0.5, rng.standard_normal((Y.shape[0], 5)) * 0.5]
    b = [None, np.zeros((5, 1)), np.zeros((Y.shape[0], 1))]
    update, costs = make_update(learning_rate), []
    history = [([w.copy() for w in W[1:]], [v.copy() for v in b[1:]])]
    for epoch in range(epochs):  # noqa: B007 - for mistakes
        order = rng.permutation(m)
        X_epoch, Y_epoch = X[:, order], Y[:, order]
        for start in range(0, m, batch_size):
            X_batch = X_epoch[:, start : start + batch_size]
            Y_batch = Y_epoch[:, start : start + batch_size]
            size = X_batch.shape[1]
            A1 = np.tanh(W[1] @ X_batch + b[1])
            E = np.exp(W[2] @ A1 + b[2])
            A2 = E / E.sum(axis=0)
            cost = -np.sum(Y_batch * np.log(A2)) / size
            dZ2 = A2 - Y_batch
            dZ1 = W[2].T @ dZ2 * (1 - A1**2)
            dW = [None, dZ1 @ X_batch.T / size, dZ2 @ A1.T / size]
            db = [None, dZ1.sum(axis=1, keepdims=True) / size, dZ2.sum(axis=1, keepdims=True) / size]
            for l in range(1, L + 1):
                W[l] = W[l] - update(("W", l), dW[l])
                b[l] = b[l] - update(("b", l), db[l])
            costs.append(cost)
            history.append(([w.copy() for w in W[1:]], [v.copy() for v in b[1:]]))
    return costs, history


def plain(learning_rate):
    """Gradient descent: the step of each tensor."""
    return lambda name, d: learning_rate * d


def momentum(learning_rate, beta=0.9):
    """Momentum of the notes: the step of each tensor."""
    v = {}

    def step(name, d):
        v[name] = beta * v.get(name, 0) + (1 - beta) * d
        return learning_rate * v[name]

    return step


def rmsprop(learning_rate, beta=0.9, epsilon=1e-8):
    """RMSProp: the step of each tensor."""
    s = {}

    def step(name, d):
        s[name] = beta * s.get(name, 0) + (1 - beta) * d**2
        return learning_rate * d / (np.sqrt(s[name]) + epsilon)

    return step


def adam(learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Adam: the step of each tensor."""
    v, s, times = {}, {}, {}

    def step(name, d):
        t = times[name] = times.get(name, 0) + 1
        v[name] = beta1 * v.get(name, 0) + (1 - beta1) * d
        s[name] = beta2 * s.get(name, 0) + (1 - beta2) * d**2
        v_hat = v[name] / (1 - beta1**t)
        s_hat = s[name] / (1 - beta2**t)
        return learning_rate * v_hat / (np.sqrt(s_hat) + epsilon)

    return step
