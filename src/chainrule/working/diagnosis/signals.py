"""Checks of the layers: their units in the forward pass, and the gradient in the backward pass."""

from collections.abc import Iterator

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.text import first_few
from chainrule.working.diagnosis.measure import Measured, twins
from chainrule.working.diagnosis.report import MOST_NAMED, Finding, require

DRAWN = 8  # masks


def _through(m: Measured) -> list[int]:
    """The layers whose g′ is a factor of the gradient: the hidden ones, and the output if dZ[L] has g[L]′ in it."""
    L = m.network.L
    return [*range(1, L), *([L] if "g[L]′" in m.network.loss.dZ else [])]


def _units(units: Array) -> str:
    return "units " + first_few(np.flatnonzero(units), MOST_NAMED) if units.any() else ""


def symmetric(m: Measured) -> Iterator[Finding]:
    """Units of a layer with equal rows of [W b] and of [dW db], apart from those that L2 has shrunk to nothing."""
    t = m.trace
    layers = [l for l in range(1, m.network.L) if len(t.W[l]) > 1]
    require(layers, "no hidden layer has two units")
    eps = float(np.finfo(m.network.dtype).eps)
    for l in layers:
        W, dW = (_sized(np.hstack(part)) for part in ((t.W[l], t.b[l]), (t.dW[l], t.db[l])))
        # Rounding leaves its mark on a gradient sooner: it is a small sum of large terms.
        alike = set(twins(W, 64 * eps)) & set(twins(np.hstack([W, dW]), eps**0.5))
        size = np.linalg.norm(W, axis=1)
        used = [pair for pair in alike if not W.any() or size[list(pair)].min() > 1e-3]
        twin = np.zeros(len(W), bool)
        twin[[i for pair in used for i in pair]] = True
        yield Finding(
            layer=l,
            quantity="share of units that are equal to another, in W and in dW",
            value=float(twin.mean()),
            threshold=0.05,
            reason="equal weights with equal gradients stay equal for ever: such units count as one. Random initial "
            "weights are never equal; in a wide layer L2 may pull a few units together, which costs nothing",
            remedy="random initial weights: init='auto' instead of zeros or another constant; the biases may be 0",
            where=_units(twin),
        )


def saturated(m: Measured) -> Iterator[Finding]:
    """Units of tanh and sigmoid whose slope, on the mean of the examples, is next to 0."""
    layers = [l for l in _through(m) if np.isfinite(m.network.g[l].range).all()]
    require(layers, "there is no tanh or sigmoid that the gradient passes")
    for l in layers:
        g = m.network.g[l]
        steepest = g.slope(np.zeros((1, 1)))[0, 0]
        slope = g.slope(m.trace.Z[l]).mean(axis=1) / steepest  # (n[l],)
        flat = slope < 0.01
        yield Finding(
            layer=l,
            quantity=f"share of {g.name} units with |g′| ≈ 0 (mean over the examples below 1 % of the steepest)",
            value=float(flat.mean()),
            threshold=0.5,
            reason="through such a unit less than a hundredth of the gradient comes back. A unit that has become a "
            "step does so too; when it is most of the layer and the cost is still high, they are stuck",
            remedy="smaller initial weights (init='auto'), normalized inputs, or relu, flat on one side only",
            where=_units(flat),
        )


def dead(m: Measured) -> Iterator[Finding]:
    """Units of relu that are 0 for every example."""
    layers = [l for l in _through(m) if m.network.g[l].name == "relu"]
    require(layers, "there is no relu that the gradient passes")
    for l in layers:
        off = ~(m.trace.Z[l] > 0).any(axis=1)  # (n[l],)
        yield Finding(
            layer=l,
            quantity="share of relu units that are 0 for every example",
            value=float(off.mean()),
            threshold=0.5,
            reason="where relu is 0 its slope is 0: no gradient brings such a unit back. Initial weights leave "
            "each unit on for about half of the examples; most of a layer is dead only after steps that were too "
            "long, or with biases or inputs far off",
            remedy="start again with a lower learning rate, normalized inputs and biases of 0; or leaky_relu, "
            "whose slope is never 0; less l2, if it has shrunk the weights to nothing",
            where=_units(off),
        )


def vanishing(m: Measured) -> Iterator[Finding]:
    """How much smaller dZ is in the first layer than in the last hidden one."""
    yield _over_depth(
        m,
        1e-3,
        "one learning rate serves all layers: at 1/1000, the first layer takes 1000 epochs for what the last hidden "
        "one does in one. sigmoid alone costs a factor of 4 or more at every layer",
        "relu, or tanh, with init='auto' (he or glorot), and fewer layers; less l2, if it has shrunk the weights "
        "to nothing",
    )


def exploding(m: Measured) -> Iterator[Finding]:
    """How much larger dZ is in the first layer than in the last hidden one."""
    yield _over_depth(
        m,
        1e3,
        "one learning rate serves all layers: at 1000, what suits the last hidden layer is 1000 times too high for "
        "the first",
        "smaller initial weights: init='auto' keeps the gradient's size from layer to layer; or clip_norm=1.0",
    )


def _over_depth(m: Measured, threshold: float, reason: str, remedy: str) -> Finding:
    last = m.network.L - 1
    require(last > 1, "there are no two hidden layers to compare")
    sizes = [float(np.sqrt(np.mean(np.square(dZ, dtype=np.float64)))) for dZ in m.trace.dZ[1 : last + 1]]
    require(sizes[-1] != 0, "no gradient reaches the last hidden layer")
    return Finding(
        layer=1,
        quantity=f"√(mean dZ²) of layer 1, divided by that of layer {last}",
        value=sizes[0] / sizes[-1],
        threshold=threshold,
        above=threshold > 1,
        reason=reason,
        remedy=remedy,
        where="by layer: " + ", ".join(f"{size:.2g}" for size in sizes),
    )


