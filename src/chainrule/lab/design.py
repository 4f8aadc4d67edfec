"""What a run of the lab is made from: data, network, options. As JSON it stands in files, links and messages."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np

from chainrule import activations, engines, initializers, losses, normalization, optimizers
from chainrule._types import Array
from chainrule.checks import check_number
from chainrule.lab.protocol import check_text
from chainrule.lab.timeline import Timeline
from chainrule.layout import check_sizes
from chainrule.network import Network
from chainrule.text import meant, unknown
from chainrule.training.options import Options
from chainrule.training.train import prepare

GIVEN = "given"  # in place of an initializer: the parameters of the network that comes with the examples
_FAR = 4.0  # of means and deviations of inputs: beyond it they are normalized; flower, in −4 … 4, is not
_NEAR = 0.1  # of the widest deviation: below it, too
_MANY, _BATCH = 1000, 64  # examples that are more than one update should take, and how many it then takes; chosen
MOST_PARAMETERS = 20_000_000  # of all networks together that one may ask a page for; chosen
MOST_LAYERS = 100  # hidden ones; chosen
TASKS = {"binary": "sigmoid", "classes": "softmax", "regression": "identity"}
OPTIONS = ("optimizer", "batch_size", "l2", "dropout", "clip_norm")  # what may change while a network trains
RULES = {
    rule.__name__: rule
    for rule in (
        optimizers.GradientDescent,
        optimizers.Momentum,
        optimizers.HeavyBall,
        optimizers.Nesterov,
        optimizers.RMSProp,
        optimizers.Adam,
        optimizers.AdamW,
    )
}


@dataclass(frozen=True)
class Examples:
    """The data of a run, as the network gets them, and how they were understood.

    X (n[0], m) and Y (n[L], m) are trained on; X_val and Y_val, perhaps with no columns, are not. task: "binary",
    "classes" or "regression". inputs: n[0] names. classes: their names, n[L] of them, or the two of a binary task;
    empty for a regression. image: (height, width, channels) where an input is a pixel. columns: of a table, the number
    of a row first and the target last; cells: gives these of some examples of a part, as the table has them.
    remarks: one line each. plan: what each column of a table is taken for. code: lines of Python that make X, Y,
    X_val and Y_val of NumPy as np and chainrule as cr, to the bit. points, points_val (1 or 2, m): where the examples
    lie on a line or a plane, where `features` makes others of them, (n[0], k) of (2, k), such as x1 · x2. table:
    of a table its plan and the fitted steps that make Xᵀ of its rows (None of pixels), for the model that one takes
    along. target_scale: Y is (target − its first) / its second number.
    crossed: whether the model encodes rows of X otherwise than X has them, by their own targets, too.
    network: the one that a notebook gave with them, as it was then; a design may begin from its parameters.
    """

    name: str
    X: Array
    Y: Array
    X_val: Array
    Y_val: Array
    task: str
    inputs: tuple[str, ...]
    target: str
    classes: tuple[str, ...] = ()
    image: tuple[int, int, int] | None = None
    columns: tuple[str, ...] = ()
    cells: Callable[[str, Array], list[list[str]]] | None = None
    remarks: tuple[str, ...] = ()
    plan: tuple[Mapping[str, Any], ...] = ()
    code: tuple[str, ...] = ()
    points: Array | None = None
    points_val: Array | None = None
    features: Callable[[Array], Array] | None = None
    table: tuple[Any, Any] | None = None
    target_scale: tuple[float, float] = (0.0, 1.0)
    crossed: bool = False
    network: Network | None = None

    def __post_init__(self) -> None:
        """Names come from files and programs: those that no page and no file could be told of end here."""
        names = {each: getattr(self, each) for each in ("name", "inputs", "target", "classes", "columns", "remarks")}
        check_text("names of the data", names)

    def coordinates(self, part: str) -> Array | None:
        """Where the examples of part "train" or "validation" lie on a line or a plane; None for more inputs."""
        X, points = (self.X, self.points) if part == "train" else (self.X_val, self.points_val)
        return X if len(X) <= 2 and points is None else points


@dataclass(frozen=True)
class Design:
    """All that a run is made from; the same design is the same run, to the bit.

    data: what `chainrule.lab.data.load` takes. hidden: units of each hidden layer. activations: one for each. output,
    loss: None for those of the task. init: as for `Network`, or "given". init_scale: the initial weights are
    multiplied by it. seed: of the initial weights, the order of the examples and the dropout masks. normalize: as for
    `net.normalize`. optimizer: its name and its numbers. batch_size: None for all examples.
    """

    data: Mapping[str, Any]
    hidden: tuple[int, ...] = (8, 4)
    activations: tuple[str, ...] = ("tanh", "tanh")
    output: str | None = None
    loss: str | None = None
    init: str | float = "auto"
    init_scale: float = 1.0
    seed: int = 1
    normalize: str | None = None
    dtype: str = "float64"
    optimizer: Mapping[str, Any] = field(default_factory=lambda: {"name": "Adam", "learning_rate": 0.01})
    batch_size: int | None = None
    l2: float = 0.0
    dropout: tuple[float, ...] = ()
    clip_norm: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The design that JSON describes; a ValueError says what is wrong with it."""
        names = [each.name for each in fields(cls)]
        for name in given:
            if name not in names:
                raise ValueError(f"design: there is no {name!r}.{meant(name, names)}")
        lists = {name: _list(name, given[name]) for name in ("hidden", "activations", "dropout") if name in given}
        made = cls(**{**given, **lists})
        if len(made.activations) != len(made.hidden):
            raise ValueError(f"activations: got {len(made.activations)} for {len(made.hidden)} hidden layers")
        if len(made.hidden) > MOST_LAYERS:
            raise ValueError(
                f"{len(made.hidden):,} hidden layers are more than the {MOST_LAYERS} that a page may ask for"
            )
        if made.hidden:
            check_sizes([1, *made.hidden])
        if not isinstance(made.seed, int) or isinstance(made.seed, bool) or made.seed < 0:
            raise ValueError(f"seed: got {made.seed!r:.60}, wanted a whole number of 0 or more")
        if made.dtype not in ("float32", "float64"):
            raise unknown("dtype", made.dtype, ("float32", "float64"))
        check_text("data", made.data)
        check_number("init_scale", made.init_scale, "a number of 0 or more", lambda scale: scale >= 0)
        if isinstance(made.init, str) and made.init not in ("auto", GIVEN, *initializers.INITIALIZERS):
            raise unknown("initializer", made.init, ["auto", *initializers.INITIALIZERS])
        made.options()
        return made

    def but(self, **changes: Any) -> Self:
        """The design with some of it otherwise, checked."""
        return self.of({**asdict(self), **changes})

    def json(self) -> dict[str, Any]:
        """The design as JSON."""
        return asdict(self)

    def options(self, m: int | None = None) -> Options:
        """Those that training begins with, of m examples."""
        return options(
            {name: getattr(self, name) for name in OPTIONS},
            len(self.hidden), m,
        )  # fmt: skip

    def parameters(self, examples: Examples) -> int:
        """How many parameters its network has."""
        return sum(n * (before + 1) for before, n in pairwise([len(examples.X), *self.hidden, len(examples.Y)]))

    def network(self, examples: Examples) -> Network:
        """The network of the design at its beginning."""
        sizes = [len(examples.X), *self.hidden, len(examples.Y)]
        check_parameters([self.parameters(examples)])
        start = self.start(examples)
        net = Network(
            sizes, hidden=list(self.activations), output=self.output or TASKS[examples.task], loss=self.loss,
            init=self.init if start is None else "zeros", seed=self.seed, dtype=self.dtype,
        )  # fmt: skip
        if start is not None:
            net.parameters = start.parameters
        if self.init_scale != 1:
            net.parameters *= self.init_scale
        if start is not None and self.normalize == _method(start):
            net.normalizer = start.normalizer
        elif self.normalize is not None:
            net.normalize(examples.X, self.normalize)
        return net

    def start(self, examples: Examples) -> Network | None:
        """The network that came with the examples, where this one begins from its parameters."""
        if self.init != GIVEN:
            return None
        if not self.fits(examples):
            raise ValueError('init: got "given", and no network of these layers came with the data')
        return examples.network

    def fits(self, examples: Examples) -> bool:
        """Whether the network that came with the examples has as many units in each layer."""
        sizes = [len(examples.X), *self.hidden, len(examples.Y)]
        return examples.network is not None and examples.network.sizes == sizes

    def timeline(self, examples: Examples, engine: str = "auto", trains: Network | None = None) -> Timeline:
        """The training of the design at its beginning, to the bit that of `net.train(…, seed=self.seed)`.

        From the seed there come first the key of the dropout masks, whether there are any, and then the order of each
        epoch that has more than one mini-batch, when it begins; a full batch takes the examples as they are.

        trains: a network that is trained itself, from the same parameters, if it is made as this one is.
        """
        net, m = self.network(examples), examples.X.shape[1]
        if examples.Y_val.shape[1]:
            try:
                with np.errstate(over="ignore", invalid="ignore"):
                    net.check_examples(examples.X_val, examples.Y_val)
            except ValueError as error:
                raise ValueError(f"held-out examples: {error}") from None
        options = self.options(m)
        if trains is not None and alike(net, trains):
            trains.parameters = net.parameters
            net = trains
        state = prepare(
            net, net.check_examples(examples.X, examples.Y), options.optimizer,
            batch_size=None if options.batch_size == m else options.batch_size, l2=options.l2,
            dropout=options.dropout or 0.0, clip_norm=options.clip_norm, seed=self.seed, resumable=True,
        )  # fmt: skip
        return Timeline(state, engines.get(engine, net, options.optimizer))


