"""Data sets that are computed on the spot or come with scikit-learn. Nothing is downloaded.

Every function returns (X, Y) in float64, one column per example: X is (n, m); Y is (1, m) with 0/1 for two
classes, (k, m) one-hot for k > 2 classes, and (1, m) with the values for regression. The same arguments give
the same data. X.T is C-ordered, so the view that has rows = examples costs nothing.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Data = tuple[NDArray[np.float64], NDArray[np.float64]]


def flower(m: int = 400, seed: int = 1) -> Data:
    """Two classes on the interleaved petals of a flower, class 0 first.

    With the defaults these are, number by number, the "planar data" of deeplearning.ai's course 1, week 3.

    Parameters
    ----------
    m : int, default 400
        The number of examples, 2 or more.
    seed : int, default 1
        Another number gives other points.

    Returns
    -------
    X : array of shape (2, m)
        The points, a column for each.
    Y : array of shape (1, m)
        0 for the one class, 1 for the other.

    Raises
    ------
    ValueError
        If m is less than 2.

    Notes
    -----
    radius = 4 sin 4t, at (radius sin t, radius cos t), with normal noise of deviation 0.2 on t and on the radius.
    """
    sizes = _sizes("flower", m, 2)
    r = np.random.RandomState(seed)  # the published points are draws of the legacy generator
    petals = []
    for j, size in enumerate(sizes):
        t = np.linspace(3.12 * j, 3.12 * (j + 1), size) + 0.2 * r.randn(size)
        radius = 4 * np.sin(4 * t) + 0.2 * r.randn(size)
        petals.append(np.column_stack([radius * np.sin(t), radius * np.cos(t)]))
    return _classes(np.vstack(petals), np.repeat([0, 1], sizes))


def moons(m: int = 200, noise: float = 0.2, seed: int = 0) -> Data:
    """Two interleaved half circles.

    Parameters
    ----------
    m : int, default 200
        The number of examples, 2 or more.
    noise : float, default 0.2
        The standard deviation of the normal noise on both coordinates.
    seed : int, default 0
        Another number gives other points.

    Returns
    -------
    X : array of shape (2, m)
        The points, a column for each.
    Y : array of shape (1, m)
        0 for the upper half circle, 1 for the lower.

    Raises
    ------
    ValueError
        If m is less than 2, or noise is negative or not finite.

    References
    ----------
    sklearn.datasets.make_moons
    """
    from sklearn.datasets import make_moons

    _sizes("moons", m, 2)
    return _classes(*make_moons(m, noise=_noise("moons", noise), random_state=seed))


def circles(m: int = 200, noise: float = 0.1, seed: int = 0) -> Data:
    """A circle of radius 0.5 (class 1) inside one of radius 1 (class 0).

    Parameters
    ----------
    m : int, default 200
        The number of examples, 2 or more.
    noise : float, default 0.1
        The standard deviation of the normal noise on both coordinates.
    seed : int, default 0
        Another number gives other points.

    Returns
    -------
    X : array of shape (2, m)
        The points, a column for each.
    Y : array of shape (1, m)
        0 outside, 1 inside.

    Raises
    ------
    ValueError
        If m is less than 2, or noise is negative or not finite.

    References
    ----------
    sklearn.datasets.make_circles
    """
    from sklearn.datasets import make_circles

    _sizes("circles", m, 2)
    return _classes(*make_circles(m, noise=_noise("circles", noise), factor=0.5, random_state=seed))


def spirals(m: int = 300, classes: int = 3, noise: float = 0.2, seed: int = 0) -> Data:
    """One spiral arm for each class, class 0 first.

    Parameters
    ----------
    m : int, default 300
        The number of examples, at least one for each class.
    classes : int, default 3
        The number of classes, 2 or more.
    noise : float, default 0.2
        The standard deviation of the normal noise on the angle, in radians.
    seed : int, default 0
        Another number gives other points.

    Returns
    -------
    X : array of shape (2, m)
        The points, a column for each.
    Y : array of shape (1, m) or (classes, m)
        0 or 1 for two classes; one-hot, of shape (classes, m), for more.

    Raises
    ------
    ValueError
        If there are fewer than 2 classes, m is less than their number, or noise is negative or not finite.

    Notes
    -----
    The angle is 2π j / classes + 4 radius + noise in arm j, the radius goes from 0 to 1. The arms of the CS231n notes
    start 4 radians apart; these are evenly spaced for any number of classes.

    References
    ----------
    CS231n (Stanford), "Putting it together: minimal neural network case study"
    """
    sizes = _sizes("spirals", m, classes)
    radius = np.concatenate([np.linspace(0, 1, size) for size in sizes])
    labels = np.repeat(np.arange(classes), sizes)
    wobble = _noise("spirals", noise) * np.random.default_rng(seed).standard_normal(m)
    t = 2 * np.pi * labels / classes + 4 * radius + wobble
    return _classes(np.column_stack([radius * np.sin(t), radius * np.cos(t)]), labels)


def xor(m: int = 200, noise: float = 0.05, seed: int = 0) -> Data:
    """The four quadrants of the square [-1, 1]²: class 1 where the two signs differ.

    Parameters
    ----------
    m : int, default 200
        The number of examples, 2 or more; the quadrants take turns, so that the classes are balanced.
    noise : float, default 0.05
        The standard deviation of the normal noise that moves the points after they have their class.
    seed : int, default 0
        Another number gives other points.

    Returns
    -------
    X : array of shape (2, m)
        The points, a column for each.
    Y : array of shape (1, m)
        1 where the signs of the two coordinates differ, else 0.

    Raises
    ------
    ValueError
        If m is less than 2, or noise is negative or not finite.
    """
    _sizes("xor", m, 2)
    rng = np.random.default_rng(seed)
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])[np.arange(m) % 4]
    points = signs * rng.uniform(size=(m, 2)) + _noise("xor", noise) * rng.standard_normal((m, 2))
    return _classes(points, np.arange(m) % 2)


def parity(bits: int = 3) -> Data:
    """Every pattern of 0/1 bits, counting up, and whether its sum is odd.

    Parameters
    ----------
    bits : int, default 3
        The number of bits, 1 to 20.

    Returns
    -------
    X : array of shape (bits, 2**bits)
        The patterns, a column for each, the highest bit first.
    Y : array of shape (1, 2**bits)
        1 where the sum of the bits is odd, else 0.

    Raises
    ------
    ValueError
        If bits is not 1 to 20.
    """
    if not 1 <= bits <= 20:
        raise ValueError(f"parity: bits = {bits}, wanted 1 to 20 (there are 2**bits examples)")
    patterns = np.arange(2**bits)[:, None] >> np.arange(bits)[::-1] & 1
    return _classes(patterns, patterns.sum(axis=1) % 2)


def blobs(m: int = 200, classes: int = 3, seed: int = 0) -> Data:
    """A round cloud of points for each class.

    Parameters
    ----------
    m : int, default 200
        The number of examples, at least one for each class.
    classes : int, default 3
        The number of classes, 2 or more.
    seed : int, default 0
        Another number gives other points.

    Returns
    -------
    X : array of shape (2, m)
        The points, a column for each.
    Y : array of shape (1, m) or (classes, m)
        0 or 1 for two classes; one-hot, of shape (classes, m), for more.

    Raises
    ------
    ValueError
        If there are fewer than 2 classes, or m is less than their number.

    References
    ----------
    sklearn.datasets.make_blobs
    """
    from sklearn.datasets import make_blobs

    _sizes("blobs", m, classes)
    return _classes(*make_blobs(m, centers=classes, random_state=seed))


def quadratic(m: int = 100, noise: float = 0.05, seed: int = 0) -> Data:
    """Regression: y = x² + noise, with x uniform in [-1, 1].

    Parameters
    ----------
    m : int, default 100
        The number of examples, 1 or more.
    noise : float, default 0.05
        The standard deviation of the normal noise on y.
    seed : int, default 0
        Another number gives other points.

    Returns
    -------
    X : array of shape (1, m)
        The values of x.
    Y : array of shape (1, m)
        The values of y.

    Raises
    ------
    ValueError
        If m is less than 1, or noise is negative or not finite.
    """
    return _curve("quadratic", np.square, 1.0, m, noise, seed)


def sine(m: int = 100, noise: float = 0.1, seed: int = 0) -> Data:
    """Regression: y = sin x + noise, with x uniform in [-π, π].

    Parameters
    ----------
    m : int, default 100
        The number of examples, 1 or more.
    noise : float, default 0.1
        The standard deviation of the normal noise on y.
    seed : int, default 0
        Another number gives other points.

    Returns
    -------
    X : array of shape (1, m)
        The values of x.
    Y : array of shape (1, m)
        The values of y.

    Raises
    ------
    ValueError
        If m is less than 1, or noise is negative or not finite.
    """
    return _curve("sine", np.sin, np.pi, m, noise, seed)


def digits() -> Data:
    """Handwritten digits, 1797 images of 8 by 8 pixels.

    Returns
    -------
    X : array of shape (64, 1797)
        The pixels, row by row, from 0 to 1 (the original values divided by 16).
    Y : array of shape (10, 1797)
        One-hot: row k is 1 where the digit is k.

    References
    ----------
    sklearn.datasets.load_digits
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return _classes(pixels / 16, labels)


