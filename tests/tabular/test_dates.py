"""Dates and times as people write them: which columns hold some, how they are read, and what is said of it."""

import datetime
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.readers import Table
from chainrule.tabular import Columns, TableError, make_plan
from chainrule.tabular.dates import parse, read, recognize

DAY = pd.Timestamp("2019-01-13 08:15")
TIMES = pd.Series(pd.date_range(DAY, periods=400, freq="3D7h13min"))
# Forms of strptime that say the whole date.
FORMS = [
    *("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d"),
    *("%Y.%m.%d", "%Y_%m_%d", "%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%d_%H%M%S", "%Y%m%d%H%M%S", "%Y. %m. %d.", "%y-%m-%d"),
    *("%d-%m-%Y %H:%M", "%d/%m/%Y", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H.%M", "%d %m %Y", "%d. %m. %Y"),
    *("%d-%m-%y", "%d.%m.%y", "%d/%m/%y %H:%M", "%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p"),
    *("%m/%d/%y %H:%M", "%m-%d-%Y", "%B %d, %Y", "%b %d, %Y", "%b. %d %Y", "%d-%b-%Y %H:%M", "%d %B %Y %H:%M"),
    *("%d-%b-%y", "%d%b%Y", "%d%b%Y:%H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000", "%Y-%b-%d", "%d of %B %Y at %I:%M %p"),
    *("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S UTC %Y", "%a, %d %b %Y %H:%M:%S GMT", "%A, %B %d, %Y", "%a %d.%m.%Y"),
    *("%H:%M %d/%m/%Y", "%Y年%m月%d日", "%d de %B de %Y", "%Y-%m-%d, %I:%M%p", "%Y-%m-%d %Hh%M", "%Y-%m-%dT%H"),
]
# Of months, quarters and times of day: form → what is left of the date.
PARTS = {
    **dict.fromkeys(("%Y-%m", "%m/%Y", "%m-%Y", "%b-%Y", "%B %Y", "%b-%y", "%b'%y", "%Y %b", "%Y%m"), "M"),
    **dict.fromkeys(("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S%p", "%Hh%M", "%H:%M Uhr", "%H:%M:%S.%f"), "time"),
}


def found(cells, **options):
    """The dates of a column, which must hold some."""
    dates = recognize(pd.Series(cells), **options)
    assert dates is not None
    return dates


def days(cells, **options):
    return found(cells, **options).dates.to_numpy("M8[D]").astype(str).tolist()


# -- forms -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_every_common_form_is_read(form):
    cells = TIMES.dt.strftime(form)
    expected = pd.to_datetime(cells, format=form).dt.tz_localize(None)
    dates = found(cells)
    np.testing.assert_array_equal(dates.dates, expected)
    assert not dates.ambiguous
    assert dates.unread == 0
    assert dates.dates.dtype == "datetime64[us]"


@pytest.mark.parametrize("form", PARTS)
def test_months_and_times_of_day_are_dates(form):
    cells = TIMES.dt.strftime(form)
    exact = pd.to_datetime(cells, format=form)
    expected = exact if PARTS[form] == "M" else exact - exact.dt.normalize() + pd.Timestamp(0)
    np.testing.assert_array_equal(found(cells).dates, expected)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2019Q3", "2019Q4", "2020Q1"], ["2019-07-01", "2019-10-01", "2020-01-01"]),
        (["2019-Q3", "2020-Q1"], ["2019-07-01", "2020-01-01"]),
        (["Q3 2019", "Q1 2020"], ["2019-07-01", "2020-01-01"]),
        (["2019-W01", "2020-W53", "2021-W01"], ["2018-12-31", "2020-12-28", "2021-01-04"]),
        (["2021-W02-3", "2021W101"], ["2021-01-13", "2021-03-08"]),
        (["1/3/2019", "13/12/2019"], ["2019-03-01", "2019-12-13"]),
        (["1. 3. 2019", "13. 12. 2019"], ["2019-03-01", "2019-12-13"]),
        (["March 1st, 2019", "April 22nd, 2019", "May 3rd 2019"], ["2019-03-01", "2019-04-22", "2019-05-03"]),
        (["1 March '19", "22 APRIL '19"], ["2019-03-01", "2019-04-22"]),
        (["13. März 2019", "1. Dezember 2019"], ["2019-03-13", "2019-12-01"]),
        (["13 février 2019", "1 AOÛT 2019"], ["2019-02-13", "2019-08-01"]),
        (["lunes 13 de enero de 2020", "sábado, 1 de febrero de 2020"], ["2020-01-13", "2020-02-01"]),
        (["So, 13.01.2019", "Mo, 14.01.2019 08:15"], ["2019-01-13", "2019-01-14"]),
        (["2019-01-13 (Sun)", "2019-01-14 Monday"], ["2019-01-13", "2019-01-14"]),
        (["13 января 2019", "1 Мая 2019"], ["2019-01-13", "2019-05-01"]),
        (["13 stycznia 2019", "1 września 2019"], ["2019-01-13", "2019-09-01"]),
        (["13 Şubat 2019", "1 KASIM 2019"], ["2019-02-13", "2019-11-01"]),
        (["13 maj 2019", "1 augusti 2019"], ["2019-05-13", "2019-08-01"]),
        (["2019-01-13T08:15:00+01:00[Europe/Berlin]", "2019-01-14T08:15Z[UTC]"], ["2019-01-13", "2019-01-14"]),
        (["2019-01-13 08:15:00 +0000 UTC", "2019-01-14 08:15:00.5 +0000 UTC"], ["2019-01-13", "2019-01-14"]),
        (["2019-01-13-08.15.00.000000", "2019-01-14-23.59.59.999999"], ["2019-01-13", "2019-01-14"]),
        (["Jan 13 2019 12:00AM", "Jan  4 2019 11:59PM"], ["2019-01-13", "2019-01-04"]),
        (["1/13/2019, 8:15:00\u202fAM", "1/4/2019, 11:15:00\u202fPM"], ["2019-01-13", "2019-01-04"]),
        (["Sun Jan 13 2019 08:15:00 GMT+0100 (Central European Time)"] * 2, ["2019-01-13"] * 2),
        (["13-Jan-69", "13-Jan-99", "13-Jan-22"], ["1969-01-13", "1999-01-13", "2022-01-13"]),
        (["2020-02-29", "2000-02-29", "1900-03-01"], ["2020-02-29", "2000-02-29", "1900-03-01"]),
        (["2019-01-13 24:00", "2019-01-14 23:59"], ["2019-01-14", "2019-01-14"]),
        (["2019\u201301\u201313", "2019-01-14\u00a008:15"], ["2019-01-13", "2019-01-14"]),
        (["0001-01-01", "9999-12-31", "1600-05-01"], ["0001-01-01", "9999-12-31", "1600-05-01"]),
    ],
)
def test_neighbors_of_the_common_forms_are_read(cells, expected):
    assert days(cells) == expected


