"""Numbers that repeat: the same seed gives the same bits, and how far two instruction sets may be from one another."""

import json
import os
import subprocess
import sys
import warnings
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import model_selection
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.engines import ENGINES, kernel
from chainrule.training.train import prepare
from support.contract import OPTIMIZERS, twin
from support.rounding import GROWTH, UNIT, gradient_and_bound, step_and_bound

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer", "ignore:lbfgs failed to converge", "ignore:.*predicts nearly the same"
)
DTYPES = [np.float32, np.float64]
rng = np.random.default_rng(0)
X = rng.standard_normal((300, 60))
NUMBERS = X[:, 0] - X[:, 1] ** 2
LABELS = (NUMBERS > -1).astype(int) + (NUMBERS > 0)
SPARSE = sp.csr_array(X * (rng.random(X.shape) < 0.2))


def python(code, **environment):
    """What a new interpreter prints."""
    path = os.pathsep.join(filter(None, [os.path.dirname(os.path.dirname(__file__)), *sys.path]))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout


# -- processes with other numbers of threads ---------------------------------------------------------------------------

# Long enough sums and steps for two threads, of the kernel and of BLAS. Every optimizer, both engines and precisions.
TRAININGS = """
import hashlib, json
import numpy as np, scipy.sparse as sp, chainrule as cr
from chainrule.engines import ENGINES
from support.contract import OPTIMIZERS

rng = np.random.default_rng(0)
X = rng.standard_normal((300, 500))
Y = np.eye(10)[:, rng.integers(10, size=500)]
SPARSE = sp.csc_array(X * (rng.random(X.shape) < 0.2))
OPTIONS = [
    {"batch_size": 250}, {"dropout": 0.2}, {"l2": 0.5}, {"weights": np.arange(500) % 3.0}, {"clip_norm": 0.1},
    {"batch_size": 120, "dropout": (0.3,), "l2": 0.1, "clip_norm": 0.1}, {"schedule": cr.schedules.Cosine(3)}, {},
]
found = {}
for engine in ENGINES:
    for dtype in ("float32", "float64"):
        for i, optimizer in enumerate([*OPTIMIZERS, cr.LBFGS()]):
            for kind, table in (("dense", X), ("sparse", SPARSE)):
                options = {} if isinstance(optimizer, cr.LBFGS) else {**OPTIONS[i % len(OPTIONS)], "seed": 3}
                hidden = "tanh" if i % 2 else "relu"
                net = cr.Network([300, 120, 10], hidden=hidden, output="softmax", seed=1, dtype=dtype)
                costs = [step.cost for step in net.train(table, Y, optimizer, epochs=2, engine=engine, **options)]
                parts = [net.parameters, net.forward(table), net.cost(table, Y), costs, *net.gradients(table, Y)[1][1:]]
                joined = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
                found[f"{engine} {dtype} {optimizer} {kind}"] = hashlib.sha256(joined).hexdigest()
print(json.dumps(found))
"""


@cache
def trainings(threads):
    return json.loads(python(TRAININGS, OMP_NUM_THREADS=str(threads)))


@pytest.mark.parametrize("threads", [2, 3])
def test_every_training_has_the_same_bits_in_every_process(threads):
    wanted, got = trainings(1), trainings(threads)
    assert len(wanted) == 2 * len(ENGINES) * 2 * (len(OPTIMIZERS) + 1)
    assert [name for name in wanted if got[name] != wanted[name]] == []


# -- estimators --------------------------------------------------------------------------------------------------------


def bits(model, table=X):
    """All numbers of a fitted model, as bytes."""
    parts = [model.network_.parameters, model.predict(table), model.loss_, *model.history_.values()]
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


