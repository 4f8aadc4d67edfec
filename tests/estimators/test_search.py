"""The searches on threads: scikit-learn's results, its conventions, and nothing left behind in the process."""

import os
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from joblib import parallel_config
from sklearn import config_context, get_config, model_selection
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import ParameterGrid, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from chainrule import GridSearchCV, MLPClassifier, MLPRegressor, RandomizedSearchCV
from chainrule.training.threads import available_threads

X, Y = load_iris(return_X_y=True)
GRID = {"alpha": [1e-4, 1e-1], "hidden_layer_sizes": [(5,), (8, 4)]}

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="openmp"):
        yield


def classifier(**options):
    return MLPClassifier(**{"max_iter": 12, "batch_size": 32, "random_state": 0, **options})


def assert_the_same(search, X, y, **params):
    """Like the search of scikit-learn with the same parameters, in all but the times."""
    ours = clone(search).fit(X, y, **params)
    theirs = getattr(model_selection, type(search).__name__)(**{**search.get_params(deep=False), "n_jobs": None}).fit(
        X, y, **params
    )
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, values in theirs.cv_results_.items():
        if "time" not in name:
            np.testing.assert_array_equal(ours.cv_results_[name], values, err_msg=name)
    for name in ("best_params_", "best_index_", "best_score_", "n_splits_", "multimetric_"):
        assert getattr(ours, name, None) == getattr(theirs, name, None)
    if search.refit:
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    return ours


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cv": 4, "return_train_score": True, "n_jobs": 3, "refit": False},
        {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss", "pre_dispatch": "all"},
        {"scoring": "f1_macro", "n_jobs": -1, "cv": model_selection.ShuffleSplit(3, random_state=1)},
        {"n_jobs": 1},
    ],
)
def test_the_results_are_those_of_scikit_learn(options):
    assert_the_same(GridSearchCV(classifier(), GRID, **options), X, Y)


def test_a_random_search_has_the_same_candidates_and_results():
    distributions = {"alpha": np.geomspace(1e-5, 1, 30), "hidden_layer_sizes": [(k,) for k in range(2, 9)]}
    assert_the_same(RandomizedSearchCV(classifier(), distributions, n_iter=5, random_state=3, cv=3), X, Y)


def test_pipelines_regressors_and_other_estimators():
    pipeline = make_pipeline(StandardScaler(), classifier(early_stopping=True, dropout=0.2))
    assert_the_same(GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1e-1]}, cv=3), X, Y)
    inputs, targets = make_regression(90, 4, random_state=0)
    regressor = MLPRegressor(max_iter=15, random_state=0, normalize="standard", scale_target=True)
    grid = [{"solver": ["adam", "lbfgs"], "alpha": [1e-3]}, {"solver": ["sgd"], "momentum": [0.1, 0.9]}]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="lbfgs failed to converge")
        assert_the_same(GridSearchCV(regressor, grid, cv=3), inputs, targets, sample_weight=np.arange(90))
    assert_the_same(GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=3), X, Y)


def test_where_the_caller_has_chosen_processes_it_runs_there_one_thread_in_each():
    def score(estimator, X, y):  # a function of this one's, so that it is sent as it is
        return {"process": os.getpid(), "threads": available_threads(), "score": estimator.score(X, y)}

    expected = GridSearchCV(classifier(), GRID, cv=3, scoring=score, refit="score").fit(X, Y).cv_results_
    assert (expected["mean_test_process"] == os.getpid()).all()
    with parallel_config(backend="loky", n_jobs=2):
        found = GridSearchCV(classifier(), GRID, cv=3, scoring=score, refit="score").fit(X, Y).cv_results_
    np.testing.assert_array_equal(found["mean_test_score"], expected["mean_test_score"])
    processes = {found[f"split{k}_test_process"][i] for k in range(3) for i in range(4)}
    assert len(processes) <= 2
    assert os.getpid() not in processes
    assert (found["mean_test_threads"] == 1).all()


def test_it_is_an_estimator_with_scikit_learns_parameters():
    for ours in (GridSearchCV(classifier(), GRID, cv=3), RandomizedSearchCV(classifier(), GRID, n_iter=2, cv=3)):
        theirs = getattr(model_selection, type(ours).__name__)
        assert isinstance(ours, theirs)
        copy = clone(ours).set_params(estimator__alpha=0.5)
        assert copy.get_params()["estimator__alpha"] == 0.5
        assert (
            ours.get_params(deep=False).keys()
            == theirs._get_param_names.__func__(theirs) | ours.get_params(False).keys()
        )
    with pytest.raises(ValueError, match="n_jobs"):
        GridSearchCV(classifier(), GRID, n_jobs="two").fit(X, Y)


def test_it_runs_on_so_many_threads_each_with_its_share():
    seen = []

    def score(estimator, X, y):
        seen.append((threading.get_ident(), available_threads()))
        return estimator.score(X, y)

    for n_jobs, at_most in ((None, 2), (3, 3), (1, 1)):
        seen.clear()
        before = available_threads()
        GridSearchCV(classifier(max_iter=2), {"alpha": np.geomspace(1e-5, 1, 8)}, scoring=score, n_jobs=n_jobs).fit(
            X, Y
        )
        assert len({thread for thread, _ in seen}) <= at_most
        assert {limit for _, limit in seen} == {before}
        assert available_threads() == before


# -- what a process has only once ------------------------------------------------------------------------------------


