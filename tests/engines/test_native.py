"""The compiled kernel against the reference: the same numbers up to rounding, and the same bits whoever computes them.

Most tests run on every instruction set that this machine has.
"""

import copy
import os
import pickle
import subprocess
import sys
import threading
from dataclasses import replace
from functools import cache
from itertools import chain, combinations, pairwise, product

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule import checks, equations
from chainrule.activations import ACTIVATIONS
from chainrule.engines import ENGINES, kernel
from chainrule.losses import LOSSES
from chainrule.network import Network
from chainrule.training.train import prepare
from support.contract import (
    CASES,
    EXAMPLES,
    HIDDEN,
    OPTIMIZERS,
    PAIRS,
    SCHEDULES,
    case,
    counts_threads,
    named,
    network,
    problem,
    relative_error,
    rng_of,
    slopes,
    twin,
)
from support.rounding import GROWTH, UNIT, gradient_and_bound, step_and_bound

if not kernel.BUILT:
    pytest.skip("the compiled kernel is not installed: no C++20 compiler", allow_module_level=True)

ISAS = kernel.module().isas()
DTYPES = [np.float32, np.float64]


@pytest.fixture
def choose(monkeypatch):
    """A function that makes an instruction set the one that runs."""
    return lambda isa: monkeypatch.setattr(kernel, "isa", lambda: isa)


@pytest.fixture(params=ISAS)
def isa(request, choose):
    """A test that takes this runs on every instruction set."""
    choose(request.param)
    return request.param


def job(state):
    """What the kernel keeps of a state; KeyError for one that it never ran."""
    return ENGINES["native"]._jobs[state]


def wide(A):
    """The same numbers in float64."""
    return None if A is None else A.astype(np.float64)


def trained(name, net, X, Y, optimizer, epochs, weights=None, **options):
    """The costs and the state after a training of this very network by an engine."""
    state = prepare(net, net.check_examples(X, Y, weights), optimizer, **options)
    costs = ENGINES[name].run(state, epochs)
    assert (state in ENGINES["native"]._jobs) == (name == "native")
    return np.array(costs), state


def assert_same_training(net, X, Y, optimizer, epochs, tolerance, **options):
    """Kernel and float64 reference: costs, and parameters relative to how far they moved."""
    start, reference = wide(net.parameters), twin(net)
    got, state = trained("native", net, X, Y, optimizer, epochs, **options)
    if options.get("weights") is not None:
        options["weights"] = wide(options["weights"])
    wanted, other = trained("numpy", reference, wide(X), wide(Y), optimizer, epochs, **options)
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
    assert (state.epoch, state.memory.batches) == (other.epoch, other.memory.batches) == (epochs, other.memory.batches)
    assert_near(net.parameters, reference.parameters, tolerance * np.linalg.norm(reference.parameters - start))
    for slot, slot64 in zip(state.memory.slots, other.memory.slots, strict=True):
        assert_near(slot, slot64, tolerance * np.linalg.norm(slot64))
    return state


def assert_near(got, wanted, bound):
    """‖got − wanted‖ ≤ bound, in float64."""
    error = np.linalg.norm(np.subtract(got, wanted, dtype=np.float64))
    assert error <= bound, f"{error:.3g} away, allowed are {bound:.3g}"


# -- a covering design -------------------------------------------------------------------------------------------------

SIZES = [1, 2, 3, 13, 14, 15, 16, 17, 25, 31, 33, 100]
FACTORS = {
    "hidden": HIDDEN,
    "pair": PAIRS,
    "optimizer": OPTIMIZERS,
    "depth": [0, 1, 2, 3],
    "inputs": SIZES,
    "units": SIZES,
    "more": SIZES,  # units of the second hidden layer
    "outputs": SIZES,
    "m": [1, 2, 3, 15, 16, 17, 31, 33, 100, 257, 300, 513],  # the kernel takes 256 examples at a time
    "dtype": DTYPES,
    "isa": range(3),  # counted around those that there are
    "l2": [0.0, 0.3],
    "weighted": [False, True],
    "layout": ["C", "F", "csr"],
}


def covering(factors, rng):
    """Rows with one value of each factor, in which every two values of any two factors meet at least once."""
    names = list(factors)
    missing = {
        (i, j): set(product(*(range(len(factors[names[k]])) for k in (i, j))))
        for i, j in combinations(range(len(names)), 2)
    }
    rows = []
    while left := [key for key in missing if missing[key]]:
        tries = []
        for key in rng.choice(len(left), 8):
            row = [int(rng.integers(len(values))) for values in factors.values()]
            i, j = left[key]
            row[i], row[j] = min(missing[i, j])
            tries.append((sum((row[i], row[j]) in pairs for (i, j), pairs in missing.items()), row))
        row = max(tries)[1]
        for i, j in missing:
            missing[i, j].discard((row[i], row[j]))
        rows.append({name: factors[name][k] for name, k in zip(names, row, strict=True)})
    return rows


@cache
def design():
    return covering(FACTORS, np.random.default_rng(0))


def designed(row):
    """The network, X, Y, weights and optimizer of a row; the examples in the layout it wants."""
    hidden, (loss, output), depth, m = row["hidden"], row["pair"], row["depth"], row["m"]
    outputs = max(2, row["outputs"]) if output == "softmax" else row["outputs"]
    sizes = [row["inputs"], *[row["units"], row["more"], row["units"]][:depth], outputs]
    rng = rng_of(sorted(row.items(), key=lambda item: item[0]))
    X, Y = problem(loss, output, sizes[0], outputs, m, rng)
    made = network(sizes, hidden, output, loss, seed=int(rng.integers(1000)))
    net = Network(sizes, hidden=made.g[1:-1], output=output, loss=loss, dtype=row["dtype"])
    net.parameters = made.parameters
    X, Y, w = net.check_examples(X, Y, rng.uniform(0.2, 3, m) if row["weighted"] else None)
    X = {"C": np.ascontiguousarray, "F": np.asfortranarray, "csr": sp.csr_array}[row["layout"]](X)
    optimizer = replace(row["optimizer"], learning_rate=row["optimizer"].learning_rate / 50)
    return net, X, Y, w, optimizer


STEPS = 60


