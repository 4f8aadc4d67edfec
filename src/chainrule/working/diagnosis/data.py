"""Checks of the data as the network sees them: inputs, targets, classes, columns."""

from collections.abc import Iterator

import numpy as np

from chainrule import losses
from chainrule._types import Array
from chainrule.text import first_few
from chainrule.working.diagnosis.measure import NEIGHBORS, Measured, twins
from chainrule.working.diagnosis.report import MOST_NAMED, Finding, require

FEW = 20  # with fewer examples two columns can agree by chance
WIDE = 500  # columns up to which all of them take part in the condition number


def inputs(m: Measured) -> Iterator[Finding]:
    """The scale of the inputs, and what scaling each column would gain."""
    require(m.scale > 0, "all inputs are 0")
    large = m.scale > 1
    remedy = "normalize the inputs: net.normalize(X), or normalize='standard' in the estimators"
    yield Finding(
        quantity="scale of the inputs, √(mean x²) of those that are not 0",
        value=m.scale,
        threshold=10 if large else 0.1,
        above=large,
        reason="initial weights are made for inputs of scale 1, and the learning rate that suits W[1] falls with "
        "the square of the scale: at 10 or 1/10 it is 100 times off the one that suits the other layers",
        remedy=remedy,
    )
    varied = np.flatnonzero(m.varied)
    if len(varied) and m.m >= FEW:
        X = m.X[varied] / m.scale  # the scale of all columns together was measured above
        deviation = X.std(axis=1)
        order = np.argsort(deviation, kind="stable")
        if len(order) > WIDE:  # those of the least and the most spread
            order = np.concatenate([order[: WIDE // 2], order[-WIDE // 2 :]])
        X, narrow, wide = X[order], varied[order[0]], varied[order[-1]]
        raw, scaled = _condition(X), _condition(_standardized(X))
        yield Finding(
            quantity="condition number of the input covariance, divided by that of standardized columns",
            value=raw / scaled,
            threshold=1e4,
            reason="gradient descent needs about as many steps as the condition number; 10,000 times as many is "
            "what one column 100 times as wide as another costs, or one 100 deviations away from 0",
            remedy=remedy,
            where=f"condition number {raw:.3g}, standardized {scaled:.3g}; the widest column is {m.column(wide)} "
            f"(deviation {deviation.max() * m.scale:.3g}), the narrowest {m.column(narrow)} "
            f"({deviation.min() * m.scale:.3g})",
        )


def _standardized(X: Array) -> Array:
    standardized: Array = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    return standardized


def _condition(X: Array) -> float:
    """λmax / λmin of the second moments of the inputs X (k, m) and of the 1 of the bias; without the λ that are 0."""
    s = np.linalg.svd(np.vstack([np.ones(X.shape[1]), X]), compute_uv=False)
    s = s[s > s[0] * max(X.shape) * np.finfo(float).eps]
    return float((s[0] / s[-1]) ** 2)


def targets(m: Measured) -> Iterator[Finding]:
    """The scale of the targets, and whether the output activation can reach them."""
    output, (low, high) = m.network.g[-1].name, m.network.g[-1].range
    require(m.network.loss.accepts is losses.real_numbers, "the targets are classes or counts")
    deviation = m.Y.std(axis=1)
    require(deviation.any(), "the targets are constant")
    remedy = "scale the targets to mean 0 and deviation 1: scale_target=True in MLPRegressor, or (Y − mean) / deviation"
    if high == np.inf:
        rms, narrow = np.sqrt((m.Y**2).mean(axis=1)), deviation[deviation > 0]
        small = narrow.min() < 0.1 and not rms.max() > 10
        yield Finding(
            quantity="deviation of the targets" if small else "scale of the targets, √(mean y²)",
            value=float(narrow.min() if small else rms.max()),
            threshold=0.1 if small else 10,
            above=not small,
            reason="outputs begin at a scale of about 1 and the cost grows with the square of the targets: beyond "
            "1/10 or 10 it is off by 100, and with it the learning rate and every tolerance",
            remedy=remedy,
            where=f"output {int(np.argmin(deviation) if small else np.argmax(rms))}" if len(rms) > 1 else "",
        )
        if len(narrow) > 1:
            yield Finding(
                quantity="deviation of the widest target, divided by that of the narrowest",
                value=float(narrow.max() / narrow.min()),
                threshold=10,
                reason="the cost is the sum over outputs: with 10 times the deviation, one has 100 times the say",
                remedy=remedy,
            )
    if np.isfinite((low, high)).any():
        out = ((m.Y - np.clip(m.Y, low, high)) ** 2).mean() / m.Y.var(axis=1).mean()
        yield Finding(
            layer=m.network.L,
            quantity=f"share of the targets' variance that {output} cannot reach",
            value=float(out),
            threshold=0.05,
            reason=f"outputs of {output} lie between {low} and {high}; what is outside is never learned, and a "
            "twentieth of the variance is more than a good fit leaves",
            remedy=f"output='identity', or scale the targets to lie between {low} and {high}",
        )


def classes(m: Measured) -> Iterator[Finding]:
    """The rarest class against the commonest; if it is much rarer, whether the network recognizes it."""
    accepts, A = m.network.loss.accepts, m.trace.A[-1]
    require(accepts in (losses.probabilities, losses.distributions), "the targets are no classes")
    if accepts is losses.distributions or (len(m.Y) > 1 and np.allclose(m.Y.sum(axis=0), 1, atol=1e-4)):
        problems = [("class", m.Y, A.argmax(axis=0))]
    else:  # each output is a question of its own
        problems = [
            ("class" if len(m.Y) == 1 else f"output {k}, class", np.stack([1 - y, y]), (a > 0.5).astype(int))
            for k, (y, a) in enumerate(zip(m.Y, A, strict=True))
        ]
    judged = []
    for label, Y, predicted in problems:
        share = (Y * m.w).sum(axis=1) / m.w.sum()
        present = np.flatnonzero(share > 0)
        if len(present) < 2:
            continue
        rare = int(present[np.argmin(share[present])])
        members = Y[rare] > 0.5
        recall = float(np.mean(predicted[members] == rare)) if members.any() else float("nan")
        judged.append((share[rare] / share.max(), recall, f"{label} {rare}: {members.sum():,} of {m.m:,} examples"))
    require(judged, "all examples are of one class")
    ratio, recall, where = min(judged)
    if ratio >= 0.1:
        yield Finding(
            quantity="weight of the rarest class, divided by that of the commonest",
            value=float(ratio),
            threshold=0.1,
            above=False,
            reason="at 1 to 10, whoever never answers with the rare class is right nine times in ten",
            remedy="",
        )
    else:
        yield Finding(
            quantity=f"share of the rarest class (1 to {1 / ratio:,.0f}) that the network recognizes",
            value=recall,
            threshold=0.5,
            above=False,
            reason="it is rarer than 1 to 10, so that the cost hardly depends on it, and it is missed more often than "
            "not",
            remedy="class_weight='balanced', or weights that make up for it; judge by the balanced accuracy, and move "
            "the threshold of 0.5",
            where=where,
        )


def uninformative(m: Measured) -> Iterator[Finding]:
    """How well the targets are known from the other examples: by the nearest, and by a parabola in each column."""
    require(m.m > 5 * NEIGHBORS, f"{m.m} examples: too few to tell chance from knowledge")
    if m.validation is not None:
        require(m.validation[0] > 0.9 * m.constant, "the validation examples show that they do")
    Y = m.Y[:, m.some]
    require((Y.std(axis=1) > 0).any() and m.varied.any(), "the inputs or the targets are constant")
    share = 1.0  # of the variance that classes have at most
    if m.network.loss.accepts not in (losses.probabilities, losses.distributions):
        Y = Y.argsort(axis=1).argsort(axis=1).astype(float)  # ranks: no single number weighs more
    else:
        p = np.vstack([Y, 1 - Y] if len(Y) == 1 else [Y]).mean(axis=1)
        share = float((p / p.sum() * (1 - p / p.sum())).sum() / (1 - 1 / len(p)))
    Y = Y - Y.mean(axis=1, keepdims=True)
    told = {f"the {NEIGHBORS} nearest": m.around(Y, copies=True), "a parabola in each column": _left_out(m, Y)}
    # Who is left out lowers the mean of the others: without it, chance would look like knowledge.
    r = {how: _correlation(answer + Y / (Y.shape[1] - 1), Y) for how, answer in told.items()}
    # By chance, or because one is left out, it is a little below 0; at −1 every neighbor is of the other class.
    most = max(0.0, *(value if value > -0.5 else -value for value in r.values()))
    error = 1 / np.sqrt(Y.shape[1])
    yield Finding(
        quantity="correlation of the targets with what the other examples tell of them, 2.5 standard errors added",
        value=float(most + 2.5 * error) / share**0.5,
        threshold=0.3,
        above=False,
        reason="less than a tenth of the variance of the targets is told by the inputs, if anything. Where a class "
        "is rare, both count for more, as if the classes were of one size: few examples show nothing",
        remedy="ask whether X and Y belong together (shuffled, shifted by a row?), and what else is known of the "
        "examples. All that is left to a network are puzzles, such as the parity of many bits",
        where=", ".join(f"{how}: {value:.2f}" for how, value in r.items()) + f"; standard error {error:.2f}",
    )


def _left_out(m: Measured, Y: Array) -> Array:
    """What ridge regression on the columns and their squares answers to each example that it has not seen."""
    X = _standardized(m.X[m.varied][:, m.some])
    X = np.vstack([X, X**2])
    X = np.nan_to_num((X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True))
    G = X.T @ X  # (some, some)
    H = np.linalg.solve(G + len(X) * np.eye(len(G)), G)
    H += 1 / len(G)
    h = np.diag(H)
    return np.asarray((Y @ H.T - h * Y) / np.maximum(1 - h, 1e-9))


def _correlation(answer: Array, Y: Array) -> float:
    """Over all outputs; 0 if an answer is constant."""
    A, Y = (P - P.mean(axis=1, keepdims=True) for P in (answer, Y))
    size = float(np.sqrt((A * A).sum() * (Y * Y).sum()))
    return float((A * Y).sum() / size) if size else 0.0


def duplicates(m: Measured) -> Iterator[Finding]:
    """Columns that are the same once each is standardized."""
    require(m.m >= FEW, f"{m.m} examples: with fewer than {FEW} two columns can agree by chance")
    varied = np.flatnonzero(m.varied)
    require(len(varied) > 1, "there are no two columns that vary")
    pairs = [(m.column(varied[i]), m.column(varied[j])) for i, j in twins(_standardized(m.X[varied]), 1e-5)]
    yield Finding(
        quantity="columns that repeat another, apart from mean and scale",
        value=float(len(pairs)),
        threshold=0,
        reason="equal up to 1/100,000 of their deviation, which measured quantities never are: the second column "
        "tells nothing new, and what the two count for is split between them at random",
        remedy="leave one of each pair out",
        where=first_few((f"{i} and {j}" for i, j in pairs), MOST_NAMED),
    )


def leaks(m: Measured) -> Iterator[Finding]:
    """How far the target determines a column: the share of its variance that a line through the targets explains."""
    require(len(m.X) > 1, "there is one column only: whatever it tells is the task")
    require(m.m >= FEW + len(m.Y), f"{m.m} examples are too few to tell a leak from chance")
    varied = np.flatnonzero(m.varied)
    require(len(varied), "no column varies")
    X = m.X[varied]
    X = X - X.mean(axis=1, keepdims=True)
    T = np.vstack([np.ones(m.m), m.Y]).T  # (m, 1 + n[L])
    coefficients, _, rank, _ = np.linalg.lstsq(T, X.T)
    left = ((X.T - T @ coefficients) ** 2).sum(axis=0) / (m.m - rank)
    explained = 1 - left / ((X**2).sum(axis=1) / (m.m - 1))  # R², adjusted for the number of targets
    limit = 0.99
    leaking = explained > limit
    most = leaking.mean() > 0.5 and leaking.sum() > 1
    require(not most, "the target determines most of the columns: that is the task, no leak")
    yield Finding(
        quantity="share of a column's variance that the target explains, the largest",
        value=float(explained.max()),
        threshold=limit,
        reason="apart from a tenth of its deviation the column is the target; what is measured before the answer "
        "is known hardly ever comes so close",
        remedy="leave the column out if it is known only once the answer is; if it is known before, a line through "
        "this column is all that is needed",
        where="column " + first_few(map(m.column, varied[leaking]), MOST_NAMED) if leaking.any() else "",
    )