def linear(m: Measured) -> Iterator[Finding]:
    """The share of a hidden layer's variance that is no line through Z; where it is tiny in all, the net is linear."""
    require(m.network.L > 1, "there is no hidden layer")
    m.check_trained(": small initial weights are linear at first")
    shares = []
    for Z, A in zip(m.trace.Z[1:-1], m.trace.A[1:-1], strict=True):
        Z, A = Z - Z.mean(axis=1, keepdims=True), A - A.mean(axis=1, keepdims=True)
        zz, za, aa = (Z * Z).sum(axis=1), (Z * A).sum(axis=1), (A * A).sum(axis=1)
        line = np.divide(za**2, zz, out=np.zeros_like(zz), where=zz > 0)  # what the best line explains
        require(np.sqrt(aa.sum() / A.size) >= 0.05, "a hidden layer is as good as constant")
        shares.append(float(np.maximum(aa - line, 0).sum() / aa.sum()))
    yield Finding(
        layer=1 if len(shares) == 1 else None,
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


def constant(m: Measured) -> Iterator[Finding]:
    """The spread of the predictions over the examples, against that of the targets."""
    m.check_trained()
    spread = m.Y.std(axis=1)
    varies = spread > 0
    require(varies.any(), "the targets are constant")
    yield Finding(
        quantity="deviation of the predictions, divided by that of the targets, the largest of all outputs",
        value=float((m.trace.A[-1].std(axis=1)[varies] / spread[varies]).max()),
        threshold=0.05,
        above=False,
        reason="predictions that differ so little can explain at most a tenth of the targets' variance "
        "(2 · 0.05 − 0.05²)",
        remedy="train longer or with a higher rate, with relu or tanh, fewer layers and less l2; if nothing helps, "
        "ask whether the inputs tell anything about the targets",
    )


def decay(m: Measured) -> Iterator[Finding]:
    """What λ asks for weights along a path through the layers, against what the data give for them."""
    require(m.decay, "no λ: give l2=, and batch_size=, as in training")
    w = m.w / m.w.sum()
    Y = m.Y - (m.Y * w).sum(axis=1, keepdims=True)
    X = m.X - (m.X * w).sum(axis=1, keepdims=True)
    C = (X * w) @ Y.T  # (k, n[L]), the covariances
    require(C.any(), "the inputs or the targets are constant")
    L = m.network.L
    along = np.linalg.svd(C, full_matrices=False)[0].T
    U = m.rng().standard_normal((256, len(X)))
    U = np.vstack([along, -along, U / np.linalg.norm(U, axis=1, keepdims=True)])
    A = U @ X if L == 1 else m.network.g[1](U @ X)
    pull = float(np.linalg.norm((A * w) @ Y.T, axis=1).max())
    yield Finding(
        quantity="what λ asks, L/2 · λ/m (m the size of a batch), for a unit and weights of length 1 from it to the "
        "outputs, divided by what the best of many units gains by them",
        value=L / 2 * m.decay / pull,
        threshold=0.5,
        reason="at 1 no unit is worth its weights, and weights of 0 are the best there are; at 1/2 λ takes half of "
        "what the best one gains, and most of what the others do",
        remedy=f"a λ of a tenth or less (l2, alpha in the estimators). Here 1/10 is at λ/m = {0.2 * pull / L:.2g}",
        where=f"λ/m = {m.decay:.3g}",
    )


def dropout(m: Measured) -> Iterator[Finding]:
    """The noise that dropout brings into Z[L], against what the examples differ by."""
    require(any(m.dropout), "no dropout: give dropout=, as in training")
    m.check_trained()
    remedy = "less dropout: 0.5 in wide layers, 0.1 or none in those of a few units; or more units"
    least = sum(p / (1 - p) / n for p, n in zip(m.dropout, m.network.sizes[1:-1], strict=True))
    if not m.learned > 0.02:  # Z[L] does not differ by example, whatever the cause
        yield Finding(
            quantity="variance of a sum over the units that stay, in units of its square, at the least",
            value=least,
            threshold=0.5,
            reason="Σ p / ((1 − p) n[l]) is left where all units say the same: beyond 1/2, the deviation is 70 % of "
            "the sum, and nothing comes through",
            remedy=remedy,
        )
        return
    net, X = m.network, m.trace.A[0][:, m.some]
    drawn = (equations.forward(X, net.W, net.b, net.g, m.masks(X.shape[1], i))[0][-1] for i in range(DRAWN))
    Z = np.stack([Z_L.astype(np.float64) for Z_L in drawn])  # (8, n[L], some)
    noise = float(Z.var(axis=0, ddof=1).mean(axis=1).sum())
    signal = max(float(Z.mean(axis=0).var(axis=1).sum()) - noise / DRAWN, 0.0)
    yield Finding(
        quantity="variance of Z[L] by the dropout of training, divided by that between the examples",
        value=noise / signal if signal else float("inf"),
        threshold=1,
        reason="of what the cost sees, more comes from the draw of the units than from the example",
        remedy=remedy,
        where=f"dropout {', '.join(f'{p:g}' for p in m.dropout)}",
    )


def _sized(rows: Array) -> Array:
    """The rows with the longest of them at length 1, so that weights and gradients can be compared together."""
    longest = float(np.linalg.norm(rows.astype(np.float64), axis=1).max())
    return rows.astype(np.float64) / (longest or 1.0)