@pytest.mark.parametrize("row", range(len(design())))
def test_the_first_step_and_60_stay_within_the_bounds_of_rounding(row, choose):
    row = design()[row]
    isa = ISAS[row["isa"] % len(ISAS)]
    choose(isa)
    net, X, Y, w, optimizer = designed(row)
    u = UNIT[net.dtype] + UNIT[np.dtype(np.float64)]  # the reference rounds too
    reference, X64, w64 = twin(net), wide(X), wide(w)
    dense = X64.toarray() if sp.issparse(X64) else X64
    start = net.parameters.copy()

    def bounds(optimizer, Y):
        reference.parameters = start
        J, gradient, error = gradient_and_bound(reference, dense, wide(Y), w64, row["l2"], u)
        return J, *step_and_bound(reference, optimizer, gradient, error, u)

    J, first, bound = bounds(optimizer, Y)
    state = prepare(net, net.check_examples(X, Y, w), optimizer, l2=row["l2"])
    costs = ENGINES["native"].run(state, 1)
    assert job(state).trainer.isa == isa
    assert costs[0] == pytest.approx(J, rel=1e4 * u, abs=1e4 * u)
    excess = abs(net.parameters - first) / np.maximum(bound, 1e-300)
    assert excess.max() <= 1, f"{excess.max():.3g} times the bound at {excess.argmax()} of {excess.size}"

    # In the long run, steps that hang on the sign of what is nearly 0 would be chaotic: so ε keeps Adam's from being
    # that, and no |a − y| comes to its kink.
    if hasattr(optimizer, "epsilon"):
        optimizer = replace(optimizer, epsilon=0.1)
    if row["pair"][0] == "absolute":
        optimizer = replace(optimizer, learning_rate=optimizer.learning_rate / 10)
        Y = Y + net.dtype.type(30)
    _, first, bound = bounds(optimizer, Y)
    net.parameters = start
    trained("native", net, X, Y, optimizer, STEPS, l2=row["l2"], weights=w)
    trained("numpy", reference, X64, wide(Y), optimizer, STEPS, l2=row["l2"], weights=w64)
    moved, step = (np.linalg.norm(parameters - start) for parameters in (reference.parameters, first))
    allowed = GROWTH * np.linalg.norm(bound) * max(STEPS, moved / step if step else 0)
    assert_near(net.parameters, reference.parameters, allowed)


# Where the kernel goes other ways: several blocks of inputs, columns of W brought together, layers of one or few units,
# more numbers than one piece of a vector, a large W and few examples.
BIG = [
    ([2100, 5, 3], 40),
    ([300, 400, 200, 10], 270),
    ([9000, 2], 20),
    ([1, 1, 1], 600),
    ([40, 600, 1], 70),
    ([700, 450, 3], 45),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "m"), BIG, ids=str)
def test_large_networks_stay_within_the_bounds_of_rounding(sizes, m, dtype, isa):
    rng = rng_of(sizes, m)
    net = Network(sizes, hidden="silu", output="identity", init="xavier", seed=1, dtype=dtype)
    X, Y, _ = net.check_examples(*problem("half_squared_error", "identity", sizes[0], sizes[-1], m, rng))
    reference, u = twin(net), UNIT[net.dtype] + UNIT[np.dtype(np.float64)]
    wanted, gradient, bound = gradient_and_bound(reference, wide(X), wide(Y), None, 0.2, u)
    J, got = ENGINES["native"].objective(net, X, Y, None, 0.2)(net.parameters)
    assert pytest.approx(wanted, rel=1e4 * u) == J
    assert (abs(got - gradient) <= bound).all()
    optimizer, options = cr.HeavyBall(0.01, 0.5), {"l2": 0.2, "clip_norm": 0.5, "batch_size": m // 2 + 1, "seed": 3}
    state = assert_same_training(net, X, Y, optimizer, 3, 2e4 * u, **options)
    assert job(state).trainer.isa == isa


# -- the gradient of the reported cost ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("hidden", "pair", "depth"), [c for c in CASES if c[2] in (0, 3)], ids=str)
def test_the_gradient_is_that_of_the_cost_the_kernel_reports(hidden, pair, depth, isa):
    net, X, Y, rng = case(hidden, pair, depth)
    weights = rng.uniform(0.2, 3, EXAMPLES)
    objective = ENGINES["native"].objective(net, *net.check_examples(X, Y, weights), 0.3)
    wanted = named(*net.unpack(slopes(lambda parameters: objective(parameters)[0], net.parameters)))
    errors = relative_error(named(*net.unpack(objective(net.parameters)[1])), wanted)
    assert max(errors.values()) < 1e-6, errors


# -- everything of training --------------------------------------------------------------------------------------------

WEIGHTS = np.where(np.arange(40) // 7 == 2, 0, np.linspace(0.5, 2, 40))  # those of the third batch of 7 are all 0
OPTIONS = {
    "a full batch": {},
    "short last batch": {"batch_size": 7},
    "one example at a time": {"batch_size": 1},
    "in order": {"batch_size": 7, "shuffle": False},
    "order": {"batch_size": 7, "order": lambda epoch: np.roll(np.arange(40)[::-1], epoch)},
    "order of a full batch": {"order": lambda epoch: np.roll(np.arange(40)[::-1], epoch), "dropout": 0.4},
    "dropout": {"batch_size": 7, "dropout": 0.4},
    "dropout, full batch": {"dropout": 0.4},
    "dropout of one layer": {"batch_size": 19, "dropout": (0.0, 0.7)},
    "l2": {"batch_size": 7, "l2": 0.5},
    "weights": {"batch_size": 7, "weights": np.linspace(0.0, 2, 40)},
    "a batch that does not count": {"batch_size": 7, "weights": WEIGHTS, "shuffle": False, "dropout": 0.2},
    "nearly none counts": {"batch_size": 1, "weights": np.arange(40) == 20},
    "clipped": {"batch_size": 7, "clip_norm": 0.05, "l2": 0.5},
    "hardly clipped": {"batch_size": 7, "clip_norm": 0.6},
    "everything": {
        "batch_size": 7,
        "dropout": (0.2, 0.5),
        "l2": 0.5,
        "weights": WEIGHTS,
        "clip_norm": 0.3,
        "schedule": SCHEDULES[-1],
    },
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("name", OPTIONS)
def test_options_do_what_they_do_in_the_reference(name, optimizer, dtype, choose):
    isa = ISAS[(list(OPTIONS).index(name) + OPTIMIZERS.index(optimizer)) % len(ISAS)]
    choose(isa)
    net = Network([5, 9, 6, 3], hidden=["tanh", "gelu"], output="softmax", seed=1, dtype=dtype)
    X, Y, _ = net.check_examples(*problem("cross_entropy", "softmax", 5, 3, 40, rng_of(name)))
    if hasattr(optimizer, "epsilon"):
        optimizer = replace(optimizer, epsilon=0.01)  # not the sign of what is nearly 0
    tolerance = 1e3 * UNIT[net.dtype]
    state = assert_same_training(net, X, Y, optimizer, 3, tolerance, seed=3, **OPTIONS[name])
    assert job(state).trainer.isa == isa


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_set_the_rate_of_each_epoch(schedule, isa):
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 1)
    assert_same_training(net, X, Y, cr.AdamW(0.05, weight_decay=0.5), 12, 1e-10, schedule=schedule)
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 1)
    assert_same_training(net, X, Y, cr.Nesterov(0.1), 12, 1e-10, schedule=schedule, batch_size=3, seed=1)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_dropout_takes_the_documented_masks_in_layers_of_every_kind(hidden, isa):
    net = network([4, 33, 17, 2], hidden, "sigmoid")
    X, Y = problem("binary_cross_entropy", "sigmoid", 4, 2, 41, rng_of(hidden))
    assert_same_training(net, X, Y, cr.Momentum(0.1), 3, 1e-11, batch_size=18, dropout=(0.3, 0.6), seed=2)


# -- examples as they lie in memory ------------------------------------------------------------------------------------


def field(A):
    """A field of records of 11 bytes or more: its numbers are not aligned, its strides no multiples of their size."""
    records = np.zeros(A.shape, [("before", "i1"), ("A", A.dtype), ("after", "i2")])
    records["A"] = A
    return records["A"]


def even_field(A):
    """A field of records whose strides are multiples of its size."""
    records = np.zeros(A.shape, [("A", A.dtype), ("B", A.dtype, (2,))])
    records["A"] = A
    return records["A"]


def part(A):
    """Every second row and third column of a larger array."""
    larger = np.full((2 * A.shape[0] + 1, 3 * A.shape[1] + 2), np.nan, A.dtype)
    larger[1::2, 2::3] = A
    return larger[1::2, 2::3]


def backwards(A):
    """Both strides are negative."""
    return np.ascontiguousarray(A[::-1, ::-1])[::-1, ::-1]


def frozen(A):
    A = A.copy()
    A.flags.writeable = False
    return A


DENSE = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "part": part,
    "part of F": lambda A: part(A.T).T,
    "backwards": backwards,
    "backwards F": lambda A: backwards(A.T).T,
    "frozen": frozen,
    "field": field,
    "even field": even_field,
}