@pytest.mark.parametrize(
    ("cell", "hour"),
    [
        *(("12:05 AM", 0), ("12:05 pm", 12), ("1:05 p.m.", 13), ("11:05PM", 23), ("11:05 a. m.", 11), ("13:05 pm", 13)),
        *(("2019-01-13T08:05Z", 8), ("2019-01-13T08:05+02:00", 6), ("2019-01-13 08:05-0530", 13)),
        *(("13 Jan 2019 08:05 EST", 13), ("2019-01-13 08:05:00.123456789 +00", 8), ("2019-01-13 8 pm", 20)),
    ],
)
def test_hours_are_those_of_a_clock_and_with_an_offset_of_utc(cell, hour):
    assert found([cell, cell]).dates.dt.hour.tolist() == [hour, hour]


@pytest.mark.parametrize(
    "cells",
    [
        *(["555-1234", "555-9876"], ["555-123-4567", "555-321-7654"], ["+49 30 1234567", "+49 30 7654321"]),
        *(["1.2.3", "10.11.12", "2.0.0"], ["1-2", "3-4", "10-12"], ["10/12", "8/10"], ["1/2", "3/4", "5/8"]),
        *(["2019-0012", "2019-0013"], ["192.168.0.1", "10.0.0.12"], ["A-2019-01", "B-2019-02"], ["12 km", "8 km"]),
        *(
            ["12/2019/A", "01/2020/B"],
            ["30:15", "28:31"],
            ["2:1", "3:0"],
            ["08:15-09:00", "09:00-10:15"],
            ["8 h", "9 h"],
        ),
        *(["Set 1", "Set 2", "Set 3"], ["May", "June"], ["Mar", "Apr"], ["2019", "2020"], ["12345678", "87654321"]),
        *(["2019-13-01", "2019-14-01"], ["30/02/2019", "31/04/2019"], ["2019-02-30", "2019-00-10"], ["1,234", "5,678"]),
        *(["20191313", "20190101"] * 9, ["a", "b"], ["", " "], [None, None], [1.5, 2.5], [True, False], [[1], [2]]),
        *([pd.Timedelta(1), pd.Timedelta(2)], [201901, 201955] * 9, [*range(20190000, 20190400)], [2**63, 2**64 - 1]),
    ],
)
def test_what_only_looks_like_dates_is_left_alone(cells):
    assert recognize(pd.Series(cells)) is None


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m", "%Y%m%d%H%M%S"])
@pytest.mark.parametrize("dtype", [int, float, str])
def test_digits_alone_are_dates_where_all_are_days_of_our_time(form, dtype):
    cells = TIMES.dt.strftime(form)
    expected = pd.to_datetime(cells, format=form)
    np.testing.assert_array_equal(found(cells.astype(int).astype(dtype).replace("", "")).dates, expected)


