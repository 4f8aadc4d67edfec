"""The usual mistakes of an update: what each makes of the gradient, instead of the rule that was meant.

An update is a function of w, g = ∂J/∂w, the state (None before the first) and t = 1, 2, …, that gives w and the state.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.optimizers import Adam, AdamW, GradientDescent, HeavyBall, Momentum, Nesterov, RMSProp, Rule

_USUAL = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999)  # what β is for most

Update = Callable[[Array, Array, Any, int], tuple[Array, Any]]

_WRITTEN: dict[type, str] = {
    GradientDescent: "{w} = {w} − α {g}",
    Momentum: "{w} = {w} − α v, with v = β v + (1 − β) {g}",
    HeavyBall: "{w} = {w} + v, with v = μ v − α {g}",
    Nesterov: "{w} = {w} + μ v − α {g}, with v = μ v − α {g}",
    RMSProp: "{w} = {w} − α {g} / (√s + ε), with s = β s + (1 − β) {g}²",
    Adam: "{w} = {w} − α v̂ / (√ŝ + ε), with v = β₁ v + (1 − β₁) {g}, s = β₂ s + (1 − β₂) {g}², "
    "v̂ = v / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ)",
    AdamW: "{w} = (1 − α λ) {w} − α v̂ / (√ŝ + ε), with v = β₁ v + (1 − β₁) {g}, s = β₂ s + (1 − β₂) {g}², "
    "v̂ = v / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ)",
}


def written(rule: Rule, name: str) -> str:
    """How the update of a tensor is written."""
    form = _WRITTEN.get(type(rule), "{w} by " + f"{type(rule).__name__}.step from " + "{g}")
    return form.format(w=name, g=f"d{name}")


def of(rule: Rule) -> Update:
    """The rule itself."""
    return lambda w, g, state, t: rule.step(w, g, rule.init(w) if state is None else state)


def is_linear(rule: Rule) -> bool:
    """Whether a step is so much times the gradient, beside what is there already."""
    return isinstance(rule, (GradientDescent, Momentum, HeavyBall, Nesterov))


def remembers(rule: Rule) -> bool:
    """Whether a step depends on those before it; of a rule of somebody else's it may."""
    return bool(getattr(rule, "remembers", True))


def factors(rule: Rule, m: int, batch: int) -> Iterator[tuple[str, float]]:
    """By what an update is too long when something is missing, or is there twice."""
    α = rule.learning_rate or 1.0  # at 0 nothing moves, however long it is
    kept = rule.beta if isinstance(rule, Momentum) else None
    yield "the update has no learning rate: α is missing before the gradient", 1 / α
    yield (
        "the sign is wrong: the update goes up the slope, and the cost with it"
        + (" (v = β v − dW, or W = W + α v)" if isinstance(rule, (Momentum, HeavyBall, Nesterov)) else " (W + α dW)"),
        -1,
    )
    yield "the sign is wrong and the learning rate is missing: W + dW", -1 / α
    if kept is not None and kept > 0:
        yield "the factor 1 − β is missing: v = β v + dW instead of v = β v + (1 − β) dW", 1 / (1 - kept)
        yield "the factor 1 − β and the learning rate are missing", 1 / (1 - kept) / α
        yield "the factor 1 − β is there twice", 1 - kept
    if isinstance(rule, HeavyBall) and rule.momentum < 1:
        yield "there is a factor 1 − μ that this rule has not: v = μ v + (1 − μ) dW is cr.Momentum", 1 - rule.momentum
    if is_linear(rule) and m > 1:
        yield "the factor 1/m is missing in the gradients", batch
        yield "it is divided by m once more: α / m, or 1/m twice in the gradients", 1 / batch
        if batch != m:
            yield f"it is divided by the size of the whole set, {m}, once more", 1 / m
    yield "the learning rate is there twice: α² instead of α", α


def mistakes(rule: Rule, layer: Array, first_of_epoch: Callable[[int], bool]) -> Iterator[tuple[str, Update]]:
    """Each mistake in words, with what it makes of the gradients; the likeliest first.

    layer: the layer l of each number of w. first_of_epoch: whether an update is the first one of its epoch.
    """
    if isinstance(rule, Adam):
        yield from _of_adam(rule, layer, first_of_epoch)
    elif isinstance(rule, RMSProp):
        yield from _of_rmsprop(rule)
    elif isinstance(rule, (Momentum, HeavyBall)):
        yield from _of_momentum(rule)
    if remembers(rule):
        yield "the state of the optimizer begins anew with each epoch", _restarted(rule, first_of_epoch)
        yield (
            "the state of the optimizer begins anew with each update: nothing is kept",
            _restarted(rule, lambda t: True),
        )


