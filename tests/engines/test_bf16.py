"""precision="bf16": against the float64 reference, the same bits on any number of threads, and what refuses it.

Tests of the arithmetic run on every instruction set with such products that this machine has.
"""

import copy

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.engines import kernel
from chainrule.errors import CheckpointError
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.network import Network

ISAS = kernel.module().bf16_isas() if kernel.BUILT and kernel.bf16_isa() else []
needs_bf16 = pytest.mark.skipif(not ISAS, reason="this processor, the kernel or CHAINRULE_ISA has no bf16")
SIZES, M = [70, 97, 65, 3], 150  # no multiple of 32 or 64 anywhere


@pytest.fixture(params=ISAS or [pytest.param(None, marks=needs_bf16)])
def isa(request, monkeypatch):
    """A test that takes this runs on every instruction set with products in bf16."""
    monkeypatch.setattr(kernel, "bf16_isa", lambda: request.param)
    return request.param


def problem(sizes=SIZES, m=M, seed=0, **options):
    rng = np.random.default_rng(seed)
    net = Network(sizes, output="softmax", seed=seed, dtype=np.float32, **options)
    X = rng.standard_normal((sizes[0], m)).astype(np.float32)
    return net, X, cr.one_hot(rng.integers(sizes[-1], size=m), sizes[-1])


def gradients(net, X, Y, precision, threads=None):
    """J and the gradient of each W[l] and b[l], by the kernel."""
    with threadpool_limits(threads, user_api="openmp"):
        trainer = kernel.trainer(net.sizes, net.g[1:], net.loss, net.dtype, precision)
        gradient = np.empty_like(net.parameters)
        J = trainer.cost_and_gradients(net.parameters, kernel.data(X, Y, None), 0.0, gradient)
    dW, db = net.unpack(gradient)
    return J, gradient, [part for l in range(1, net.L + 1) for part in (dW[l], db[l])]


SHAPES = pytest.mark.parametrize(("sizes", "m"), [(SIZES, M), ([64, 64, 64], 64), ([130, 100, 200, 64, 2], 97)])


# relu has no slope at 0, and on which side of it a Z near 0 comes out may differ: then a whole term does.
@pytest.mark.parametrize(("hidden", "bound"), [("tanh", 1e-2), ("gelu", 1e-2), ("relu", 2e-1)])
@SHAPES
def test_the_gradient_is_near_that_of_float64(isa, hidden, bound, sizes, m):
    net, X, Y = problem(sizes, m, hidden=hidden)
    twin = Network(sizes, hidden=hidden, output="softmax", dtype=np.float64)
    twin.parameters = net.parameters
    J, _, parts = gradients(net, X, Y, "bf16")
    wanted_J, dW, db = twin.gradients(X.astype(float), Y)
    assert abs(J - wanted_J) < 2e-3 * wanted_J
    wanted = [part for l in range(1, net.L + 1) for part in (dW[l], db[l])]
    for got, want in zip(parts, wanted, strict=True):
        assert np.linalg.norm(got - want) < bound * np.linalg.norm(want)


def rounded(A):
    """To the nearest number of bf16, ties to even."""
    bits = np.asarray(A, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32).astype(float)


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
@SHAPES
def test_the_gradient_is_that_of_rounded_factors(isa, hidden, sizes, m):
    # The formulas of equations.py, whose only other rounding is that of float32: it moves a few factors to the next.
    net, X, Y = problem(sizes, m, hidden=hidden)
    factor = {l: rounded if min(sizes[l - 1 : l + 1]) >= 64 else np.asarray for l in range(1, net.L + 1)}
    A, Z, parts = [X], [None], []
    for l in range(1, net.L + 1):
        Z.append(factor[l](net.W[l]) @ factor[l](A[-1]) + net.b[l].astype(float))
        A.append(net.g[l].function(Z[-1]))
    dZ = A[-1] - Y
    for l in range(net.L, 0, -1):
        parts[:0] = [factor[l](dZ) @ factor[l](A[l - 1]).T / m, dZ.sum(axis=1, keepdims=True) / m]
        if l > 1:
            dZ = (factor[l](net.W[l]).T @ factor[l](dZ)) * net.g[l - 1].slope(Z[l - 1])
    for got, want in zip(gradients(net, X, Y, "bf16")[2], parts, strict=True):
        assert np.linalg.norm(got - want) < 1e-3 * np.linalg.norm(want)


