"""First layers with few units and many inputs, and the copies of a full batch that the kernel keeps."""

from itertools import product

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.engines import ENGINES, kernel
from chainrule.network import Network
from chainrule.training.train import prepare
from support.contract import problem, rng_of, twin
from support.rounding import UNIT, gradient_and_bound

if not kernel.BUILT:
    pytest.skip("the compiled kernel is not installed: no C++20 compiler", allow_module_level=True)

DTYPES = [np.float32, np.float64]
LAYOUTS = {"C": np.ascontiguousarray, "F": np.asfortranarray, "part": lambda A: np.repeat(A, 2, axis=0)[::2]}
# Inputs, units and examples; what is not a whole number of vectors, tiles, panels or blocks, and what just is.
SHAPES = [
    (1, 1, 1),
    (8, 5, 33),
    (9, 5, 300),
    (300, 24, 17),
    (257, 13, 209),
    (700, 11, 270),
    (1029, 7, 31),
    (2100, 3, 65),
    (4099, 20, 33),
    (20_000, 5, 9),
]


@pytest.fixture(params=kernel.module().isas())
def isa(request, monkeypatch):
    """A test that takes this runs on every instruction set of this machine."""
    monkeypatch.setattr(kernel, "isa", lambda: request.param)


def thin(shape, dtype, layout, weighted=False):
    """A network with one thin layer, and its examples in this layout."""
    inputs, units, m = shape
    rng = rng_of(shape, layout)
    net = Network([inputs, units, 2], hidden="relu", output="identity", init="xavier", seed=1, dtype=dtype)
    X, Y = problem("half_squared_error", "identity", inputs, 2, m, rng)
    X, Y, w = net.check_examples(X, Y, rng.uniform(0.2, 3, m) if weighted else None)
    return net, LAYOUTS[layout](X), Y, w


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_stay_within_the_bounds_of_rounding_and_keep_their_bits(shape, dtype, isa):
    for layout in LAYOUTS:
        net, X, Y, w = thin(shape, dtype, layout, weighted=True)
        u = UNIT[net.dtype] + UNIT[np.dtype(np.float64)]
        J, gradient, bound = gradient_and_bound(
            twin(net), *(A.astype(np.float64) for A in (X, Y)), w.astype(np.float64), 0.2, u
        )
        objective = ENGINES["native"].objective(net, X, Y, w, 0.2)
        found = [objective(net.parameters) for _ in range(3)]  # from the second on with copies of X
        assert pytest.approx(J, rel=1e4 * u) == found[0][0]
        assert (abs(found[0][1] - gradient) <= bound).all(), layout
        for cost, again in found[1:]:
            assert cost == found[0][0]
            np.testing.assert_array_equal(again, found[0][1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_bits_depend_neither_on_the_threads_nor_on_the_copies(shape, dtype, isa):
    def trained(threads, epochs, layout, batch_size):
        net, X, Y, _ = thin(shape, dtype, layout)
        state = prepare(net, net.check_examples(X, Y), cr.Adam(0.01), batch_size=batch_size, seed=1, shuffle=False)
        with threadpool_limits(threads):
            for some in epochs:
                ENGINES["native"].run(state, some)
        return net.parameters

    for layout, batch_size in product("CF", (None, shape[2] // 2 + 1)):
        alone = trained(1, (3,), layout, batch_size)
        for threads, epochs in ((1, (1, 2)), (2, (3,))):
            np.testing.assert_array_equal(trained(threads, epochs, layout, batch_size), alone, err_msg=layout)


@pytest.mark.parametrize("megabytes", [36, 66])  # of X: one copy is kept, or none
def test_batches_that_are_too_large_for_copies_have_the_gradient_of_others(megabytes):
    inputs, units = 4000, 5
    m = megabytes * 2**20 // (4 * inputs)
    net = Network([inputs, units, 1], hidden="relu", output="identity", seed=1, dtype=np.float32)
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((m, inputs), np.float32).T, rng.standard_normal((1, m), np.float32)
    objective = ENGINES["native"].objective(net, X, Y, None, 0.0)
    (J, gradient), again = objective(net.parameters), objective(net.parameters)
    np.testing.assert_array_equal(again[1], gradient)
    (W, b), total = (net.W, net.b), 0
    for j in range(0, m, 1000):  # the same in blocks
        A = np.maximum(W[1] @ X[:, j : j + 1000] + b[1], 0)
        dZ = W[2] @ A + b[2] - Y[:, j : j + 1000]
        total += (W[2].T @ dZ * (A > 0)) @ X[:, j : j + 1000].T / m
    np.testing.assert_allclose(gradient[: units * inputs].reshape(units, inputs), total, rtol=0, atol=2e-5)
    assert np.isfinite(J)
