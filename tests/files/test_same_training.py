"""What a training is: the file goes on only where what was done is what these arguments would have done."""

import functools
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.errors import CheckpointError
from chainrule.files import checkpoint as checkpoints
from chainrule.files import model as modelfile

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 90)), (rng.random((1, 90)) > 0.5) * 1.0


def network(seed=1, **options):
    return cr.Network([6, 5, 1], hidden="tanh", seed=seed, **options)


def train(path, net=None, optimizer=None, epochs=6, stop=None, data=X, **options):
    """(network, steps); `stop`: the loop is left after this epoch."""
    net = net or network()
    options = {"batch_size": 16, "seed": 2, **options}
    keep = {} if path is None else {"checkpoint": cr.Checkpoint(path, resume=True)}
    steps = []
    for step in net.train(data, Y, optimizer or cr.Adam(0.01), epochs=epochs, **keep, **options):
        steps.append(step)
        if step.epoch == stop:
            break
    return net, steps


def assert_resumes(path, **options):
    whole, steps = train(None, **options)
    train(path, **options, stop=2)
    net, found = train(path, **options)
    assert found == steps
    np.testing.assert_array_equal(net.parameters, whole.parameters)


def assert_refused(path, words, **options):
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=words):
        train(path, **options)
    assert path.read_bytes() == before


# -- seeds and initial parameters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (0, 1, "seed: there 0, here 1"),
        (None, 1, "seed: there None, here 1"),
        (0, None, "seed: there 0, here None"),
        (0, np.random.default_rng(0), "seed: there 0, here Generator in the state"),
        (np.random.PCG64(3), np.random.PCG64(4), "seed: there PCG64 in the state .*, here PCG64 in the state"),
        ([1, 2], [2, 1], r"seed: there \[1, 2\], here \[2, 1\]"),
    ],
)
def test_another_seed_is_another_training(tmp_path, first, second, words):
    train(tmp_path / "c", seed=first, stop=2)
    assert_refused(tmp_path / "c", words, seed=second)


@pytest.mark.parametrize("seed", [3, np.int64(3), None, [1, 2], np.random.SeedSequence(5)])
def test_the_same_seed_goes_on(tmp_path, seed):
    train(tmp_path / "c", seed=seed, stop=2)
    assert len(train(tmp_path / "c", seed=seed)[1]) == 6


def test_a_generator_goes_on_from_the_state_it_was_given_in(tmp_path):
    seeds = (np.random.default_rng(7) for _ in range(9))
    whole, steps = train(None, seed=next(seeds))
    train(tmp_path / "c", seed=next(seeds), stop=2)
    used = next(seeds)
    used.random()
    assert_refused(tmp_path / "c", "seed: there Generator in the state", seed=used)
    net, found = train(tmp_path / "c", seed=next(seeds))
    assert found == steps
    np.testing.assert_array_equal(net.parameters, whole.parameters)


@pytest.mark.parametrize("options", [{"seed": 8}, {"seed": 1, "init": 0.01}, {"seed": 1, "init": "he"}])
def test_another_initial_network_is_another_training(tmp_path, options):
    train(tmp_path / "c", stop=2)
    words = "initial parameters: there .*, here .*Make the network as it was made then, or take the one in the file"
    assert_refused(tmp_path / "c", words, net=network(**options))


def test_the_network_of_the_file_and_the_one_that_was_stopped_go_on_too(tmp_path):
    whole, steps = train(None)
    net, _ = train(tmp_path / "c", stop=2)
    train(tmp_path / "c", net=net, stop=4)  # as in a notebook: the same object again
    net, found = train(tmp_path / "c", net=cr.load(tmp_path / "c"))
    assert found == steps
    np.testing.assert_array_equal(net.parameters, whole.parameters)
    train(tmp_path / "c")  # and one that is made anew, still


