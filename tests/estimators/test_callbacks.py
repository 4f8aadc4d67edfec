"""scikit-learn 1.9's callbacks on our fits: its own ProgressBar and ScoringMonitor, and hooks that watch the hooks."""

import copy
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations", "ignore:lbfgs failed")

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
XR, YR = make_regression(90, 5, random_state=0)
YR /= YR.std()
SOLVERS = ["adam", "sgd", "lbfgs"]


def _classifier(**params):
    return MLPClassifier(**{"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 5, **params})


def _regressor(**params):
    return MLPRegressor(**{"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 5, **params})


class Watcher:
    """Writes down every call of its hooks."""

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        self.calls.append(("setup", context.task_name, context.task_id))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context):
        self.calls.append(("end", context.task_name, context.task_id))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name, context.task_id))


class Keeper(Watcher):
    """Keeps what it is shown at the end of each task."""

    def __init__(self):
        super().__init__()
        self.shown = []

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None):
        super().on_fit_task_end(estimator, context)
        self.shown.append((context.task_name, fitted_estimator, X, y, metadata))


class Stopper(Watcher):
    """Stops the fit at the end of its third epoch."""

    def on_fit_task_end(self, estimator, context):
        super().on_fit_task_end(estimator, context)
        return context.task_name == "epoch" and context.task_id == 2


class Failing(Watcher):
    """Raises in one of its hooks."""

    def __init__(self, hook, task="fit"):
        super().__init__()
        self.hook, self.task = hook, task

    def _fail(self, hook, context):
        if (hook, context.task_name) == (self.hook, self.task):
            raise RuntimeError(f"failed in {hook}")

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self._fail("setup", context)

    def on_fit_task_begin(self, estimator, context):
        super().on_fit_task_begin(estimator, context)
        self._fail("begin", context)

    def on_fit_task_end(self, estimator, context):
        super().on_fit_task_end(estimator, context)
        self._fail("end", context)

    def teardown(self, estimator, context):
        super().teardown(estimator, context)
        self._fail("teardown", context)


def _expected(epochs):
    """The calls of a whole fit of so many epochs."""
    middle = [(hook, "epoch", n) for n in range(epochs) for hook in ("begin", "end")]
    return [("setup", "fit", 0), ("begin", "fit", 0), *middle, ("end", "fit", 0), ("teardown", "fit", 0)]


def _parameters(model):
    return model.network_.parameters.copy()


