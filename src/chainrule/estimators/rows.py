"""The rows of a fit: in memory, checked as scikit-learn does, or block by block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.class_weight import compute_sample_weight

from chainrule._types import Array
from chainrule.engines.stream import Streamed
from chainrule.estimators._sklearn import check_sample_weight
from chainrule.estimators.explain import explained, validate
from chainrule.files.checkpoint import digest
from chainrule.network import Network
from chainrule.normalization import all_moments, moments
from chainrule.training.loop import Examples

_SOME = 1000  # rows


@dataclass
class Rows:
    """Validated examples, one a row: X (m, n), targets (m, n[L]) not yet smoothed or scaled, weights (m,)."""

    X: Any
    targets: Array
    weights: Array | None = None

    @classmethod
    def checked(
        cls, estimator: Any, X: Any, y: Any, sample_weight: Any, incremental: bool, first_pass: bool
    ) -> "Rows | BlockRows":
        """The rows that a fit was given."""
        if isinstance(X, Streamed) and not incremental:
            if y is not None or sample_weight is not None:
                raise ValueError("y and sample_weight: Blocks have them: Blocks(…, target=COLUMN, weights=COLUMN)")
            return BlockRows(estimator, X, first_pass)
        X, y = validate(estimator, X, y, first_pass)
        targets = estimator._encode(y, incremental)  # (m, n[L])
        if sample_weight is not None:
            with explained(sample_weight=sample_weight):
                sample_weight = check_sample_weight(sample_weight, X)
        return cls(X, targets, estimator._weights(y, sample_weight, incremental))

    @property
    def m(self) -> int:
        """How many there are."""
        return self.X.shape[0]  # type: ignore[no-any-return]

    @property
    def sizes(self) -> tuple[int, int]:
        """n[0] and n[L]."""
        return self.X.shape[1], self.targets.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of a network that learns from them."""
        return self.X.dtype  # type: ignore[no-any-return]

    @property
    def columns(self) -> Any:
        """X (n, m)."""
        return self.X.T

    def measure_targets(self, estimator: Any, first_pass: bool) -> None:
        """Let an estimator know what targets are scaled by."""
        estimator._measure_targets(self.targets, first_pass)

    def examples(self, network: Network, targets: Callable[[Array], Array]) -> Examples:
        """As the network has them: columns, checked. scikit-learn has looked through them for NaN and infinity."""
        examples: Examples = network.check_examples(self.X.T, targets(self.targets).T, self.weights, known_finite=True)
        return examples

    def digest(self) -> str:
        """What tells them from others."""
        return digest(self.X, self.targets, self.weights)

    def some(self) -> "Rows":
        """A thousand of them, or all."""
        some = slice(None) if self.m <= _SOME else np.linspace(0, self.m - 1, _SOME).astype(int)
        return Rows(self.X[some], self.targets[some])


