import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import optimizers
from support.contract import OPTIMIZERS
from support.oracles import BY_HAND, GRADIENTS, trajectory


@pytest.mark.parametrize(("optimizer", "path"), BY_HAND, ids=lambda x: type(x).__name__)
def test_three_steps_worked_by_hand(optimizer, path):
    got = trajectory(optimizer, np.array([1.0]), [np.array([g]) for g in GRADIENTS])
    np.testing.assert_allclose(got[:, 0], path, rtol=1e-13)


def test_every_optimizer_was_worked_by_hand():
    assert {type(o) for o, _ in BY_HAND} == {type(o) for o in OPTIMIZERS}


# The update rules once more, number by number, as published: w, g and the memory are plain floats.


def _published(optimizer, w, gradients):
    v = s = 0.0
    path = []
    for t, g in enumerate(gradients, start=1):
        match optimizer:
            case cr.GradientDescent(a):
                w -= a * g
            case cr.Momentum(a, b):
                v = b * v + (1 - b) * g
                w -= a * v
            case cr.HeavyBall(a, mu):  # PyTorch's form: the buffer keeps Σ μᵏ g, the rate stands outside
                v = mu * v + g
                w -= a * v
            case cr.Nesterov(a, mu):
                v = mu * v + g
                w -= a * (g + mu * v)
            case cr.RMSProp(a, b, e):
                s = b * s + (1 - b) * g * g
                w -= a * g / (sqrt(s) + e)
            case cr.Adam(a, b1, b2, e):
                if isinstance(optimizer, cr.AdamW):
                    w -= a * optimizer.weight_decay * w
                v, s = b1 * v + (1 - b1) * g, b2 * s + (1 - b2) * g * g
                if optimizer.epsilon_hat:  # Kingma & Ba, the last lines of section 2
                    w -= a * sqrt(1 - b2**t) / (1 - b1**t) * v / (sqrt(s) + e)
                else:  # algorithm 1
                    w -= a * (v / (1 - b1**t)) / (sqrt(s / (1 - b2**t)) + e)
        path.append(w)
    return path


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, *(type(o)() for o in OPTIMIZERS)], ids=repr)
def test_twenty_steps_follow_the_published_rule(optimizer, rng):
    start, gradients = rng.standard_normal(4), rng.standard_normal((20, 4))
    path = trajectory(optimizer, start, gradients)
    for i in range(4):
        np.testing.assert_allclose(path[:, i], _published(optimizer, start[i], gradients[:, i]), rtol=1e-11)


# The rules that scikit-learn has, too.
SHARED = [o for o in OPTIMIZERS if isinstance(o, cr.HeavyBall | cr.Nesterov) or getattr(o, "epsilon_hat", False)]


@pytest.mark.parametrize("optimizer", SHARED, ids=repr)
def test_scikit_learn_takes_the_same_steps(optimizer, rng):
    theirs = pytest.importorskip("sklearn.neural_network._stochastic_optimizers", reason="scikit-learn moved its rules")
    shapes = [(3, 2), (2,)]
    params = [rng.standard_normal(shape) for shape in shapes]
    flat = np.concatenate([p.ravel() for p in params])
    match optimizer:
        case cr.HeavyBall(a, mu) | cr.Nesterov(a, mu):
            other = theirs.SGDOptimizer(params, a, momentum=mu, nesterov=isinstance(optimizer, cr.Nesterov))
        case cr.Adam(a, b1, b2, e, epsilon_hat=True):
            other = theirs.AdamOptimizer(params, a, b1, b2, e)
    state = optimizer.init(flat)
    for _ in range(25):
        grads = [rng.standard_normal(shape) for shape in shapes]
        other.update_params(params, grads)
        flat, state = optimizer.step(flat, np.concatenate([g.ravel() for g in grads]), state)
        np.testing.assert_allclose(flat, np.concatenate([p.ravel() for p in params]), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_step_is_pure_and_keeps_the_dtype(optimizer, dtype, rng):
    w, g = rng.standard_normal(5).astype(dtype), rng.standard_normal(5).astype(dtype)
    _, state = optimizer.step(w, g, optimizer.init(w))
    inputs = [w, g, *(s for s in state if isinstance(s, np.ndarray))]
    before = copy.deepcopy(inputs)
    for array in inputs:
        array.flags.writeable = False  # writing into an input would raise
    once, twice = optimizer.step(w, g, state), optimizer.step(w, g, state)
    for array, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, old)
    np.testing.assert_array_equal(once[0], twice[0])
    assert len(once[1]) == len(state)
    for new in (once[0], *(s for s in once[1] if isinstance(s, np.ndarray))):
        assert new.dtype == dtype
        assert not any(np.shares_memory(new, array) for array in inputs)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_numpy_constants_do_not_promote_float32(optimizer):
    numbers = {f.name: getattr(optimizer, f.name) for f in fields(optimizer)}
    optimizer = type(optimizer)(**{k: v if isinstance(v, bool) else np.float64(v) for k, v in numbers.items()})
    w = np.ones(3, np.float32)
    assert optimizer.step(w, w, optimizer.init(w))[0].dtype == np.float32


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_no_gradient_no_step(optimizer):
    w = np.array([1.0, -2.0])
    got, _ = optimizer.step(w, np.zeros(2), optimizer.init(w))
    decay = 1 - optimizer.learning_rate * getattr(optimizer, "weight_decay", 0.0)
    np.testing.assert_array_equal(got, decay * w)


