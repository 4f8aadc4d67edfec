"""From a module of PyTorch to a Network, and back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules import module as of_all_modules
from torch.nn.parameter import is_lazy
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from chainrule.interchange.chain import LOG_SOFTMAX, Chain, ConversionError, at, finite, parts
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.text import name_of, one_line

_DTYPES: dict[Any, str] = {torch.float32: "float32", torch.float64: "float64"}


class Normalize(nn.Module):
    """x ← (x − center) · scale, and with `clip` also x ← x / √(1 + (x/3)²): what a Network's normalizer does.

    center, scale: buffers (n[0],), which are not trained.
    """

    def __init__(self, center: Any, scale: Any, clip: bool = False) -> None:
        super().__init__()
        self.register_buffer("center", torch.as_tensor(center))
        self.register_buffer("scale", torch.as_tensor(scale))
        self.clip = clip

    def forward(self, x: Any) -> Any:
        """Rows (m, n[0]) → rows (m, n[0])."""
        x = (x - self.center) * self.scale
        return x / torch.sqrt(1 + (x.clamp(-1e18, 1e18) / 3) ** 2) if self.clip else x


class Exp(nn.Module):
    """eᶻ, the output of counts."""

    def forward(self, z: Any) -> Any:
        """Of each number."""
        return torch.exp(z)


# What is known: a class → the name of its activation here, or None for constants of which there is no such activation.
_READ: dict[type, Callable[[Any], str | None]] = {
    nn.Identity: lambda g: "identity",
    nn.ReLU: lambda g: "relu",
    nn.LeakyReLU: lambda g: f"leaky_relu({float(g.negative_slope)!r})",
    nn.PReLU: lambda g: f"leaky_relu({g.weight.item()!r})" if g.num_parameters == 1 else None,
    nn.ELU: lambda g: f"elu({float(g.alpha)!r})",
    nn.CELU: lambda g: "elu" if g.alpha == 1 else None,
    nn.SELU: lambda g: "selu",
    nn.GELU: lambda g: "gelu" if g.approximate == "none" else None,
    nn.SiLU: lambda g: "silu",
    nn.Mish: lambda g: "mish",
    # Above the threshold it is z, which is right to 2e-9 for that of 20.
    nn.Softplus: lambda g: "softplus" if g.beta == 1 and g.threshold >= 20 else None,
    nn.Sigmoid: lambda g: "sigmoid",
    nn.Tanh: lambda g: "tanh",
    nn.Softmax: lambda g: "softmax" if g.dim in (None, 1, -1) else None,
    nn.LogSoftmax: lambda g: LOG_SOFTMAX if g.dim in (None, 1, -1) else None,
    Exp: lambda g: "exp",
}
_KNOWN = (
    "Linear, Dropout, Flatten, BatchNorm1d, "
    f"{', '.join(kind.__name__ for kind in _READ if kind not in (nn.Identity, Exp))}"
    " and their functions (the exact GELU, Softplus with beta=1, CELU with alpha=1, PReLU with one parameter)"
)
_PASSING = (nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Dropout1d, nn.Flatten)
# Functions and methods of tensors, by their names, each as the module that does the same.
_NAMES: dict[str, type] = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "celu": nn.CELU, "selu": nn.SELU, "gelu": nn.GELU,
    "silu": nn.SiLU, "mish": nn.Mish, "softplus": nn.Softplus, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "exp": Exp,
    "softmax": nn.Softmax, "log_softmax": nn.LogSoftmax, "dropout": nn.Dropout, "alpha_dropout": nn.AlphaDropout,
    "flatten": nn.Flatten, "reshape": nn.Flatten, "view": nn.Flatten, "squeeze": nn.Flatten, "float": nn.Flatten,
    "double": nn.Flatten, "to": nn.Flatten, "type": nn.Flatten, "type_as": nn.Flatten, "cpu": nn.Flatten,
    "contiguous": nn.Flatten, "clone": nn.Flatten, "detach": nn.Flatten,
}  # fmt: skip
_FUNCTIONS: dict[Any, type] = {
    function: kind
    for known, kind in _NAMES.items()
    for name in (known, f"{known}_")  # in place
    for function in (name, getattr(functional, name, None), getattr(torch, name, None))
    if function is not None
}
_WITH_OPTIONS = (nn.LeakyReLU, nn.ELU, nn.CELU, nn.GELU, nn.Softplus, nn.Softmax, nn.LogSoftmax)
_NO_OPTIONS = ("input", "inplace", "training", "_stacklevel", "dtype")
_SIZES = ("size", "dim", "ndimension", "numel", "shape", "ndim", "dtype", "device")  # they read no numbers
# Hooks that compute a weight of others before each call, and nothing else.
_OF_WEIGHTS = (WeightNorm.__call__, SpectralNorm.__call__, BasePruningMethod.__call__)


def read(module: Any, output: str | None, loss: str | Loss | None) -> Network:
    """The network of a module; see `chainrule.from_torch`."""
    if not isinstance(module, nn.Module):
        raise ConversionError(f"from_torch: got {type(module).__name__}, wanted a torch.nn.Module")
    if type(module).__module__.startswith("torch._dynamo."):  # of torch.compile
        _refuse_hooks(module)
        module = module._orig_mod
    name = type(module).__name__
    with at(name), _in_evaluation(module):
        chain, dtype = Chain(), _dtype(module)
        _check_parts(module)
        for place, part in _layers(module):
            with at(place):
                _read(chain, part)
        first = next(module.parameters(), torch.empty(0))
        network = chain.network(dtype, output, loss)

        def answers(X: Any) -> Any:
            with torch.no_grad():
                return module(torch.from_numpy(X).to(first.device)).cpu().numpy()

        chain.check(network, answers, 1e-4 if network.dtype == np.float32 else 1e-8)
    return network


@contextmanager
def _in_evaluation(module: Any) -> Iterator[None]:
    """Put it into evaluation, and every attribute back: the mode, a weight that a hook computes, what it keeps."""
    before = [(vars(part), vars(part).copy()) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for attributes, old in before:
            for name in attributes.keys() - old.keys():
                del attributes[name]
            attributes.update(old)


def _check_parts(module: Any) -> None:
    """ConversionError for what cannot be read, and for what a graph does not show; weights of hooks are computed."""
    _refuse_hooks(of_all_modules, "_global", ", for all modules")
    for name, part in module.named_modules():
        with at(f"{name} ({type(part).__name__})") if name else nullcontext():
            numbers = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
            if any(map(is_lazy, numbers)):
                raise ConversionError("it has no weights yet: give the module some rows first")
            if any(each.is_meta for each in numbers):
                raise ConversionError("it is on the device meta, without numbers: load its weights first")
            called = isinstance(part, fx.GraphModule) or type(part).__call__ is nn.Module.__call__
            if "forward" in vars(part) or not called:
                raise ConversionError("its forward or __call__ was replaced, and what that does cannot be followed")
            _refuse_hooks(part)


def _refuse_hooks(owner: Any, prefix: str = "", of: str = "") -> None:
    """ConversionError for hooks that may change what is computed; those of weights compute them, as they always do."""
    for kind in ("_forward_pre_hooks", "_forward_hooks"):
        for hook in getattr(owner, prefix + kind).values():
            if type(hook).__call__ not in _OF_WEIGHTS:
                raise ConversionError(
                    f"a forward hook{of} ({name_of(hook)}), which may change what is computed: take it off first, "
                    "by the remove() of what registering it gave"
                )
            with torch.no_grad():
                hook(owner, ())  # what is there may be of the step before the last


def _dtype(module: Any) -> str:
    found = {parameter.dtype for parameter in module.parameters()} or {torch.float32}
    if len(found) != 1 or not found <= _DTYPES.keys():
        raise ConversionError(
            f"parameters of {', '.join(sorted(map(str, found)))}; wanted all of float32 or all of float64: "
            "module.float()"
        )
    return _DTYPES[found.pop()]


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: Any, name: str) -> bool:
        return type(m) in (Normalize, Exp) or bool(super().is_leaf_module(m, name))


def _layers(module: Any) -> Iterator[tuple[str, Any]]:
    """Where it is in the module, and what `forward` calls, one after the other; ConversionError if it is no chain."""
    tracer = _Tracer()
    if tracer.is_leaf_module(module, ""):
        module = nn.Sequential(module)
    try:
        graph = tracer.trace(module)
    except Exception as error:  # whatever the user's forward does with symbols for numbers
        raise ConversionError(f"its forward cannot be followed: {one_line(error)}. Write it as nn.Sequential") from None
    _follow_in_place(graph, module)
    node, calls = next(iter(reversed(graph.nodes))).args[0], []  # back from what it gives
    if isinstance(node, (tuple, list, dict)):
        raise ConversionError("its forward is no chain of layers: it has more than one output")
    while isinstance(node, fx.Node) and node.op != "placeholder":
        calls.append(node)
        node = node.args[0] if node.args else node.kwargs.get("input")
    for call in reversed(calls):
        yield _part(module, call)
    if not isinstance(node, fx.Node):
        raise ConversionError("its forward is no chain of layers, each of what the one before it gives")
    for beside in graph.nodes:
        if beside.op not in ("placeholder", "output") and beside not in calls and not _of_sizes(beside):
            raise ConversionError(
                f"{beside.name} in forward: what it gives is not used, so that it does nothing or works in place; "
                f"leave it out, or go on with what it gives, as in x = {beside.name}(x)"
            )


def _of_sizes(node: Any) -> bool:
    """Whether a node is a size, or computed of sizes alone."""
    if node.op == "call_method" or node.target is getattr:
        return (node.target if node.op == "call_method" else node.args[1]) in _SIZES
    of = node.all_input_nodes
    return node.op == "call_function" and bool(of) and all(map(_of_sizes, of))


def _follow_in_place(graph: Any, module: Any) -> None:
    """Let what comes after a call that changes its input take what that gives, as `torch.relu_(x)` alone on a line."""
    places = {node: i for i, node in enumerate(graph.nodes)}
    for node, place in places.items():
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        changes = node.kwargs.get("inplace", False) or name.endswith("_")
        if node.op == "call_module":
            changes = getattr(module.get_submodule(node.target), "inplace", False)
        if changes and node.args and isinstance(node.args[0], fx.Node):
            node.args[0].replace_all_uses_with(node, lambda user, place=place: places[user] > place)


def _part(module: Any, node: Any) -> tuple[str, Any]:
    """The place of a node of a graph, and the module that does the same."""
    if node.op == "call_module":
        part = module.get_submodule(node.target)
        return f"{node.target} ({type(part).__name__})", part
    place, kind = f"{node.name} in forward", _FUNCTIONS.get(node.target)
    if kind is None:
        raise ConversionError(f"{place}: nothing that a layer of a Network does. Known are {_KNOWN}")
    dtypes = [value for value in (*node.args, *node.kwargs.values()) if isinstance(value, torch.dtype)]
    if not _DTYPES.keys() >= set(dtypes):
        raise ConversionError(f"{place}: {dtypes[0]}; wanted torch.float32 or torch.float64")
    if _always_on(node, kind):
        raise ConversionError(f"{place}: it drops units in evaluation, too; wanted training=self.training")
    if kind not in _WITH_OPTIONS:
        return place, kind()
    given = [value for value in node.args[1:] if value not in dtypes]
    options = {name: value for name, value in node.kwargs.items() if name not in _NO_OPTIONS}
    if any(isinstance(value, fx.Node) for value in (*given, *options.values())):
        raise ConversionError(f"{place}: a constant that is computed, which no layer of a Network has")
    try:
        return place, kind(*given, **options)
    except TypeError as error:
        raise ConversionError(f"{place}: {one_line(error)}") from None


def _always_on(node: Any, kind: type) -> bool:
    """Whether a function drops units in evaluation as well; functional.dropout does, unless it is told."""
    if kind not in (nn.Dropout, nn.AlphaDropout):
        return False
    told = dict(zip(("input", "p", "training"), node.args, strict=False)) | node.kwargs
    return bool(told.get("training", told.get("train", node.target is functional.dropout)))


def _read(chain: Chain, part: Any) -> None:
    if _is(part, *_PASSING):
        return
    for name, numbers in (*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)):
        finite(name, _numbers(numbers))
    if _is(part, nn.Linear):
        chain.linear(*(None if each is None else each.detach().cpu().numpy() for each in (part.weight, part.bias)))
    elif _is(part, nn.BatchNorm1d):
        if part.running_mean is None:
            raise ConversionError("it normalizes by each batch: a network needs running statistics")
        scale = 1 / np.sqrt(_numbers(part.running_var) + part.eps)
        if part.affine:
            chain.scaling(_numbers(part.running_mean), scale * _numbers(part.weight), _numbers(part.bias))
        else:
            chain.scaling(_numbers(part.running_mean), scale)
    elif isinstance(part, Normalize):
        chain.scaling(_numbers(part.center), _numbers(part.scale), clip=part.clip)
    else:
        row = next((_READ[kind] for kind in type(part).__mro__ if kind in _READ and _is(part, kind)), None)
        name = None if row is None else row(part)
        if name is None:
            raise ConversionError(f"{one_line(part, 80)} is not among what a Network has. Known are {_KNOWN}")
        chain.activation(name)


def _is(part: Any, *kinds: type) -> bool:
    """Whether a module is of one of the kinds, and has its forward; torch.nn, too, has kinds of others that do more."""
    return any(isinstance(part, kind) and type(part).forward is kind.forward for kind in kinds)  # type: ignore[attr-defined]


def _numbers(tensor: Any) -> Any:
    return tensor.detach().cpu().double().numpy()


_WRITTEN: dict[str, Callable[[Any], Any]] = {
    "identity": lambda alpha: None,
    "sigmoid": lambda alpha: nn.Sigmoid(),
    "tanh": lambda alpha: nn.Tanh(),
    "relu": lambda alpha: nn.ReLU(),
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": lambda alpha: nn.SELU(),
    "softplus": lambda alpha: nn.Softplus(threshold=50),  # that of 20 would cost digits in float64
    "gelu": lambda alpha: nn.GELU(),
    "silu": lambda alpha: nn.SiLU(),
    "mish": lambda alpha: nn.Mish(),
    "softmax": lambda alpha: nn.Softmax(dim=-1),  # also of a row alone, as torch.func.vmap gives it
    "exp": lambda alpha: Exp(),
}


def write(network: Network, dropout: float | Sequence[float], logits: bool, fold: bool) -> Any:
    """The module of a network; see `chainrule.to_torch`."""
    with at("to_torch"):
        normalizer, layers = parts(network, dropout, logits, fold, tuple(_WRITTEN))
    made: list[Any] = []
    if normalizer is not None:
        made.append(Normalize(normalizer.center.ravel().copy(), normalizer.scale.ravel().copy(), normalizer.clip))
    for W, b, g, rate in layers:
        linear = nn.utils.skip_init(nn.Linear, W.shape[1], len(W), dtype=torch.from_numpy(W).dtype)
        linear.weight, linear.bias = (nn.Parameter(torch.from_numpy(part)) for part in (W, b))
        made += [linear, None if g is None else _WRITTEN[g.name](g.alpha), nn.Dropout(rate) if rate else None]
    return nn.Sequential(*(part for part in made if part is not None))
