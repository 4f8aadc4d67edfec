"""The trainings that are timed, and the goals for them."""

from contenders import Case

import chainrule as cr


def _flower():
    X, Y = cr.datasets.flower()
    return X.T, Y.ravel().astype(int)


def _digits():
    from sklearn.datasets import load_digits  # loaded where it is needed, for there are many processes

    X, y = load_digits(return_X_y=True)
    return X / 16, y


def _named(*cases):
    return {case.name: case for case in cases}


# Small rates: the weights stay where nothing overflows or dies, however long it takes.
CASES = _named(
    Case("flower", (2, 4, 1), 400, 400, cr.GradientDescent(0.01), 8000, "tanh", _flower),
    Case("digits", (64, 32, 10), 1504, 32, cr.Adam(1e-4), 100, source=_digits),
    Case("table", (30, 100, 2), 20_000, 200, cr.Adam(1e-4), 10),
    Case("mnist", (784, 256, 128, 10), 8192, 128, cr.Adam(1e-4), 1),
    Case("cats", (12288, 20, 7, 5, 1), 209, 209, cr.GradientDescent(0.0075), 40),
    Case("wide", (1024, 2048, 2048, 10), 4096, 1024, cr.Adam(1e-4), 1),
)
# By products in bfloat16, against PyTorch's autocast, where the processor has them.
HALF = _named(Case("wide, bf16", (1024, 2048, 2048, 10), 4096, 1024, cr.Adam(1e-4), 1, precision="bf16"))
# Shapes that no rule was made for: thin, deep, odd, one example a batch, huge batches, a million weights in one layer.
OTHERS = _named(
    Case("one by one", (10, 20, 1), 1000, 1, cr.GradientDescent(1e-3), 10),
    Case("wine", (13, 64, 64, 3), 178, 16, cr.Adam(1e-4), 200),
    Case("deep", (48, *[48] * 8, 5), 2000, 100, cr.HeavyBall(1e-4), 20, "tanh"),
    Case("letters", (16, 300, 26), 20_000, 512, cr.Adam(1e-4), 3),
    Case("odd", (101, 257, 67, 11), 7777, 77, cr.Nesterov(1e-4), 2, "sigmoid"),
    Case("square", (512, 512, 512, 10), 4096, 64, cr.Adam(1e-4), 1),
    Case("images", (3072, 100, 50, 10), 4096, 256, cr.Adam(1e-4), 2),
    Case("genes", (20531, 30, 5), 801, 801, cr.Adam(1e-4), 10),
    Case("big batch", (128, 512, 512, 10), 16_384, 4096, cr.Nesterov(1e-4), 2),
    Case("gelu", (256, 256, 256, 10), 8192, 100, cr.AdamW(1e-4), 2, "gelu"),
)
# The first training: times PyTorch, times scikit-learn. In float64 and of the other shapes: ahead of everyone.
GOALS = {
    "flower": (90, 95),
    "digits": (58, 45),
    "table": (11.5, 13),
    "mnist": (2.1, 4.4),
    "cats": (2.2, 4.4),
    "wide": (1.05, 2.2),
    "wide, bf16": (1, None),
}

# Whole fits of MLPClassifier, by the same hyperparameters, times scikit-learn, the first in the process: epochs, goal.
FITS = {"iris": (200, 9), "digits": (20, 6.5), "breast_cancer": (50, 9), "20,000 × 30": (5, 11)}


def fit_data(name, dtype):
    """X, y of a whole fit."""
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler

    if hasattr(datasets, f"load_{name}"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    else:
        X, y = datasets.make_classification(20_000, 30, random_state=0)
    return StandardScaler().fit_transform(X).astype(dtype), y
