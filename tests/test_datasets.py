import subprocess
import sys

import numpy as np
import pytest

from chainrule import datasets

CLASSES = {"flower": 2, "moons": 2, "circles": 2, "spirals": 3, "xor": 2, "parity": 2, "blobs": 3}
CLASSES |= {"digits": 10, "iris": 3, "wine": 3, "breast_cancer": 2}
SEEDED = ["flower", "moons", "circles", "spirals", "xor", "blobs", "quadratic", "sine"]
NOISY = ["moons", "circles", "spirals", "xor", "quadratic", "sine"]


@pytest.mark.parametrize("name", datasets.NAMES)
def test_columns_are_examples_in_float64(name):
    X, Y = datasets.NAMES[name]()
    assert X.ndim == Y.ndim == 2
    assert X.shape[1] == Y.shape[1] > 0
    assert X.dtype == Y.dtype == np.float64
    assert np.isfinite(X).all()
    assert np.isfinite(Y).all()
    assert X.T.flags.c_contiguous


@pytest.mark.parametrize(("name", "k"), CLASSES.items())
def test_two_classes_are_one_row_and_more_are_one_hot(name, k):
    _, Y = datasets.NAMES[name]()
    assert len(Y) == (1 if k == 2 else k)
    assert set(np.unique(Y)) == {0.0, 1.0}
    if k > 2:
        np.testing.assert_array_equal(Y.sum(axis=0), 1)
        assert (Y.sum(axis=1) > 0).all()


@pytest.mark.parametrize("name", SEEDED)
def test_same_seed_same_data_and_another_seed_other_data(name):
    make = datasets.NAMES[name]
    state = np.random.get_state()[1].copy()
    for first, again in zip(make(m=40, seed=3), make(m=40, seed=3), strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(make(m=40, seed=3)[0], make(m=40, seed=4)[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state, "the global generator was touched")


@pytest.mark.parametrize("name", SEEDED)
@pytest.mark.parametrize("m", [3, 4, 101])
def test_there_are_as_many_examples_as_asked_for(name, m):
    X, Y = datasets.NAMES[name](m=m)
    assert X.shape[1] == Y.shape[1] == m
    if name in CLASSES:
        share = np.bincount(Y.argmax(axis=0) if len(Y) > 1 else Y[0].astype(int))
        assert share.max() - share.min() <= 1, "classes are as even as can be"


def test_flower_is_the_published_one():
    r = np.random.RandomState(1)
    X = np.zeros((400, 2))
    for j in range(2):
        t = np.linspace(j * 3.12, (j + 1) * 3.12, 200) + r.randn(200) * 0.2
        radius = 4 * np.sin(4 * t) + r.randn(200) * 0.2
        X[200 * j : 200 * (j + 1)] = np.c_[radius * np.sin(t), radius * np.cos(t)]
    got, Y = datasets.flower()
    np.testing.assert_array_equal(got, X.T)
    np.testing.assert_array_equal(Y, np.repeat([[0.0, 1.0]], 200, axis=1))


def test_xor_without_noise_is_one_where_the_signs_differ():
    X, Y = datasets.xor(noise=0)
    np.testing.assert_array_equal(Y[0], X[0] * X[1] < 0)


def test_parity_of_two_bits_is_xor():
    X, Y = datasets.parity(2)
    np.testing.assert_array_equal(X, [[0, 0, 1, 1], [0, 1, 0, 1]])
    np.testing.assert_array_equal(Y, [[0, 1, 1, 0]])


def test_curves_without_noise_are_the_curves():
    for make, f in ((datasets.quadratic, np.square), (datasets.sine, np.sin)):
        X, Y = make(noise=0)
        np.testing.assert_array_equal(Y, f(X))


def test_spirals_of_two_arms_are_opposite():
    X, Y = datasets.spirals(m=100, classes=2, noise=0)
    assert Y.shape == (1, 100)
    np.testing.assert_allclose(X[:, :50], -X[:, 50:], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "n", "m"),
    [("digits", 64, 1797), ("iris", 4, 150), ("wine", 13, 178), ("breast_cancer", 30, 569), ("diabetes", 10, 442)],
)
def test_bundled_sets_have_the_known_shapes(name, n, m):
    assert datasets.NAMES[name]()[0].shape == (n, m)


def test_digits_are_scaled_to_one():
    X, _ = datasets.digits()
    assert (X.min(), X.max()) == (0.0, 1.0)


@pytest.mark.parametrize("name", SEEDED)
def test_fewer_examples_than_classes_are_refused(name):
    m = CLASSES.get(name, 1) - 1
    with pytest.raises(ValueError, match=f"{name}: m = {m}, wanted at least"):
        datasets.NAMES[name](m=m)


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_impossible_noise_is_refused(name, noise):
    with pytest.raises(ValueError, match=f"{name}: noise = {noise}, wanted"):
        datasets.NAMES[name](noise=noise)


@pytest.mark.parametrize("make", [datasets.spirals, datasets.blobs])
def test_a_single_class_is_refused(make):
    with pytest.raises(ValueError, match="classes = 1, wanted 2 or more"):
        make(classes=1)


@pytest.mark.parametrize("bits", [0, -1, 21])
def test_impossible_parities_are_refused(bits):
    with pytest.raises(ValueError, match=f"parity: bits = {bits}, wanted 1 to 20"):
        datasets.parity(bits)


@pytest.mark.parametrize("name", datasets.NAMES)
def test_every_set_says_its_shapes(name):
    doc = datasets.NAMES[name].__doc__
    assert "X : array of shape (" in doc
    assert "Y : array of shape (" in doc


@pytest.mark.parametrize("room", ["datasets", "readers"])
def test_importing_loads_nothing_heavy(room):
    heavy = ["pandas", "sklearn", "pyarrow", "h5py", "PIL"]
    code = f"import sys, chainrule; before = set(sys.modules); import chainrule.{room}; "
    code += f"print([n for n in {heavy} if n in set(sys.modules) - before])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