@pytest.mark.parametrize("m", [64, 95, 96, 97, 600])
def test_whole_numbers_are_exact(isa, m):
    # All factors are below 2⁸ and all sums below 2²⁴, so nothing is rounded: the bits are those of float32.
    rng = np.random.default_rng(m)
    net = Network([70, 97, 64], hidden="identity", output="identity", init="zeros", dtype=np.float32)
    net.parameters = rng.choice([-1, 0, 1], size=net.parameters.size, p=[0.02, 0.96, 0.02])
    X = np.asfortranarray(rng.choice([-1, 0, 1], size=(70, m)), np.float32)
    Y = rng.integers(-3, 4, size=(64, m)).astype(np.float32)
    J, gradient, _ = gradients(net, X, Y, None)
    got_J, got, _ = gradients(net, X, Y, "bf16")
    assert (got_J, got.tobytes()) == (J, gradient.tobytes())


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_same_bits_on_any_number_of_threads(isa, dropout):
    nets = []
    for threads in (1, 2, 3):
        net, X, Y = problem([70, 300, 200, 3], 400, hidden="gelu")
        with threadpool_limits(threads, user_api="openmp"):
            net.train(
                X, Y, cr.Adam(0.01), epochs=3, batch_size=170, seed=1, dropout=dropout, l2=0.1, precision="bf16"
            ).run()
        nets.append(net.parameters.tobytes())
    assert nets[0] == nets[1] == nets[2]


@pytest.mark.parametrize("sizes", [SIZES, [9000, 64, 3]])  # the second has a thin first layer
def test_training_is_near_that_of_float32(isa, sizes):
    net, X, Y = problem(sizes, hidden="tanh")
    other = copy.deepcopy(net)
    start = net.parameters.copy()
    # The last batch, of 22, is too small for bf16.
    costs = [
        [
            step.cost
            for step in n.train(
                X, Y, cr.Momentum(0.1 if sizes == SIZES else 0.001), epochs=5, batch_size=64, seed=0, precision=p
            ).run()
        ]
        for n, p in ((net, "bf16"), (other, None))
    ]
    np.testing.assert_allclose(*costs, rtol=1e-2)
    moved = np.linalg.norm(other.parameters - start)
    assert 0 < np.linalg.norm(net.parameters - other.parameters) < 2e-2 * moved


def test_clipped_and_weighted_steps(isa):
    net, X, Y = problem(hidden="tanh")
    other = copy.deepcopy(net)
    weights = np.random.default_rng(0).integers(0, 3, M)
    for n, precision in ((net, "bf16"), (other, None)):
        n.train(X, Y, cr.Adam(0.01), epochs=3, weights=weights, clip_norm=0.1, precision=precision).run()
    assert np.linalg.norm(net.parameters - other.parameters) < 2e-2 * np.linalg.norm(other.parameters)


def test_small_layers_are_float32(isa):
    parameters = []
    for precision in ("bf16", "float32", None):
        net, X, Y = problem([20, 63, 63, 3])
        net.train(X, Y, cr.Adam(), epochs=3, batch_size=50, seed=0, precision=precision).run()
        parameters.append(net.parameters.tobytes())
    assert parameters[0] == parameters[1] == parameters[2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows(isa, value):
    net, X, Y = problem(hidden="identity")
    X[3, 140] = value
    J, gradient, _ = gradients(net, X, Y, "bf16")
    assert not np.isfinite(J)
    assert np.isnan(gradient).all()


@needs_bf16
def test_a_checkpoint_compares_it(tmp_path):
    net, X, Y = problem()
    options = {"batch_size": 64, "seed": 0, "checkpoint": tmp_path / "net.checkpoint"}
    net.train(X, Y, cr.Adam(), epochs=1, precision="bf16", **options).run()
    resumed = copy.deepcopy(net)
    with pytest.raises(CheckpointError, match="precision: there bf16, here float32"):
        resumed.train(X, Y, cr.Adam(), epochs=2, resume=True, **options).run()
    resumed.train(X, Y, cr.Adam(), epochs=2, resume=True, precision="bf16", **options).run()
    straight, X, Y = problem()
    straight.train(X, Y, cr.Adam(), epochs=2, batch_size=64, seed=0, precision="bf16").run()
    assert straight.parameters.tobytes() == resumed.parameters.tobytes()


@needs_bf16
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_estimators(kind):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 70))
    y = (X[:, 0] > 0).astype(int)
    options = {"hidden_layer_sizes": (64, 64), "max_iter": 60, "tol": 0, "random_state": 0, "dtype": np.float32}
    estimator = kind(precision="bf16", **options).set_params(n_iter_no_change=100)
    with pytest.warns(match="Maximum iterations"):
        estimator.fit(X, y)
    assert estimator.score(X, y) > 0.9
    assert estimator.network_.dtype == np.float32
    with pytest.warns(match="Maximum iterations"):
        other = kind(**options).set_params(n_iter_no_change=100).fit(X, y)
    assert not np.array_equal(other.coefs_[0], estimator.coefs_[0])