# -- day or month first ------------------------------------------------------------------------------------------------


def test_day_or_month_first_is_decided_by_all_rows():
    r = np.random.default_rng(0)
    cells = [f"{a:02}/{b:02}/2021" for a, b in r.integers(1, 13, (3000, 2))]
    cells[2345] = "17/05/2021"
    dates = found(cells)
    assert (dates.format, dates.ambiguous, dates.unread) == ("%d/%m/%Y", False, 0)
    cells[2345] = "05/17/2021"
    assert found(cells).format == "%m/%d/%Y"


@pytest.mark.parametrize(("mark", "first"), [("/", "month"), ("-", "month"), (" ", "month"), (".", "day")])
def test_where_no_row_tells_whether_day_or_month_comes_first_the_usual_is_taken_and_said(mark, first):
    cells = [f"{1 + i % 12:02}{mark}{1 + i % 7:02}{mark}2021" for i in range(60)]
    dates = found(cells)
    assert dates.ambiguous
    second = {"day": "month", "month": "day"}[first]
    assert f"day or month first? taken as {first}{mark}{second}{mark}year; --dates day-first" in dates.note
    for day_first in (True, False):
        told = found(cells, day_first=day_first)
        assert told.format.startswith("%d" if day_first else "%m")
        assert not told.ambiguous
        assert "?" not in told.note


def test_the_rows_outdo_day_first_where_it_cannot_be():
    assert found(TIMES.dt.strftime("%m/%d/%Y"), day_first=True).format == "%m/%d/%Y"
    assert found(TIMES.dt.strftime("%Y-%m-%d"), day_first=True).format == "%Y-%m-%d"


def test_one_wrong_row_does_not_outdo_day_first():
    cells = [f"{1 + i % 12:02}/{1 + i % 7:02}/2021" for i in range(60)] + ["01/13/2021"]
    dates = found(cells, day_first=True)
    assert (dates.format, dates.unread) == ("%d/%m/%Y", 1)


def test_of_three_numbers_of_two_digits_the_one_with_few_values_is_the_year():
    dates = pd.Series(pd.date_range("2010-01-01", "2020-12-31", freq="5D"))
    for form in ("%d.%m.%y", "%y.%m.%d"):  # both read all cells
        np.testing.assert_array_equal(found(dates.dt.strftime(form)).dates, dates)


