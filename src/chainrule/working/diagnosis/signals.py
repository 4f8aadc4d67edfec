"""Checks of the layers: what goes forward through them, and what comes back."""

import numpy as np

from chainrule._types import Array
from chainrule.working.diagnosis.measure import Measured, listed, twins
from chainrule.working.diagnosis.report import Finding, Result


def _through(m: Measured) -> list[int]:
    """The layers whose g′ stands in the way back: the hidden ones, and the output if its loss does not cancel it."""
    L = m.network.L
    return [*range(1, L), *([L] if m.network.loss.name == "half_squared_error" else [])]


def _units(units: Array) -> str:
    return "units " + listed([str(i) for i in np.flatnonzero(units)]) if units.any() else ""


def symmetric(name: str, m: Measured) -> Result:
    """Units of a layer with equal rows of [W b] and of [dW db]."""
    t, found = m.trace, []
    for l in range(1, m.network.L):
        if len(t.W[l]) < 2:
            continue
        tolerance = float(np.sqrt(np.finfo(m.network.dtype).eps))
        rows = np.hstack([_sized(np.hstack(part)) for part in ((t.W[l], t.b[l]), (t.dW[l], t.db[l]))])
        pairs = twins(rows, tolerance)
        twin = np.zeros(len(t.W[l]), bool)
        twin[[i for pair in pairs for i in pair]] = True
        found.append(
            Finding(
                name=name,
                layer=l,
                quantity="share of units that are equal to another, in W and in dW",
                value=float(twin.mean()),
                threshold=0,
                above=True,
                reason="equal weights with equal gradients stay equal for ever: such units count as one; random "
                "initial weights are never equal",
                remedy="random initial weights: init='auto' instead of zeros or another constant; the biases may be 0. "
                "If they were random: less l2, which pulls all units to the same few directions",
                where=_units(twin),
            )
        )
    return found or "no hidden layer has two units"


def saturated(name: str, m: Measured) -> Result:
    """Units of tanh and sigmoid whose slope, on the mean of the examples, is next to 0."""
    found = []
    for l in _through(m):
        g = m.network.g[l]
        if g.name not in ("tanh", "sigmoid"):
            continue
        steepest = g.slope(np.zeros((1, 1)))[0, 0]
        slope = g.slope(m.trace.Z[l]).mean(axis=1) / steepest  # (n[l],)
        flat = slope < 0.01
        found.append(
            Finding(
                name=name,
                layer=l,
                quantity=f"share of {g.name} units with |g′| ≈ 0 (mean over the examples below 1 % of the steepest)",
                value=float(flat.mean()),
                threshold=0.5,
                above=True,
                reason="through such a unit less than a hundredth of the gradient comes back. A unit that has become a "
                "step does so too; when it is most of the layer and the cost is still high, they are stuck",
                remedy="smaller initial weights (init='auto'), normalized inputs, or relu, flat on one side only",
                where=_units(flat),
            )
        )
    return found or "there is no tanh or sigmoid that the gradient passes"


def dead(name: str, m: Measured) -> Result:
    """Units of relu that are 0 for every example."""
    found = []
    for l in _through(m):
        if m.network.g[l].name != "relu":
            continue
        off = ~(m.trace.Z[l] > 0).any(axis=1)  # (n[l],)
        found.append(
            Finding(
                name=name,
                layer=l,
                quantity="share of relu units that are 0 for every example",
                value=float(off.mean()),
                threshold=0.5,
                above=True,
                reason="where relu is 0 its slope is 0: no gradient brings such a unit back. Initial weights leave "
                "each unit on for about half of the examples; most of a layer is dead only after steps that were too "
                "long, or with biases or inputs far off",
                remedy="start again with a lower learning rate, normalized inputs and biases of 0; or leaky_relu, "
                "whose slope is never 0; less l2, if it has shrunk the weights to nothing",
                where=_units(off),
            )
        )
    return found or "there is no relu that the gradient passes"


def vanishing(name: str, m: Measured) -> Result:
    """How much smaller dZ is in the first layer than in the last hidden one."""
    return _over_depth(
        name,
        m,
        1e-3,
        "one learning rate serves all layers: at 1/1000, the first layer takes 1000 epochs for what the last hidden "
        "one does in one. sigmoid alone costs a factor of 4 or more at every layer",
        "relu, or tanh, with init='auto' (he or glorot), and fewer layers; less l2, if it has shrunk the weights "
        "to nothing",
    )