def test_the_filters_of_warnings_hold_in_every_thread_and_come_back():
    grid = {"alpha": np.geomspace(1e-6, 1, 40)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        search = GridSearchCV(classifier(max_iter=1), grid, cv=4, n_jobs=4, refit=False).fit(X, Y)
        assert warnings.filters == before
    assert len([w for w in caught if w.category is ConvergenceWarning]) == 160
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error", ConvergenceWarning)
        before = list(warnings.filters)
        with pytest.raises(ValueError, match="All the 160 fits failed"):
            GridSearchCV(classifier(max_iter=1), grid, cv=4, n_jobs=4, refit=False).fit(X, Y)
        assert warnings.filters == before
    assert not caught


def test_the_configuration_of_the_caller_holds_in_every_thread():
    seen = set()

    def score(estimator, X, y):
        seen.add(get_config()["working_memory"])
        return 0.0

    with config_context(working_memory=123):
        GridSearchCV(classifier(max_iter=1), GRID, scoring=score, n_jobs=3).fit(X, Y)
    assert seen == {123}


@pytest.mark.parametrize("scoring", ["f1_macro", "loss", None])
def test_early_stopping_by_a_scorer_knows_no_feature_names_and_warns_of_none(scoring):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    estimator = classifier(early_stopping=True, scoring=scoring)
    search = assert_the_same(GridSearchCV(estimator, {"alpha": [1e-4, 1]}, cv=2, n_jobs=3), frame, Y)
    assert list(search.best_estimator_.feature_names_in_) == list("abcd")
    alone = clone(search.best_estimator_).fit(X, Y)  # without names, the same
    np.testing.assert_array_equal(alone.network_.parameters, search.best_estimator_.network_.parameters)


# -- failures --------------------------------------------------------------------------------------------------------


def test_a_candidate_that_fails_gets_the_error_score(no_thread_left):
    grid = {"learning_rate_init": [1e-3, 1e300], "solver": ["sgd"], "activation": ["identity"]}
    for score in (-8.0, -7.0):
        with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"):
            ours = GridSearchCV(classifier(), grid, cv=3, error_score=score).fit(X, Y)
        np.testing.assert_array_equal(ours.cv_results_["mean_test_score"][1], score)
        assert ours.best_index_ == 0
    grid = {"learning_rate_init": [1e-3, 1e300], "solver": ["sgd"], "max_iter": [10**9], "tol": [0], "alpha": [0]}
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        GridSearchCV(classifier(), grid, cv=3, error_score="raise", n_jobs=4).fit(X, Y)
    with pytest.raises(ValueError, match="Invalid parameter 'alhpa'"):
        GridSearchCV(classifier(), {"alhpa": [1]}, cv=3).fit(X, Y)


def test_searches_in_searches():
    inner = GridSearchCV(classifier(), {"alpha": [1e-4, 1e-1]}, cv=3)
    plain = model_selection.GridSearchCV(classifier(), {"alpha": [1e-4, 1e-1]}, cv=3)
    expected = cross_val_score(plain, X, Y, cv=3)
    np.testing.assert_array_equal(cross_val_score(inner, X, Y, cv=3), expected)
    outer = GridSearchCV(inner, {"estimator__momentum": [0.9]}, cv=3, refit=False).fit(X, Y)
    np.testing.assert_array_equal([outer.cv_results_[f"split{i}_test_score"][0] for i in range(3)], expected)
    voting = VotingClassifier([("a", classifier()), ("b", classifier(random_state=1))])
    grid = {"a__alpha": [1e-4, 1e-1]}
    expected = model_selection.GridSearchCV(voting, grid, cv=3).fit(X, Y).cv_results_["mean_test_score"]
    found = GridSearchCV(voting.set_params(n_jobs=2), grid, cv=3).fit(X, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, expected)


PROGRAM = """
import threading, time, warnings
from sklearn.datasets import load_iris
from chainrule import GridSearchCV, MLPClassifier
warnings.simplefilter("ignore")
X, y = load_iris(return_X_y=True)
grid = {"alpha": [10.0**-k for k in range(50)]}
timer = threading.Timer(0.5, lambda: print("running", flush=True))
timer.start()
try:
    GridSearchCV(MLPClassifier(max_iter=10**7, tol=0, n_iter_no_change=10**7), grid, n_jobs=2).fit(X, y)
except KeyboardInterrupt:
    timer.join()
    until = time.monotonic() + 30
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)  # joblib does not wait for the threads of its pool
    print("stopped", threading.active_count(), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_stops_the_search_and_lets_the_program_end():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "running\n"
            os.kill(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert out == "stopped 1\n"
    assert process.returncode == 0


def test_every_candidate_is_there_once():
    search = GridSearchCV(classifier(max_iter=1), GRID, cv=3, n_jobs=4).fit(X, Y)
    assert search.cv_results_["params"] == list(ParameterGrid(GRID))


def test_the_callers_context_holds_in_every_thread_and_a_search_given_up_ends_those_inside(no_thread_left):
    seen = []

    def score(estimator, X, y):
        seen.append(np.geterr()["divide"])
        return 0.0

    with np.errstate(divide="print"):
        GridSearchCV(classifier(max_iter=1), GRID, cv=4, scoring=score, n_jobs=2).fit(X, Y)
    assert set(seen) == {"print"}
    assert len(seen) == 16

    inner = GridSearchCV(classifier(solver="sgd", max_iter=10**9, tol=0, n_iter_no_change=10**9), {"alpha": [0, 1]})
    grid = [{"estimator__alpha": [0.5]}, {"estimator__learning_rate_init": [1e300], "error_score": ["raise"]}]
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        GridSearchCV(inner, grid, cv=2, n_jobs=4, error_score="raise").fit(X, Y)
