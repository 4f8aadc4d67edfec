"""`chainrule.lab`: the lab in a notebook, with the network and the arrays that the notebook has."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import losses
from chainrule.checks import helpful
from chainrule.lab.data import arrays, load
from chainrule.lab.design import GIVEN, RULES, TASKS, Design, Examples, as_json
from chainrule.lab.session import Lab
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.text import name_of

if TYPE_CHECKING:
    from chainrule.lab.widget import LabWidget

KEY = "notebook"  # of its arrays, among what a lab was given


@helpful
def lab(
    network: Any = None,
    X: Any = None,
    Y: Any = None,
    *,
    validation: tuple[Any, Any] | None = None,
    names: Sequence[str] | None = None,
    target: str = "y",
    classes: Sequence[str] | None = None,
    image: tuple[int, int, int] | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    clip_norm: float | None = None,
    seed: int = 0,
) -> "LabWidget":
    """Open the lab in a notebook: a network trains in the open, and the notebook has it.

    The network is trained itself, and always has the parameters of the step that the page shows: going back takes it
    back, too. Its time line begins with the parameters that it has now. Needs the extra ``chainrule[lab]``.

    Parameters
    ----------
    network : Network or str, optional
        The network to train. Without one, as in ``lab(X, Y)``, the lab makes one with two hidden layers, which can be
        changed on the page. Or the name of a bundled data set, such as "flower".
    X : array of shape (n[0], m), optional
        The examples, as columns.
    Y : array of shape (n[L], m), optional
        Their targets; one-hot for softmax.
    validation : (X, Y), optional
        Examples that are not trained on.
    names : sequence of str, optional
        What the n[0] inputs are called.
    target : str, default "y"
        What Y is called.
    classes : sequence of str, optional
        What the classes are called: n[L] of them, or two where Y is a row of 0 and 1.
    image : (height, width, channels), optional
        The shape of an example, where its inputs are pixels.
    optimizer : Optimizer, optional
        How to step; Adam(0.01) unless given. Like all that follows it can be changed on the page.
    batch_size : int, optional
        Examples for each update; None takes all.
    l2 : float, default 0
        λ of the term (λ/2m) Σ‖W[l]‖² of the cost.
    dropout : float or sequence of float, default 0
        The share of units left out, one number for all hidden layers or one for each.
    clip_norm : float, optional
        The longest gradient allowed.
    seed : int, default 0
        For the order of the examples and the dropout masks, as in ``network.train``; and for the first parameters,
        where the lab makes the network.

    Returns
    -------
    LabWidget
        What the notebook shows. It has the `network` and the `run` on the page, the `code` that trains as the page
        did, and can `go` to a step, `pause` and `close`.

    Raises
    ------
    ImportError
        Without the extra ``lab``.
    ValueError
        For arrays and options that do not fit.
    """
    try:
        from chainrule.lab.widget import LabWidget, make_way
    except ImportError as error:
        raise ImportError('the lab in a notebook needs an extra: pip install "chainrule[lab]"') from error
    options = _options(optimizer, dropout, batch_size=batch_size, l2=l2, clip_norm=clip_norm, seed=seed)
    network, X, Y = _told_apart(network, X, Y)
    if X is None:
        design = _design({"kind": "bundled", "name": network or "flower"}, options)
        examples, network = load(design.data), None
    else:
        X_val, Y_val = (None, None) if validation is None else validation
        examples = arrays(
            KEY, X, Y, X_val=X_val, Y_val=Y_val, inputs=names or (), target=target, classes=classes or (), image=image,
            task=None if network is None else _task(network, Y),
        )  # fmt: skip
        form = {"normalize": "standard"} if network is None else _form(network, examples)
        design = _design({"kind": "arrays", "key": KEY}, {**form, **options})
        kept = {name: getattr(examples, name).copy(order="K") for name in ("X", "Y", "X_val", "Y_val")}
        examples = replace(examples, **kept)  # a cell may write into its arrays; of another order, sums have other bits
    make_way(network)
    if network is not None:
        examples = replace(examples, network=deepcopy(network))  # as it is now
    made = Lab(design, examples, network)
    made.uploads[KEY] = examples
    return LabWidget(made, network)


def _told_apart(network: Any, X: Any, Y: Any) -> tuple[Any, Any, Any]:
    """The network, or the name of a data set, or None; X and Y, or None of both."""
    if network is not None and not isinstance(network, Network | str):
        if Y is not None:
            raise TypeError(f"network: got {name_of(network)}, wanted a chainrule.Network: lab(network, X, Y)")
        network, X, Y = None, network, X
    if isinstance(network, str):
        if X is not None or Y is not None:
            raise TypeError(f"network: got {network!r}, the name of a data set, and X or Y: give one of them")
    elif (X is None or Y is None) and not network is X is Y:
        raise TypeError("lab wants both X and Y, as in lab(network, X, Y): columns are examples")
    return network, X, Y


def _options(optimizer: Optimizer | None, dropout: float | Sequence[float], **rest: Any) -> dict[str, Any]:
    """The options of a design."""
    if optimizer is not None:
        if type(optimizer).__name__ not in RULES:
            raise ValueError(f"optimizer: got {optimizer!r}, wanted one that goes step by step: {', '.join(RULES)}")
        rest["optimizer"] = as_json(optimizer)
    return {"dropout": dropout, **rest}


def _design(data: dict[str, Any], given: dict[str, Any]) -> Design:
    """The design with these options; one share of dropout counts for each hidden layer."""
    if isinstance(given["dropout"], Real):
        hidden = len(given.get("hidden", Design(data).hidden))
        given["dropout"] = [float(given["dropout"])] * hidden if given["dropout"] else []
    return Design.of({"data": data, **given})


def _form(network: Network, examples: Examples) -> dict[str, Any]:
    """What a design says of a network that fits the examples: it begins as it is now."""
    network.check_examples(examples.X, examples.Y)
    if examples.Y_val.shape[1]:
        network.check_examples(examples.X_val, examples.Y_val)
    state = network.__getstate__()
    for each in (*state["hidden"], state["output"], state["loss"]):
        if not isinstance(each, str):
            raise ValueError(f"network: got {name_of(each)}, a function of your own; the lab knows those with a name")
    return {
        "hidden": network.sizes[1:-1],
        "activations": state["hidden"],
        "output": None if state["output"] == TASKS[examples.task] else state["output"],
        "loss": None if losses.get(None, state["output"]) == network.loss else state["loss"],
        "init": GIVEN,
        "normalize": network.describe()["normalize"],
        "dtype": state["dtype"],
    }


def _task(network: Network, Y: Any) -> str:
    """What the output of a network says: one of two classes, one of several, or numbers."""
    output, units = network.g[-1].name, network.sizes[-1]
    if output == "sigmoid" and units == 1:
        return "binary"
    one_hot = output == "softmax" or (output == "sigmoid" and bool((np.sum(Y, axis=0) == 1).all()))
    return "classes" if one_hot else "regression"
