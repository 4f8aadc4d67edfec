"""Optimizers: how a step of training follows from a gradient.

Each is a frozen dataclass with two pure methods, init(w) → state and step(w, g, state) → (w, state): w is the flat
vector of all parameters, g = ∂J/∂w, α the learning rate. Nothing is changed in place. `LBFGS` has constants only: SciPy
chooses its steps (training/lbfgs.py).
"""

from dataclasses import dataclass, field
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from chainrule._types import Array
from chainrule.checks import Checked, bounded, helpful
from chainrule.text import meant, name_of

State = tuple[Any, ...]


def _root(s: Array) -> Array:
    root: Array = s.__array_namespace__().sqrt(s)  # arrays of JAX come here, too
    return root


@dataclass(frozen=True)
class Rule(Checked):
    """The base of the optimizers: what they have in common.

    `remembers` names what the state holds: vectors like w, and t, the number of steps so far. `equations` are those of
    a step as the notes write them, in the order in which they are computed.

    Parameters
    ----------
    learning_rate : float, α, 0 or more
    """

    remembers: ClassVar[tuple[str, ...]] = ()
    equations: ClassVar[tuple[str, ...]] = ()
    learning_rate: float = 0.01

    def init(self, params: Array) -> State:
        """The state before the first step: zeros.

        Parameters
        ----------
        params : ndarray of shape (p,)
            The parameters w that will be trained; of them only shape and precision count.

        Returns
        -------
        tuple, a vector (p,) of zeros for each that the rule remembers, and 0 for t
        """
        return tuple(0 if name == "t" else np.zeros_like(params) for name in self.remembers)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        """One step of the rule.

        Parameters
        ----------
        params : ndarray of shape (p,), the parameters w
        grads : ndarray of shape (p,), g = ∂J/∂w
        state : tuple, what `init` or the step before has given

        Returns
        -------
        tuple, the new w (p,), and the new state
        """
        raise NotImplementedError


@dataclass(frozen=True)
class GradientDescent(Rule):
    """Gradient descent: w = w − α g.

    Parameters
    ----------
    learning_rate : float, α, 0 or more
    """

    equations = ("w = w − α g",)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        return params - self.learning_rate * grads, ()


@dataclass(frozen=True)
class Momentum(Rule):
    """The momentum of the notes: v = β v + (1 − β) g;  w = w − α v, an average without bias correction.

    Parameters
    ----------
    learning_rate : float, α, 0 or more
    beta : float, β from 0 to below 1, the share of the average that stays
    """

    remembers = ("v",)
    equations = ("v = β v + (1 − β) g", "w = w − α v")
    beta: float = bounded(0.9, below=1)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        (v,) = state
        v = self.beta * v + (1 - self.beta) * grads
        return params - self.learning_rate * v, (v,)


@dataclass(frozen=True)
class HeavyBall(Rule):
    """Momentum as in scikit-learn: v = μ v − α g;  w = w + v (Polyak 1964).

    PyTorch's SGD has v = μ v + g;  w = w − α v. While α is constant both give the same w. Where a schedule changes α,
    here only the gradients from then on are multiplied by the new one, in PyTorch all that v remembers: for J = w²/2
    from w = 1, μ = 0.9 and α = 0.1 three times, w is 0.486 in both; with α = 0.01 next it is 0.270 here, 0.460 there.

    Parameters
    ----------
    learning_rate : float, α, 0 or more
    momentum : float
        μ, 0 or more; below 1 for old steps to fade.
    """

    remembers = ("v",)
    equations = ("v = μ v − α g", "w = w + v")
    momentum: float = 0.9

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        (v,) = state
        v = self.momentum * v - self.learning_rate * grads
        return params + v, (v,)


@dataclass(frozen=True)
class Nesterov(Rule):
    """Nesterov's momentum: v = μ v − α g;  w = w + μ v − α g (Sutskever et al. 2013, section 2).

    w is the look-ahead point of the paper, where the gradient is taken. PyTorch's SGD(nesterov=True) has v = μ v + g;
    w = w − α (g + μ v): the same for a constant α; for a change see `HeavyBall` (here w is 0.327, then 0.150 or 0.304).

    Parameters
    ----------
    learning_rate : float, α, 0 or more
    momentum : float
        μ, 0 or more; below 1 for old steps to fade.
    """

    remembers = ("v",)
    equations = ("v = μ v − α g", "w = w + μ v − α g")
    momentum: float = 0.9

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        (v,) = state
        v = self.momentum * v - self.learning_rate * grads
        return params + self.momentum * v - self.learning_rate * grads, (v,)


@dataclass(frozen=True)
class RMSProp(Rule):
    """RMSProp: s = β s + (1 − β) g²;  w = w − α g / (√s + ε) (Tieleman & Hinton 2012, lecture 6e).

    Parameters
    ----------
    learning_rate : float, α, 0 or more
    beta : float, β from 0 to below 1, the share of the average of g² that stays
    epsilon : float, ε above 0, against a division by 0
    """

    remembers = ("s",)
    equations = ("s = β s + (1 − β) g²", "w = w − α g / (√s + ε)")
    learning_rate: float = 0.001
    beta: float = bounded(0.9, below=1)
    epsilon: float = bounded(1e-8, above=0)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        (s,) = state
        s = self.beta * s + (1 - self.beta) * grads**2
        return params - self.learning_rate * grads / (_root(s) + self.epsilon), (s,)


