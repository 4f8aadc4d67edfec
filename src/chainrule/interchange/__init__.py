"""To and from other libraries: the same layers and parameters, and the same outputs, which is checked."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from chainrule.interchange.chain import ConversionError
from chainrule.losses import Loss
from chainrule.network import Network

__all__ = ["ConversionError", "from_keras", "from_torch", "to_keras", "to_torch"]


def from_torch(module: Any, *, output: str | None = None, loss: str | Loss | None = None) -> Network:
    """A Network with the layers and parameters of a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        A chain of Linear, known activations, Dropout, Flatten and BatchNorm1d, by modules or by functions in `forward`.
    output : str, optional
        The output activation that the module leaves to its loss: "softmax" for one that was trained by
        CrossEntropyLoss, "sigmoid" for BCEWithLogitsLoss, "exp" for PoissonNLLLoss. Unless given it is that of the last
        layer, or "identity".
    loss : str or Loss, optional
        As `Network` takes it; by the output unless given.

    Returns
    -------
    Network
        With copies of the parameters, in the precision of the module. Rows are examples there, columns here:
        ``net.forward(X.T)`` is ``module(X).T``, with the output activation that was asked for.

    Raises
    ------
    ConversionError
        A ValueError, for a layer that is not known, for forward hooks, and for a module whose outputs for some random
        inputs are not those of the network: its `forward` does something else.
    ImportError
        Where PyTorch is not installed.

    Notes
    -----
    The module is read as it is in evaluation: Dropout does nothing, BatchNorm1d normalizes by its running statistics
    and is folded into the linear layer beside it, or becomes the normalizer where it comes first. It stays as it is.
    """
    network: Network = _library("pytorch", "PyTorch", "torch").read(module, output, loss)
    return network


def to_torch(
    network: Network, *, dropout: float | Sequence[float] = 0.0, logits: bool = False, fold: bool = False
) -> Any:
    """A torch.nn.Sequential with the layers and parameters of a Network.

    Parameters
    ----------
    network : Network
        What to convert.
    dropout : float or sequence of float, default 0
        Add Dropout after the hidden layers, one rate for all or one for each, to train on with.
    logits : bool, default False
        Leave out the output activation, as CrossEntropyLoss, BCEWithLogitsLoss and PoissonNLLLoss want it.
    fold : bool, default False
        Compute the normalization by the first Linear, rather than by a layer of its own.

    Returns
    -------
    torch.nn.Sequential
        With copies of the parameters, in the precision of the network: ready to train, and what is trained there leaves
        the network as it is. In evaluation ``module(X)`` is ``net.forward(X.T).T``.

    Raises
    ------
    ConversionError
        A ValueError, for an activation of your own, and for `fold` where the normalization clips.
    ImportError
        Where PyTorch is not installed.

    Notes
    -----
    Two layers are ours, as PyTorch has none: `Normalize`, whose numbers are buffers and are not trained, and `Exp`. To
    unpickle a module with them takes chainrule; `fold` and `logits` avoid them. In float32, folding costs digits where
    the mean of a feature is large beside its deviation.
    """
    return _library("pytorch", "PyTorch", "torch").write(network, dropout, logits, fold)


def from_keras(model: Any, *, output: str | None = None, loss: str | Loss | None = None) -> Network:
    """A Network with the layers and parameters of a Keras model.

    Parameters
    ----------
    model : keras.Model
        Of Keras 3: a Sequential or functional chain of Dense, known activations, Dropout, Flatten, Normalization,
        Rescaling and BatchNormalization.
    output : str, optional
        The output activation that the model leaves to its loss: "softmax" where it is trained with from_logits=True,
        say. Unless given it is that of the last layer, or "identity".
    loss : str or Loss, optional
        As `Network` takes it; by the output unless given.

    Returns
    -------
    Network
        With copies of the parameters, in the precision of the model. Rows are examples there, columns here:
        ``net.forward(X.T)`` is ``model(X).T``, with the output activation that was asked for.

    Raises
    ------
    ConversionError
        A ValueError, for a layer or an operation that is not known, for a `call` of your own, and for a model whose
        outputs for some random inputs are not those of the network.
    ImportError
        Where Keras is not installed.

    Notes
    -----
    As it is in evaluation: Dropout does nothing, BatchNormalization normalizes by its moving statistics. What scales
    is folded into the linear layer beside it, or becomes the normalizer where it comes first.
    """
    network: Network = _library("keras", "Keras", "keras").read(model, output, loss)
    return network


def to_keras(
    network: Network, *, dropout: float | Sequence[float] = 0.0, logits: bool = False, fold: bool = False
) -> Any:
    """A keras.Sequential with the layers and parameters of a Network.

    Parameters
    ----------
    network : Network
        What to convert.
    dropout : float or sequence of float, default 0
        Add Dropout after the hidden layers, one rate for all or one for each, to train on with.
    logits : bool, default False
        Leave out the output activation, for losses with from_logits=True.
    fold : bool, default False
        Compute the normalization by the first Dense, rather than by a Normalization layer.

    Returns
    -------
    keras.Sequential
        Of Keras's own layers, with copies of the parameters, not compiled yet. ``model(X)`` is ``net.forward(X.T).T``.
        It has the precision of the network where Keras's backend has it (JAX has float64 only with jax_enable_x64).

    Raises
    ------
    ConversionError
        A ValueError, for an activation of your own, and for the normalization "robust", which Keras has not.
    ImportError
        Where Keras is not installed.
    """
    return _library("keras", "Keras", "keras").write(network, dropout, logits, fold)


def _library(name: str, library: str, package: str) -> Any:
    """The file of a library, which is loaded with it."""
    try:
        return import_module(f"chainrule.interchange.{name}")
    except ImportError as error:
        if package == "keras" and (error.name or "keras").partition(".")[0] not in ("keras", "chainrule"):
            raise ImportError(
                f"Keras takes the backend {error.name}, which is not installed: set the environment variable "
                f"KERAS_BACKEND to one that is, jax, torch or tensorflow, before Python starts ({error})"
            ) from None
        raise ImportError(f"{library} is needed: pip install {package} ({error})") from None