@needs_bf16
def test_train_many():
    nets, alone = [problem(seed=s)[0] for s in (0, 1)], [problem(seed=s)[0] for s in (0, 1)]
    _, X, Y = problem()
    cr.train_many(nets, X, Y, cr.Adam(), epochs=2, batch_size=64, seed=0, precision=cr.Each(["bf16", None]))
    for net, many, precision in zip(alone, nets, ("bf16", None), strict=True):
        net.train(X, Y, cr.Adam(), epochs=2, batch_size=64, seed=0, precision=precision).run()
        assert net.parameters.tobytes() == many.parameters.tobytes()


# -- refusals, everywhere ----------------------------------------------------------------------------------------------


def refused(match, optimizer=None, dtype=np.float32, **options):
    net = Network([70, 64, 1], dtype=dtype)
    with pytest.raises(ValueError, match=match):
        net.train(np.zeros((70, 64)), np.zeros((1, 64)), optimizer or cr.Adam(), epochs=1, **options)


def test_what_does_not_go_together_is_refused(monkeypatch):
    monkeypatch.setattr(kernel, "bf16_isa", lambda: "amx_bf16")
    refused("'bf16' is for products of float32 networks.*dtype='float32'", dtype=np.float64, precision="bf16")
    refused("got 'float64', but the network is float32. Make it with dtype='float64'", precision="float64")
    refused("got 'float32', but the network is float64", dtype=np.float64, precision="float32")
    refused("unknown precision 'half'. Known: float32, float64, bf16", precision="half")
    refused("unknown precision 'bfloat16'. Did you mean 'bf16'", precision="bfloat16")
    refused("engine 'numpy' has no 'bf16'", precision="bf16", engine="numpy")
    refused("the line search of LBFGS", cr.LBFGS(), precision="bf16")


@pytest.mark.skipif(not kernel.BUILT, reason="the compiled kernel is not installed")
def test_a_machine_without_it_refuses(monkeypatch):
    built = kernel.module().bf16_built()
    monkeypatch.setattr(kernel, "isa", lambda: "baseline")
    if built and kernel.module().isas() != ["baseline"]:
        refused("no 'bf16' here: CHAINRULE_ISA=baseline has none. Leave precision out", precision="bf16")
    monkeypatch.undo()
    monkeypatch.setattr(kernel, "bf16_isa", lambda: None)
    monkeypatch.setattr(kernel, "isa", lambda: kernel.module().isas()[-1])
    refused("this one has neither" if built else "was built without it", precision="bf16")
    with pytest.raises(ValueError, match="no 'bf16' here"):
        MLPClassifier(precision="bf16", dtype=np.float32).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="'bf16' is for products of float32 networks"):
        MLPClassifier(precision="bf16").fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.skipif(kernel.BUILT, reason="the compiled kernel is installed")
def test_the_reference_alone_refuses():
    refused("the compiled kernel is not installed", precision="bf16")


def test_the_estimators_of_tables_train_in_float32_or_bf16():
    for wrong in ("float64", "half"):
        with pytest.raises(ValueError, match=r"must be a str among {[^}]*} or None\. Got") as error:
            cr.TabularRegressor(precision=wrong).fit([[0.0], [1.0]], [0.0, 1.0])
        assert "'bf16'" in str(error.value)
        assert "'float64'" not in str(error.value).split(" Got ")[0]