@given(st.floats(1e-3, 1e3), st.sampled_from([-1.0, 1.0]))
def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient(size, sign):
    # v̂ / √ŝ = g / |g|: without bias correction it would be (1 − β₁) / √(1 − β₂) = 3.2 times that.
    w = np.zeros(1)
    got, _ = cr.Adam(0.1).step(w, np.array([sign * size]), cr.Adam(0.1).init(w))
    assert got[0] == pytest.approx(-0.1 * sign, rel=1e-4)


def test_adamw_decays_apart_from_the_gradient():
    # A huge gradient changes Adam's step by nothing (it is normalized), so the decay is exactly α λ w of 3.
    w = np.array([3.0])
    plain, _ = cr.Adam(0.1).step(w, np.array([1e6]), cr.Adam(0.1).init(w))
    decayed, _ = cr.AdamW(0.1, weight_decay=0.2).step(w, np.array([1e6]), cr.AdamW(0.1).init(w))
    assert (plain - decayed)[0] == pytest.approx(0.1 * 0.2 * 3.0, rel=1e-12)
    assert trajectory(cr.AdamW(0.1, weight_decay=0.0), w, [w, -w]) == pytest.approx(
        trajectory(cr.Adam(0.1), w, [w, -w])
    )


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, cr.LBFGS()], ids=repr)
def test_optimizers_are_frozen_comparable_and_pickle(optimizer):
    assert pickle.loads(pickle.dumps(optimizer)) == copy.deepcopy(optimizer) == optimizer
    assert eval(repr(optimizer), vars(optimizers)) == optimizer
    first = fields(optimizer)[0].name
    assert replace(optimizer, **{first: 0.123}) != optimizer
    with pytest.raises(FrozenInstanceError):
        setattr(optimizer, first, 1.0)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (cr.GradientDescent, ["learning_rate"]),
        (cr.Momentum, ["learning_rate", "beta"]),
        (cr.HeavyBall, ["learning_rate", "momentum"]),
        (cr.Nesterov, ["learning_rate", "momentum"]),
        (cr.RMSProp, ["learning_rate", "beta", "epsilon"]),
        (cr.Adam, ["learning_rate", "beta1", "beta2", "epsilon"]),
        (cr.AdamW, ["learning_rate", "beta1", "beta2", "epsilon", "weight_decay"]),
    ],
)
def test_constants_have_their_public_names_and_places(kind, names):
    values = [0.1, 0.2, 0.3, 0.4, 0.5][: len(names)]
    assert kind(*values) == kind(**dict(zip(names, values, strict=True)))
    assert [getattr(kind(*values), name) for name in names] == values


NOT_NUMBERS = [float("nan"), float("inf"), -0.1, "0.1", None]


@pytest.mark.parametrize("wrong", NOT_NUMBERS)
@pytest.mark.parametrize(
    ("kind", "name"),
    [(type(o), f.name) for o in [*OPTIMIZERS, cr.LBFGS()] for f in fields(o) if f.name != "epsilon_hat"],
)
def test_constants_that_are_no_numbers_of_0_or_more_are_refused(kind, name, wrong):
    with pytest.raises(ValueError, match=rf"{kind.__name__}\.{name}: got .*, wanted a number"):
        kind(**{name: wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: cr.Momentum(0.1, 1.0), "Momentum.beta: got 1.0, wanted a number of 0 or more and below 1"),
        (lambda: cr.RMSProp(beta=1), "RMSProp.beta: got 1,"),
        (lambda: cr.Adam(beta1=1.0), "Adam.beta1"),
        (lambda: cr.Adam(beta2=1.5), "Adam.beta2"),
        (lambda: cr.Adam(epsilon=0), "Adam.epsilon: got 0, wanted a number above 0"),
        (lambda: cr.AdamW(weight_decay=-1), "AdamW.weight_decay"),
        (lambda: cr.LBFGS(memory=0), "LBFGS.memory: got 0, wanted a number above 0"),
    ],
)
def test_constants_beyond_their_bounds_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_the_momentum_of_pytorch_differs_where_a_schedule_changes_the_rate():
    """The figures of the docstrings: J = w²/2 from w = 1, where g = w."""
    for ours, after_three, here, there in (
        (cr.optimizers.HeavyBall(), 0.486, 0.270, 0.460),
        (cr.optimizers.Nesterov(), 0.327, 0.150, 0.304),
    ):
        w, state = np.ones(1), ours.init(np.ones(1))
        theirs, velocity = 1.0, 0.0
        for rate in (0.1, 0.1, 0.1, 0.01):
            if rate == 0.01:
                assert w[0] == pytest.approx(theirs, rel=1e-12)
                assert w[0] == pytest.approx(after_three, abs=6e-4)
            w, state = replace(ours, learning_rate=rate).step(w, w.copy(), state)
            velocity, gradient = 0.9 * velocity + theirs, theirs
            theirs -= rate * (velocity if isinstance(ours, cr.optimizers.HeavyBall) else gradient + 0.9 * velocity)
        assert (w[0], theirs) == pytest.approx((here, there), abs=6e-4)