def iris() -> Data:
    """Three species of iris, 50 plants of each.

    Returns
    -------
    X : array of shape (4, 150)
        Sepal length, sepal width, petal length and petal width, in cm.
    Y : array of shape (3, 150)
        One-hot: setosa, versicolor, virginica.

    References
    ----------
    sklearn.datasets.load_iris
    """
    from sklearn.datasets import load_iris

    return _classes(*load_iris(return_X_y=True))


def wine() -> Data:
    """Three cultivars of wine, by chemical analysis.

    Returns
    -------
    X : array of shape (13, 178)
        The quantities measured, as they are: from a few tenths to more than a thousand.
    Y : array of shape (3, 178)
        One-hot: the cultivar.

    References
    ----------
    sklearn.datasets.load_wine
    """
    from sklearn.datasets import load_wine

    return _classes(*load_wine(return_X_y=True))


def breast_cancer() -> Data:
    """Tumors of the breast, by measurements of cell nuclei.

    Returns
    -------
    X : array of shape (30, 569)
        The measurements, as they are.
    Y : array of shape (1, 569)
        0 for malignant, 1 for benign.

    References
    ----------
    sklearn.datasets.load_breast_cancer
    """
    from sklearn.datasets import load_breast_cancer

    return _classes(*load_breast_cancer(return_X_y=True))


