"""Dates as numbers: the six of before, and those that a network learns from, whatever the dates are."""

import numpy as np
import pandas as pd
import pytest

from chainrule.estimators import MLPRegressor
from chainrule.readers import Table
from chainrule.tabular import DateParts, make_plan
from chainrule.tabular.calendar import PARTS, calendar
from chainrule.tabular.estimators import TabularClassifier
from chainrule.tabular.findings import findings
from chainrule.tabular.splits import times_of

DAYS = pd.Series(pd.date_range("2018-01-01", periods=900), name="d")


def frame(dates):
    return pd.DataFrame({"d": pd.Series(np.array(dates, "M8[us]"))})


def parts(dates):
    """The fitted transformer, and its numbers by name."""
    made = DateParts(cyclic=True).fit(frame(dates))
    return made, numbers(made, dates)


def numbers(made, dates):
    names = [name.removeprefix("d ") for name in made.get_feature_names_out()]
    return pd.DataFrame(made.transform(frame(dates)), columns=names)


def test_the_calendar_is_that_of_pandas():
    dates = pd.Series(np.arange("0001-01-01T05:07", "10000-01-01", 10007, dtype="M8[m]").astype("M8[us]"))
    found = calendar(dates.to_numpy("M8[s]").astype(float))
    expected = {"year": dates.dt.year, "month": dates.dt.month, "day": dates.dt.day, "weekday": dates.dt.day_of_week}
    expected |= {"hour": dates.dt.hour, "time": dates.dt.hour + dates.dt.minute / 60}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-15)


def test_six_numbers_are_the_default_and_what_older_files_mean():
    dates = frame(["1970-01-02 12:00", "NaT", "2024-02-29 00:00"])
    made = DateParts()
    del made.cyclic
    np.testing.assert_array_equal(
        made.fit_transform(dates), [[1.5, 1970, 1, 2, 4, 12], [np.nan] * 6, [19782, 2024, 2, 29, 3, 0]]
    )
    assert made.get_feature_names_out().tolist() == [f"d {part}" for part in calendar(0.0)][:6]


def test_only_what_differs_is_given():
    waves = ["sin of year", "cos of year", "sin of week", "cos of week"]
    for dates, expected in {
        "days": (DAYS, ["days", "year", "month", "day", "weekday", *waves]),
        "a week": (DAYS[:7], ["days", "day", "weekday", "sin of week", "cos of week"]),
        "months": (pd.date_range("2018-01-01", periods=40, freq="MS"), ["days", "year", "month", *waves[:2]]),
        "times": (pd.date_range("1970-01-01", periods=90, freq="15min"), ["days", "time", "sin of day", "cos of day"]),
        "morning": (pd.date_range("1970-01-01 08:00", periods=90, freq="min"), ["days", "time"]),
        "one day": (["2020-01-01"] * 3, ["days"]),
        "nothing": (["NaT"] * 3, ["days"]),
        "no row": ([], ["days"]),
        "missing": (["2020-01-01", "NaT", "2021-01-01"], ["days", "year", "missing"]),
    }.values():
        _, found = parts(dates)
        assert set(found.columns) <= set(PARTS)
        assert np.isfinite(found).all(axis=None)
        assert found.columns.tolist() == expected


def test_where_a_cycle_ends_it_begins_again():
    made, _ = parts(DAYS)
    ends = numbers(made, ["2018-12-31", "2019-01-01", "2018-07-01"])
    waves = ends[["sin of year", "cos of year"]].to_numpy()
    assert np.linalg.norm(waves[0] - waves[1]) < 0.02
    assert np.linalg.norm(waves[0] - waves[2]) > 1.9


def test_the_mean_and_a_mark_stand_for_what_is_missing():
    made, found = parts([*DAYS, *["NaT"] * 100])
    assert found["missing"].tolist() == [0] * 900 + [1] * 100
    for name in found.columns.drop("missing"):
        assert found[name].iloc[-1] == pytest.approx(found[name].iloc[:900].mean())
    made, found = parts(DAYS)
    assert "missing" not in found
    assert np.isfinite(numbers(made, ["NaT"])).all(axis=None)


@pytest.mark.parametrize("far", ["9999-12-31", "2999-12-31", "0001-01-01", "1600-05-01", "1900-01-01"])
@pytest.mark.parametrize("share", [0.003, 0.25, 0.9])
def test_a_date_far_from_all_others_leaves_them_room_and_has_a_mark(far, share):
    dates = DAYS.to_numpy("M8[us]").copy()
    some = np.random.default_rng(0).random(900) < share
    dates[some] = np.datetime64(far)
    made, found = parts(dates)
    assert found["far"].tolist() == some.tolist()
    near = found["days"][~some]
    assert np.ptp(found["days"]) <= 1.51 * np.ptp(near)
    assert not numbers(made, ["2019-05-05"])["far"].any()