def test_a_network_that_got_its_best_parameters_back_goes_on_too(tmp_path):
    watched = {"validation": (X[:, :30], 1 - Y[:, :30]), "patience": 5}  # it gets worse and worse
    whole, steps = train(None, **watched)
    net, _ = train(tmp_path / "c", stop=3, **watched)
    assert not np.array_equal(net.parameters, cr.load(tmp_path / "c").parameters)
    net, found = train(tmp_path / "c", net=net, **watched)
    assert found == steps
    np.testing.assert_array_equal(net.parameters, whole.parameters)


# -- epochs ------------------------------------------------------------------------------------------------------------


def test_fewer_epochs_than_there_are_is_an_error_and_fewer_than_were_asked_for_is_not(tmp_path):
    train(tmp_path / "c", epochs=9, stop=4)
    assert_refused(tmp_path / "c", "holds 5 epochs, and 3 are asked for; ask for 5 or more", epochs=3)
    whole, steps = train(None, epochs=7)
    net, found = train(tmp_path / "c", epochs=7)
    assert found == steps
    np.testing.assert_array_equal(net.parameters, whole.parameters)


@pytest.mark.parametrize("patience", [{}, {"patience": 1, "validation": (X, 1 - Y)}])
def test_more_epochs_give_the_steps_of_one_training(tmp_path, patience):
    options = {"every": 4, **patience}
    train(tmp_path / "c", epochs=6, **options)
    assert train(tmp_path / "c", epochs=11, **options)[1] == train(None, epochs=11, **options)[1]


# -- functions of one's own --------------------------------------------------------------------------------------------


def decay(epoch, rate):
    return 1 / (1 + rate * epoch)


class Plan:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return decay(epoch, self.rate)


SCHEDULES = {
    "partial": lambda: functools.partial(decay, rate=0.1),
    "object": lambda: Plan(0.1),
    "method": lambda: Plan(0.1).__call__,
    "lambda": lambda: lambda epoch: 1 / (1 + 0.1 * epoch),
    "of ours with a function inside": lambda: cr.schedules.WarmUp(2, Plan(0.3)),
    "of ours": lambda: cr.schedules.Cosine(6),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_of_any_kind_is_resumed(tmp_path, name):
    assert_resumes(tmp_path / "c", schedule=SCHEDULES[name]())
    train(tmp_path / "c", schedule=SCHEDULES[name]())  # made anew, as in another process


def test_schedules_are_compared_by_what_they_give(tmp_path):
    train(tmp_path / "c", schedule=lambda epoch: 0.5, stop=2)
    words = r"factors of the schedule: there 0\.5, 0\.5, 0\.5 .*, here 0\.25, 0\.25"
    assert_refused(tmp_path / "c", words, schedule=lambda epoch: 0.25)
    assert_refused(tmp_path / "c", r"factors of the schedule: there 0\.5, 0\.5, 0\.5 .*, here 1, 1, 1 ")
    train(tmp_path / "c", schedule=lambda epoch: 0.5 if epoch < 3 else 0.25)  # so far it is the same
    train(tmp_path / "d", stop=2)
    assert_refused(tmp_path / "d", r"factors of the schedule: there 1, 1, 1 .*, here 0\.5", schedule=lambda epoch: 0.5)


def test_in_another_process_a_schedule_without_a_name_is_the_same(tmp_path):
    program = """
import functools, sys, chainrule as cr
class Plan:
    def __call__(self, epoch):
        return 0.5
X, Y = cr.datasets.flower()
net = cr.Network([2, 4, 1], seed=0)
kept = cr.Checkpoint("c", resume=True)
schedule = cr.schedules.WarmUp(2, functools.partial(Plan()))
print(len(net.train(X, Y, cr.Adam(), epochs=int(sys.argv[1]), seed=0, schedule=schedule, checkpoint=kept).run()))
"""
    for epochs in ("3", "6"):
        done = subprocess.run([sys.executable, "-c", program, epochs], cwd=tmp_path, capture_output=True, text=True)
        assert (done.stdout.strip(), done.stderr) == (epochs, "")


def shuffled(seed):
    return lambda epoch: np.random.default_rng([seed, epoch]).permutation(90)


def test_an_order_of_one_s_own_is_compared_by_what_it_gives(tmp_path):
    assert_resumes(tmp_path / "c", order=shuffled(1))
    assert_refused(tmp_path / "c", "order of the last epoch: there .*, here ", order=shuffled(2))
    assert_refused(tmp_path / "c", "own order: there True, here False")
    train(tmp_path / "d", stop=2)
    assert_refused(tmp_path / "d", "own order: there False, here True", order=shuffled(1))


def test_an_order_that_is_no_function_of_the_epoch_cannot_be_kept(tmp_path):
    draw = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"order: two calls for epoch 0 gave two orders; .*default_rng"):
        train(tmp_path / "c", order=lambda epoch: draw.permutation(90))
    assert not (tmp_path / "c").exists()


