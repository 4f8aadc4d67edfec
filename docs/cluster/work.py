"""A search and two hundred trainings, which the other scripts of this folder send to processes and machines."""

from zlib import crc32

from sklearn.datasets import load_iris

import chainrule as cr

RATES = [0.003, 0.01, 0.03, 0.1]


def search(kind=cr.GridSearchCV):
    """Four settings on three folds: the score of each."""
    X, y = load_iris(return_X_y=True)
    estimator = cr.MLPClassifier(normalize="standard", early_stopping=True, max_iter=40, random_state=0)
    grid = {"hidden_layer_sizes": [(4,), (16, 8)], "learning_rate_init": [0.003, 0.03]}
    found = kind(estimator, grid, cv=3).fit(X, y)
    return found.cv_results_["mean_test_score"].round(6).tolist()


def train(X, Y, executor=None):
    """Fifty seeds with each learning rate: the best network, and a checksum of the parameters of all."""
    networks = [cr.Network([2, 6, 1], hidden="tanh", seed=seed) for seed in range(50) for _ in RATES]
    optimizers = cr.Each(cr.Adam(rate) for _ in range(50) for rate in RATES)
    runs = cr.train_many(networks, X, Y, optimizers, epochs=50, batch_size=64, every=50, seed=0, executor=executor)
    best = min(range(len(runs)), key=lambda i: runs[i][-1].cost)
    return best, runs[best][-1].cost, crc32(b"".join(net.parameters.tobytes() for net in networks))


if __name__ == "__main__":
    print(search())
    print(train(*cr.datasets.flower()))