MODELS = {
    "adam, dropout": cr.MLPClassifier((80, 40), dropout=0.2),
    "sgd, early stopping": cr.MLPClassifier((80,), solver="sgd", early_stopping=True, learning_rate="adaptive"),
    "lbfgs": cr.MLPClassifier((200,), solver="lbfgs"),
    "rmsprop, weights of classes": cr.MLPClassifier((80,), solver="rmsprop", class_weight="balanced"),
    "numbers": cr.MLPRegressor("squared_error", (80, 40), scale_target=True, schedule="coslog4", solver="adamw"),
    "numbers, lbfgs": cr.MLPRegressor("huber", (200,), solver="lbfgs", normalize="robust"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MODELS)
def test_a_fit_has_the_same_bits_whenever_and_on_however_many_threads(name, engine):
    target = NUMBERS if "numbers" in name else LABELS
    for dtype in ("float32", "float64"):
        found = []
        for threads in (1, 2, 2):
            model = cr.MLPClassifier() if target is LABELS else cr.MLPRegressor()
            model.set_params(**MODELS[name].get_params())
            model.set_params(engine=engine, dtype=dtype, random_state=0, max_iter=4, batch_size=150)
            with threadpool_limits(threads):
                found.append(bits(model.fit(X, target)))
                if "robust" not in str(model):
                    found[-1] += bits(model.fit(SPARSE, target), SPARSE)
        assert found[0] == found[1] == found[2]


# -- in pieces ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_training_in_pieces_of_a_generator_is_that_in_one_go(optimizer, dtype, engine):
    found = []
    for every in (1, 3, 100):
        net = cr.Network([60, 20, 3], output="softmax", seed=0, dtype=dtype)
        training = net.train(
            X.T,
            np.eye(3)[:, LABELS],
            optimizer,
            epochs=7,
            every=every,
            batch_size=70,
            dropout=0.2,
            seed=1,
            engine=engine,
        )
        for _ in training:
            net.forward(X.T)  # who looks changes nothing
        found.append(net.parameters.copy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("engine", ENGINES)
def test_two_calls_of_train_are_one_where_there_is_nothing_to_remember(engine):
    def after(optimizer, *epochs, **options):
        net = cr.Network([60, 20, 3], hidden="tanh", output="softmax", seed=0)
        for count in epochs:
            list(net.train(X.T, np.eye(3)[:, LABELS], optimizer, epochs=count, engine=engine, **options))
        return net.parameters

    np.testing.assert_array_equal(after(cr.GradientDescent(0.3), 4, 3), after(cr.GradientDescent(0.3), 7))
    # A new call begins with a new state of the optimizer, a new order and new masks: checkpoints are for going on.
    for optimizer, options in ((cr.Momentum(0.3), {}), (cr.GradientDescent(0.3), {"batch_size": 70, "seed": 1})):
        assert (after(optimizer, 4, 3, **options) != after(optimizer, 7, **options)).any()


SOLVERS = ["adam", "adamw", "sgd", "rmsprop", "momentum", "heavy_ball", "gradient_descent"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_fit_is_so_many_calls_of_partial_fit_where_nothing_is_shuffled(solver, dtype, engine):
    for make, y, first in ((cr.MLPClassifier, LABELS, {"classes": [0, 1, 2]}), (cr.MLPRegressor, NUMBERS, {})):
        for table in (X, SPARSE):
            options = {"solver": solver, "dtype": dtype, "engine": engine, "random_state": 0, "shuffle": False}
            whole = make(hidden_layer_sizes=(20,), max_iter=5, **options).fit(table, y)
            pieces = make(hidden_layer_sizes=(20,), **options).partial_fit(table, y, **first)
            for _ in range(4):
                pieces.partial_fit(table, y)
            np.testing.assert_array_equal(pieces.network_.parameters, whole.network_.parameters)
            assert pieces.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("engine", ENGINES)
def test_pieces_repeat_with_order_and_dropout_of_their_own(engine):
    def pieces():
        model = cr.MLPClassifier((20,), dropout=0.2, random_state=0, engine=engine)
        for start in (0, 100, 200, 0, 100):
            model.partial_fit(X[start : start + 100], LABELS[start : start + 100], classes=[0, 1, 2])
        return bits(model)

    assert pieces() == pieces()


# -- several at a time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_searches_and_trainings_side_by_side_have_the_bits_of_one_after_the_other(engine):
    grid = {"hidden_layer_sizes": [(30,), (80, 40)], "solver": ["adam", "lbfgs"]}
    model = cr.MLPClassifier(dropout=0.0, random_state=0, max_iter=3, engine=engine)
    for make, extra in ((cr.GridSearchCV, {}), (cr.RandomizedSearchCV, {"n_iter": 3, "random_state": 0})):
        one, two = (make(model, grid, cv=2, n_jobs=n, error_score="raise", **extra).fit(X, LABELS) for n in (1, 2))
        assert bits(one.best_estimator_) == bits(two.best_estimator_)
        np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    for optimizer in (cr.Adam(), cr.LBFGS()):
        found = []
        for threads in (1, 2):
            nets = [cr.Network([60, 200, 3], output="softmax", seed=seed) for seed in range(3)]
            cr.train_many(nets, X.T, np.eye(3)[:, LABELS], optimizer, epochs=4, threads=threads, engine=engine)
            found.append([net.parameters for net in nets])
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)


def test_scikit_learns_search_in_two_processes_has_the_bits_of_one():
    grid = {"hidden_layer_sizes": [(200,)], "solver": ["adam", "lbfgs"], "engine": list(ENGINES)}
    model = cr.MLPClassifier(random_state=0, max_iter=3)

    def score(model, A, y):  # which differs with the last bit of any parameter
        return float(model.predict_proba(A)[:, 0].sum())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = (
            model_selection.GridSearchCV(model, grid, cv=2, n_jobs=n, error_score="raise", scoring=score).fit(X, LABELS)
            for n in (1, 2)
        )
    for split in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(one.cv_results_[split], two.cv_results_[split])
    assert bits(one.best_estimator_) == bits(two.best_estimator_)


# -- other instruction sets --------------------------------------------------------------------------------------------

RUNNERS = [*(kernel.module().isas() if kernel.BUILT else ()), "numpy"]
STEPS = (1, 10, 200)
SMOOTH = 64  # units of rounding of ‖w‖, after 200 steps of a smooth network by a rule that is linear in the gradient


def after_steps(runner, sizes, hidden, optimizer, dtype, seed, counts):
    """The network before, and the parameters after so many steps on an instruction set or by the reference."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((sizes[0], 100))
    Y = np.eye(sizes[-1])[:, rng.integers(sizes[-1], size=100)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "isa", lambda: runner)
        net = cr.Network(sizes, hidden=hidden, output="softmax", init="xavier", seed=seed, dtype=dtype)
        before = cr.Network(sizes, hidden=hidden, output="softmax", init="xavier", seed=seed, dtype=dtype)
        state = prepare(net, net.check_examples(A, Y), optimizer)
        found = []
        for count in counts:
            ENGINES["numpy" if runner == "numpy" else "native"].run(state, count - state.epoch)
            found.append(net.parameters.astype(np.float64))
    return before, A.astype(dtype), Y.astype(dtype), found


@pytest.mark.skipif(not kernel.BUILT, reason="the compiled kernel is not installed")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "optimizer", [cr.GradientDescent(0.1), cr.Momentum(0.3), cr.Nesterov(0.05), cr.Adam(0.01, epsilon=0.1)], ids=repr
)
@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [([20, 30, 5], "tanh"), ([10, 20, 20, 20, 3], "gelu"), ([150, 40, 10], "sigmoid"), ([20, 30, 5], "relu")],
    ids=str,
)
def test_two_instruction_sets_are_no_further_apart_than_rounding_can_take_them(sizes, hidden, optimizer, dtype):
    # Each of the two is within the bound of support/rounding.py from the exact step, so they are within twice that from
    # one another; and the errors of t steps add up, and grow by GROWTH at most on the way.
    for seed in (0, 1) if sizes[0] < 100 else (0,):
        runs = [after_steps(runner, sizes, hidden, optimizer, dtype, seed, STEPS) for runner in RUNNERS]
        before, A, Y, _ = runs[0]
        u = UNIT[before.dtype] + UNIT[np.dtype(np.float64)]
        reference = twin(before)
        _, gradient, error = gradient_and_bound(reference, A.astype(np.float64), Y.astype(np.float64), None, 0.0, u)
        first, bound = step_and_bound(reference, optimizer, gradient, error, u)
        start = before.parameters.astype(np.float64)
        step = np.linalg.norm(first - start)
        for (*_, a), (*_, b) in combinations(runs, 2):
            assert (abs(a[0] - b[0]) <= 2 * bound).all()
            for t, p, q in zip(STEPS, a, b, strict=True):
                moved = np.linalg.norm(p - start)
                apart = np.linalg.norm(p - q)
                assert apart <= 2 * GROWTH * np.linalg.norm(bound) * max(t, moved / step)
                if hidden != "relu":
                    assert apart <= SMOOTH * UNIT[before.dtype] * np.linalg.norm(p)


@pytest.mark.skipif(not kernel.BUILT, reason="the compiled kernel is not installed")
@pytest.mark.parametrize("dtype", DTYPES)
def test_where_a_step_hangs_on_a_sign_it_bounds_the_distance_itself(dtype):
    # Adam's first step is ±α wherever |g| is far above ε, however small g is: two engines can differ by 2α.
    optimizer = cr.Adam(0.01)
    for hidden in ("relu", "tanh"):
        runs = [after_steps(runner, [784, 64, 10], hidden, optimizer, dtype, 0, (1,))[-1][0] for runner in RUNNERS]
        for a, b in combinations(runs, 2):
            assert abs(a - b).max() <= 2 * 0.01 * (1 + 1e-6)