class Mine:
    """An optimizer of somebody's own, without a repr."""

    learning_rate = 0.1

    def __init__(self, pull):
        self.pull = pull

    def init(self, parameters):
        return ()

    def step(self, parameters, gradient, slots):
        return parameters - self.learning_rate * self.pull * gradient, slots


def test_an_optimizer_of_one_s_own_is_known_by_its_class_and_attributes(tmp_path):
    assert_resumes(tmp_path / "c", optimizer=Mine(1.0), engine="numpy")
    train(tmp_path / "c", optimizer=Mine(1.0), engine="numpy")
    words = re.escape("optimizer: there Mine({'pull': 1.0}), here Mine({'pull': 2.0})")
    assert_refused(tmp_path / "c", words, optimizer=Mine(2.0), engine="numpy")


@pytest.mark.parametrize("value", [Plan(0.1), functools.partial(Plan(1)), [Plan], cr.schedules.WarmUp(2, Plan(0.3))])
def test_no_address_of_this_process_is_in_the_words_for_anything(value):
    assert "0x" not in checkpoints.words(value)


# -- data --------------------------------------------------------------------------------------------------------------


def test_a_sparse_matrix_is_not_its_transpose():
    square = scipy.sparse.random_array((20, 20), density=0.2, rng=1, format="csr")
    digests = {
        checkpoints.digest(array)
        for array in (square, square.T, square.T.tocsr(), square.tocsc(), square.reshape((10, 40)).tocsr())
    }
    assert len(digests) == 5


def test_a_square_sparse_x_and_its_transpose_are_two_trainings(tmp_path):
    square = scipy.sparse.random_array((90, 90), density=0.1, rng=1, format="csr")
    net = cr.Network([90, 3, 1], seed=0)
    train(tmp_path / "c", net=net, data=square, stop=2)
    assert_refused(tmp_path / "c", "data: there", net=cr.Network([90, 3, 1], seed=0), data=square.T)


# -- fits --------------------------------------------------------------------------------------------------------------


def fit(path, **parameters):
    weights = parameters.pop("val_weights", None)
    model = cr.MLPClassifier((4,), **{"max_iter": 5, "random_state": 0, **parameters})
    own = {} if weights is None else {"X_val": X.T[:9], "y_val": Y[0, :9], "sample_weight_val": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X.T, Y[0], checkpoint=cr.Checkpoint(path, resume=True), **own)


def test_a_fit_is_known_by_its_seed_its_schedule_and_its_epochs(tmp_path):
    fit(tmp_path / "a", max_iter=4)
    for parameters, words in (
        ({"random_state": 1}, "random_state: there 0, here 1"),
        ({"random_state": np.random.RandomState(0)}, "random_state: there 0, here RandomState in the state"),
        ({"init": "he"}, "initial parameters"),
        ({"max_iter": 3}, "holds 4 epochs, and 3 are asked for"),
        ({"schedule": "cosine"}, "factors of the schedule: there 1, 1, 1, 1 .*, here 1, "),
    ):
        with pytest.raises(CheckpointError, match=words):
            fit(tmp_path / "a", **parameters)
    assert fit(tmp_path / "a", max_iter=9).n_iter_ == 9


