"""Optuna, with trials that are pruned on the way. Started several times in one folder, each does its part of them."""

import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import chainrule as cr


def network(trial):
    """A network by the equations: report each step, and leave the loop."""
    X, Y = cr.datasets.flower()
    size = trial.suggest_int("units", 2, 16)
    rate = trial.suggest_float("learning_rate", 1e-4, 1, log=True)
    net = cr.Network([2, size, 1], hidden="tanh", seed=0)
    held_out = X[:, ::4], Y[:, ::4]
    for step in net.train(X, Y, cr.Adam(rate), epochs=100, batch_size=64, seed=0, every=10, validation=held_out):
        trial.report(step.validation_cost, step.epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return step.validation_cost


class Pruning:
    """The same for the fit of an estimator: a callback of scikit-learn, for `set_callbacks`."""

    def __init__(self, trial):
        self.trial = trial

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.trial.report(estimator.history_["validation_cost"][-1], context.task_id)
            if self.trial.should_prune():
                raise optuna.TrialPruned

    def teardown(self, estimator, context):
        pass


def estimator(trial):
    """An estimator with rows of its own to be judged by."""
    X, X_val, y, y_val = train_test_split(*load_digits(return_X_y=True), random_state=0)
    rate = trial.suggest_float("learning_rate", 1e-4, 0.1, log=True)
    model = cr.MLPClassifier((32,), normalize="standard", learning_rate_init=rate, schedule="cosine", max_iter=20)
    model.set_params(tol=0, random_state=0).set_callbacks(Pruning(trial)).fit(X, y, X_val=X_val, y_val=y_val)
    return model.history_["validation_cost"][-1]


if __name__ == "__main__":
    for objective in (network, estimator):
        study = optuna.create_study(
            study_name=objective.__name__,
            storage=JournalStorage(JournalFileBackend("studies.log")),
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        )
        study.optimize(objective, n_trials=int(sys.argv[1]), catch=cr.DivergenceError)
        pruned = sum(trial.state.name == "PRUNED" for trial in study.trials)
        told = f"{study.best_value:.4f} with {study.best_params}, {pruned} of {len(study.trials)} trials pruned"
        print(f"{objective.__name__}: {told}")