def diabetes() -> Data:
    """Regression: how far diabetes has progressed after one year.

    Returns
    -------
    X : array of shape (10, 442)
        Age, sex, body mass index, blood pressure and six blood values; each centered, with squares that sum to 1.
    Y : array of shape (1, 442)
        The progression, from 25 to 346.

    References
    ----------
    sklearn.datasets.load_diabetes
    """
    from sklearn.datasets import load_diabetes

    return _columns(*load_diabetes(return_X_y=True))


NAMES: dict[str, Callable[..., Data]] = {
    f.__name__: f
    for f in (
        *(flower, moons, circles, spirals, xor, parity, blobs, quadratic, sine),
        *(digits, iris, wine, breast_cancer, diabetes),
    )
}


def _curve(name: str, f: Callable[[Any], Any], limit: float, m: int, noise: float, seed: int) -> Data:
    if m < 1:
        raise ValueError(f"{name}: m = {m}, wanted at least 1 example")
    rng = np.random.default_rng(seed)
    x = rng.uniform(-limit, limit, size=(m, 1))
    return _columns(x, f(x) + _noise(name, noise) * rng.standard_normal((m, 1)))


def _sizes(name: str, m: int, classes: int) -> list[int]:
    """How many of the m examples each class gets: as even as can be, the first classes take what is over."""
    if classes < 2:
        raise ValueError(f"{name}: classes = {classes}, wanted 2 or more")
    if m < classes:
        raise ValueError(f"{name}: m = {m}, wanted at least {classes} (one example per class)")
    return [m // classes + (j < m % classes) for j in range(classes)]


def _noise(name: str, noise: float) -> float:
    if not 0 <= noise < np.inf:
        raise ValueError(f"{name}: noise = {noise}, wanted a finite number of at least 0")
    return noise


def _classes(rows: Any, labels: Any) -> Data:
    """Rows with labels 0 … k-1 as columns: a 0/1 row for two classes, one-hot for more."""
    k = int(labels.max()) + 1
    return _columns(rows, labels if k == 2 else np.eye(k)[labels])


def _columns(rows: Any, targets: Any) -> Data:
    X = np.ascontiguousarray(rows, dtype=np.float64).T  # (n, m)
    Y = np.ascontiguousarray(targets, dtype=np.float64).reshape(len(rows), -1).T  # (k, m)
    return X, Y


def one_hot(labels: Any, classes: int | None = None) -> NDArray[np.float64]:
    """Targets for softmax: a column for each label, 1 in the row of its class and 0 elsewhere.

    Parameters
    ----------
    labels : array-like of shape (m,) or (1, m)
        Whole numbers from 0.
    classes : int, optional
        How many classes there are; the largest label + 1 unless given.

    Returns
    -------
    array of shape (classes, m)
        Y for a Network with a softmax output.

    Raises
    ------
    ValueError
        For labels that are no whole numbers from 0 to classes − 1.
    """
    given = np.ravel(labels)
    numbers = given.astype(np.int64) if given.dtype.kind in "biuf" and np.isfinite(given).all() else None
    if numbers is None or not given.size or (numbers != given).any() or numbers.min() < 0:
        raise ValueError(
            f"labels: got {np.unique(given)[:5].tolist()} …, wanted whole numbers from 0; names become numbers by "
            "np.unique(labels, return_inverse=True)[1]"
        )
    k = int(numbers.max()) + 1 if classes is None else classes
    if numbers.max() >= k:
        raise ValueError(f"labels: got {numbers.max()}, wanted 0 to {k - 1} for {k} classes")
    return np.eye(k)[:, numbers]