def test_a_schedule_that_is_stretched_over_more_epochs_is_another_one(tmp_path):
    fit(tmp_path / "a", schedule="cosine", max_iter=4)
    words = r"max_iter: there 4, here 9; factors of the schedule: there 1, .*, here 1, "
    with pytest.raises(CheckpointError, match=words):
        fit(tmp_path / "a", schedule="cosine", max_iter=9)
    fit(tmp_path / "b", schedule=Plan(0.1), max_iter=4)
    assert fit(tmp_path / "b", schedule=Plan(0.1), max_iter=9).n_iter_ == 9  # its factors are those they were


def test_a_fit_with_a_random_state_object_goes_on_where_it_is_in_the_state_it_was_in(tmp_path):
    fit(tmp_path / "a", random_state=np.random.RandomState(3), max_iter=3)
    assert fit(tmp_path / "a", random_state=np.random.RandomState(3)).n_iter_ == 5
    with pytest.raises(CheckpointError, match="random_state: there RandomState in the state"):
        fit(tmp_path / "a", random_state=np.random.RandomState(4))


def test_a_warm_start_goes_on_from_the_network_it_began_with(tmp_path):
    def twice(**kept):
        model = cr.MLPClassifier((4,), max_iter=5, random_state=0, warm_start=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(X.T, Y[0]).fit(X.T, Y[0], **kept)

    whole = twice()
    twice(checkpoint=tmp_path / "c")
    again = twice(checkpoint=cr.Checkpoint(tmp_path / "c", resume=True))
    np.testing.assert_array_equal(again.network_.parameters, whole.network_.parameters)
    with pytest.raises(CheckpointError, match="initial parameters"):
        fit(tmp_path / "c")


def test_what_a_checkpoint_compares_can_be_read(tmp_path):
    train(tmp_path / "c", stop=2, schedule=cr.schedules.Cosine(6))
    same = modelfile.read(tmp_path / "c")[1]["same"]
    assert same["seed"] == "2"
    assert same["optimizer"].startswith("Adam(learning_rate=0.01")
    assert same["factors of the schedule"].startswith("1, 0.93301")


def test_numbers_are_compared_as_numbers(tmp_path):
    train(tmp_path / "c", optimizer=cr.GradientDescent(1), stop=2, clip_norm=1, l2=1, every=1)
    same = {"clip_norm": np.float64(1.0), "l2": 1.0, "every": np.int64(1), "batch_size": np.int64(16)}
    train(tmp_path / "c", optimizer=cr.GradientDescent(1.0), stop=3, **same)
    assert_refused(tmp_path / "c", r"clip_norm: there 1\.?0?, here 1\.5", **{**same, "clip_norm": 1.5})


def test_a_generator_that_was_drawn_from_is_told_apart_with_what_to_do(tmp_path):
    seed = np.random.default_rng(0)
    train(tmp_path / "c", seed=seed, stop=2)
    assert_refused(tmp_path / "c", r"A generator that was drawn from is another seed: give one in the state", seed=seed)


@pytest.mark.parametrize("schedule", ["cosine", cr.schedules.Cosine(9)], ids=["by name", "a function"])
def test_a_fit_that_was_written_before_schedules_were_compared_by_what_they_give_goes_on(tmp_path, schedule):
    whole = cr.MLPClassifier((4,), max_iter=9, random_state=0, schedule=schedule).fit(X.T, Y[0])
    fit(tmp_path / "c", max_iter=9, schedule=schedule)
    _, tree = modelfile.read(tmp_path / "c")
    same = {
        name: text
        for name, text in tree["same"].items()
        if name not in ("factors of the schedule", "initial parameters")
    }
    modelfile.write(tmp_path / "c", tree | {"same": same | {"schedule": "there", "max_iter": "9"}})
    again = fit(tmp_path / "c", max_iter=9, schedule=schedule)
    np.testing.assert_array_equal(again.network_.parameters, whole.network_.parameters)
