"""Learning from a table: several networks, each stopped at its best on other rows, whose mean is the answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from chainrule._types import Array
from chainrule.errors import DivergenceError
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.estimators.hooks import within
from chainrule.estimators.search import at_once
from chainrule.files.checkpoint import Checkpoint
from chainrule.tabular.calibration import LEAST, fit_temperature
from chainrule.tabular.checkpoints import Checkpoints
from chainrule.tabular.parts import Held, InMemory, Parts, pieces
from chainrule.tabular.plan import Plan
from chainrule.tabular.recipe import Arguments, recipe

RACE = 8  # networks from which on a race pays: with fewer, one more network is worth more than its candidates
PROBE = 4096  # rows, of which it is told how long an epoch takes
NETWORKS = {"quick": 1, "normal": 4, "thorough": 12}
Watch = Callable[[str], Sequence[Any]]  # what is trained next → scikit-learn's callbacks for it


@dataclass(frozen=True)
class HeldOut:
    """What networks that were not trained on some rows say of them.

    rows: (k,) indices into the rows. outputs: (k, K) probabilities before the temperature, or (k,) predictions in units
    of y.
    """

    rows: Array
    outputs: Array


@dataclass(frozen=True)
class Learned:
    """What came of learning.

    preparation: from the table to the inputs (m, n[0]) of the networks, None where they are the rows as they are.
    networks: fitted; the mean of what they say is the answer. leaderboard: an entry for each candidate, the best first.
    """

    preparation: Pipeline | None
    networks: list[Any]
    temperature: float
    leaderboard: list[dict[str, Any]]
    held_out: HeldOut | None


@dataclass(frozen=True)
class _Trained:
    """A network with the rows that were held out, what it says of them, its loss on them, and how long it took."""

    network: Any
    held: Held
    outputs: Array
    loss: float
    seconds: float


def learn(
    plan: Plan,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    class_weight: Any = None,
    validation: tuple[Any, Any] | Array | None = None,
    seed: int = 0,
    arguments: Arguments | None = None,
    effort: str | int = "normal",
    time_limit: float | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> Learned:
    """Learn what a plan says from its rows: X a DataFrame or an array (m, n), y (m,) labels or numbers.

    Each network is trained on all rows but a seventh, each on others, and is left as it was after its best epoch on
    the seventh, where its probabilities are calibrated, too. So what is said of rows that were held out comes along,
    and the mean over the networks is of all rows. Where there are many networks, candidates race on the first seventh.

    sample_weight: (m,) of each row. class_weight: as in MLPClassifier. validation: (X, y) to hold against all networks
    instead of a part of the rows, or (k,) the indices of this part. arguments: of the networks, instead of the
    recipe's. effort: "quick" is one network, "normal" four, "thorough" twelve after a race; or how many. time_limit:
    seconds, in which as many networks, or else epochs, are trained as there is time for. checkpoint: checkpoint,
    checkpoint_every and resume, as in MLPClassifier.fit; see `Checkpoints`. watch: asked for the callbacks of each
    training. As many networks are trained at a time as there are cores, but one after the other where they share a
    callback or are kept in files.
    """
    began = time.monotonic()
    parts = InMemory(plan, X, y, sample_weight, class_weight, validation, seed)
    return learn_parts(
        plan,
        parts,
        began,
        seed=seed,
        arguments=arguments,
        effort=effort,
        time_limit=time_limit,
        checkpoint=checkpoint,
        watch=watch,
    )


def learn_parts(
    plan: Plan,
    parts: Parts,
    began: float,
    *,
    seed: int,
    arguments: Arguments | None,
    effort: str | int,
    time_limit: float | None,
    checkpoint: Mapping[str, Any] | None,
    watch: Watch | None,
) -> Learned:
    """Learn from rows that are prepared and told apart. began: on the monotonic clock. All else as in `learn`."""
    count = NETWORKS[effort] if isinstance(effort, str) else effort
    return _Learning(plan, parts, seed, time_limit, checkpoint, watch, began).run(arguments or {}, count)


class _Learning:
    """One call of `learn`: the trainings on parts of the rows."""

    def __init__(
        self,
        plan: Plan,
        parts: Parts,
        seed: int,
        time_limit: float | None,
        checkpoint: Mapping[str, Any] | None,
        watch: Watch | None,
        began: float,
    ) -> None:
        self.plan, self.parts, self.seed, self.watch = plan, parts, seed, watch
        kept = {"checkpoint": None, "checkpoint_every": None, "resume": False, **(checkpoint or {})}
        self.checkpoints = Checkpoints(Checkpoint.of(*kept.values()))
        self.time_limit, self.began = time_limit, began
        self.numbers = plan.task == "regression"

    def run(self, arguments: Mapping[str, Any], count: int) -> Learned:
        """Train the candidates on the first part, and the best of them on others."""
        plan, m = self.plan, self.parts.count
        made = recipe(plan.task, m, plan.features or len(plan.used), plan.image_shape is None)
        candidates: dict[str, dict[str, Any]] = {name: {**candidate, **arguments} for name, candidate in made.items()}
        if count < RACE:
            candidates = dict([next(iter(candidates.items()))])
        candidates, count = self._in_time(candidates, count)
        with within():  # after a divergence, what was best before it may be good
            racing = [(name, f"candidate {name}", 0) for name in candidates] if len(candidates) > 1 else []
            found = dict(zip(candidates, self._train(candidates, racing), strict=False))
            winner = min(found, key=lambda name: found[name].loss, default=next(iter(candidates)))
            trained = [found[winner]] if found else []
            left = [(winner, f"network {k + 1} of {count}", k) for k in range(len(trained), count)]
            trained += self._train(candidates, left)
        leaderboard = [
            {"name": name, "loss": each.loss, "seconds": each.seconds}
            for name, each in sorted((found or {winner: trained[0]}).items(), key=lambda item: item[1].loss)
        ]
        good = [each for each in trained if each.loss < inf]
        if not good:
            rate = candidates[winner]["learning_rate_init"]
            raise DivergenceError("the cost of every network became infinite or NaN in its first epoch", 0, rate)
        return Learned(
            self.parts.preparation,
            [each.network for each in good],
            self._temperature(good),
            leaderboard,
            None if self.parts.own else self._held_out(good),
        )

    def _held_out(self, trained: Sequence[_Trained]) -> HeldOut:
        """What is said of each row that was held out, by all networks that were not trained on it."""
        if self.parts.common:
            return HeldOut(trained[0].held.rows, np.mean([each.outputs for each in trained], axis=0))
        rows = np.concatenate([each.held.rows for each in trained])
        _, once = np.unique(rows, return_index=True)
        return HeldOut(rows[once], np.concatenate([each.outputs for each in trained])[once])

    def _temperature(self, trained: Sequence[_Trained]) -> float:
        """Of the mean of the networks, which are calibrated, where the same rows were held out of all of them."""
        if self.numbers or not self.parts.common or len(trained) < 2:
            return 1.0
        held = trained[0].held
        codes = np.searchsorted(trained[0].network.classes_, held.y)
        return fit_temperature(np.mean([each.outputs for each in trained], axis=0), codes, held.weights)

    def _train(self, candidates: Mapping[str, Any], jobs: Sequence[tuple[str, str, int]]) -> list[_Trained]:
        """jobs: for each network the candidate, what it is called, and which part of the rows it is not trained on."""
        callbacks = [tuple(self.watch(stage)) if self.watch else () for _, stage, _ in jobs]
        calls = [
            partial(self._one, candidates[name], watchers, part, self.checkpoints.next())
            for (name, _, part), watchers in zip(jobs, callbacks, strict=True)
        ]
        each = [id(callback) for watchers in callbacks for callback in watchers]
        if len(set(each)) < len(each) or self.checkpoints.first is not None or not self.parts.at_once or len(calls) < 2:
            return [call() for call in calls]
        return at_once(calls)

    def _one(
        self, arguments: Mapping[str, Any], watchers: Sequence[Any], part: int, kept: Checkpoint | None
    ) -> _Trained:
        started, rows = time.monotonic(), self.parts.part(part)
        held = rows.held
        judge = _Judge(rows.classes, held.y, held.weights)
        make: Any = MLPRegressor if self.numbers else MLPClassifier
        fixed = {"early_stopping": True, "tol": 0.0, "batch_size": _at_most(arguments["batch_size"], rows.size)}
        network = make(random_state=self.seed + part, **{**arguments, **fixed})
        network.set_params(scoring=judge)
        limit = inf if self.time_limit is None else self.began + self.time_limit
        network.set_callbacks(_EndOfCycle(network.max_iter, limit), *watchers)
        network.fit(rows.X, rows.y, rows.weights, X_val=rows.X_val, y_val=held.y, checkpoint=kept)
        network.set_callbacks()
        network.set_params(scoring=None)
        if not np.isfinite(network.best_validation_score_):
            return _Trained(network, held, np.empty(0), inf, time.monotonic() - started)
        if not self.numbers:
            heat = fit_temperature(network.predict_proba(rows.X_val), judge.codes, held.weights)
            last = network.network_.L
            network.network_.W[last] /= heat
            network.network_.b[last] /= heat
        outputs = answers(None, [network], rows.X_val)
        loss = -float(network.best_validation_score_)
        return _Trained(network, held, outputs, loss, time.monotonic() - started)

    def _in_time(self, candidates: dict[str, Any], count: int) -> tuple[dict[str, Any], int]:
        """What there is time for: fewer networks, then no race, then fewer epochs.

        It is told from two epochs of some rows.
        """
        if self.time_limit is None:
            return candidates, count
        first, m = next(iter(candidates.items())), self.parts.count
        started = time.monotonic()
        X, y = self.parts.some(PROBE, self.seed)
        preparing = time.monotonic() - started
        make: Any = MLPRegressor if self.numbers else MLPClassifier
        probe = make(
            random_state=self.seed,
            **{**first[1], "max_iter": 2, "batch_size": _at_most(first[1]["batch_size"], len(y))},
        )
        started = time.monotonic()
        probe.fit(X, y)
        epoch = ((time.monotonic() - started) / 2 + preparing) * m / len(y)
        left = 0.9 * self.time_limit - (time.monotonic() - self.began)
        epochs = max(1, int(left / epoch))  # of one network, or of all together
        each = first[1]["max_iter"]
        if epochs >= each * (len(candidates) + count - 1):
            return candidates, count
        return {first[0]: {**first[1], "max_iter": min(each, epochs)}}, int(np.clip(epochs // each, 1, count))


class _Judge:
    """What early stopping watches: minus the squared error, or minus the log loss after the best temperature.

    A network that has become too certain of itself may tell the classes apart all the better, and how certain it is can
    be set right afterwards (Berta, Holzmüller, Jordan & Bach 2025, "Rethinking early stopping for calibration").

    classes: (K,), None for a regression. y: (m,) of the rows that are held out. weights: (m,) of theirs.
    """

    def __init__(self, classes: Array | None, y: Array, weights: Array | None) -> None:
        self.weights = np.ones(len(y)) if weights is None or not weights.sum() > 0 else weights
        self.weights = self.weights / self.weights.sum()
        self.numbers = classes is None
        self.codes = y if classes is None else np.searchsorted(classes, y)

    def __call__(self, network: Any, X: Any, y: Any) -> float:
        """The score of a network, the higher the better."""
        if self.numbers:
            return -float(self.weights @ (network.predict(X) - self.codes) ** 2)
        z = np.log(np.maximum(network.predict_proba(X), LEAST), dtype=float)  # (m, K)
        z -= z[np.arange(len(z)), self.codes][:, None]  # log p_k / p_y: the loss is log Σ exp(β z)
        # From one epoch to the next T changes little. It is among what a checkpoint keeps.
        temperatures = network.history_.setdefault("temperature", [])
        loss, best, beta = inf, 1.0, 1 / temperatures[-1] if temperatures else 1.0
        for _ in range(5):  # Newton's steps, of which few are needed from the last epoch's β
            top = beta * z.max(axis=1, keepdims=True)
            e = np.exp(beta * z - top)
            total = e.sum(axis=1)
            now = float(self.weights @ (np.log(total) + top[:, 0]))
            if now < loss:
                loss, best = now, beta
            mean = (e * z).sum(axis=1) / total
            slope, bend = self.weights @ mean, self.weights @ ((e * z**2).sum(axis=1) / total - mean**2)
            step = -slope / bend if bend > 0 else 0.0
            beta = float(np.clip(beta + step, max(beta / 2, 0.05), min(beta * 2, 20.0)))
            if abs(step) < 1e-3 * beta:
                break
        temperatures.append(1 / best)
        return -loss


class _EndOfCycle:
    """A callback that ends a training by coslog4 after a cycle that was no better than those before, or at a time.

    epochs: of the whole schedule. limit: on the monotonic clock.
    """

    def __init__(self, epochs: int, limit: float) -> None:
        self.ends = [round(epochs * share / 15) for share in (1, 3, 7)]
        self.limit = limit

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing to do."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Whether to end it."""
        if context.task_name != "epoch":
            return False
        done = len(estimator.validation_scores_)
        if done in self.ends[1:] and estimator.schedule == "coslog4":
            before = self.ends[self.ends.index(done) - 1]
            scores = np.nan_to_num(estimator.validation_scores_, nan=-inf)
            if 0 < before < done and scores[:before].max() >= scores[before:].max():
                return True
        return time.monotonic() > self.limit

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to clear."""


def _at_most(batch_size: Any, rows: int) -> Any:
    """A batch size that is not larger than the rows."""
    return batch_size if batch_size == "auto" else min(batch_size, rows)


def answers(preparation: Any, models: Sequence[Any], X: Any) -> Array:
    """The mean of what models say of rows: probabilities (m, K) or predictions (m,), in float64."""
    say = [model.predict_proba if hasattr(model, "classes_") else model.predict for model in models]
    parts = [X] if preparation is None else pieces(preparation, X)  # not cast: some are answered at a time instead
    found = [np.mean([np.asarray(answer(part), float) for answer in say], axis=0) for part in parts]
    mean: Array = np.concatenate(found)
    return mean / mean.sum(axis=1, keepdims=True) if mean.ndim == 2 else mean  # float32 sums to 1 up to 1e-7
