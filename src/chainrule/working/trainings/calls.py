"""Calling a learner's training: which of its arguments it is given, and what their defaults say of it."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.optimizers import Adam, AdamW, HeavyBall, Momentum, Nesterov, RMSProp, Rule
from chainrule.working import slips
from chainrule.working.trainings.returned import Returned
from chainrule.working.trainings.watched import Watched, watched

# Names that people give to the arguments of a training.
_RATE = ("learning_rate", "alpha", "lr", "rate", "eta", "learning_rate_init", "step_size", "α")
_BATCH = ("batch_size", "mini_batch_size", "minibatch_size", "batchsize")
_L2 = ("l2", "lambd", "lambda_", "lam", "λ", "reg", "l2_lambda")
_KEEP = ("keep_prob", "keep")
_DROP = ("dropout", "dropout_rate", "drop")
_COUNT = (
    "num_iterations", "iterations", "n_iterations", "num_iters", "n_iter", "max_iter", "steps", "num_steps", "updates",
    "num_updates", "n_updates",
)  # fmt: skip
_EPOCHS = ("epochs", "num_epochs", "n_epochs")


class Call:
    """A training as a function of X and Y, and what its arguments say.

    rate, batch_size, l2, updates: those that it is called with, None where it does not tell. rate_name: the argument
    of the learning rate, None if there is none.
    """

    def __init__(
        self,
        f: Any,
        X: Array,
        Y: Array,
        optimizer: Rule | None,
        batch_size: int | None,
        l2: float | None,
        most: int,
        rows: bool | None,
    ) -> None:
        self.f, self.X, self.Y, self.most, self.rows = f, X, Y, most, rows
        self.arguments: dict[str, Any] = {}
        self.left: Array | None = None  # what the first call has made of its X in place, if anything
        self._again: dict[float, Returned | None] = {}
        self.defaults = self._defaults()
        self.rate_name = self._known(_RATE)
        self.rate = self._say(_RATE, None if optimizer is None else optimizer.learning_rate, otherwise=0.1)
        if self.rate is not None and not 0 < self.rate < np.inf:
            raise ValueError(
                f"f: the learning rate {self.rate_name or ''} is {self.rate}, wanted one above 0, with which something "
                "moves: as the default of f's argument, or in optimizer="
            )
        self.batch_size = self._say(_BATCH, batch_size, otherwise=32)
        self.l2 = self._say(_L2, l2, otherwise=0.0)
        self._say(_KEEP, 1.0 if self._known(_KEEP) else None, otherwise=1.0)
        self._say(_DROP, 0.0 if self._known(_DROP) else None, otherwise=0.0)
        self.updates, self.epochs = self._say(_COUNT, None, otherwise=20), self._say(_EPOCHS, None, otherwise=5)
        self._refuse_others()

    def _defaults(self) -> dict[str, Any]:
        """The arguments after X and Y, with their defaults."""
        try:
            parameters = list(inspect.signature(self.f).parameters.values())
        except (TypeError, ValueError):
            return {}
        named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
        positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        return {one.name: one.default for one in named if one not in positional[:2]}

    def _known(self, names: tuple[str, ...]) -> str | None:
        return next((name for name in self.defaults if name in names), None)

    def _say(self, names: tuple[str, ...], value: Any, otherwise: Any) -> Any:
        """What an argument of these names is: what was said, else its default; None if that is no number."""
        name = self._known(names)
        if name is None:
            return value
        if value is None and self.defaults[name] is inspect.Parameter.empty:
            value = otherwise
        if value is not None:
            self.arguments[name] = value
            return value
        default = self.defaults[name]
        return default if isinstance(default, (int, float)) and not isinstance(default, bool) else None

    def _refuse_others(self) -> None:
        missing = [
            name
            for name, default in self.defaults.items()
            if default is inspect.Parameter.empty and name not in self.arguments
        ]
        if missing:
            given = ", ".join(f"{name}=…" for name in missing)
            raise TypeError(
                f"f: takes {', '.join(missing)} beside X and Y, wanted a function of X and Y: "
                f"lambda X, Y: {getattr(self.f, '__name__', 'f')}(X, Y, {given})"
            )

    def rule(self) -> Rule | None:
        """The optimizer that its constants tell of, None where they do not."""
        constants: dict[str, Any] = {
            name: value
            for name, value in self.defaults.items()
            if isinstance(value, float) and name in ("beta", "beta1", "beta2", "epsilon", "momentum", "mu")
        }
        rate: dict[str, Any] = {} if self.rate is None else {"learning_rate": float(self.rate)}
        if {"beta1", "beta2"} <= constants.keys():
            return Adam(
                **rate, **{name: constants[name] for name in ("beta1", "beta2", "epsilon") if name in constants}
            )
        kept = next((constants[name] for name in ("beta", "momentum", "mu") if name in constants), None)
        return None if kept is None else Momentum(**rate, beta=kept)

    def __call__(self, **other: Any) -> tuple[Returned, tuple[list[Array], list[Array]]]:
        """What it gives back, and the examples that it took of X and of Y, part by part."""
        if not callable(self.f):
            return Returned(self.f, self.most), ([], [])
        X, Y = self._watched()
        try:
            with _seeded(), np.errstate(all="ignore"):  # what overflows shows in the numbers
                result = self.f(X, Y, **{**self.arguments, **other})
                returned = Returned(result, self.most)
        except Exception as error:
            slips.add_notes(error, f"(in f, called with X {self.X.shape}, Y {self.Y.shape}{self._said(other)})")
            raise
        if self.left is None and not np.array_equal(X, self.X):
            self.left = np.array(X)
        return returned, (X.taken, Y.taken)

    def again(self, rate: float) -> Returned | None:
        """The training with another learning rate; None if it cannot."""
        if self.rate_name is None or not callable(self.f):
            return None
        if rate not in self._again:
            try:
                self._again[rate] = self(**{self.rate_name: rate})[0]
            except Exception:  # it may refuse a rate, or not come through with it
                self._again[rate] = None
        return self._again[rate]

    def _said(self, other: dict[str, Any]) -> str:
        return "".join(f", {name}={value!r}" for name, value in {**self.arguments, **other}.items())

    def _watched(self) -> tuple[Watched, Watched]:
        X, Y, rows = self.X, self.Y, self.rows
        if rows is None:
            as_rows = X.shape[0] == Y.shape[0]
            as_columns = X.shape[1] == (Y.shape[0] if Y.ndim == 1 else Y.shape[1])
            rows = as_rows and (not as_columns or X.shape[0] > X.shape[1])  # there are more examples than inputs
        of_X = 0 if rows else 1
        return watched(X, of_X), watched(Y, 0 if Y.ndim == 1 else of_X)


def rules_of(rate: float | None, call: Call) -> Iterator[Rule]:
    """The rules with memory that a training may have, where nobody said which."""
    α: dict[str, Any] = {} if rate is None else {"learning_rate": rate}
    said = call.rule()
    if said is not None:
        yield said
    β: dict[str, Any] = {"momentum": said.beta} if isinstance(said, Momentum) else {}
    yield from (Momentum(**α), HeavyBall(**α, **β), Nesterov(**α, **β), RMSProp(**α), Adam(**α), AdamW(**α))


@contextmanager
def _seeded() -> Iterator[None]:
    """NumPy's common generator begins alike in each call, and goes on afterwards as if nothing had been."""
    before = np.random.get_state()  # noqa: NPY002 - learners draw from it
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