# -- the hooks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("model", [_classifier(), _regressor(), _classifier(early_stopping=True)], ids=str)
def test_hooks_come_in_pairs_one_for_each_epoch(model, solver):
    watcher = Watcher()
    model = clone(model).set_params(solver=solver).set_callbacks(watcher)
    model.fit(*((X, y) if isinstance(model, MLPClassifier) else (XR, YR)))
    assert model.n_iter_ == 5
    assert watcher.calls == _expected(5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_hooks_come_in_pairs_when_the_fit_ends_before_max_iter(solver):
    watcher = Watcher()
    model = _classifier(solver=solver, max_iter=400, tol=0.05, n_iter_no_change=3, learning_rate_init=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_callbacks(watcher).fit(X, y)
    assert 1 <= model.n_iter_ < 400
    assert watcher.calls == _expected(model.n_iter_)


def test_hooks_come_in_pairs_around_an_interrupt_and_a_divergence():
    def schedule(epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return 1.0

    watcher = Watcher()
    with pytest.warns(UserWarning, match="interrupted"):
        _classifier(schedule=schedule).set_callbacks(watcher).fit(X, y)
    assert watcher.calls == _expected(3)  # two whole ones and the one that was cut short

    watcher = Watcher()
    model = _regressor(solver="sgd", learning_rate_init=1e3, early_stopping=True, max_iter=50)
    with pytest.warns(ConvergenceWarning, match="the cost is"):
        model.set_callbacks(watcher).fit(XR, YR)
    assert watcher.calls == _expected(model.n_iter_)


def test_a_warm_start_is_one_more_fit():
    watcher = Watcher()
    model = _classifier(warm_start=True).set_callbacks(watcher)
    model.fit(X, y).fit(X, y)
    assert watcher.calls == 2 * _expected(5)


def test_without_callbacks_nothing_is_left_behind():
    model = _classifier().set_callbacks(Watcher()).fit(X, y)
    bare = _classifier().fit(X, y)
    assert set(vars(model)) - set(vars(bare)) == {"_skl_callbacks"}
    assert not hasattr(bare, "_callback_fit_ctx")
    np.testing.assert_array_equal(_parameters(model), _parameters(bare))
    model.set_callbacks().fit(X, y)
    assert set(vars(model)) == set(vars(bare))


def test_partial_fit_calls_no_hooks():
    watcher = Watcher()
    _classifier().set_callbacks(watcher).partial_fit(X, y, classes=[0, 1, 2])
    assert watcher.calls == []


@pytest.mark.parametrize("solver", SOLVERS)
def test_hooks_are_shown_the_data_as_the_caller_knows_it(solver):
    frame = pd.DataFrame(X, columns=list("abcd"))
    weights = np.random.RandomState(0).rand(len(X))
    for sample_weight in (None, weights):
        keeper = Keeper()
        _classifier(solver=solver).set_callbacks(keeper).fit(frame, y, sample_weight)
        for _, fitted, given, labels, metadata in keeper.shown:
            assert given is frame
            assert labels is y
            assert (metadata is None) if sample_weight is None else (metadata["sample_weight"] is weights)
            np.testing.assert_array_equal(fitted.feature_names_in_, list("abcd"))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("ours", [_classifier, _regressor])
def test_the_fitted_estimator_is_as_if_the_fit_had_stopped_there(ours, solver):
    data = (X, y) if ours is _classifier else (XR, YR)
    keeper = Keeper()
    model = ours(solver=solver, normalize="standard").set_callbacks(keeper).fit(*data)
    epochs = [fitted for task, fitted, *_ in keeper.shown if task == "epoch"]
    assert len(epochs) == 5
    for n, fitted in enumerate(epochs, start=1):  # looked at only now: training has gone on since
        stopped = ours(solver=solver, normalize="standard", max_iter=n).fit(*data)
        np.testing.assert_array_equal(_parameters(fitted), _parameters(stopped))
        np.testing.assert_array_equal(fitted.predict(data[0]), stopped.predict(data[0]))
        np.testing.assert_array_equal(fitted.coefs_[0], stopped.coefs_[0])
        assert np.shares_memory(fitted.coefs_[0], fitted.network_.parameters)
        assert fitted.n_iter_ == n
        assert fitted.score(*data) == stopped.score(*data)
        assert type(fitted) is type(model)
    task, last, *_ = keeper.shown[-1]
    assert task == "fit"
    np.testing.assert_array_equal(_parameters(last), _parameters(model))


def test_the_fitted_estimator_can_be_used_without_harm():
    class Vandal(Keeper):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            fitted_estimator.coefs_[0][...] = 0
            fitted_estimator.network_.parameters[...] = np.nan

    model = _classifier().set_callbacks(Vandal()).fit(X, y)
    np.testing.assert_array_equal(_parameters(model), _parameters(_classifier().fit(X, y)))


def test_with_early_stopping_the_fit_ends_with_the_best():
    keeper = Keeper()
    model = _classifier(early_stopping=True, max_iter=60, learning_rate_init=0.02).set_callbacks(keeper).fit(X, y)
    *epochs, (task, last, *_) = keeper.shown
    assert task == "fit"
    best = int(np.argmax(model.validation_scores_))
    np.testing.assert_array_equal(_parameters(last), _parameters(model))
    np.testing.assert_array_equal(_parameters(epochs[best][1]), _parameters(model))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_callback_can_stop_the_fit(solver):
    stopper, other = Stopper(), Watcher()
    model = _classifier(solver=solver, max_iter=50).set_callbacks(other, stopper)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it was wanted: there is nothing to warn of
        model.fit(X, y)
    assert model.n_iter_ == len(model.history_["cost"]) == 3
    assert stopper.calls == other.calls == _expected(3)
    np.testing.assert_array_equal(_parameters(model), _parameters(_classifier(solver=solver, max_iter=3).fit(X, y)))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("hook", "task"),
    [("setup", "fit"), ("begin", "fit"), ("begin", "epoch"), ("end", "epoch"), ("end", "fit"), ("teardown", "fit")],
)
def test_a_failing_callback_is_torn_down(hook, task, solver):
    failing, other = Failing(hook, task), Watcher()
    model = _classifier(solver=solver).set_callbacks(other, failing)
    with pytest.raises(RuntimeError, match=f"failed in {hook}"):
        model.fit(X, y)
    for callback in (failing, other):
        assert [call[0] for call in callback.calls].count("setup") == 1
        assert callback.calls[-1] == ("teardown", "fit", 0)
    assert not hasattr(model, "_callback_fit_ctx")
    model.set_callbacks().fit(X, y)  # and the estimator is as good as new
    np.testing.assert_array_equal(_parameters(model), _parameters(_classifier(solver=solver).fit(X, y)))


def test_a_failing_fit_tears_down():
    watcher = Watcher()
    model = _regressor(solver="sgd", learning_rate_init=1e3, max_iter=50).set_callbacks(watcher)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(XR, YR)
    assert watcher.calls[-1] == ("teardown", "fit", 0)
    assert [call[0] for call in watcher.calls].count("setup") == 1


@pytest.mark.parametrize("wrong", [None, "a", Watcher, 3], ids=str)
def test_what_is_no_callback_is_refused(wrong):
    with pytest.raises(TypeError, match="FitCallback protocol"):
        _classifier().set_callbacks(wrong)


def test_callbacks_survive_clone_copy_and_pickle():
    model = _classifier().set_callbacks(Watcher()).fit(X, y)
    for other in (clone(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        (watcher,) = other._skl_callbacks
        watcher.calls.clear()
        other.fit(X, y)
        assert watcher.calls == _expected(5)


# -- scikit-learn's own ----------------------------------------------------------------------------------------------


def _rows(monitor, select="most_recent"):
    log = monitor.get_logs(select=select)
    logs = log if isinstance(log, list) else [log]
    return [row for log in logs for row in log.data if row["task_name"] == "epoch"]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("ours", "scoring"),
    [(_classifier, ["accuracy", "neg_log_loss"]), (_regressor, ["r2", "neg_mean_absolute_error"])],
)
def test_the_monitor_scores_every_epoch_as_a_fit_that_stops_there(ours, scoring, solver):
    data = (X, y) if ours is _classifier else (XR, YR)
    monitor = ScoringMonitor(scoring=scoring)
    ours(solver=solver).set_callbacks(monitor).fit(*data)
    rows = _rows(monitor)
    assert [row["task_id"] for row in rows] == [0, 1, 2, 3, 4]
    for n, row in enumerate(rows, start=1):
        stopped = ours(solver=solver, max_iter=n).fit(*data)
        for name in scoring:
            assert row[name] == get_scorer(name)(stopped, *data)


def test_the_monitor_weighs_as_the_fit_does():
    weights = np.random.RandomState(0).rand(len(X))
    monitor = ScoringMonitor(scoring="accuracy")
    _classifier().set_callbacks(monitor).fit(X, y, sample_weight=weights)
    stopped = _classifier(max_iter=2).fit(X, y, sample_weight=weights)
    assert _rows(monitor)[1]["accuracy"] == accuracy_score(y, stopped.predict(X), sample_weight=weights)


def test_the_monitors_frame_has_the_curve():
    monitor = ScoringMonitor(scoring="accuracy")
    model = _classifier(max_iter=30, learning_rate_init=0.05).set_callbacks(monitor).fit(X, y)
    table = monitor.get_logs().data_as_pandas
    curve = table[table.task_name == "epoch"].accuracy
    assert len(curve) == 30
    assert curve.iloc[-1] == model.score(X, y) > curve.iloc[0]
    assert set(table.estimator_name) == {"MLPClassifier"}


def test_the_monitor_keeps_the_fits_apart():
    monitor = ScoringMonitor(scoring="accuracy")
    model = _classifier().set_callbacks(monitor)
    model.fit(X, y)
    model.set_params(random_state=1, max_iter=3).fit(X, y)
    assert [len([row for row in log.data if row["task_name"] == "epoch"]) for log in monitor.get_logs("all")] == [5, 3]


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_progress_bar_is_drawn(solver, capsys):
    model = _classifier(solver=solver).set_callbacks(ProgressBar())
    model.fit(X, y)
    out = capsys.readouterr().out
    assert "MLPClassifier - fit" in out
    assert "100%" in out
    np.testing.assert_array_equal(_parameters(model), _parameters(_classifier(solver=solver).fit(X, y)))


def test_the_progress_bar_comes_to_its_end_when_the_fit_stops_early(capsys):
    _classifier(max_iter=500, tol=0.05, n_iter_no_change=2).set_callbacks(ProgressBar()).fit(X, y)
    assert "100%" in capsys.readouterr().out


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_both_work_inside_a_grid_search(n_jobs, capsys):
    monitor = ScoringMonitor(scoring="accuracy")
    model = _classifier().set_callbacks(monitor)
    grid = {"hidden_layer_sizes": [(3,), (6, 5)]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, error_score="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the worker processes' own
        search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    out = capsys.readouterr().out
    assert "GridSearchCV - fit" in out
    assert len(re.findall("MLPClassifier - fit", out)) >= 5, "2 candidates × 2 folds, and the refit"
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 5 * 5
    assert len({row["parent_task_id_path"] for row in rows}) == 5
    assert search.score(X, y) in [row["accuracy"] for row in rows if row["task_id"] == 4], "the refit's last epoch"


def test_both_work_inside_a_pipeline(capsys):
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), _classifier().set_callbacks(monitor))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The estimator StandardScaler does not support callbacks")
        pipeline.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    rows = _rows(monitor)
    assert len(rows) == 5
    assert rows[-1]["accuracy"] == pipeline.score(X, y)
    assert "MLPClassifier - fit" in capsys.readouterr().out


def test_a_callback_sees_the_history_grow():
    class Curve(Watcher):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                self.calls.append((estimator.n_iter_, len(estimator.history_["validation_metric"])))

    for solver in ("adam", "lbfgs"):
        curve = Curve()
        model = _classifier(solver=solver).set_callbacks(curve)
        model.fit(X, y, X_val=X[::3], y_val=y[::3])
        assert [call for call in curve.calls if isinstance(call[0], int)] == [(n, n) for n in range(1, 6)]
