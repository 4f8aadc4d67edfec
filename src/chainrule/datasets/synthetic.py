"""Data sets that are computed on the spot."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.datasets.columns import Data, columns, labeled


def flower(m: int = 400, seed: int = 1) -> Data:
    """Two classes on the interleaved petals of a flower, class 0 first.

    With the defaults these are, number by number, the "planar data" of deeplearning.ai's course 1, week 3.

    Parameters
    ----------
    m : int, the number of examples, 2 or more
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (2, m)
    Y : array of shape (1, m)

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
    return labeled(np.vstack(petals), np.repeat([0, 1], sizes))


def moons(m: int = 200, noise: float = 0.2, seed: int = 0) -> Data:
    """Two interleaved half circles: class 0 above, class 1 below (``sklearn.datasets.make_moons``).

    Parameters
    ----------
    m : int, the number of examples, 2 or more
    noise : float, the standard deviation of the normal noise on both coordinates
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (2, m)
    Y : array of shape (1, m)
    """
    from sklearn.datasets import make_moons

    _sizes("moons", m, 2)
    return labeled(*make_moons(m, noise=_noise("moons", noise), random_state=seed))


def circles(m: int = 200, noise: float = 0.1, seed: int = 0) -> Data:
    """A circle of radius 0.5 (class 1) inside one of radius 1 (class 0), from ``sklearn.datasets.make_circles``.

    Parameters
    ----------
    m : int, the number of examples, 2 or more
    noise : float, the standard deviation of the normal noise on both coordinates
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (2, m)
    Y : array of shape (1, m)
    """
    from sklearn.datasets import make_circles

    _sizes("circles", m, 2)
    return labeled(*make_circles(m, noise=_noise("circles", noise), factor=0.5, random_state=seed))


def spirals(m: int = 300, classes: int = 3, noise: float = 0.2, seed: int = 0) -> Data:
    """One spiral arm for each class, class 0 first.

    Parameters
    ----------
    m : int, the number of examples, at least one for each class
    classes : int, the number of classes, 2 or more
    noise : float, the standard deviation of the normal noise on the angle, in radians
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (2, m)
    Y : array of shape (1, m) for two classes, (classes, m) for more

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
    return labeled(np.column_stack([radius * np.sin(t), radius * np.cos(t)]), labels)


def xor(m: int = 200, noise: float = 0.05, seed: int = 0) -> Data:
    """The four quadrants of the square [-1, 1]²: class 1 where the two signs differ.

    Parameters
    ----------
    m : int, the number of examples, 2 or more; the quadrants take turns, so that the classes are balanced
    noise : float, the standard deviation of the normal noise that moves the points after they have their class
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (2, m)
    Y : array of shape (1, m)
    """
    _sizes("xor", m, 2)
    rng = np.random.default_rng(seed)
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])[np.arange(m) % 4]
    points = signs * rng.uniform(size=(m, 2)) + _noise("xor", noise) * rng.standard_normal((m, 2))
    return labeled(points, np.arange(m) % 2)


def parity(bits: int = 3) -> Data:
    """Every pattern of 0/1 bits, counting up, the highest bit first: class 1 where its sum is odd.

    Parameters
    ----------
    bits : int, the number of bits, 1 to 20

    Returns
    -------
    X : array of shape (bits, 2**bits)
    Y : array of shape (1, 2**bits)
    """
    if not 1 <= bits <= 20:
        raise ValueError(f"parity: bits = {bits}, wanted 1 to 20 (there are 2**bits examples)")
    patterns = np.arange(2**bits)[:, None] >> np.arange(bits)[::-1] & 1
    return labeled(patterns, patterns.sum(axis=1) % 2)


def blobs(m: int = 200, classes: int = 3, seed: int = 0) -> Data:
    """A round cloud of points for each class (``sklearn.datasets.make_blobs``).

    Parameters
    ----------
    m : int, the number of examples, at least one for each class
    classes : int, the number of classes, 2 or more
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (2, m)
    Y : array of shape (1, m) for two classes, (classes, m) for more
    """
    from sklearn.datasets import make_blobs

    _sizes("blobs", m, classes)
    return labeled(*make_blobs(m, centers=classes, random_state=seed))


def quadratic(m: int = 100, noise: float = 0.05, seed: int = 0) -> Data:
    """Regression: y = x² + noise, with x uniform in [-1, 1].

    Parameters
    ----------
    m : int, the number of examples, 1 or more
    noise : float, the standard deviation of the normal noise on y
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (1, m)
    Y : array of shape (1, m)
    """
    return _curve("quadratic", np.square, 1.0, m, noise, seed)


def sine(m: int = 100, noise: float = 0.1, seed: int = 0) -> Data:
    """Regression: y = sin x + noise, with x uniform in [-π, π].

    Parameters
    ----------
    m : int, the number of examples, 1 or more
    noise : float, the standard deviation of the normal noise on y
    seed : int, another one gives other points

    Returns
    -------
    X : array of shape (1, m)
    Y : array of shape (1, m)
    """
    return _curve("sine", np.sin, np.pi, m, noise, seed)


def _curve(name: str, f: Callable[[Any], Any], limit: float, m: int, noise: float, seed: int) -> Data:
    if m < 1:
        raise ValueError(f"{name}: m = {m}, wanted at least 1 example")
    rng = np.random.default_rng(seed)
    x = rng.uniform(-limit, limit, size=(m, 1))
    return columns(x, f(x) + _noise(name, noise) * rng.standard_normal((m, 1)))


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