def indexed(X, kind):
    """With indices of this kind."""
    X.indices, X.indptr = X.indices.astype(kind), X.indptr.astype(kind)
    return X


def apart(X):
    """Numbers and indices with gaps between them in memory."""
    X.data, X.indices, X.indptr = (
        part(array.reshape(1, -1))[0] if array.dtype.kind == "f" else np.repeat(array, 2)[::2]
        for array in (X.data, X.indices, X.indptr)
    )
    return X


def doubled(A):
    """Every number in two halves, unsorted: what a sparse array may hold before sum_duplicates."""
    whole = sp.csc_array(A)
    columns = np.split(whole.indices, whole.indptr[1:-1])
    values = np.split(whole.data / 2, whole.indptr[1:-1])
    indices, data = ([np.r_[p[::-1], p] for p in parts] for parts in (columns, values))
    return sp.csc_array((np.concatenate(data), np.concatenate(indices), 2 * whole.indptr), A.shape)


SPARSE = {
    "csr": lambda A: indexed(sp.csr_array(A), np.int32),
    "csc": lambda A: indexed(sp.csc_array(A), np.int32),
    "csr, 64 bits": lambda A: indexed(sp.csr_array(A), np.int64),
    "csc, 64 bits": lambda A: indexed(sp.csc_array(A), np.int64),
    "matrix": sp.csr_matrix,
    "coo": sp.coo_array,
    "doubled": doubled,
    "apart": lambda A: apart(sp.csc_array(A)),
}


