"""What the estimators of tables share: from a table to its plan, to the race, to the mean of some networks."""

import time
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from chainrule._types import Array
from chainrule.blocks import Blocks
from chainrule.estimators import MLPClassifier
from chainrule.estimators._sklearn import Interval, StrOptions, check_sample_weight, fit_context
from chainrule.estimators.explain import explained
from chainrule.estimators.skl2onnx import ForSkl2onnx
from chainrule.files.atomic import File
from chainrule.files.checkpoint import Checkpoint
from chainrule.files.model import save
from chainrule.readers import Table
from chainrule.tabular import given
from chainrule.tabular.importance import Importances, permutation_importance
from chainrule.tabular.intervals import fit_intervals
from chainrule.tabular.large.learning import InBlocks
from chainrule.tabular.large.table import LargeTable, with_all_rows
from chainrule.tabular.opened import opened, taken
from chainrule.tabular.plan import Plan, plan_as_given
from chainrule.tabular.race import NETWORKS, HeldOut, Watch, answers, learn, learn_parts
from chainrule.tabular.values import check_answers
from chainrule.text import first_few

_NAMES = ["array-like", str, Integral]
TYPICAL = 10_000  # rows of which the mean is taken for a typical one
# Arguments of the networks, which replace those of the recipe.
_OF_NETWORKS = (
    "hidden_layer_sizes", "activation", "learning_rate_init", "batch_size", "max_iter", "engine", "precision",
)  # fmt: skip