class BlockRows:
    """The rows of a source that come block by block. estimator: which learns from them; first_pass: anew."""

    def __init__(self, estimator: Any, source: Any, first_pass: bool) -> None:
        est = self.estimator = estimator
        self.source, self.m = source, source.rows
        if est.training_metric:
            raise ValueError(
                "training_metric: Blocks are not read once more for it; leave it out, or give X_val, y_val"
            )
        self.labels = is_classifier(est)
        if first_pass:
            est.n_features_in_ = source.features
            est.__dict__.pop("feature_names_in_", None)
            if source.names is not None:
                est.feature_names_in_ = np.array(source.names, object)
        else:
            check_names(est, source)
        self.classes = np.empty(0)
        self.targets = np.zeros((1, source.outputs))  # of each class, before they are smoothed
        self.class_weights: Array | None = None
        if self.labels:
            self.classes = source.classes
            self.targets = est._encode(self.classes, False)
            self.class_weights = self._balanced()
        elif not source.outputs:
            raise ValueError("y: there is nothing to learn; give Blocks(…, target=COLUMN)")
        else:
            est._encode(self.targets, False)  # may refuse the loss
        self.sizes = source.features, self.targets.shape[1]
        self.dtype = np.dtype(source.dtype if est.dtype is None else est.dtype)
        self.columns = source

    def _balanced(self) -> Array | None:
        """The weight of each class."""
        given = self.estimator.class_weight
        if given != "balanced":
            return None if given is None else compute_sample_weight(given, self.classes)
        weights: Array = self.m / (len(self.classes) * np.maximum(1, self.source.counts))
        return weights

    def measure_targets(self, estimator: Any, first_pass: bool) -> None:
        """Let an estimator know what targets are scaled by: a pass over the blocks, where it asks."""
        if not self.labels and (estimator.scale_target or estimator.clip_target):
            for i in range(len(self.source.sizes)):
                y = self.source.numbers(i, self.dtype)
                estimator._measure_targets(y, first_pass and i == 0)
        else:
            estimator._measure_targets(self.targets, first_pass)

    def examples(self, network: Network, targets: Callable[[Array], Array]) -> Examples:
        """As an engine takes them."""
        from chainrule.blocks.classes import places

        of_class = targets(self.targets) if self.labels else self.targets

        def encode(y: Array, w: Array | None) -> tuple[Array, Array | None]:
            if not self.labels:
                return targets(y), w
            found = places(self.classes, y)
            if self.class_weights is not None:
                each = self.class_weights[found]
                w = each if w is None else each * w
            return of_class[found], w

        weighted = self.source.weighted or self.class_weights is not None
        examples: Examples = self.source.windows(network, self.labels, encode, weighted)
        return examples

    def digest(self) -> str:
        """What tells them from others."""
        found: str = self.source.fingerprint()
        return found

    def some(self) -> Rows:
        """About a thousand of them, from the first, the last and two other blocks."""
        from chainrule.blocks.classes import places

        blocks = sorted(set(np.linspace(0, len(self.source.sizes) - 1, 4).astype(int).tolist()))
        found = [self.source.labeled(i, self.dtype, self.labels)[:2] for i in blocks]
        X, y = (np.concatenate([part[k][: _SOME // len(blocks)] for part in found]) for k in (0, 1))
        return Rows(X, self.targets[places(self.classes, y)] if self.labels else y)


def check_names(estimator: Any, source: Any) -> None:
    """ValueError for blocks with other columns than those that an estimator was fitted to."""
    known = getattr(estimator, "feature_names_in_", None)
    if source.features != estimator.n_features_in_ or (
        known is not None and source.names is not None and list(known) != list(source.names)
    ):
        wanted = estimator.n_features_in_ if known is None else list(known)
        raise ValueError(f"X: got {source!r}, wanted the columns of the fit: Blocks(…, columns={wanted})")


def answers(estimator: Any, source: Any, decode: Callable[[Array], Array]) -> Iterator[Array]:
    """What an estimator answers to the rows of each block, in their order. decode: A[L]ᵀ (r, n[L]) → answers."""
    check_names(estimator, source)
    return (decode(A.T) for A in estimator._synced().forward(source))


def accuracy(estimator: Any, source: Any) -> float:
    """The share of rows whose label is predicted, block by block."""
    right = total = 0.0
    for (_, y, w), predicted in _both(estimator, source, True):
        each = np.ones(len(y)) if w is None else w
        right, total = right + float(each @ (predicted == y)), total + float(each.sum(dtype=float))
    return right / total


def r2(estimator: Any, source: Any) -> float:
    """R² of the predictions, the mean over the outputs, block by block."""
    errors, known = np.zeros(source.outputs), None
    for (_, y, w), predicted in _both(estimator, source, False):
        if w is not None:
            raise ValueError("score: R² of Blocks with weights is not there; make Blocks without weights=")
        y = y.astype(np.float64)
        errors = errors + ((y - predicted.reshape(y.shape)) ** 2).sum(axis=0)
        known = all_moments(known, moments(y.T))
    assert known is not None
    total = known[0] * known[2] ** 2  # (outputs,)
    scores = np.where(total > 0, 1 - errors / np.where(total > 0, total, 1), np.where(errors > 0, 0.0, 1.0))
    return float(scores.mean())


def _both(estimator: Any, source: Any, labels: bool) -> Iterator[tuple[tuple[Array, Array, Array | None], Array]]:
    """X, y and weights of each block, and what is predicted for it."""
    check_names(estimator, source)
    if not source.outputs:
        raise ValueError(f"score: {source!r}: there is nothing to compare with; give Blocks(…, target=COLUMN)")
    network = estimator._synced()
    for i in range(len(source.sizes)):
        block = source.labeled(i, network.dtype, labels)
        yield block, estimator._decode(network.forward(block[0].T).T)