def others(rule: Rule) -> Iterator[tuple[str, Update]]:
    """The rule with another constant, and the other rules with the same rate, that it may be."""
    α = rule.learning_rate
    for name in ("beta", "momentum", "beta1", "beta2"):
        for constant in _USUAL if hasattr(rule, name) else ():
            if constant != getattr(rule, name):
                text = f"it is the update with {name}={constant}, not with {name}={getattr(rule, name)}"
                yield text, of(replace(rule, **{name: constant}))
    for other in (GradientDescent(α), Momentum(α), HeavyBall(α), Nesterov(α), RMSProp(α), Adam(α)):
        if type(other) is not type(rule):
            yield f"it is the update of {other!r}, not of {rule!r}", of(other)


def _restarted(rule: Rule, at: Callable[[int], bool]) -> Update:
    return lambda w, g, state, t: rule.step(w, g, rule.init(w) if state is None or at(t) else state)


def _of_momentum(rule: Momentum | HeavyBall) -> Iterator[tuple[str, Update]]:
    of_notes = isinstance(rule, Momentum)
    α, β = rule.learning_rate, rule.beta if isinstance(rule, Momentum) else rule.momentum
    new = 1 - β if of_notes else 1.0
    name, more = ("β", "(1 − β) dW") if of_notes else ("μ", "dW")

    def v(keep: float, new: float) -> Update:
        def update(w: Array, g: Array, state: Any, t: int) -> tuple[Array, Any]:
            v = keep * (0.0 if state is None else state) + new * g
            return w - α * v, v

        return update

    def late(w: Array, g: Array, state: Any, t: int) -> tuple[Array, Any]:
        v = np.zeros_like(w) if state is None else state
        return w - α * v, β * v + new * g

    def begun(w: Array, g: Array, state: Any, t: int) -> tuple[Array, Any]:
        v = g if state is None else β * state + new * g
        return w - α * v, v

    def corrected(w: Array, g: Array, state: Any, t: int) -> tuple[Array, Any]:
        v = β * (0.0 if state is None else state) + new * g
        return w - α * v / (1 - β**t), v

    yield f"v is never kept: each update begins with v = 0, so that it is only {more}", v(0, new)
    yield f"the old v has the wrong sign: v = −{name} v + {more}", v(-β, new)
    if of_notes:
        yield "β and 1 − β are in each other's place: v = (1 − β) v + β dW", v(1 - β, β)
        yield "there is no momentum in it: W − α dW", v(0, 1)
    yield f"{name} is missing: v = v + {more}, so that old gradients never fade", v(1, new)
    yield "W is updated with the v of before: v has to be updated first", late
    if of_notes:
        yield "v begins with the first gradient instead of 0", begun
        yield "v is divided by 1 − βᵗ, a bias correction that cr.Momentum does not have (Adam does)", corrected


def _of_rmsprop(rule: RMSProp) -> Iterator[tuple[str, Update]]:
    α, β, ε = rule.learning_rate, rule.beta, rule.epsilon

    def s(
        keep: float = β,
        new: float = 1 - β,
        power: int = 2,
        end: Callable[[Array], Array] = lambda s: np.sqrt(s) + ε,
        corrected: bool = False,
    ) -> Update:
        def update(w: Array, g: Array, state: Any, t: int) -> tuple[Array, Any]:
            s = keep * (0.0 if state is None else state) + new * g**power
            return w - α * g / end(s / (1 - β**t) if corrected else s), s

        return update

    yield "ε is inside the root: √(s + ε) instead of √s + ε", s(end=lambda s: np.sqrt(s + ε))
    yield "the root is missing: dW / (s + ε) instead of dW / (√s + ε)", s(end=lambda s: s + ε)
    yield "the square is missing: s = β s + (1 − β) dW", s(power=1)
    yield "the factor 1 − β is missing: s = β s + dW²", s(new=1)
    yield "β and 1 − β are in each other's place: s = (1 − β) s + β dW²", s(1 - β, β)
    yield "s is never kept: each update begins with s = 0", s(keep=0)
    yield "s is divided by 1 − βᵗ, a bias correction that RMSProp does not have (Adam does)", s(corrected=True)