def exploding(name: str, m: Measured) -> Result:
    """How much larger dZ is in the first layer than in the last hidden one."""
    return _over_depth(
        name,
        m,
        1e3,
        "one learning rate serves all layers: at 1000, what suits the last hidden layer is 1000 times too high for "
        "the first",
        "smaller initial weights: init='auto' keeps the gradient's size from layer to layer; or clip_norm=1.0",
    )


def _over_depth(name: str, m: Measured, threshold: float, reason: str, remedy: str) -> Result:
    last = m.network.L - 1
    if last < 2:
        return "there are no two hidden layers to compare"
    sizes = [float(np.sqrt(np.mean(np.square(dZ, dtype=np.float64)))) for dZ in m.trace.dZ[1 : last + 1]]
    if sizes[-1] == 0:
        return "no gradient reaches the last hidden layer"
    return [
        Finding(
            name=name,
            layer=1,
            quantity=f"√(mean dZ²) of layer 1, divided by that of layer {last}",
            value=sizes[0] / sizes[-1],
            threshold=threshold,
            above=threshold > 1,
            reason=reason,
            remedy=remedy,
            where="by layer: " + ", ".join(f"{size:.2g}" for size in sizes),
        )
    ]


def linear(name: str, m: Measured) -> Result:
    """The share of a hidden layer's variance that is no line through Z; where it is tiny in all, the net is linear."""
    if m.network.L < 2:
        return "there is no hidden layer"
    if not m.trained:
        return "the network looks untrained: small initial weights are linear at first"
    shares = []
    for Z, A in zip(m.trace.Z[1:-1], m.trace.A[1:-1], strict=True):
        Z, A = Z - Z.mean(axis=1, keepdims=True), A - A.mean(axis=1, keepdims=True)
        zz, za, aa = (Z * Z).sum(axis=1), (Z * A).sum(axis=1), (A * A).sum(axis=1)
        line = np.divide(za**2, zz, out=np.zeros_like(zz), where=zz > 0)  # what the best line explains
        if not np.sqrt(aa.sum() / A.size) >= 0.05:
            return "a hidden layer is as good as constant"
        shares.append(float(np.maximum(aa - line, 0).sum() / aa.sum()))
    bent = int(np.argmax(shares)) + 1
    return [
        Finding(
            name=name,
            layer=bent if len(shares) == 1 else None,
            quantity="share of a hidden layer's variance that is not linear in its Z, the largest of all layers",
            value=max(shares),
            threshold=1e-4,
            above=False,
            reason="linear layers one after the other are one linear map, W′ = W[2] W[1]; 1e-4 of the variance is a "
            "hundredth of the deviation",
            remedy="relu or tanh instead of identity; if it is tanh already, larger weights (init='auto') or "
            "normalized inputs bring Z to where it bends; or no hidden layer at all",
            where="by layer: " + ", ".join(f"{share:.2g}" for share in shares) if len(shares) > 1 else "",
        )
    ]


def constant(name: str, m: Measured) -> Result:
    """The spread of the predictions over the examples, against that of the targets."""
    if not m.trained:
        return "the network looks untrained"
    spread = m.Y.std(axis=1)
    if not spread.any():
        return "the targets are constant"
    varies = spread > 0
    return [
        Finding(
            name=name,
            quantity="deviation of the predictions, divided by that of the targets, the largest of all outputs",
            value=float((m.trace.A[-1].std(axis=1)[varies] / spread[varies]).max()),
            threshold=0.05,
            above=False,
            reason="predictions that differ so little can explain at most a tenth of the targets' variance "
            "(2 · 0.05 − 0.05²)",
            remedy="train longer or with a higher rate, with relu or tanh, fewer layers and less l2; if nothing helps, "
            "ask whether the inputs tell anything about the targets",
        )
    ]


def _sized(rows: Array) -> Array:
    """The rows with the longest of them at length 1, so that weights and gradients can be compared together."""
    longest = float(np.linalg.norm(rows.astype(np.float64), axis=1).max())
    return rows.astype(np.float64) / (longest or 1.0)
