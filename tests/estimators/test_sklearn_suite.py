"""scikit-learn's own tests for its MLP, and its checks for every estimator, on our two classes."""

import json
import os
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from unittest import SkipTest
from xml.etree import ElementTree

import pytest
import sklearn.neural_network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._test_common.instance_generator import INIT_PARAMS, PER_ESTIMATOR_CHECK_PARAMS
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks

import chainrule
from chainrule import MLPClassifier, MLPRegressor

SOURCE = str(Path(chainrule.__file__).parents[1])
THEIRS = {
    MLPClassifier: sklearn.neural_network.MLPClassifier,
    MLPRegressor: sklearn.neural_network.MLPRegressor,
}

# Puts our classes where the suite imports them from, and makes sure that no network of scikit-learn's is ever trained.
PLUGIN = """
import json
import pathlib
from collections import Counter

import numpy as np
import pytest
import sklearn.neural_network as door
from sklearn.neural_network._multilayer_perceptron import BaseMultilayerPerceptron

import chainrule
from chainrule.estimators.base import BaseMLP

OURS = {"MLPClassifier": chainrule.MLPClassifier, "MLPRegressor": chainrule.MLPRegressor}
for name, ours in OURS.items():
    setattr(door, name, ours)

fits, fit = Counter(), BaseMLP._fit


def counted(self, *args, **kwargs):
    fits[type(self).__module__ + "." + type(self).__name__] += 1
    return fit(self, *args, **kwargs)


def forbidden(self, *args, **kwargs):
    raise AssertionError("scikit-learn's own network was trained")


def loss_grad_lbfgs(self, theta, X, y, sample_weight, *buffers):
    # A private method of scikit-learn's, which one of its tests calls. theta: all coefs_, then all intercepts_.
    pieces = np.split(theta, np.cumsum([p.size for p in (*self.coefs_, *self.intercepts_)])[:-1])
    network, L = self.network_, self.network_.L
    before = network.parameters.copy()
    for l in range(1, L + 1):
        network.W[l] = pieces[l - 1].reshape(self.coefs_[l - 1].shape).T
        network.b[l] = pieces[L + l - 1][:, None]
    J, dW, db = network.gradients(X.T, y.T, self.alpha, sample_weight)
    network.parameters = before
    return J, np.concatenate([*(d.T.ravel() for d in dW[1:]), *(d.ravel() for d in db[1:])])


BaseMLP._fit = counted
BaseMLP._loss_grad_lbfgs = loss_grad_lbfgs
BaseMultilayerPerceptron._fit = forbidden


@pytest.fixture
def global_random_seed():
    return 42


def pytest_collection_modifyitems(items):
    for item in items:
        assert {name: getattr(item.module, name) for name in OURS} == OURS


def pytest_sessionfinish(session):
    pathlib.Path(session.config.rootpath, "fits.json").write_text(json.dumps(fits))
"""


def test_scikit_learns_suite_passes_with_our_classes(tmp_path):
    # Not a case is left out: all that the installed file collects must pass.
    suite = os.path.join(find_spec("sklearn.neural_network.tests").submodule_search_locations[0], "test_mlp.py")
    (tmp_path / "ours.py").write_text(PLUGIN)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    options = ["-p", "ours", "-p", "no:cacheprovider", "--noconftest", "--rootdir", str(tmp_path)]
    options += ["-c", str(tmp_path / "pytest.ini"), "--junitxml", str(tmp_path / "report.xml"), "-q", "--tb=short"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    environment |= {"PYTHONPATH": os.pathsep.join([str(tmp_path), SOURCE]), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"OMP_NUM_THREADS": "1"}  # threads of BLAS beside busy workers: 90 seconds instead of 7
    command = [sys.executable, "-m", "pytest", *options, suite]
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]

    cases = ElementTree.parse(tmp_path / "report.xml").getroot().findall(".//testcase")
    unhappy = [case.get("name") for case in cases if len(case)]  # a failure, an error or a skip is an element inside
    assert unhappy == []
    assert len(cases) >= 59
    fits = json.loads((tmp_path / "fits.json").read_text())
    assert set(fits) == {
        "chainrule.estimators.classifier.MLPClassifier",
        "chainrule.estimators.regressor.MLPRegressor",
    }
    assert sum(fits.values()) > 500


# As scikit-learn instantiates its own (max_iter=100): read from its table, so that the two cannot drift apart.
INSTANCES = [ours(**INIT_PARAMS[theirs]) for ours, theirs in THEIRS.items()]


@parametrize_with_checks(INSTANCES)
def test_scikit_learns_checks_pass_without_an_expected_failure(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 epochs are not many
        try:
            check(estimator)
            skipped = ""
        except SkipTest as reason:
            skipped = str(reason)
    # What may be left out: a method that scikit-learn's classifier does not have either, and what the next test does.
    assert not hasattr(THEIRS[MLPClassifier], "decision_function")
    assert not skipped or "does not have a decision_function" in skipped or "SCIPY_ARRAY_API is not set" in skipped


def test_the_array_api_checks_pass_where_they_are_switched_on():
    code = """
import warnings
import chainrule
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

warnings.simplefilter("ignore", ConvergenceWarning)
for ours in (chainrule.MLPClassifier, chainrule.MLPRegressor):
    for estimator, check in estimator_checks_generator(ours(max_iter=100)):
        if "array_api" in str(check):
            check(estimator)
            print("passed", ours.__name__)
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True)
    assert run.stdout.splitlines() == ["passed MLPClassifier", "passed MLPRegressor"], run.stderr


@pytest.mark.parametrize("ours", THEIRS)
def test_weights_and_repetitions_are_equivalent_with_scikit_learns_settings(ours):
    # parametrize_with_checks looks the settings up by type, so ours get the plain ones above and these here.
    name = "check_sample_weight_equivalence_on_dense_data"
    settings = PER_ESTIMATOR_CHECK_PARAMS[THEIRS[ours]][name]
    assert settings
    for setting in settings:
        estimator = clone(ours(**INIT_PARAMS[THEIRS[ours]])).set_params(**setting)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            check_sample_weight_equivalence_on_dense_data(ours.__name__, estimator)