class BaseTabular(CallbackSupportMixin, ForSkl2onnx, BaseEstimator):
    """What the two share: from the table to the plan, to the race, to the mean of some networks."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "effort": [StrOptions({"quick", "normal", "thorough"})],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        **dict.fromkeys(("number", "category", "date", "text", "drop", "keep"), _NAMES),
        "day_first": ["boolean", None],
        **{name: [*MLPClassifier._parameter_constraints[name], None] for name in _OF_NETWORKS},
        "precision": [StrOptions({"float32", "bf16"}), None],
        "random_state": ["random_state"],
    }

    plan_: Plan
    preparation_: Any
    networks_: list[Any]
    classes_: Array
    temperature_: float
    _task: Literal["classes", "regression"]

    def _set(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of __init__ (its locals) as they are, as scikit-learn wants it."""
        self.__dict__.update((name, value) for name, value in arguments.items() if name not in ("self", "__class__"))

    @fit_context
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        checkpoint: "File | Checkpoint | None" = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
    ) -> Self:
        """Fit to the rows of a table.

        Parameters
        ----------
        X : DataFrame of pandas, polars or Arrow, dict of columns, list of records, array-like (m, n), or Blocks
            The rows. Blocks may be larger than the memory; they are passed over twice before the networks learn.
        y : array-like of shape (m,), or str
            What is to be predicted, or the name of its column in X; left out for Blocks, which say it.
        sample_weight : array-like of shape (m,), optional
            The weight of each row; for Blocks, which say it, the name of their column.
        X_val, y_val : as X and y, optional
            Rows of your own to stop the networks and to compare candidates by, instead of a part of X.
        checkpoint : path or chainrule.Checkpoint, optional
            A file that the fit is kept in: written now and then, and when it is stopped (Ctrl-C, SIGTERM).
        checkpoint_every : int, optional
            Epochs between two writes; half a minute unless given.
        resume : bool, default False
            Go on from that file where it is there, with the same parameters and data, as if there had been no
            interruption, to the last bit.

        Returns
        -------
        self
            The fitted estimator.
        """
        settings, where = self._kept(checkpoint, checkpoint_every, resume), "X"
        if isinstance(X, Blocks):
            table = LargeTable(X, seed=self._seed(), target=y, weight=sample_weight, read=given.READ[self._task])
            where = table.name
            if not table.is_whole:
                plan = self._plan(table.sample.X, table.sample.y, table.target, table.classes, where)
                plan = with_all_rows(plan, table)
                validation = self._validation(X_val, y_val, plan, True)
                return self.fit_large(plan, table, validation=validation, checkpoint=settings)
            X, y, sample_weight = table.in_memory
        rows, named, target, name = self._examples(X, y)
        if sample_weight is not None:
            with explained(sample_weight=sample_weight):
                sample_weight = check_sample_weight(sample_weight, rows)
        plan = self._plan(rows, target, name, where=where)
        if plan.columns:
            rows = given.as_known(rows, plan, named, "")
        validation = self._validation(X_val, y_val, plan, named)
        self.fit_plan(plan, rows, target, sample_weight, validation=validation, checkpoint=settings)
        if not named:
            self.__dict__.pop("feature_names_in_", None)
        return self

    def fit_plan(
        self,
        plan: Plan,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation: tuple[Any, Any] | Array | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Fit to rows as a plan says, which was made of them or of more of their table.

        Parameters
        ----------
        plan : Plan
            What each column is.
        X : DataFrame or array of shape (m, n)
            The rows.
        y : array of shape (m,)
            Labels or numbers.
        sample_weight : array of shape (m,), optional
            The weight of each row.
        validation : pair of X and y, or array, optional
            What to compare candidates on: rows of their own, or the indices of some of these.
        checkpoint : dict, optional
            checkpoint, checkpoint_every and resume.
        watch : function, optional
            Is told what is trained next, and gives callbacks for it.

        Returns
        -------
        self
            The fitted estimator.
        """
        self._check_plan(plan)
        learned = learn(
            plan,
            X,
            y,
            sample_weight=sample_weight,
            class_weight=getattr(self, "class_weight", None),
            validation=validation,
            **self._options(checkpoint, watch),
        )
        self._take(plan, learned.preparation, learned.networks, learned.temperature, learned.leaderboard)
        self._look_back(X, y, sample_weight, learned.held_out, validation)
        self._settle(learned.held_out, np.asarray(y), sample_weight)
        return self

    def fit_large(
        self,
        plan: Plan,
        table: LargeTable,
        *,
        validation: tuple[Any, Any] | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Fit to the rows of a table in blocks as a plan says, which was made of a sample of them.

        Parameters
        ----------
        plan : Plan
            What each column is; with all classes.
        table : LargeTable
            Of which the first pass is done.
        validation : pair of X and y, optional
            Rows of their own to compare candidates on.
        checkpoint, watch : as in fit_plan

        Returns
        -------
        self
            The fitted estimator.
        """
        self._check_plan(plan)
        options, began = self._options(checkpoint, watch) | {"seed": table.seed}, time.monotonic()
        rows = InBlocks(table, plan, NETWORKS[self.effort], getattr(self, "class_weight", None), validation)
        learned = learn_parts(plan, rows, began, **options)
        self._take(rows.plan, learned.preparation, learned.networks, learned.temperature, learned.leaderboard)
        X, y, weights = rows.look_back()
        self._look_back(X, y, weights, learned.held_out, validation)
        self._settle(learned.held_out, y, weights)
        return self

    def save(self, path: File) -> None:
        """Write the fitted estimator to one file, which `chainrule.load` reads, without pickle.

        Parameters
        ----------
        path : str or path
            The file.

        Raises
        ------
        ModelFileError
            Where it cannot be written.
        """
        check_is_fitted(self)
        save(self, path)

    @property
    def columns_(self) -> pd.DataFrame:
        """What was understood: role, note and how many values are missing, for each column."""
        check_is_fitted(self)
        columns = self.plan_.columns
        told = [[column.role, column.note, column.missing] for column in columns]
        return pd.DataFrame(told, [column.name for column in columns], ["role", "note", "missing"])

    @property
    def leaderboard_(self) -> pd.DataFrame:
        """The race: a row for each candidate, the best first."""
        check_is_fitted(self)
        return pd.DataFrame(self._leaderboard)

    @property
    def feature_importances_(self) -> Array:
        """How much the loss grows without what a column says, for each column of X; 0 where it was not measured."""
        check_is_fitted(self)
        if (found := getattr(self, "importances_", None)) is None:
            raise AttributeError("feature_importances_: not measured in the fit of this model, such as of pixels")
        increase = {each.column: each.increase for each in found.columns}
        names = [column.name for column in self.plan_.columns] or map(str, range(self.n_features_in_))
        return np.array([increase.get(name, 0.0) for name in names])

    @property
    def remarks_(self) -> list[str]:
        """What you may see otherwise, a line each: dates that could be read in two ways, codes that could be counts."""
        check_is_fitted(self)
        return list(self.plan_.remarks)

    @property
    def n_iter_(self) -> int:
        """The epochs that its networks were trained for, the most of them."""
        check_is_fitted(self)
        return max(int(network.n_iter_) for network in self.networks_)

    # -- how it is done ----------------------------------------------------------------------------------------------

    def _examples(self, X: Any, y: Any, names: tuple[str, str] = ("X", "y")) -> tuple[given.Rows, bool, Array, str]:
        """The rows, whether their columns have names, the target, and what it is called."""
        y, X = given.target_of(y, X, type(self).__name__)
        rows, named = given.as_rows(X, names[0])
        target = given.as_numbers(y) if self._task == "regression" else given.as_labels(y)
        given.check_lengths(rows, target)
        return rows, named, target, given.target_name(y)

    def _validation(self, X: Any, y: Any, plan: Plan, named: bool) -> tuple[Any, Any] | None:
        """Rows of the user's own. named: whether the columns of the plan came with names."""
        if (X is None) != (y is None):
            raise ValueError("a validation set needs both X_val and y_val")
        if X is None:
            return None
        rows, has_names, target, _ = self._examples(X, y, ("X_val", "y_val"))
        if plan.classes is not None and (unknown := given.strange(target, plan.classes)):
            raise ValueError(f"y_val: got {first_few(unknown, 3, quoted=True)}, which is not among the labels of y")
        return given.as_known(rows, plan, named and has_names, type(self).__name__), target

    def _kept(self, checkpoint: Any, every: int | None, resume: bool) -> dict[str, Any] | None:
        """The settings of the files that a fit is kept in."""
        kept = Checkpoint.of(checkpoint, every, resume)
        if kept is not None and self.random_state is None:
            raise ValueError("random_state: got None; a fit that can go on needs a number, such as random_state=0")
        return None if kept is None else {"checkpoint": kept}

    def _options(self, checkpoint: Mapping[str, Any] | None, watch: Watch | None) -> dict[str, Any]:
        """How to learn: what `learn` is told beside the rows."""
        # In a search, whose callbacks know of this fit, its networks are not told of.
        callbacks = () if hasattr(self, "_parent_callback_ctx") else getattr(self, "_skl_callbacks", ())
        return {
            "seed": self._seed(),
            "arguments": {name: value for name in _OF_NETWORKS if (value := getattr(self, name)) is not None},
            "effort": self.effort,
            "time_limit": self.time_limit,
            "checkpoint": checkpoint,
            "watch": watch or ((lambda stage: callbacks) if callbacks else None),
        }

    def _plan(self, rows: given.Rows, target: Any, name: str, labels: Any = None, where: str = "X") -> Plan:
        """What the columns are, and what is to be learned; no row is left out. labels: with their rows, if known."""
        if len(rows) < 2:
            raise ValueError(
                f"Found array with {len(rows)} sample(s) (shape={rows.shape}) while a minimum of 2 is required."
            )
        words = ("number", "category", "date", "text", "drop", "keep")
        said = {word: given.positions(getattr(self, word), word, rows) for word in words}
        if isinstance(rows, np.ndarray) and any(said.values()):
            rows = given.named(rows)
        classes = None
        if self._task == "classes":
            classes = labels or given.counted(target)
            if len(classes) < 2:
                raise ValueError(f"y: got one class, {next(iter(classes))!r}, in every row; wanted two or more")
        return plan_as_given(Table(where, rows, target, name), classes, day_first=self.day_first, **said)

    def _seed(self) -> int:
        seed = self.random_state
        return int(seed) if isinstance(seed, Integral) else int(check_random_state(seed).randint(2**31))

    def _take(
        self, plan: Plan, preparation: Any, networks: list[Any], temperature: float = 1.0, leaderboard: Any = ()
    ) -> Self:
        self.plan_, self.preparation_, self.networks_ = plan, preparation, networks
        self._leaderboard = list(leaderboard)
        self.n_features_in_ = plan.features or len(plan.columns)
        self.feature_names_in_ = np.array([column.name for column in plan.columns], dtype=object)
        if not plan.columns:
            del self.feature_names_in_
        if plan.task != "regression":
            self.classes_, self.temperature_ = networks[0].classes_, temperature
        return self

    def _check_plan(self, plan: Plan) -> None:
        """Raise ValueError for parameters that do not go with what is to be learned: now, not after the training."""

    def _settle(self, held_out: HeldOut | None, y: Array, sample_weight: Any) -> None:
        """Find what is found on the rows that were held out. y, sample_weight: (m,) of all rows."""

    def _look_back(self, X: Any, y: Array, weights: Any, held_out: HeldOut | None, validation: Any) -> None:
        """Which columns matter, and how sure the answers are: by rows that at least one network was not trained on."""
        inside, m = opened(self), len(y)
        some = np.linspace(0, m - 1, min(m, TYPICAL)).astype(int)
        inputs = inside.prepare(taken(X, some))
        self.typical_ = inputs.mean(axis=0, dtype=float)
        predicted = None
        if isinstance(validation, tuple):
            X, y = validation
            weights, predicted = None, inside.answer(inside.prepare(X))
        elif held_out is not None:
            X, y, predicted = taken(X, held_out.rows), y[held_out.rows], held_out.outputs
            weights = None if weights is None else np.asarray(weights)[held_out.rows]
            if len(inputs) == m:  # all rows are prepared already
                inside, X = replace(inside, preparation=None, reads=None), inputs[held_out.rows]
        if self._task == "regression":
            self.interval_ = None if predicted is None else fit_intervals(predicted, y)
        self.importances_: Importances | None = None
        if self.plan_.image_shape is None and (weights is None or np.any(weights)):
            self.importances_ = permutation_importance(inside, X, y, sample_weight=weights, repeats=3)

    def known_rows(self, X: Any) -> given.Rows:
        """Rows as the model knows them: its columns by name, or by number where they have none.

        Parameters
        ----------
        X : table as in fit
            The rows.

        Returns
        -------
        DataFrame or array of shape (m, n)
            What `preparation_` takes.
        """
        check_is_fitted(self)
        rows, named = given.as_rows(X)
        return given.as_known(rows, self.plan_, named and hasattr(self, "feature_names_in_"), type(self).__name__)

    def _answers(self, X: Any) -> Array:
        """The mean of the networks: probabilities (m, K) or predictions (m,)."""
        rows = self.known_rows(X)
        return check_answers(answers(self.preparation_, self.networks_, rows), rows)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags
