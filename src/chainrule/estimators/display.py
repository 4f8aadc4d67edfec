"""scikit-learn's Display convention for what an estimator has learned: `from_estimator` draws, `plot` draws once more.

The decision boundary and the confusion matrix need no Display of ours: scikit-learn's DecisionBoundaryDisplay and
ConfusionMatrixDisplay take these estimators as they are. Unless Axes are given, a new figure is drawn. matplotlib is
the extra ``plots``.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from chainrule import plots
from chainrule.network import Network
from chainrule.plots import diagram

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class _Display:
    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw once more.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        self
        """
        return self._drawn(self._draw(ax))

    def _draw(self, ax: "Axes | None") -> "Axes":
        raise NotImplementedError

    def _drawn(self, ax: "Axes") -> Self:
        self.ax_, self.figure_ = ax, ax.figure
        return self


class CostCurveDisplay(_Display):
    """The cost over the epochs: training solid, validation dashed.

    Parameters
    ----------
    history : dict of str to sequence of float
        "cost" and perhaps "validation_cost", one number for each epoch, as in ``history_``.
    estimator_name : str, optional
        The name in the legend.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it was drawn.
    lines_ : list of matplotlib.lines.Line2D
        The curves.
    """

    def __init__(self, history: Mapping[str, Sequence[float]], *, estimator_name: str | None = None) -> None:
        self.history = history
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, name: str | None = None, ax: "Axes | None" = None) -> Self:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or a Pipeline that ends in one, fitted
        name : str, optional
            The name in the legend; that of the estimator's class unless given.
        ax : matplotlib.axes.Axes, optional
            Several estimators can share one.

        Returns
        -------
        CostCurveDisplay
        """
        estimator = _network(cls, estimator)
        return cls(deepcopy(estimator.history_), estimator_name=name or type(estimator).__name__).plot(ax)

    def plot(self, ax: "Axes | None" = None, *, name: str | None = None) -> Self:
        """Draw once more.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        name : str, optional
            The name in the legend, instead of `estimator_name`.

        Returns
        -------
        self
        """
        before = 0 if ax is None else len(ax.lines)
        name = name or self.estimator_name
        self._drawn(plots.cost_curves(self.history if name is None else {name: self.history}, ax=ax))
        self.lines_ = list(self.ax_.lines)[before:]
        return self


class NetworkDisplay(_Display):
    """The network as a diagram: units as circles, weights as lines, green above zero and purple below.

    Parameters
    ----------
    network : chainrule.Network
        What is drawn.
    inputs, outputs : sequence, optional
        What to call its inputs and outputs.

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it was drawn.
    """

    def __init__(
        self, network: Network, *, inputs: Sequence[object] | None = None, outputs: Sequence[object] | None = None
    ) -> None:
        self.network = network
        self.inputs, self.outputs = inputs, outputs

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: "Axes | None" = None) -> Self:
        """Draw the network of a fitted estimator, with the names of its columns and classes where they are known.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or a Pipeline that ends in one, fitted
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        NetworkDisplay
        """
        network, names = deepcopy(_network(cls, estimator).network_), diagram.named(estimator)[1]
        return cls(network, inputs=names[0] or None, outputs=names[network.L] or None).plot(ax)

    def _draw(self, ax: "Axes | None") -> "Axes":
        return plots.network(self.network, inputs=self.inputs, outputs=self.outputs, ax=ax)


class FirstLayerDisplay(_Display):
    """The weights of the first layer as images, one for each unit.

    Parameters
    ----------
    network : chainrule.Network
        Whose W[1] is drawn.
    shape : sequence of int
        (height, width) of an image, or (height, width, 3).

    Attributes
    ----------
    ax_, figure_ : matplotlib.axes.Axes, matplotlib.figure.Figure
        Where it was drawn.
    """

    def __init__(self, network: Network, shape: Sequence[int]) -> None:
        self.network = network
        self.shape = shape

    @classmethod
    def from_estimator(cls, estimator: Any, shape: Sequence[int], *, ax: "Axes | None" = None) -> Self:
        """Draw the weights of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or a Pipeline that ends in one, fitted
        shape : sequence of int
            (height, width) of an image, or (height, width, 3).
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        FirstLayerDisplay
        """
        return cls(deepcopy(_network(cls, estimator).network_), shape).plot(ax)

    def _draw(self, ax: "Axes | None") -> "Axes":
        return plots.first_layer(self.network, self.shape, ax=ax)


def _network(display: type, estimator: Any) -> Any:
    """The estimator of ours that this is, or that ends this pipeline."""
    estimator = estimator[-1] if hasattr(estimator, "steps") else estimator
    check_is_fitted(estimator)
    if not hasattr(estimator, "network_"):
        raise TypeError(
            f"{display.__name__}: got {type(estimator).__name__}, wanted MLPClassifier or MLPRegressor, or a pipeline "
            "that ends in one"
        )
    return estimator