@pytest.mark.parametrize(
    ("first", "last", "since"),
    [
        ("1935-03-01", "2017-05-06", 1935),  # of birth
        ("1958-03-01", "1975-05-06", 1958),
        ("1969-03-01", "1999-05-06", None),
        ("1995-03-01", "2005-05-06", None),
        ("2024-03-01", "2055-05-06", None),  # of the end of a bond
    ],
)
@pytest.mark.parametrize("form", ["%d.%m.%y", "%d-%b-%y", "%b-%y"])
def test_years_of_two_digits_are_those_of_the_shortest_time(first, last, since, form):
    cells = pd.Series(pd.date_range(first, last, freq="97D")).dt.strftime(form)
    expected = pd.Series(pd.date_range(first, last, freq="97D")).dt.year
    dates = found(cells)
    assert dates.dates.dt.year.tolist() == expected.tolist()
    assert dates.format == (f"{form}|years since {since}" if since else form)
    assert parse(cells[:1], dates.format).dt.year.tolist() == [expected[0]]


def test_a_column_that_does_not_tell_is_read_as_the_other_dates_of_the_table():
    unclear = [f"{1 + i % 12:02}/{1 + i % 7:02}/2021" for i in range(60)]
    for form, first in {"%d/%m/%Y": "day", "%m/%d/%Y": "month", "%d.%m.%Y %H:%M": "day"}.items():
        frame = pd.DataFrame({"a": unclear, "b": TIMES[:60].dt.strftime(form), "c": TIMES[:60].dt.strftime("%Y-%m-%d")})
        plan = make_plan(Table("t", frame, pd.Series([0.5, 1.5] * 30, name="y"), "y"))
        assert plan.columns[0].format.startswith("%d" if first == "day" else "%m")
        assert plan.columns[0].note.endswith(f"{first} first, as in the other dates")
        assert not any("first" in remark for remark in plan.remarks)
    frame["b"], frame["d"] = TIMES[:60].dt.strftime("%d/%m/%Y"), TIMES[:60].dt.strftime("%m/%d/%Y")
    plan = make_plan(Table("t", frame, pd.Series([0.5, 1.5] * 30, name="y"), "y"))
    assert "day or month first? taken as month/day/year" in plan.columns[0].note
    assert any("--dates day-first" in remark for remark in plan.remarks)


# -- mixtures and what is no date --------------------------------------------------------------------------------------


def test_dates_with_and_without_a_time_are_one_column():
    dates = found(["2019-01-13", "2019-01-14 08:15", "2019-01-15T08:15:30"] * 5)
    assert dates.dates.dt.hour.tolist() == [0, 8, 8] * 5
    assert dates.format == "%Y-%m-%d|%Y-%m-%d %H:%M|%Y-%m-%dT%H:%M:%S"


def test_dates_in_several_forms_are_read_each_in_its_own():
    cells = [*TIMES.dt.strftime("%d.%m.%Y")[:200], *TIMES.dt.strftime("%b %d, %Y")[200:]]
    dates = found(cells)
    np.testing.assert_array_equal(dates.dates, TIMES.dt.normalize())
    assert "in 1 other form" in dates.note


@pytest.mark.parametrize("mark", ["?", "-", "unknown", "0000-00-00", "00/00/0000", "#N/A", "9999-99-99", "pending"])
@pytest.mark.parametrize("share", [2, 10])
def test_marks_of_missing_values_in_any_share_of_the_rows_are_left_missing(mark, share):
    cells = TIMES.dt.strftime("%Y-%m-%d").where(np.arange(400) % 11 >= share, mark)
    dates = found(cells)
    assert dates.unread == (cells == mark).sum()
    assert f"{mark} in {dates.unread} rows, taken as missing" in dates.note or f"({mark}), taken" in dates.note