def check_parameters(counts: Collection[int]) -> None:
    """ValueError where the networks of all runs together have more parameters than a page may ask for."""
    if (total := sum(counts)) > MOST_PARAMETERS:
        runs = f" in {len(counts)} runs" if len(counts) > 1 else ""
        raise ValueError(
            f"{total:,} parameters{runs} are more than the {MOST_PARAMETERS:,} that a page may ask for, all together"
        )


def _list(name: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{name}: got {value!r:.60}, wanted a list, with one for each hidden layer")
    return tuple(value)


def fitted(design: Design, change: Mapping[str, Any]) -> Design:
    """The design with a change; activations and shares of dropout are as many as there are hidden layers."""
    change = dict(change)
    hidden = list(_list("hidden", change.get("hidden", design.hidden)))
    if "activations" not in change:
        last = design.activations[-1:] or ("tanh",)
        change["activations"] = (list(design.activations) + list(last) * len(hidden))[: len(hidden)]
    if "dropout" not in change and design.dropout:
        change["dropout"] = (list(design.dropout) + [0.0] * len(hidden))[: len(hidden)]
    return design.but(**change)


def suited(design: Design, examples: Examples, said: Collection[str] = ()) -> Design:
    """The design as these examples want it, but for what was said.

    Inputs far from 0, or with deviations far from 1, are normalized, and many examples are taken in mini-batches.
    """
    change: dict[str, Any] = {}
    if "normalize" not in said:
        mean, widest = abs(examples.X.mean(axis=1)).max(), examples.X.std(axis=1).max()
        change["normalize"] = "standard" if max(mean, widest) > _FAR or widest < _NEAR else None
    if "batch_size" not in said and design.batch_size is None and examples.X.shape[1] > _MANY:
        change["batch_size"] = _BATCH
    return design.but(**change)


def alike(one: Network, other: Network) -> bool:
    """Whether two networks differ in their parameters only."""
    first, second = one.__getstate__(), other.__getstate__()
    same = all(first[name] == second[name] for name in ("sizes", "hidden", "output", "loss", "dtype"))
    a, b = one.normalizer, other.normalizer
    if a is None or b is None:
        return same and a is b
    return same and a.clip == b.clip and np.array_equal(a.center, b.center) and np.array_equal(a.scale, b.scale)


def _method(network: Network) -> str | None:
    """How a network normalizes, as `Network.normalize` calls it."""
    found: str | None = network.describe()["normalize"]
    return found


def optimizer(given: Mapping[str, Any]) -> optimizers.Optimizer:
    """The optimizer that JSON describes: its name and its numbers."""
    name = given.get("name") if isinstance(given, Mapping) else given
    if not isinstance(name, str) or name not in RULES:
        raise unknown("optimizer", name, list(RULES))
    numbers = {key: value for key, value in given.items() if key != "name"}
    known = [each.name for each in fields(RULES[name])]
    for key in numbers:
        if key not in known:
            raise ValueError(f"optimizer: {name} has no {key!r}.{meant(key, known)}")
    return RULES[name](**numbers)


def as_json(rule: optimizers.Optimizer) -> dict[str, Any]:
    """The JSON that describes an optimizer."""
    return {"name": type(rule).__name__, **asdict(rule)}


def options(given: Mapping[str, Any], hidden: int, m: int | None = None) -> Options:
    """The options of a training that JSON describes, for m examples and so many hidden layers."""
    if not isinstance(given, Mapping) or "optimizer" not in given:
        raise ValueError(f"options: got {given!r:.60}, wanted an object with an optimizer")
    chosen = Options.checked(
        optimizer(given["optimizer"]), given.get("batch_size"), given.get("l2", 0.0), given.get("dropout") or 0.0,
        given.get("clip_norm"), hidden=hidden, m=m or 1 << 62,
    )  # fmt: skip
    return chosen if any(chosen.dropout) else replace(chosen, dropout=())


def options_json(given: Options, m: int) -> dict[str, Any]:
    """The JSON that describes options."""
    return {
        "optimizer": as_json(given.optimizer),
        "batch_size": None if given.batch_size >= m else given.batch_size,
        "l2": given.l2,
        "dropout": list(given.dropout),
        "clip_norm": given.clip_norm,
    }


def _outputs(task: str) -> dict[str, list[str]]:
    """The output activations of a task, its own first, and of each the losses; softmax needs several units."""
    found: dict[str, list[str]] = {TASKS[task]: []}
    for loss, output in losses.LOSSES:
        if output != "softmax" or task == "classes":
            found.setdefault(output, []).append(loss)
    return found


def choices(given: bool = False) -> dict[str, Any]:
    """What one can choose from: names, and the numbers of each optimizer with what they are unless given.

    given: whether a network came with the data, whose parameters one can begin from.
    """
    return {
        "activations": [name for name in activations.ACTIVATIONS if name not in activations.OUTPUT_ONLY],
        "outputs": {task: _outputs(task) for task in TASKS},
        "normalize": list(normalization.METHODS),
        "initializers": [*([GIVEN] if given else []), "auto", *initializers.INITIALIZERS],
        "optimizers": {name: as_json(rule(0.01)) for name, rule in RULES.items()},
    }