@dataclass(frozen=True)
class Adam(Rule):
    """Adam: v = β₁ v + (1 − β₁) g;  s = β₂ s + (1 − β₂) g²;  w = w − α v̂ / (√ŝ + ε) (Kingma & Ba 2015, algorithm 1).

    v̂ = v / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ) in step t = 1, 2, ….

    Parameters
    ----------
    learning_rate : float, α, 0 or more
    beta1, beta2 : float
        β₁ and β₂ from 0 to below 1, the shares of the averages of g and g² that stay.
    epsilon : float, ε above 0, against a division by 0
    epsilon_hat : bool
        Whether ε is added before the correction of s, as scikit-learn does:
        w = w − α √(1 − β₂ᵗ) / (1 − β₁ᵗ) · v / (√s + ε), the end of section 2. PyTorch and the notes do as above.
    """

    remembers = ("v", "s", "t")
    equations: ClassVar[tuple[str, ...]] = (
        "v = β₁ v + (1 − β₁) g",
        "s = β₂ s + (1 − β₂) g²",
        "v̂ = v / (1 − β₁ᵗ)",
        "ŝ = s / (1 − β₂ᵗ)",
        "w = w − α v̂ / (√ŝ + ε)",
    )
    learning_rate: float = 0.001
    beta1: float = bounded(0.9, below=1)
    beta2: float = bounded(0.999, below=1)
    epsilon: float = bounded(1e-8, above=0)
    epsilon_hat: bool = field(default=False, kw_only=True)

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        v, s, t = state
        t += 1
        v = self.beta1 * v + (1 - self.beta1) * grads
        s = self.beta2 * s + (1 - self.beta2) * grads**2
        correction = (1 - self.beta2**t) ** 0.5
        epsilon = self.epsilon if self.epsilon_hat else self.epsilon * correction
        rate = self.learning_rate * correction / (1 - self.beta1**t)
        return params - rate * v / (_root(s) + epsilon), (v, s, t)


@dataclass(frozen=True)
class AdamW(Adam):
    """AdamW: the step of `Adam` from (1 − α λ) w, weight decay apart from the gradient (Loshchilov & Hutter 2019).

    This is their algorithm 2, with α λ as in PyTorch. Every parameter decays, the biases too; the L2 term of the cost
    (`l2`) leaves them out.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float, as in `Adam`
    epsilon_hat : bool, as in `Adam`
    weight_decay : float, λ, 0 or more
    """

    equations = ("w = (1 − α λ) w", *Adam.equations)
    weight_decay: float = 0.01

    def step(self, params: Array, grads: Array, state: State) -> tuple[Array, State]:
        return super().step((1 - self.learning_rate * self.weight_decay) * params, grads, state)


@dataclass(frozen=True)
class LBFGS(Checked):
    """L-BFGS by SciPy (Liu & Nocedal 1989): full batch, curvature from the last steps, line search.

    It ends when the largest |∂J/∂w| is below `tolerance`, when a step lowers J by less than 2.2e-9 of itself (SciPy's
    ftol), or after `max_evaluations`.

    Parameters
    ----------
    tolerance : float, of the gradient, 0 or more
    memory : int, how many of the last steps tell the curvature, above 0
    max_evaluations : int, the most evaluations of cost and gradient, above 0
    """

    tolerance: float = 1e-5
    memory: int = bounded(10, above=0)
    max_evaluations: int = bounded(15_000, above=0)


Optimizer = GradientDescent | Momentum | HeavyBall | Nesterov | RMSProp | Adam | AdamW
_ALL: tuple[type, ...] = (*Optimizer.__args__, LBFGS)
for _one in _ALL:
    setattr(_one, "__init__", helpful(vars(_one)["__init__"], homes=_one is not LBFGS))  # noqa: B010 - to a type checker it stays the dataclass's


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is no optimizer.

    Parameters
    ----------
    optimizer : Rule or LBFGS, or an object that has what a `Rule` has

    Raises
    ------
    TypeError
        For others, with the one that may be meant.
    """
    has_all = all(hasattr(optimizer, name) for name in ("init", "step", "learning_rate"))
    if isinstance(optimizer, LBFGS) or (has_all and not isinstance(optimizer, type)):
        return
    wanted = "wanted one such as chainrule.Adam(0.001)"
    if optimizer in _ALL:
        wanted = f"wanted one such as chainrule.{optimizer.__name__}(): call the class"
    elif isinstance(optimizer, Real):
        wanted = f"wanted one such as chainrule.Adam({optimizer})"
    elif hint := meant(name_of(optimizer), [rule.__name__ for rule in _ALL]):
        wanted += f".{hint}"
    raise TypeError(f"optimizer: got {optimizer!r}, {wanted}")