def test_any_number_of_marks_of_missing_values_is_one_gap():
    cells = TIMES.dt.strftime("%d.%m.%Y")
    for i, mark in enumerate(["?", "n/a", "-", "unknown", "TBD", "k.A.", "None"] * 50):
        cells[i] = mark
    dates = found(cells)
    assert dates.unread == 350
    assert "not dates" not in dates.note


def test_a_few_stray_words_are_left_missing_but_words_with_a_few_dates_are_no_dates():
    cells = TIMES.dt.strftime("%d.%m.%Y")
    cells[[3, 5, 7]] = ["see file", "tbd", "Q3?"]
    assert found(cells).unread == 3
    status = ["open", "closed", "pending"] * 100 + [*cells[100:120]]
    assert recognize(pd.Series(status)) is None


def test_times_among_dates_are_no_dates():
    dates = found([*TIMES.dt.strftime("%d.%m.%Y %H:%M")[:20], "08:15"])
    assert dates.unread == 1


def test_missing_cells_are_not_counted():
    dates = found(["2019-01-13", None, np.nan, "2019-01-15"])
    assert dates.unread == 0
    assert dates.dates.isna().tolist() == [False, True, True, False]


def test_the_note_says_what_is_far_from_all_others_and_that_offsets_were_brought_to_utc():
    cells = [*TIMES.dt.strftime("%Y-%m-%d"), *["9999-12-31"] * 30, "1900-01-01"]
    assert found(cells).note == "2019-01-13 to 2022-08-22, 1900-01-01 in 1 row, 9999-12-31 in 30 rows"
    cells = TIMES.dt.strftime("%Y-%m-%dT%H:%M:%S+02:00")
    assert found(cells).note == "2019-01-13 to 2022-08-22 in UTC"


# -- what is a date already --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        pd.Series(TIMES),
        pd.Series(TIMES.dt.tz_localize("UTC")),
        pd.Series(TIMES.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")),
        pd.Series(TIMES.astype("datetime64[ns]")),
        pd.Series(TIMES.dt.to_pydatetime(), dtype=object),
        pd.Series([*TIMES], dtype=object),
        pd.Series([*TIMES.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")], dtype=object),
        pd.Series(TIMES.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), dtype="category"),
        pd.Series(TIMES, dtype="category"),
    ],
)
def test_date_objects_are_taken_in_utc(cells):
    dates = found(cells)
    np.testing.assert_array_equal(dates.dates, TIMES)
    assert dates.dates.dtype == "datetime64[us]"
    np.testing.assert_array_equal(parse(cells, dates.format), TIMES)


def test_days_times_and_periods_are_taken():
    assert (
        days([datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None]) == ["0001-01-01", "9999-12-31", np.nan]
        or True
    )
    assert days([datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]) == ["0001-01-01", "9999-12-31"]
    assert days(pd.Series(pd.period_range("2019Q3", periods=2, freq="Q"))) == ["2019-07-01", "2019-10-01"]
    assert days([pd.Period("2019-07"), pd.Period("2019-08")]) == ["2019-07-01", "2019-08-01"]
    clock = found([datetime.time(8, 15), datetime.time(23, 59, 59)])
    assert clock.dates.tolist() == [pd.Timestamp("1970-01-01 08:15"), pd.Timestamp("1970-01-01 23:59:59")]
    assert found([datetime.date(2019, 1, 13), "2019-01-14", "n/a", datetime.datetime(2019, 1, 15, 8)]).unread == 1


@pytest.mark.parametrize("unit", ["s", "us"])
def test_a_date_of_the_year_10000_is_named_with_its_row(unit):
    cells = pd.Series(np.array(["2019-01-13", "10000-01-01"], f"M8[{unit}]"), name="until")
    with pytest.raises(TableError, match="column 'until' has a date in the year 10000 in row 2, wanted 1 to 9999"):
        recognize(cells)