def _of_adam(rule: Adam, layer: Array, first_of_epoch: Callable[[int], bool]) -> Iterator[tuple[str, Update]]:
    α, β1, β2, ε = rule.learning_rate, rule.beta1, rule.beta2, rule.epsilon
    decay = rule.weight_decay if isinstance(rule, AdamW) else 0.0
    L, epoch = int(layer.max()), [0]

    def no(t: Any) -> Any:
        return 1.0

    def adam(
        keep: tuple[float, float] = (β1, β2),
        new: tuple[float, float] = (1 - β1, 1 - β2),
        by: tuple[Callable[[Any], Any], Callable[[Any], Any]] = (lambda t: 1 - β1**t, lambda t: 1 - β2**t),
        count: Callable[[int], Any] = lambda t: t,
        power: int = 2,
        end: Callable[[Array, Array], Array] = lambda v, s: v / (np.sqrt(s) + ε),
        stored: bool = False,
    ) -> Update:
        def update(w: Array, g: Array, state: Any, t: int) -> tuple[Array, Any]:
            v, s = (0.0, 0.0) if state is None else state
            v, s = keep[0] * v + new[0] * g, keep[1] * s + new[1] * g**power
            t = count(t)
            v_hat, s_hat = v / by[0](t), s / by[1](t)
            return (1 - α * decay) * w - α * end(v_hat, s_hat), ((v_hat, s_hat) if stored else (v, s))

        return update

    def counts_epochs(t: int) -> int:
        epoch[0] = 1 if t == 1 else epoch[0] + first_of_epoch(t)
        return epoch[0]

    def hat(w: Array, g: Array, state: Any, t: int) -> tuple[Array, Any]:
        v, s = (0.0, 0.0) if state is None else state
        v, s = β1 * v + (1 - β1) * g, β2 * s + (1 - β2) * g**2
        return (1 - α * decay) * w - α * (1 - β2**t) ** 0.5 / (1 - β1**t) * v / (np.sqrt(s) + ε), (v, s)

    of_1, of_2 = (lambda t: 1 - β1**t), (lambda t: 1 - β2**t)
    yield "there is no bias correction: v and s stand where v̂ and ŝ belong", adam(by=(no, no))
    yield "v has no bias correction: v stands where v̂ = v / (1 − β₁ᵗ) belongs", adam(by=(no, of_2))
    yield "s has no bias correction: s stands where ŝ = s / (1 − β₂ᵗ) belongs", adam(by=(of_1, no))
    yield "t counts from 0: 1 − β⁰ is 0, and v / 0 follows; the first update has t = 1", adam(count=lambda t: t - 1)
    yield "one correction for both: s is divided by 1 − β₁ᵗ instead of 1 − β₂ᵗ", adam(by=(of_1, of_1))
    yield "one correction for both: v is divided by 1 − β₂ᵗ instead of 1 − β₁ᵗ", adam(by=(of_2, of_2))
    yield "the corrections are in each other's place: v / (1 − β₂ᵗ) and s / (1 − β₁ᵗ)", adam(by=(of_2, of_1))
    yield (
        "the power is missing: 1 − β₁ t and 1 − β₂ t instead of 1 − β₁ᵗ and 1 − β₂ᵗ (β**t in Python)",
        adam(by=(lambda t: 1 - β1 * t, lambda t: 1 - β2 * t)),
    )
    yield "t stays 1: it is not increased from update to update", adam(count=lambda t: 1)
    yield "t counts the epochs instead of the updates", adam(count=counts_epochs)
    yield (
        "t is increased in each layer: the first update has to have t = 1 in all layers",
        adam(count=lambda t: L * (t - 1) + layer),
    )
    yield "t counts from 2: it is increased before the first update as well", adam(count=lambda t: t + 1)
    yield "the corrected v̂ and ŝ are kept for the next update: v and s have to stay as they are", adam(stored=True)
    yield (
        "the correction multiplies: v̂ is v / (1 − β₁ᵗ)",
        adam(by=(lambda t: 1 / (1 - β1**t), lambda t: 1 / (1 - β2**t))),
    )
    yield "ε is inside the root: √(ŝ + ε) instead of √ŝ + ε", adam(end=lambda v, s: v / np.sqrt(s + ε))
    yield "ε is added before the correction: that is Adam(…, epsilon_hat=True)", hat
    yield "ε is missing in √ŝ + ε: nothing keeps it from dividing by 0", adam(end=lambda v, s: v / np.sqrt(s))
    yield "v and s are in each other's place: ŝ / (√v̂ + ε)", adam(end=lambda v, s: s / (np.sqrt(v) + ε))
    yield "the root is missing: v̂ / (ŝ + ε) instead of v̂ / (√ŝ + ε)", adam(end=lambda v, s: v / (s + ε))
    yield "the square is missing: s = β₂ s + (1 − β₂) dW", adam(power=1)
    yield "the factor 1 − β₁ is missing: v = β₁ v + dW", adam(new=(1, 1 - β2))
    yield "the factor 1 − β₂ is missing: s = β₂ s + dW²", adam(new=(1 - β1, 1))
    yield "the factors 1 − β₁ and 1 − β₂ are missing", adam(new=(1, 1))
    yield "β₁ and β₂ are in each other's place", adam((β2, β1), (1 - β2, 1 - β1), (of_2, of_1))
    yield "β and 1 − β are in each other's place", adam((1 - β1, 1 - β2), (β1, β2))
    yield "v is never kept: each update begins with v = 0", adam(keep=(0, β2))
    yield "s is never kept: each update begins with s = 0", adam(keep=(β1, 0))