def test_dates_far_on_both_sides_have_a_mark_and_differ():
    dates = [*DAYS, *["0001-01-01"] * 9, *["9999-12-31"] * 9, *["9999-12-30"] * 2]
    _, found = parts(dates)
    assert found["far"].tolist() == [0] * 900 + [1] * 20
    assert found["days"].iloc[900] < found["days"].iloc[0] < found["days"].iloc[899] < found["days"].iloc[909]


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("1700-01-01", "2024-01-01", freq="97D"),
        ["2001-01-01", "2001-01-02", "2001-01-03", "2015-06-07", "2020-08-09"] * 9,  # too few to say
        [*DAYS, *pd.date_range("2021-01-01", periods=20)],
        [*DAYS, *pd.date_range("2080-01-01", periods=20)],  # more than a few
    ],
)
def test_dates_of_a_long_time_are_not_far(dates):
    assert "far" not in parts(dates)[1]


def test_new_dates_stay_within_half_a_range_of_those_of_training():
    made, found = parts(DAYS)
    new = numbers(made, ["0001-01-01", "1970-01-01", "2020-06-20", "2021-01-01", "2025-01-01", "9999-12-31"])
    assert np.isfinite(new).all(axis=None)
    first, last = found["days"].min(), found["days"].max()
    length = last - first
    expected = [first - length / 2] * 2 + [18433, 18628] + [last + length / 2] * 2  # the third and fourth as they are
    np.testing.assert_allclose(new["days"], expected)
    for name in ("month", "day", "weekday"):
        assert new[name].between(found[name].min(), found[name].max()).all()


def test_hours_that_were_not_in_training_are_the_nearest_that_were():
    made, found = parts(
        pd.date_range("2018-01-01 08:00", periods=900, freq="D") + pd.to_timedelta(np.arange(900) % 90, "m")
    )
    assert numbers(made, ["2018-03-01 23:00", "2018-03-01 03:00"])["time"].tolist() == [found["time"].max(), 8]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("far", ["9999-12-31", "0001-01-01"])
def test_a_network_learns_from_the_dates_beside_one_that_is_far(far):
    rng = np.random.default_rng(0)
    dates = DAYS.to_numpy("M8[us]").copy()
    y = np.where(DAYS.dt.year == 2019, 1.0, -1.0)
    some = rng.random(900) < 0.25
    dates[some], y[some] = np.datetime64(far), 3
    inputs = DateParts(cyclic=True).fit_transform(frame(dates))
    model = MLPRegressor(
        hidden_layer_sizes=32, max_iter=60, learning_rate_init=0.01, normalize="standard", random_state=0
    ).fit(inputs[::2], y[::2])
    assert model.score(inputs[1::2], y[1::2]) > 0.9


def test_several_columns_are_side_by_side():
    two = pd.DataFrame({"a": frame(DAYS).d, "b": frame(["2020-01-01", *["NaT"] * 899]).d})
    made = DateParts(cyclic=True).fit(two)
    one = DateParts(cyclic=True).fit(two[["a"]])
    found = made.transform(two)
    assert found.shape == (900, len(made.get_feature_names_out()))
    assert made.get_feature_names_out().tolist()[-2:] == ["b days", "b missing"]
    np.testing.assert_array_equal(found[:, :-2], one.transform(two[["a"]]))


@pytest.mark.parametrize("far", ["9999-12-31", "0001-01-01"])
def test_a_table_with_a_date_far_from_all_others_is_split_looked_at_and_learned(far):
    days = DAYS[:120].dt.strftime("%Y-%m-%d").where(np.arange(120) % 4 > 0, far)
    X, y = pd.DataFrame({"until": days, "x": np.linspace(-1, 1, 120)}), np.repeat(["a", "b"], 60)
    plan = make_plan(Table("t", X, pd.Series(y, name="y"), "y"))
    assert len(np.unique(times_of(plan, X, "until"))) == 91
    assert not [each for each in findings(plan, X, y, np.arange(60), np.arange(60, 120)) if each.kind == "giveaway"]
    model = TabularClassifier(effort="quick", max_iter=2, hidden_layer_sizes=(4,)).fit(X, y)
    assert set(model.predict(X)) <= {"a", "b"}


@pytest.mark.parametrize(("form", "warned"), [("%H:%M", False), ("%d %b", False), ("%d.%m.%y", True), ("%Y-%m", True)])
def test_only_dates_with_a_year_make_a_split_by_chance_doubtful(form, warned):
    X = pd.DataFrame({"when": (DAYS + pd.to_timedelta(np.arange(900) * 7, "m")).dt.strftime(form)})
    y = np.repeat(["a", "b"], 450)
    plan = make_plan(Table("t", X, pd.Series(y, name="y"), "y"))
    assert plan.columns[0].role == "date"
    kinds = {each.kind for each in findings(plan, X, y, np.arange(450), np.arange(450, 900))}
    assert ("time" in kinds) == warned
