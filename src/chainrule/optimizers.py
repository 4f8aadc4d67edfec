"""Optimizers: frozen dataclasses with two pure methods, init(w) → state and step(w, g, state) → (w, state).

w is the flat vector of all parameters, g = ∂J/∂w, α the learning rate; the state is a tuple of vectors and of the
number t of steps taken, where one is needed. Nothing is changed in place. LBFGS is the exception: it chooses its own
steps (training/lbfgs.py).
"""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from chainrule._types import Array

State = tuple[Any, ...]


@dataclass(frozen=True)
class _Checked:
    def __post_init__(self) -> None:
        for f in fields(self):
            value: Any = getattr(self, f.name)
            below = f.metadata.get("below", np.inf)
            number = isinstance(value, (int, float, np.floating, np.integer))
            if not number or not 0 <= value < below or (f.metadata.get("positive") and value == 0):
                low = "above 0" if f.metadata.get("positive") else "0 or more"
                high = "" if below == np.inf else f" and below {below}"
                raise ValueError(f"{type(self).__name__}.{f.name}: got {value!r}, wanted a number {low}{high}")
            if isinstance(value, np.generic):  # which would make float64 of float32 parameters
                object.__setattr__(self, f.name, value.item())


def _below_1(default: float) -> Any:
    return field(default=default, metadata={"below": 1})


def _positive(default: Any) -> Any:
    return field(default=default, metadata={"positive": True})


@dataclass(frozen=True)
class GradientDescent(_Checked):
    """w = w − α g."""

    learning_rate: float = 0.01

    def init(self, params: Array) -> State:
        """Nothing to remember."""
        return ()

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One update of the (p,) parameters along their (p,) gradient."""
        return params - self.learning_rate * grads, ()


@dataclass(frozen=True)
class Momentum(_Checked):
    """v = β v + (1 − β) g;  w = w − α v: the average of the notes, without bias correction."""

    learning_rate: float = 0.01
    beta: float = _below_1(0.9)

    def init(self, params: Array) -> State:
        """v = 0."""
        return (np.zeros_like(params),)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One update of the (p,) parameters along their (p,) gradient."""
        (v,) = state
        v = self.beta * v + (1 - self.beta) * grads
        return params - self.learning_rate * v, (v,)


@dataclass(frozen=True)
class HeavyBall(_Checked):
    """v = μ v − α g;  w = w + v (Polyak 1964), as scikit-learn and PyTorch define momentum."""

    learning_rate: float = 0.01
    momentum: float = 0.9

    def init(self, params: Array) -> State:
        """v = 0."""
        return (np.zeros_like(params),)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One update of the (p,) parameters along their (p,) gradient."""
        (v,) = state
        v = self.momentum * v - self.learning_rate * grads
        return params + v, (v,)


@dataclass(frozen=True)
class Nesterov(_Checked):
    """v = μ v − α g;  w = w + μ v − α g (Sutskever et al. 2013, section 2, at the look-ahead point)."""

    learning_rate: float = 0.01
    momentum: float = 0.9

    def init(self, params: Array) -> State:
        """v = 0."""
        return (np.zeros_like(params),)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One update of the (p,) parameters along their (p,) gradient."""
        (v,) = state
        v = self.momentum * v - self.learning_rate * grads
        return params + self.momentum * v - self.learning_rate * grads, (v,)


@dataclass(frozen=True)
class RMSProp(_Checked):
    """s = β s + (1 − β) g²;  w = w − α g / (√s + ε) (Tieleman & Hinton 2012, lecture 6e)."""

    learning_rate: float = 0.001
    beta: float = _below_1(0.9)
    epsilon: float = _positive(1e-8)

    def init(self, params: Array) -> State:
        """s = 0."""
        return (np.zeros_like(params),)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One update of the (p,) parameters along their (p,) gradient."""
        (s,) = state
        s = self.beta * s + (1 - self.beta) * grads**2
        return params - self.learning_rate * grads / (np.sqrt(s) + self.epsilon), (s,)


@dataclass(frozen=True)
class Adam(_Checked):
    """v = β₁ v + (1 − β₁) g;  s = β₂ s + (1 − β₂) g²;  w = w − α v̂ / (√ŝ + ε),  v̂ = v / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ).

    Kingma & Ba 2015, algorithm 1. With `epsilon_hat` the ε is that of their section 2, w = w − α √(1 − β₂ᵗ) / (1 − β₁ᵗ)
    · v / (√s + ε):
    scikit-learn has this form; PyTorch and the notes have the first.
    """

    learning_rate: float = 0.001
    beta1: float = _below_1(0.9)
    beta2: float = _below_1(0.999)
    epsilon: float = _positive(1e-8)
    epsilon_hat: bool = field(default=False, kw_only=True)

    def init(self, params: Array) -> State:
        """v = s = 0, t = 0."""
        return np.zeros_like(params), np.zeros_like(params), 0

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One update of the (p,) parameters along their (p,) gradient."""
        v, s, t = state
        t += 1
        v = self.beta1 * v + (1 - self.beta1) * grads
        s = self.beta2 * s + (1 - self.beta2) * grads**2
        correction = (1 - self.beta2**t) ** 0.5
        epsilon = self.epsilon if self.epsilon_hat else self.epsilon * correction
        rate = self.learning_rate * correction / (1 - self.beta1**t)
        return params - rate * v / (np.sqrt(s) + epsilon), (v, s, t)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam on w − α λ w: weight decay apart from the gradient (Loshchilov & Hutter 2019, algorithm 2; as in PyTorch).

    Every parameter decays, the biases too; the L2 term of the cost (`l2`) is what leaves them out.
    """

    weight_decay: float = 0.01

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One update of the (p,) parameters along their (p,) gradient."""
        return super().step((1 - self.learning_rate * self.weight_decay) * params, grads, state)


@dataclass(frozen=True)
class LBFGS(_Checked):
    """L-BFGS by SciPy (Liu & Nocedal 1989): full batch, curvature from the last `memory` steps, line search.

    It ends when the largest |∂J/∂w| is below `tolerance`, when a step lowers J by less than 2.2e-9 of itself (SciPy's
    ftol), or after `max_evaluations` of cost and gradient.
    """

    tolerance: float = 1e-5
    memory: int = _positive(10)
    max_evaluations: int = _positive(15_000)


Optimizer = GradientDescent | Momentum | HeavyBall | Nesterov | RMSProp | Adam | AdamW
