"""scikit-learn's transformers of numbers as operators, and the inverses of those that scale a target."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.interpolate import BSpline, PPoly
from scipy.special import ndtr, ndtri
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)

from chainrule.exporting.graph import DOUBLE, WAY_OUT, ExportError, Value, traced

_NEAR = 1e-7  # of QuantileTransformer: so near to its least and largest number counts as these, before Φ⁻¹
_LEAST, _MOST = _NEAR - np.spacing(1.0), 1 - (_NEAR - np.spacing(1.0))  # of what Φ⁻¹ is given


def clip(x: Value, low: Any, high: Any) -> Value:
    """np.clip."""
    return np.minimum(np.maximum(x, low), high)


def interpolate(x: Value, known: Any, values: Any) -> Value:
    """np.interp of a column (batch, 1) for known (K,), ascending, and their values (K,).

    Where several of the known are equal, it is the mean of what comes from below and from above.
    """
    x, step, rise = x.astype(DOUBLE), np.diff(known), np.diff(values)
    ramps, jumps = step > 0, (step == 0) & (rise != 0)
    share = clip((x - known[:-1][ramps]) / step[ramps], 0.0, 1.0)  # (batch, ramps)
    made = x.graph.op("MatMul", share, rise[ramps][:, None]) + values[0]
    if jumps.any():
        at = known[:-1][jumps]
        passed = ((x > at).astype(DOUBLE) + (x >= at).astype(DOUBLE)) / 2
        made = made + x.graph.op("MatMul", passed, rise[jumps][:, None])
    return np.where(np.isnan(x), x, made)


def _each(function: Callable[[int, Value], Value], x: Value, count: int) -> Value:
    """What a function makes of each column, by its number, side by side."""
    return np.concatenate([function(k, x[:, [k]] if count > 1 else x) for k in range(count)], axis=1)


# -- there -------------------------------------------------------------------------------------------------------------


def _standard(step: StandardScaler, x: Value) -> Value:
    x = x - step.mean_ if step.with_mean else x
    return x / step.scale_ if step.with_std else x


def _min_max(step: MinMaxScaler, x: Value) -> Value:
    x = x * step.scale_ + step.min_
    return clip(x, *step.feature_range) if step.clip else x


def _max_abs(step: MaxAbsScaler, x: Value) -> Value:
    x = x / step.scale_
    return clip(x, -1, 1) if getattr(step, "clip", False) else x


def _robust(step: RobustScaler, x: Value) -> Value:
    x = x - step.center_ if step.with_centering else x
    return x / step.scale_ if step.with_scaling else x


def _function(step: FunctionTransformer, x: Value) -> Value:
    return _called(step.func, step.kw_args, x)


def _called(function: Any, arguments: Any, x: Value) -> Value:
    if function is None:
        return x
    what = f"FunctionTransformer({getattr(function, '__name__', '…')})"
    try:
        return traced(what, partial(function, **(arguments or {})), x)
    except ExportError as error:
        raise ExportError(f"{error}. {WAY_OUT}") from error


def _pca(step: PCA, x: Value) -> Value:
    turned = x.graph.op("MatMul", x, step.components_.T.astype(x.dtype)) - step.mean_ @ step.components_.T
    return turned / np.sqrt(step.explained_variance_) if step.whiten else turned


def _selected(step: VarianceThreshold, x: Value) -> Value:
    return x[:, step.get_support(indices=True)]


def _normalizer(step: Normalizer, x: Value) -> Value:
    if step.norm == "max":
        length = x.graph.reduce("ReduceMax", np.abs(x))
    elif step.norm == "l1":
        length = x.graph.reduce("ReduceSum", np.abs(x))
    else:
        length = np.sqrt(x.graph.reduce("ReduceSum", x * x))
    return x / np.where(length == 0, 1, length)


def _polynomial(step: PolynomialFeatures, x: Value) -> Value:
    """The products, those of one degree at once: of their first factors, their second ones, and so on."""
    factors = [np.repeat(np.arange(len(powers)), powers) for powers in step.powers_]
    made = []
    for degree in sorted({len(numbers) for numbers in factors}):
        of_degree = np.array([numbers for numbers in factors if len(numbers) == degree], np.int64)
        if not degree:
            made.append((x[:, [0]] == x[:, [0]]).astype(x.dtype))  # 1 in every row
            continue
        product = x[:, of_degree[:, 0]]
        for j in range(1, degree):
            product = product * x[:, of_degree[:, j]]
        made.append(product)
    return np.concatenate(made, axis=1)


def _power(step: PowerTransformer, x: Value) -> Value:
    if step.method == "box-cox":
        made = _box_cox(x, step.lambdas_)
    else:
        above, below = np.maximum(x, 0), np.maximum(-x, 0)  # the other one is 0, of which both make 0
        made = _box_cox(above + 1, step.lambdas_) - _box_cox(below + 1, 2 - step.lambdas_)
        made = np.where(np.isnan(x), x, made)
    return _standard(step._scaler, made) if step.standardize else made


def _box_cox(x: Value, powers: Any) -> Value:
    """(x^λ − 1)/λ, or log x where λ is 0."""
    zero = np.abs(powers) < np.spacing(1.0)
    powers = np.where(zero, 1.0, powers)
    made = (np.power(x, powers) - 1) / powers
    return np.where(zero, np.log(x), made) if zero.any() else made


def _quantiles(step: QuantileTransformer, x: Value) -> Value:
    known, x = step.quantiles_, x.astype(DOUBLE)
    made = _each(lambda k, column: interpolate(column, known[:, k], step.references_), x, known.shape[1])
    if step.output_distribution == "uniform":
        return np.where(x == known[0], 0.0, np.where(x == known[-1], 1.0, made))
    made = np.where(x - _NEAR < known[0], 0.0, np.where(x + _NEAR > known[-1], 1.0, made))
    return ndtri(clip(made, _LEAST, _MOST))


def _bins(step: KBinsDiscretizer, x: Value) -> Value:
    def column(k: int, x: Value) -> Value:
        inner = step.bin_edges_[k][1:-1]
        number = x * 0
        if len(inner):  # how many edges lie below it
            number = x.graph.op("MatMul", (x >= inner).astype(DOUBLE), np.ones((len(inner), 1)))
        return number if step.encode == "ordinal" else (number == np.arange(step.n_bins_[k])).astype(DOUBLE)

    return _each(column, x.astype(DOUBLE), step.n_features_in_)


def _splines(step: SplineTransformer, x: Value) -> Value:
    """B-splines as the polynomials that they are between two knots, and what they are below and above all of them."""
    if step.extrapolation == "linear" and step.degree < 2 and step.n_features_in_ > 1:
        # In scikit-learn 1.9 `transform` counts its degree up at the first column and takes other knots for the rest.
        raise ExportError(
            f"SplineTransformer(degree={step.degree}, extrapolation='linear') of several columns is wrong in "
            "scikit-learn itself from the second column on: take 'continue', which is the same for degree 1"
        )

    def column(k: int, x: Value) -> Value:
        spline, degree = step.bsplines_[k], step.degree
        last = len(spline.t) - 1 - degree
        low, high, knots = spline.t[degree], spline.t[last], spline.t[degree:last]
        single = [BSpline(spline.t, c, degree) for c in spline.c.T]
        # (degree + 1, intervals, splines), the highest power first
        inside = np.stack([PPoly.from_spline(each).c[:, degree:last] for each in single], axis=2)
        if step.extrapolation == "periodic":
            x = x - np.floor((x - low) / (high - low)) * (high - low)
        below, above, starts = inside[:, 0], inside[:, -1], np.array([low, *knots, knots[-1]])
        if step.extrapolation in ("constant", "linear") and degree:
            starts[-1] = high
            below, above = (np.zeros_like(below) for _ in range(2))
            for part, end in ((below, low), (above, high)):
                part[-1] = spline(end)
                part[-2] = spline(end, nu=1) if step.extrapolation == "linear" else 0
        powers = np.concatenate([below[:, None], inside, above[:, None]], axis=1)
        number = x.graph.op("MatMul", (x >= knots).astype(DOUBLE), np.ones((len(knots), 1))) + (x > high).astype(DOUBLE)
        which = (number == np.arange(len(starts))).astype(DOUBLE)  # (batch, intervals)
        t = x - x.graph.op("MatMul", which, starts[:, None])
        made = x.graph.op("MatMul", which, powers[0])
        for coefficients in powers[1:]:
            made = made * t + x.graph.op("MatMul", which, coefficients)
        if step.extrapolation == "error":  # NaN where scikit-learn raises
            made = np.where((x < low) | (x > high), np.nan, made)
        if getattr(step, "handle_missing", "error") == "zeros":
            made = np.where(np.isnan(x), 0.0, made)
        return made if step.include_bias else made[:, np.arange(powers.shape[2] - 1)]

    return _each(column, x.astype(DOUBLE), step.n_features_in_)


TRANSFORMS: dict[type, Callable[[Any, Value], Value]] = {
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    FunctionTransformer: _function,
    PCA: _pca,
    VarianceThreshold: _selected,
    Normalizer: _normalizer,
    PolynomialFeatures: _polynomial,
    PowerTransformer: _power,
    QuantileTransformer: _quantiles,
    SplineTransformer: _splines,
    KBinsDiscretizer: _bins,
}


# -- and back ----------------------------------------------------------------------------------------------------------


def _from_standard(step: StandardScaler, y: Value) -> Value:
    y = y * step.scale_ if step.with_std else y
    return y + step.mean_ if step.with_mean else y


def _from_min_max(step: MinMaxScaler, y: Value) -> Value:
    return (y - step.min_) / step.scale_


def _from_max_abs(step: MaxAbsScaler, y: Value) -> Value:
    return y * step.scale_


def _from_robust(step: RobustScaler, y: Value) -> Value:
    y = y * step.scale_ if step.with_scaling else y
    return y + step.center_ if step.with_centering else y


def _from_function(step: FunctionTransformer, y: Value) -> Value:
    return _called(step.inverse_func, step.inv_kw_args, y)


def _from_power(step: PowerTransformer, y: Value) -> Value:
    y = _from_standard(step._scaler, y) if step.standardize else y
    if step.method == "box-cox":
        return _from_box_cox(y, step.lambdas_)
    above, below = np.maximum(y, 0), np.maximum(-y, 0)
    return _from_box_cox(above, step.lambdas_) - _from_box_cox(below, 2 - step.lambdas_)


def _from_box_cox(y: Value, powers: Any) -> Value:
    """(λ y + 1)^(1/λ), or exp y where λ is 0."""
    zero = np.abs(powers) < np.spacing(1.0)
    powers = np.where(zero, 1.0, powers)
    made = np.power(y * powers + 1, 1 / powers)
    return np.where(zero, np.exp(y), made) if zero.any() else made


def _from_quantiles(step: QuantileTransformer, y: Value) -> Value:
    if step.output_distribution == "normal":
        y = _accurate_ndtr(y)

    def column(k: int, y: Value) -> Value:
        return interpolate(y, step.references_, step.quantiles_[:, k])

    return _each(column, y, step.n_features_in_)


def _accurate_ndtr(z: Value) -> Value:
    """Φ(z) to about 1e-14 from one of 1e-7, by a step of Newton's on Φ⁻¹(p) = z; beyond the quantiles 0 or 1."""
    p = clip(ndtr(z), _LEAST, _MOST)
    p = p - (ndtri(p) - z) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return np.where(z < ndtri(_LEAST), 0.0, np.where(z > ndtri(_MOST), 1.0, p))


INVERSES: dict[type, Callable[[Any, Value], Value]] = {
    StandardScaler: _from_standard,
    MinMaxScaler: _from_min_max,
    MaxAbsScaler: _from_max_abs,
    RobustScaler: _from_robust,
    FunctionTransformer: _from_function,
    PowerTransformer: _from_power,
    QuantileTransformer: _from_quantiles,
}