@pytest.mark.parametrize("layout", [*DENSE, *SPARSE])
def test_examples_may_lie_in_memory_in_any_way(layout, isa):
    put = DENSE.get(layout) or SPARSE[layout]
    for inputs, m, dtype, batch_size in product((1, 3, 21), (1, 37, 70), DTYPES, (None, 8)):
        rng = rng_of(inputs, m)
        net = Network([inputs, 5, 2], hidden="tanh", output="identity", seed=1, dtype=dtype)
        X, Y, _ = net.check_examples(*problem("half_squared_error", "identity", inputs, 2, m, rng))
        if layout in SPARSE:
            X = X * (rng.random(X.shape) < 0.3)
            X[:, : m // 3] = 0  # examples of which nothing is stored
        laid, targets = put(X), DENSE.get(layout, np.copy)(Y)
        if layout in DENSE:
            np.testing.assert_array_equal(laid, X)
        u, at = UNIT[net.dtype], f"{inputs} inputs, {m} examples, {dtype.__name__}, batches of {batch_size}"
        reference = twin(net)
        np.testing.assert_allclose(
            net.forward(laid), reference.layers(wide(X))[1][-1], rtol=50 * u, atol=50 * u, err_msg=at
        )
        J, A = net.evaluate(*(laid, targets, None))
        np.testing.assert_allclose(A, reference.layers(wide(X))[1][-1], rtol=50 * u, atol=50 * u, err_msg=at)
        assert pytest.approx(reference.cost(wide(X), wide(Y)), rel=100 * u) == J, at
        for shuffle in (False, True):
            start = wide(reference.parameters)
            net.parameters = start
            options = {"batch_size": batch_size and min(batch_size, m), "shuffle": shuffle, "seed": 3}
            # These strides and no others reach the kernel.
            state = prepare(net, net.check_examples(laid, targets), cr.Momentum(0.1), **options)
            assert state.X is laid or layout == "coo"
            ENGINES["native"].run(state, 3)
            trained("numpy", reference, wide(X), wide(Y), cr.Momentum(0.1), 3, **options)
            moved = np.linalg.norm(reference.parameters - start)
            assert_near(net.parameters, reference.parameters, 500 * u * max(moved, 1))
            reference.parameters = start


def test_one_example_for_all_columns_is_read_with_a_stride_of_0(isa):
    net = Network([3, 4, 2], seed=0)
    X = np.broadcast_to(np.array([[1.0], [2.0], [-1.0]]), (3, 20))
    np.testing.assert_allclose(net.forward(X), net.forward(X.copy()), rtol=1e-15)
    assert_same_training(net, X, np.ones((2, 20)), cr.Adam(), 3, 1e-11, batch_size=8, seed=1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernel_answers_rows_if_they_are_finite(dtype, isa):
    net = Network([3, 4, 2], dtype=dtype, seed=0)
    rows, A = np.ones((5, 3), dtype), np.zeros((2, 5), dtype)
    forward = net.compiled().forward
    assert forward(net.parameters, rows.T, A, True) is True
    np.testing.assert_array_equal(A, net.forward(rows.T))
    rows[4, 2] = np.inf
    assert forward(net.parameters, rows.T, A, True) is False
    assert forward(net.parameters, rows.T, A) is True  # who does not ask gets what comes of it
    with pytest.raises(ValueError, match="one after the other"):
        forward(net.parameters, np.ones((3, 5), dtype), A, True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("X", [np.ones((3, 0)), sp.csc_array((3, 0)), sp.csr_array((3, 0))], ids=type)
def test_no_examples_have_no_outputs(X, dtype, isa):
    out = Network([3, 4, 2], dtype=dtype).forward(X)
    assert (out.shape, out.dtype) == ((2, 0), dtype)


@pytest.mark.parametrize("sparse", [False, True])
def test_forward_of_any_size_is_that_of_the_reference(sparse, isa):
    for (sizes, m), dtype in product([*BIG, ([3, 2], 1), ([3, 14, 25, 13], 301), ([17, 100, 2], 5000)], DTYPES):
        rng = rng_of(sizes, m)
        net = Network(sizes, hidden="relu", output="softmax" if sizes[-1] > 1 else "tanh", seed=1, dtype=dtype)
        X = rng.standard_normal((sizes[0], m)).astype(dtype) * (rng.random((sizes[0], m)) < (0.05 if sparse else 1))
        u = UNIT[net.dtype]
        wanted = twin(net).layers(wide(X))[1][-1]
        got = net.forward(sp.csr_array(X) if sparse else X)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=0, atol=40 * u * np.sqrt(max(sizes)), err_msg=f"{sizes}, {m}")


@pytest.mark.parametrize("sparse", [False, True])
def test_the_answer_to_an_example_has_the_same_bits_in_every_batch(sparse, isa):
    shapes = ([8, 1], [3, 4, 2], [8, 128, 4], [40, 13, 6, 5, 3], [700, 5, 2], [4096, 3, 1])
    for (sizes, hidden), dtype in product(
        zip(shapes, ("relu", "tanh", "gelu", "relu", "silu", "selu"), strict=True), DTYPES
    ):
        rng = rng_of(sizes, hidden)
        net = Network(sizes, hidden=hidden, output="softmax" if sizes[-1] > 1 else "sigmoid", seed=1, dtype=dtype)
        X = rng.standard_normal((sizes[0], 70)).astype(dtype) * (rng.random((sizes[0], 70)) < (0.1 if sparse else 1))
        put = sp.csr_array if sparse else np.copy
        whole = net.forward(put(X))
        for some in (rng.permutation(70), [3], [69], rng.permutation(70)[:9], np.arange(1, 38)):
            np.testing.assert_array_equal(net.forward(put(X[:, some])), whole[:, some], err_msg=f"{sizes}, {some}")


# -- NaN and infinity --------------------------------------------------------------------------------------------------

BAD = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("bad", BAD)
def test_nan_and_infinity_are_refused_at_the_door(bad):
    net, X, Y, _ = case("tanh", ("half_squared_error", "identity"), 1)
    before = net.parameters.copy()
    for name, array in (("X", X), ("Y", Y)):
        wrong = array.copy()
        wrong[1, 2] = bad
        given = {"X": X, "Y": Y, name: wrong}
        with pytest.raises(ValueError, match=f"{name}: got NaN or infinity"):
            next(net.train(given["X"], given["Y"], cr.Adam(), epochs=1, engine="native"))
    stored = sp.csr_array(X)
    stored.data[3] = bad
    with pytest.raises(ValueError, match="X: got NaN or infinity"):
        next(net.train(stored, Y, cr.Adam(), epochs=1, engine="native"))
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_is_not_finite_shows_in_the_cost_and_changes_nothing(hidden, pair, batch_size, choose):
    for (i, bad), where in product(enumerate(BAD), ("X", "Y", "W", "b")):
        net, X, Y, _ = case(hidden, pair, 1)
        state = prepare(
            net, net.check_examples(X.copy(), Y.copy()), cr.Momentum(0.1), batch_size=batch_size, shuffle=False
        )
        target = {"X": state.X, "Y": state.Y, "W": net.W[1], "b": net.b[1]}[where]
        target[1, (5 if where in "XY" else 0)] = bad
        before = net.parameters.copy()
        copies = [replace(state, network=twin(net), memory=copy.deepcopy(state.memory)) for _ in range(len(ISAS) + 1)]
        reference = copies.pop()
        with np.errstate(all="ignore"):
            expected = ENGINES["numpy"].run(reference, 2)
        for isa, copied in zip(ISAS, copies, strict=True):
            choose(isa)
            got = ENGINES["native"].run(copied, 2)
            # Infinity may come to a finite end: σ(∞) = 1. Then both go on, or both find it in the parameters.
            assert [np.isfinite(cost) for cost in got] == [np.isfinite(cost) for cost in expected], (isa, where, bad)
            if i == 0:
                assert len(got) == 1
                assert not np.isfinite(got[0])
            if not np.isfinite(got[0]):
                np.testing.assert_array_equal(copied.network.parameters, before)
                np.testing.assert_array_equal(copied.memory.slots[0], 0)
                assert (copied.epoch, copied.memory.batches) == (reference.epoch, 0)


def test_nan_that_is_stored_in_a_sparse_array_shows_too(isa):
    for hidden in HIDDEN:
        net, X, Y, _ = case(hidden, ("binary_cross_entropy", "sigmoid"), 1)
        state = prepare(net, net.check_examples(sp.csr_array(X), Y), cr.Adam())
        state.X.data[3] = np.nan
        before = net.parameters.copy()
        assert not np.isfinite(ENGINES["native"].run(state, 2)).any()
        np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_overflow_is_an_infinite_cost(dtype, isa):
    net = Network([3, 4, 2], hidden="relu", output="identity", seed=0, dtype=dtype)
    X, Y = np.full((3, 50), np.finfo(dtype).max / 2), np.ones((2, 50))
    before = net.parameters.copy()
    for options in ({}, {"batch_size": 7}, {"clip_norm": 1.0}, {"dropout": 0.5}):
        state = prepare(net, net.check_examples(X, Y), cr.Adam(), **options)
        assert not np.isfinite(ENGINES["native"].run(state, 2)).any()
        assert (state.epoch, state.memory.batches, state.memory.slots[-1]) == (0, 0, 0)
        np.testing.assert_array_equal(net.parameters, before)
    J, gradient = ENGINES["native"].objective(net, *net.check_examples(X, Y), 0.0)(net.parameters)
    assert not np.isfinite(J)
    assert not np.isfinite(gradient).all()
    with pytest.raises(cr.DivergenceError, match="epoch 0: the cost is"):
        next(net.train(X, Y, cr.Adam(), epochs=2, engine="native"))


# -- numbers below the normal ones -------------------------------------------------------------------------------------


def subnormals_live():
    """Whether this thread computes with numbers below the normal ones: the kernel must not leave that switched off."""
    return bool(np.float64(1e-310) * np.float64(1.0) > 0 and np.float32(1e-40) * np.float32(1.0) > 0)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_thread_computes_with_subnormal_numbers_after_the_kernel_as_before(threads):
    assert subnormals_live()
    net = Network([60, 50, 3], output="identity", seed=0)
    X, Y = np.full((60, 300), 1e-300), np.full((3, 300), 1e-300)
    found = []

    def work():
        with threadpool_limits(threads):
            state = prepare(net, net.check_examples(X, Y), cr.Adam(), batch_size=100, seed=0)
            for call in (
                lambda: ENGINES["native"].run(state, 3),
                lambda: ENGINES["native"].objective(net, X, Y, None, 0.1)(net.parameters),
                lambda: net.forward(X),
                lambda: net.evaluate(*(X, Y, None)),
            ):
                call()
                found.append(subnormals_live())

    work()
    other = threading.Thread(target=work)
    other.start()
    other.join()
    with pytest.raises(ValueError, match="order"):
        job_of_order([0] * 5 + [6])
    assert [*found, subnormals_live()] == [True] * 9


LARGE = [20, 700, 800, 600, 3]  # the state is larger than the cache of a core, and its rows begin anywhere in a line


@pytest.mark.parametrize("m", [40, 100])  # of so few examples some layers are taken by rows
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_an_epoch_of_one_step_of_a_large_network_has_the_bits_of_a_step_within_an_epoch(optimizer, m, isa):
    net = Network(LARGE, hidden="tanh", output="identity", seed=0, dtype=np.float32)
    X, Y = problem("half_squared_error", "identity", 20, 3, m, rng_of(m))
    X[0] = 0
    for clip_norm, weight in (None, 1), (1e-3, 1), (None, 1e17):  # such a weight, of no effect, may make steps fail
        net.W[1][0, 0] = weight
        runs = []
        for copies in 1, 2:  # the second step of an epoch writes where it reads
            other = copy.deepcopy(net)
            options = {"batch_size": m, "clip_norm": clip_norm, "l2": 0.1, "shuffle": False}
            examples = other.check_examples(np.tile(X, copies), np.tile(Y, copies))
            state = prepare(other, examples, optimizer, seed=0, **options)
            assert np.isfinite(ENGINES["native"].run(state, 4 // copies)).all()
            runs.append([other.parameters, *state.memory.slots])
        for one, two in zip(*runs, strict=True):
            np.testing.assert_array_equal(one, two)
        assert not np.array_equal(runs[0][0], net.parameters)


@pytest.mark.parametrize(
    ("optimizer", "inputs", "targets"),
    [(cr.Momentum(1e38), 1, 1e3), (cr.Adam(), 1e4, 1e18), (cr.RMSProp(), 1e4, 1e18)],
    ids=repr,
)
@pytest.mark.parametrize("copies", [1, 2])
def test_a_step_of_a_large_network_after_which_not_all_is_finite_is_undone(optimizer, inputs, targets, copies, isa):
    net = Network(LARGE, hidden="relu", output="identity", seed=0, dtype=np.float32)
    X, Y = problem("half_squared_error", "identity", 20, 3, 100, rng_of(0))
    examples = net.check_examples(np.tile(inputs * X, copies), np.tile(targets * Y, copies))
    assert np.isfinite(net.cost(*examples[:2]))
    state = prepare(net, examples, optimizer, batch_size=100, shuffle=False, seed=0)
    before = [net.parameters.copy(), *(np.copy(slot) for slot in state.memory.slots)]
    assert np.isfinite(ENGINES["native"].run(state, 3)).tolist() == [False]
    for now, then in zip([net.parameters, *state.memory.slots], before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert state.epoch == 0


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_gradients_too_small_for_the_precision_are_harmless(optimizer, isa):
    for scale, batch_size, clip_norm in product((1e-6, 1e-20, 1e-30, 1e-40), (None, 7), (None, 1e-9)):
        net = network([4, 9, 2], "tanh", "identity")
        net = Network(net.sizes, hidden="tanh", output="identity", seed=0, dtype=np.float32)
        X, Y = (scale * A for A in problem("half_squared_error", "identity", 4, 2, 40, rng_of(scale)))
        optimizer = replace(optimizer, learning_rate=0.01)
        options = {"batch_size": batch_size, "clip_norm": clip_norm, "seed": 1}
        reference = twin(net)
        state = prepare(net, net.check_examples(X, Y), optimizer, **options)
        costs = ENGINES["native"].run(state, 20)
        assert np.isfinite(costs).all()
        assert all(np.isfinite(slot).all() for slot in state.memory.slots)
        if not hasattr(optimizer, "epsilon"):  # whose steps are the longer the less √s is: chaotic near the minimum
            wanted, _ = trained("numpy", reference, wide(state.X), wide(state.Y), optimizer, 20, **options)
            np.testing.assert_allclose(costs, wanted, rtol=1e-3, atol=1e-36)
            atol = max(1e-5 * scale, 1e-37)  # below which there is only 0
            np.testing.assert_allclose(net.parameters, reference.parameters, rtol=1e-5, atol=atol)
        assert np.isfinite(net.parameters).all()
    assert subnormals_live()


@pytest.mark.parametrize("hidden", ["relu", "tanh", "identity"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_that_outgrow_the_caches(hidden, dtype, isa):
    """W[2] of more than 256 KB, whose transpose is packed; the last tile and the last panel are not full."""
    rng = rng_of(300, 290)
    net = Network([20, 300, 290, 3, 270, 2], hidden=hidden, output="softmax", seed=0, dtype=dtype)
    X, Y = rng.standard_normal((20, 90)), np.eye(2)[:, rng.integers(2, size=90)]
    tolerance = 1e-10 if dtype == np.float64 else 2e-3  # of how far the parameters moved, which is little
    assert_same_training(net, X.astype(dtype), Y.astype(dtype), cr.Momentum(0.01), 2, tolerance, batch_size=50, seed=1)


# -- the same bits -----------------------------------------------------------------------------------------------------


def bits(threads, epochs, sizes, m, dtype, sparse=False, weights=None, **options):
    """All that a training leaves, computed by so many threads; and how many the last steps had."""
    rng = rng_of(sizes, m)
    net = Network(sizes, hidden="tanh", output="identity", init="xavier", seed=0, dtype=dtype)
    X, Y = rng.standard_normal((sizes[0], m)), rng.standard_normal((sizes[-1], m))
    X = sp.csr_array(X * (rng.random(X.shape) < 0.2)) if sparse else X
    with threadpool_limits(threads):
        forward = net.forward(X)
        examples = net.check_examples(X, Y, weights)
        J, gradient = ENGINES["native"].objective(net, *examples, 0.1)(net.parameters)
        state = prepare(net, examples, cr.Adam(0.01), seed=1, **options)
        costs, used = [], []
        for some in epochs:
            costs += ENGINES["native"].run(state, some)
            used.append(job(state).trainer.threads)
    assert state.epoch == sum(epochs)
    return [forward, J, gradient, costs, net.parameters, *state.memory.slots, state.memory.batches], used


def assert_same_bits(got, wanted):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


BITS = {
    "dense": ([90, 70, 60, 5], 300, {}),
    "mini-batches": ([90, 120, 60, 5], 310, {"batch_size": 103}),
    "sparse": ([300, 70, 60, 5], 300, {"sparse": True}),
    "sparse mini-batches": ([300, 120, 90, 5], 310, {"sparse": True, "batch_size": 103}),
    "dropout": ([90, 70, 60, 5], 300, {"dropout": 0.3, "batch_size": 150}),
    "l2": ([90, 170, 160, 5], 300, {"l2": 0.3}),
    "clipped": ([90, 170, 160, 5], 300, {"clip_norm": 0.01}),
    "few examples": ([700, 450, 470, 5], 100, {"batch_size": 41}),
    "weights": ([90, 70, 60, 5], 300, {"weights": np.arange(300) % 3.0, "batch_size": 150}),
    "thin mini-batches": ([2100, 30, 2], 75, {"batch_size": 32}),
    # Few units and many inputs, whose sums the kernel takes in blocks; eight panels of every kind of vector.
    **{f"thin, {K} inputs, {m} examples": ([K, 3, 2], m, {}) for K in (1536, 3072, 6144) for m in (32, 64, 128, 256)},
}


@counts_threads
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BITS)
def test_the_bits_do_not_depend_on_the_threads_nor_on_how_often_one_looks(name, dtype, isa):
    sizes, m, options = BITS[name]
    alone, used = bits(1, (2, 3), sizes, m, dtype, **options)
    assert used == [1, 1]
    both, used = bits(2, (2, 3), sizes, m, dtype, **options)
    operations = 2 * m * (3 * sum(n * k for n, k in pairwise(sizes)) - sizes[0] * sizes[1])
    assert "batch_size" in options or used[0] == 2 or operations < 1e7  # which takes no thread 30 µs
    assert_same_bits(both, alone)
    assert_same_bits(bits(2, (5,), sizes, m, dtype, **options)[0], alone)
    assert_same_bits(bits(2, (1,) * 5, sizes, m, dtype, **options)[0], alone)


@pytest.mark.parametrize(("sizes", "m", "batch_size"), [((4, 10, 3), 150, 32), ((64, 32, 10), 500, 32)])
def test_small_steps_stay_on_one_thread_from_the_first_on(sizes, m, batch_size, isa):
    assert bits(2, (1, 2), list(sizes), m, np.float32, batch_size=batch_size)[1] == [1, 1]


def test_a_batch_of_one_panel_stays_on_one_thread_unless_its_inputs_are_many(isa):
    assert bits(2, (1,), [600, 500, 5], 4, np.float32)[1] == [1]
    assert bits(2, (1,), [24000, 30, 2], 4, np.float32)[1] == [2]


def test_two_trainings_at_once_have_the_bits_that_each_has_alone(isa):
    names = ("mini-batches", "sparse mini-batches", "dropout", "clipped")
    alone = {name: bits(1, (6,), *BITS[name][:2], np.float32, **BITS[name][2])[0] for name in names}
    found = {}

    def work(mine):
        for name in mine:
            found[name] = bits(2, (6,), *BITS[name][:2], np.float32, **BITS[name][2])[0]

    threads = [threading.Thread(target=work, args=(mine,)) for mine in (names[:2], names[2:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        assert_same_bits(found[name], alone[name])


def test_one_network_computes_for_two_threads_at_once(isa):
    net = Network([50, 80, 3], seed=0)
    X = np.random.default_rng(0).standard_normal((50, 3000))
    wanted, found = net.forward(X), []
    threads = [threading.Thread(target=lambda: found.append([net.forward(X) for _ in range(5)])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for A in chain(*found):
        np.testing.assert_array_equal(A, wanted)


# -- instruction sets --------------------------------------------------------------------------------------------------


def python(code, **environment):
    """What a new interpreter prints and complains about."""
    path = os.pathsep.join(filter(None, [os.path.dirname(os.path.dirname(__file__)), *sys.path]))
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_environment_chooses_the_instruction_set():
    code = """
import numpy as np, chainrule as cr
from chainrule.engines import ENGINES
from chainrule.training.train import prepare
net = cr.Network([2, 3, 1], seed=0)
state = prepare(net, net.check_examples(np.ones((2, 4)), np.ones((1, 4))), cr.Adam())
ENGINES["native"].run(state, 1)
print(ENGINES["native"]._jobs[state].trainer.isa, net.compiled().isa)
"""
    run = python(code, CHAINRULE_ISA="baseline")
    assert run.stdout.split() == ["baseline", "baseline"], run.stderr
    unset = f"import os; os.environ.pop('CHAINRULE_ISA', None)\n{code}"
    assert python(unset).stdout.split() == [ISAS[-1]] * 2  # the best
    run = python(code, CHAINRULE_ISA="sse9")
    assert run.returncode != 0
    assert f"CHAINRULE_ISA: got 'sse9', wanted one that this machine has: {', '.join(ISAS)}" in run.stderr


def test_every_instruction_set_that_the_machine_has_can_run(isa):
    assert Network([3, 2]).compiled().isa == isa
    assert [name for name in ("baseline", "avx2", "avx512") if name in ISAS] == ISAS


# -- any sizes ---------------------------------------------------------------------------------------------------------


@st.composite
def trainings(draw):
    few = st.integers(1, 40)
    sizes = draw(st.lists(few, min_size=2, max_size=4))
    m = draw(st.integers(1, 300))
    return {
        "sizes": sizes,
        "m": m,
        "seed": draw(st.integers(0, 2**32)),
        "hidden": draw(st.sampled_from(HIDDEN)),
        "batch_size": draw(st.one_of(st.none(), st.integers(1, m))),
        "dropout": draw(st.sampled_from([0.0, 0.3])),
        "put": draw(st.sampled_from([*DENSE.values(), *SPARSE.values()])),
        "isa": draw(st.sampled_from(ISAS)),
        "dtype": draw(st.sampled_from(DTYPES)),
    }


@given(trainings())
def test_any_training_is_that_of_the_reference(t):
    rng = np.random.default_rng(t["seed"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "isa", lambda: t["isa"])
        net = Network(t["sizes"], hidden=t["hidden"], output="sigmoid", init="xavier", seed=rng, dtype=t["dtype"])
        X, Y = problem("binary_cross_entropy", "sigmoid", t["sizes"][0], t["sizes"][-1], t["m"], rng)
        X = t["put"](X.astype(net.dtype))
        options = {"batch_size": t["batch_size"], "dropout": t["dropout"], "seed": 3}
        # A kink that one engine meets a step later than the other moves a parameter by a part of a step.
        tolerance = 1e-2 if net.dtype == np.float32 else 1e-9
        assert_same_training(net, X, Y.astype(net.dtype), cr.Momentum(0.01, 0.5), 2, tolerance, **options)


# -- which engine ran --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["auto", "native"])
def test_the_kernel_is_the_engine_that_runs(engine, monkeypatch):
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 1)
    monkeypatch.setattr(equations, "forward", None)  # the reference could not
    assert next(net.train(X, Y, cr.Adam(), epochs=1, engine=engine)).engine == "native"
    assert next(net.train(X, Y, cr.LBFGS(), epochs=1, engine=engine)).engine == "native"
    assert net.forward(X).shape == (2, EXAMPLES)


def test_lbfgs_minimizes_the_kernels_cost_as_the_references(isa):
    for sizes, hidden, dtype in (
        ([6, 8, 3], "tanh", np.float64),
        ([6, 8, 5, 3], "gelu", np.float64),
        ([6, 3], (), np.float32),
    ):
        net = Network(sizes, hidden=hidden, output="softmax", seed=0, dtype=dtype)
        X, Y, w = net.check_examples(
            *problem("cross_entropy", "softmax", 6, 3, 50, rng_of(sizes)), np.linspace(0.1, 2, 50)
        )
        other, start = twin(net), wide(net.parameters)
        steps = [*net.train(X, Y, cr.LBFGS(), epochs=6, l2=0.5, weights=w, engine="native")]
        wanted = [*other.train(wide(X), wide(Y), cr.LBFGS(), epochs=6, l2=0.5, weights=wide(w), engine="numpy")]
        assert {step.engine for step in steps} == {"native"}
        # The line search multiplies the error of a gradient; six iterations lose three digits at most.
        tolerance = 1e4 * UNIT[net.dtype]
        np.testing.assert_allclose([step.cost for step in steps], [step.cost for step in wanted], rtol=tolerance)
        assert_near(net.parameters, other.parameters, tolerance * np.linalg.norm(other.parameters - start))


# -- copies ------------------------------------------------------------------------------------------------------------


COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda thing: pickle.loads(pickle.dumps(thing))}


@pytest.mark.parametrize("way", COPIES)
def test_a_network_that_was_trained_can_be_copied_and_goes_on(way, isa):
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 2)
    trained("native", net, X, Y, cr.Adam(), 3)
    net.forward(X)
    other = COPIES[way](net)
    np.testing.assert_array_equal(other.forward(X), net.forward(X))
    before = net.parameters.copy()
    trained("native", other, X, Y, cr.Adam(), 3)
    np.testing.assert_array_equal(net.parameters, before)
    trained("native", net, X, Y, cr.Adam(), 3)
    np.testing.assert_array_equal(net.parameters, other.parameters)


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_from_a_copy_of_the_state_the_training_goes_on(optimizer, way, isa):
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 2)
    _, state = trained("native", net, X, Y, optimizer, 3, batch_size=3, shuffle=False, dropout=0.2, seed=1)
    other = COPIES[way](state)
    ENGINES["native"].run(state, 2)
    ENGINES["native"].run(other, 2)
    np.testing.assert_array_equal(other.network.parameters, net.parameters)
    assert (other.epoch, other.memory.batches) == (state.epoch, state.memory.batches) == (5, 15)


@pytest.mark.parametrize("names", [("native", "numpy"), ("numpy", "native"), ("native", "numpy", "native")])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_engines_can_take_turns(optimizer, names):
    def after(*names):
        net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 2)
        state = prepare(net, net.check_examples(X, Y), optimizer, batch_size=3, dropout=0.2, seed=1)
        for name in names:
            ENGINES[name].run(state, 2)
        return net.parameters

    np.testing.assert_allclose(after(*names), after(*["numpy"] * len(names)), rtol=1e-8, atol=1e-10)


# -- an interrupt ------------------------------------------------------------------------------------------------------

INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np, chainrule as cr
from chainrule.engines import ENGINES
from chainrule.training.train import prepare
from threadpoolctl import threadpool_limits

*sizes, m, batch_size, threads = map(int, sys.argv[1:])

def interrupt():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)

rng = np.random.default_rng(0)
net = cr.Network(sizes, hidden="tanh", output="identity", seed=0)
X, Y = rng.standard_normal((sizes[0], m)), rng.standard_normal((sizes[-1], m))
with threadpool_limits(threads):
    state = prepare(net, net.check_examples(X, Y), cr.Adam(1e-4), batch_size=batch_size, shuffle=False)
    threading.Thread(target=interrupt).start()
    try:
        ENGINES["native"].run(state, 10**9)
    except KeyboardInterrupt:
        pass
    assert state.epoch < 10**9
    steps = -(-m // batch_size)
    memory = state.memory
    assert memory.batches == state.epoch * steps == memory.slots[-1], (memory.batches, state.epoch, memory.slots)
    assert np.isfinite(net.parameters).all()
    # What is there is what so many epochs give; and it can go on.
    other = cr.Network(sizes, hidden="tanh", output="identity", seed=0)
    again = prepare(other, other.check_examples(X, Y), cr.Adam(1e-4), batch_size=batch_size, shuffle=False)
    if state.epoch < 1000:
        ENGINES["native"].run(again, state.epoch)
        np.testing.assert_array_equal(other.parameters, net.parameters)
    assert len(ENGINES["native"].run(state, 2)) == 2
    assert np.float64(1e-310) * 1.0 > 0
print("fine")
"""


@pytest.mark.parametrize(
    "arguments",
    [
        (3, 2, 1, 4, 4, 1),
        (30, 20, 1, 5000, 10, 1),
        (100, 300, 50, 1, 15000, 15000, 1),
        (100, 300, 50, 1, 9000, 3000, 2),
    ],
    ids=["tiny steps", "many steps", "long steps", "two threads"],
)
def test_ctrl_c_stops_a_long_run_and_leaves_whole_epochs(arguments):
    path = os.pathsep.join(filter(None, sys.path))
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *map(str, arguments)], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.stdout == "fine\n", run.stderr


# -- the kernel's own checks -------------------------------------------------------------------------------------------


def raw(sizes=(3, 4, 1), dtype=np.float64, functions=("tanh", "sigmoid"), loss="binary_cross_entropy", isa=ISAS[-1]):
    new = kernel.module().Trainer32 if dtype == np.float32 else kernel.module().Trainer64
    return new(list(sizes), list(functions), [0.0] * len(functions), loss, 0.0, isa)


def hyper(**changed):
    same = {"rule": "Adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0, "epsilon_hat": False}
    return kernel.module().Hyper(
        **{**same, "l2": 0.0, "clip_norm": 0.0, "dropout": [], "batch_size": 6, "mask_key": 0, **changed}
    )


ONES, TARGETS, STORED = np.ones((3, 6)), np.ones((1, 6)), np.ones(4)
COLUMNS, STARTS = np.array([0, 1, 2, 0]), np.array([0, 1, 1, 2, 3, 4, 4])


def data64(X=ONES, Y=TARGETS, weights=None):
    return kernel.module().Data64(X, Y, weights)


def sparse64(inputs=3, values=STORED, columns=COLUMNS, starts=STARTS):
    return kernel.module().Data64(inputs, values, columns, starts, TARGETS, None)


def run_raw(net=None, **changed):
    p = 21
    arguments = {
        "data": data64(), "hyper": hyper(), "rates": [0.1], "orders": None, "parameters": np.zeros(p),
        "slots": [np.zeros(p), np.zeros(p)], "spare": [np.zeros(p), np.zeros(p)], "batches": 0,
        "place": kernel.module().Place(), "costs": [],
    }  # fmt: skip
    arguments |= changed
    (net or raw()).run(*arguments.values())
    return arguments["costs"]


def job_of_order(order):
    return run_raw(orders=np.array([order]))


def test_the_kernel_runs_where_everything_fits():
    assert run_raw() == [pytest.approx(np.log(2))]
    assert run_raw(orders=np.arange(6)[None, ::-1].copy()) == [pytest.approx(np.log(2))]
    assert run_raw(data=sparse64()) == [pytest.approx(np.log(2))]
    assert run_raw(rates=[]) == []


WRONG = {
    "sizes below 1": lambda: raw([0, 4, 1]),
    "no units": lambda: raw([3, 0, 1]),
    "negative sizes": lambda: raw([3, -4, 1]),
    "one size": lambda: raw([3], functions=[]),
    "too few functions": lambda: raw([3, 4, 4, 1]),
    "an unknown function": lambda: raw(functions=["tanh", "swish"]),
    "an unknown loss": lambda: raw(loss="hinge"),
    "a loss for another output": lambda: raw(functions=["tanh", "softplus"], loss="half_squared_error"),
    "an unknown instruction set": lambda: raw(isa="sse9"),
    "an unknown rule": lambda: hyper(rule="Adagrad"),
    "dropout of all": lambda: hyper(dropout=[1.0]),
    "negative dropout": lambda: hyper(dropout=[-0.5]),
    "dropout of NaN": lambda: hyper(dropout=[float("nan")]),
    "Y of another length": lambda: data64(Y=np.ones((1, 5))),
    "Y as a vector": lambda: data64(Y=np.ones(6)),
    "X of three dimensions": lambda: data64(np.ones((3, 6, 1))),
    "X of whole numbers": lambda: data64(np.ones((3, 6), int)),
    "X of the other precision": lambda: data64(np.ones((3, 6), np.float32)),
    "weights of another length": lambda: data64(weights=np.ones(5)),
    "weights with gaps": lambda: data64(weights=np.ones(12)[::2]),
    "a column too high": lambda: sparse64(columns=np.array([0, 1, 3, 0])),
    "a negative column": lambda: sparse64(columns=np.array([0, -1, 2, 0])),
    "a column of 2⁴⁰": lambda: sparse64(columns=np.array([0, 1, 2**40, 0])),
    "starts that go back": lambda: sparse64(starts=np.array([0, 2, 1, 2, 3, 4, 4])),
    "starts beyond the end": lambda: sparse64(starts=np.array([0, 1, 1, 2, 3, 4, 5])),
    "a negative start": lambda: sparse64(starts=np.array([-1, 1, 1, 2, 3, 4, 4])),
    "no starts": lambda: sparse64(starts=np.zeros(0, int)),
    "fewer columns than values": lambda: sparse64(columns=np.array([0, 1, 2])),
    "indices of two kinds": lambda: sparse64(columns=np.array([0, 1, 2, 0], np.int32)),
    "indices of 16 bits": lambda: sparse64(columns=np.zeros(4, np.int16), starts=np.zeros(7, np.int16)),
    "indices that are no whole numbers": lambda: sparse64(columns=np.zeros(4), starts=np.zeros(7)),
    "a sparse array of other examples": lambda: sparse64(starts=np.array([0, 1, 1, 2, 3, 4])),
    "data of the other precision": lambda: run_raw(raw(dtype=np.float32)),
    "another number of inputs": lambda: run_raw(raw([4, 4, 1]), parameters=np.zeros(25)),
    "another number of outputs": lambda: run_raw(raw([3, 4, 2]), parameters=np.zeros(26)),
    "data without targets": lambda: run_raw(data=data64(Y=None)),
    "no examples": lambda: run_raw(data=data64(np.ones((3, 0)), np.ones((1, 0)))),
    "too few parameters": lambda: run_raw(parameters=np.zeros(20)),
    "parameters with gaps": lambda: run_raw(parameters=np.zeros(42)[::2]),
    "parameters that may not be written": lambda: run_raw(parameters=frozen(np.zeros(21))),
    "parameters of the other precision": lambda: run_raw(parameters=np.zeros(21, np.float32)),
    "too few slots": lambda: run_raw(slots=[np.zeros(21)]),
    "slots too short": lambda: run_raw(slots=[np.zeros(21), np.zeros(20)]),
    "too many slots": lambda: run_raw(hyper=hyper(rule="GradientDescent")),
    "too few spare slots": lambda: run_raw(spare=[np.zeros(21)]),
    "spare slots too short": lambda: run_raw(spare=[np.zeros(21), np.zeros(20)]),
    "a negative number of batches": lambda: run_raw(batches=-1),
    "batches of several epochs": lambda: run_raw(batches=1, rates=[0.1, 0.1]),
    "a place before the first example": lambda: run_raw(place=kernel.module().Place(example=-1)),
    "a place beyond the last example": lambda: run_raw(place=kernel.module().Place(example=6)),
    "a batch of none": lambda: run_raw(hyper=hyper(batch_size=0)),
    "a batch of more than all": lambda: run_raw(hyper=hyper(batch_size=7)),
    "an order too short": lambda: job_of_order([0, 1, 2, 3, 4]),
    "an order beyond the end": lambda: job_of_order([0, 1, 2, 3, 4, 6]),
    "a negative order": lambda: job_of_order([0, 1, 2, 3, 4, -1]),
    "an order of 32 bits": lambda: run_raw(orders=np.arange(6, dtype=np.int32)[None]),
    "a gradient too short": lambda: raw().cost_and_gradients(np.zeros(21), data64(), 0.0, np.zeros(20)),
    "parameters too few for a gradient": lambda: raw().cost_and_gradients(np.zeros(20), data64(), 0.0, np.zeros(21)),
    "a gradient without targets": lambda: raw().cost_and_gradients(np.zeros(21), data64(Y=None), 0.0, np.zeros(21)),
    "outputs of another length": lambda: raw().forward(np.zeros(21), np.ones((3, 6)), np.zeros((1, 5))),
    "outputs of another height": lambda: raw().forward(np.zeros(21), np.ones((3, 6)), np.zeros((2, 6))),
    "outputs in columns": lambda: raw([3, 4, 2]).forward(np.zeros(26), np.ones((3, 6)), np.zeros((6, 2)).T),
    "forward of other inputs": lambda: raw().forward(np.zeros(21), np.ones((4, 6)), np.zeros((1, 6))),
    "forward with too few parameters": lambda: raw().forward(np.zeros(20), np.ones((3, 6)), np.zeros((1, 6))),
    "outputs evaluated of another length": lambda: raw().evaluate(np.zeros(21), data64(), np.zeros((1, 5))),
    "evaluation of other inputs": lambda: raw().evaluate(np.zeros(21), data64(np.ones((4, 6))), np.zeros((1, 6))),
}


def test_what_the_kernel_knows_are_rows_of_the_tables():
    native = kernel.module()
    assert set(native.functions()) <= set(ACTIVATIONS)
    assert set(native.losses()) <= set(LOSSES)
    assert all(hasattr(cr, name) for name in native.rules())


@pytest.mark.parametrize("what", WRONG)
def test_the_kernel_refuses(what):
    with pytest.raises((ValueError, TypeError)):
        WRONG[what]()


def test_a_trainer_takes_other_examples_at_any_time(isa):
    rng = np.random.default_rng(0)
    net, square, w = network([9, 4, 2]), rng.standard_normal((9, 9)), rng.uniform(0.2, 2, 9)
    Y, kept = rng.random((2, 9)), kernel.trainer([9, 4, 2], net.g[1:], net.loss, net.dtype)
    for X in (
        square,
        square.T,
        sp.csc_array(square),
        -square,
        sp.csr_array(square > 0, dtype=float),
        square,
        square[:, :4],
    ):
        wanted, dW, db = net.gradients(X, Y[:, : X.shape[1]], weights=w[: X.shape[1]])
        gradient = np.empty_like(net.parameters)
        data = kernel.data(X, Y[:, : X.shape[1]], w[: X.shape[1]])
        assert kept.cost_and_gradients(net.parameters, data, 0.0, gradient) == pytest.approx(wanted, rel=1e-13)
        np.testing.assert_allclose(gradient, net.pack(dW, db), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_that_are_not_finite_are_found_wherever_they_are(dtype, order):
    A = np.full((3, 70_001), np.finfo(dtype).max, dtype, order)  # some pieces, the last of them short
    assert checks.is_finite(A)
    assert checks.is_finite(-A)
    for value, place in product((np.nan, -np.nan, np.inf, -np.inf), (0, 65_535, 65_536, A.size - 1)):
        A.ravel("K")[place] = value
        assert not checks.is_finite(A)
        A.ravel("K")[place] = 0