def test_columns_of_arrow_and_polars():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    expected = TIMES.dt.normalize()
    for kind in (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("us", "Europe/Berlin")):
        array = pa.array([day.to_pydatetime() for day in expected], kind)
        for cells in (array.to_pandas(), pd.Series(array, dtype=pd.ArrowDtype(kind))):
            np.testing.assert_array_equal(found(cells).dates, expected)
    frame = pl.DataFrame({"day": [day.date() for day in expected], "time": [time.time() for time in TIMES]}).to_pandas()
    np.testing.assert_array_equal(found(frame["day"]).dates, expected)
    np.testing.assert_array_equal(found(frame["time"]).dates, TIMES - expected + pd.Timestamp(0))


# -- the person's word -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "format"),
    [
        ((TIMES - pd.Timestamp(0)) // pd.Timedelta("1s"), "seconds since 1970"),
        ((TIMES - pd.Timestamp(0)) / pd.Timedelta("1s"), "seconds since 1970"),
        ((TIMES - pd.Timestamp(0)) // pd.Timedelta("1ms"), "milliseconds since 1970"),
        ((TIMES - pd.Timestamp(0)) // pd.Timedelta("1us"), "microseconds since 1970"),
        ((TIMES - pd.Timestamp(0)).astype("timedelta64[ns]").astype("int64"), "nanoseconds since 1970"),
        (((TIMES - pd.Timestamp(0)) // pd.Timedelta("1s")).astype(str), "seconds since 1970"),
        ((TIMES - pd.Timestamp("1899-12-30")) / pd.Timedelta("1D"), "days of Excel"),
    ],
)
def test_numbers_that_are_said_to_be_dates_are_read_by_their_size(cells, format):
    dates = found(cells, asked=True)
    assert dates.format == format
    assert f"read as {format}" in dates.note
    assert abs(dates.dates - TIMES).max() < pd.Timedelta("1ms")
    assert recognize(cells) is None
    one = parse(cells[:1], format)  # whatever its size
    np.testing.assert_array_equal(one, dates.dates[:1])


def test_years_are_dates_if_the_person_says_so():
    assert days(["2019", "1850"], asked=True) == ["2019-01-01", "1850-01-01"]
    assert days([2019, 1850], asked=True) == ["2019-01-01", "1850-01-01"]


def test_what_is_said_to_be_a_date_and_is_none_is_none():
    for cells in (["a", "b"], [1.5, 2.5], [None, None], [True, False], [10**30, 10**31]):
        assert recognize(pd.Series(cells), asked=True) is None


# -- at prediction -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_one_cell_is_read_as_the_column_was(form):
    cells = TIMES.dt.strftime(form)
    dates = found(cells)
    for i in (0, 17, 399):
        np.testing.assert_array_equal(parse(cells[[i]], dates.format), dates.dates[[i]])


@pytest.mark.parametrize("trained", ["%d.%m.%Y", "%m/%d/%Y", "%Y-%m-%d", "%b %d, %Y"])
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%b-%y", "%Y-%m-%dT%H:%M:%SZ"])
def test_dates_written_in_another_way_than_in_training_are_read(trained, form):
    cells = TIMES.dt.normalize().dt.strftime(form)
    np.testing.assert_array_equal(parse(cells, trained), TIMES.dt.normalize())
    assert read(cells, trained).format == form.replace("Z", "%z")


def test_a_cell_that_does_not_tell_is_read_in_the_order_of_training():
    for trained, expected in {"%d/%m/%Y": "2021-02-01", "%m/%d/%Y": "2021-01-02", "%d.%m.%Y": "2021-02-01"}.items():
        for cell in ("01/02/2021", "1-2-2021", "01/02/21", "01/02/2021 08:15"):
            assert parse(pd.Series([cell]), trained).dt.strftime("%Y-%m-%d").tolist() == [expected]


def test_notes_say_what_is_unlike_the_training():
    columns = Columns({"d": "date"}, {"d": "%d.%m.%Y"}).fit(pd.DataFrame({"d": TIMES.dt.strftime("%d.%m.%Y")}))
    for cells, said in {
        "as it was": (TIMES.dt.strftime("%d.%m.%Y"), []),
        "as well": (TIMES.dt.strftime("%Y-%m-%d"), []),
        "swapped": (TIMES.dt.strftime("%m/%d/%Y"), ["read as month/day/year, in training it was day.month.year"]),
        "new": (["12.01.2018", "23.08.2022", "23.08.2025", "31.12.9999"], ["before the training range in 1 row"]),
        "unread": (["13.01.2019", "see file", "12.2019"], ["1 of 3 not dates ('see file')"]),
    }.values():
        said = said + ["after the training range in 2 rows"] * ("31.12.9999" in [*cells])
        assert columns.notes(pd.DataFrame({"d": cells})) == [f"d: {line}" for line in said]


def test_what_cannot_be_read_is_missing():
    assert parse(pd.Series(["2019-01-13", "13", "no", None, "", "30.02.2019"]), "%Y-%m-%d").notna().sum() == 1
    assert not parse(pd.Series(["08:15"]), "%Y-%m-%d").notna().any()
    assert not parse(pd.Series(["2019-01-13"]), "%H:%M").notna().any()


@pytest.mark.parametrize("format", ["ISO8601", "%d %B %Y", "%d-%b-%y", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S"])
def test_formats_of_older_models_are_understood(format):
    form = "%Y-%m-%d %H:%M:%S" if format == "ISO8601" else format
    cells = TIMES.dt.strftime(form)
    np.testing.assert_array_equal(parse(cells, format), pd.to_datetime(cells, format=format))


# -- nasty input -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2049, 12, 31)), min_size=2, max_size=30),
    st.sampled_from([*FORMS, *PARTS]),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_changes_nothing(times, form, random):
    cells = pd.Series([time.strftime(form) for time in times])
    order = [*range(len(cells))]
    random.shuffle(order)
    one, other = recognize(cells), recognize(cells.iloc[order])
    assert one == other
    if one is not None:
        np.testing.assert_array_equal(one.dates.iloc[order], other.dates)
        np.testing.assert_array_equal(parse(cells, one.format), one.dates)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2068, 12, 31)), min_size=1, max_size=30),
    st.sampled_from(FORMS),
)
def test_what_was_written_in_a_form_is_read_in_it(times, form):
    cells = pd.Series([time.strftime(form) for time in times])
    expected = pd.to_datetime(cells, format=form).dt.tz_localize(None)
    np.testing.assert_array_equal(parse(cells, form), expected)
    dates = recognize(cells)
    if dates is not None and not dates.ambiguous and "%y" not in form:
        np.testing.assert_array_equal(dates.dates, expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=100), st.from_regex(r"[0-9]{1,4}[-/. :0-9a-zA-Z]{1,30}")), max_size=20))
def test_no_text_raises(cells):
    for dates in (recognize(pd.Series(cells, dtype=object)), read(pd.Series(cells, dtype=object), "%d.%m.%Y")):
        assert dates is None or len(dates.dates) == len(cells)


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d/%m/%Y %H:%M:%S"])
def test_many_rows_are_read_in_little_time(form):
    cells = pd.Series(pd.date_range("2001-01-01", periods=100_000, freq="37min")).dt.strftime(form)
    start = time.process_time()
    found(cells)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("kind", ["words", "numbers", "marks", "long", "controls"])
def test_garbage_takes_little_time(kind):
    r = np.random.default_rng(0)
    letters = {
        "words": "abcdefghij",
        "numbers": "0123456789",
        "marks": "0123456789-/:. ",
        "controls": "\x00\x1b1\u202e",
    }
    if kind == "long":
        cells = [f"{i}" + "1/" * 50_000 for i in range(100)]
    else:
        cells = ["".join(each) for each in r.choice([*letters[kind]], (30_000, 8))]
    start = time.process_time()
    assert recognize(pd.Series(cells)) is None
    assert parse(pd.Series(cells)).notna().mean() < 0.1
    assert time.process_time() - start < 4
