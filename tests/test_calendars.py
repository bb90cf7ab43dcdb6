"""O-22: working time against hand arithmetic and against counting tick by tick."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from salessim.hours import FOREVER, Hours, build_hours, finish, intersection, merged, on_duty, worked
from salessim.jit import interpreted
from salessim.scenario.calendars import Calendar, by_month, by_weekday, dates, public_holidays, spans, weekdays
from salessim.units import DAY, HOUR, MINUTE

_finish, _worked, _on_duty = interpreted(finish), interpreted(worked), interpreted(on_duty)
MONDAY = dt.date(2026, 1, 5)
OFFICE = {"shifts": [{"days": "Mon-Fri", "hours": "09:00-12:30, 13:30-18:00"}]}


def hours_of(calendar: dict[str, Any], start: dt.date = MONDAY, days: int = 14, zone: str = "UTC") -> list[tuple[float, float]]:
    return [(a / HOUR, b / HOUR) for a, b in Calendar.model_validate(calendar).intervals(start, zone, days * DAY)]


def plain(hours: Hours) -> Hours:
    return Hours(*(x.tolist() for x in hours))


def office() -> Hours:
    return plain(build_hours([Calendar.model_validate(OFFICE).intervals(MONDAY, "UTC", 28 * DAY)]))


# (start in hours from Monday 0:00, work in hours, end in hours): 8 h a day, 9-12:30 and 13:30-18.
WORK = [
    (9, 1, 10), (9, 3.5, 12.5), (9, 4, 14), (12, 1, 14), (12.5, 1, 14.5), (13, 0.5, 14), (9, 8, 18), (9, 8.5, 33.5), (17, 2, 34), (18, 1, 34), (0, 1, 10),
    (20, 8, 42), (4 * 24 + 17, 2, 7 * 24 + 10), (5 * 24 + 12, 1, 7 * 24 + 10), (6 * 24 + 23, 3.5, 7 * 24 + 12.5), (9, 40, 4 * 24 + 18), (9, 41, 7 * 24 + 10),
    (10, 0, 10), (3, 0, 3), (5 * 24, 0, 5 * 24), (12.4, 0.1, 12.5), (17.5, 0.5, 18), (4 * 24 + 18, 0.5, 7 * 24 + 9.5),
]  # fmt: skip


@pytest.mark.parametrize(("start", "work", "end"), WORK)
def test_office_work_by_hand(start: float, work: float, end: float) -> None:
    assert _finish(office(), 1, round(start * HOUR), round(work * HOUR)) == round(end * HOUR)


def test_duty_is_half_open() -> None:
    h = office()
    assert [_on_duty(h, 1, t) for t in (9 * HOUR - 1, 9 * HOUR, round(12.5 * HOUR) - 1, round(12.5 * HOUR), 18 * HOUR - 1, 18 * HOUR)] == [False, True, True, False, True, False]
    assert _worked(h, 1, 7 * DAY) == 40 * HOUR
    assert _worked(h, 1, 13 * HOUR) == round(3.5 * HOUR)


def test_past_the_last_shift_is_for_ever() -> None:
    h = plain(build_hours([[(0, 10)]]))
    assert _finish(h, 1, 5, 5) == 10
    assert _finish(h, 1, 5, 6) == FOREVER
    assert _finish(h, 1, 50, 1) == FOREVER
    assert _finish(h, 0, 50, 7) == 57


def test_overnight_shift_belongs_to_the_day_it_starts() -> None:
    assert hours_of({"shifts": [{"days": "Fri", "hours": "22:00-06:00"}]}, days=7) == [(4 * 24 + 22, 5 * 24 + 6)]
    # Epiphany is a Tuesday in 2026: the shift that starts on Monday night goes on into it, none starts on it.
    nights = hours_of({"shifts": [{"days": "Mon-Wed", "hours": "22:00-06:00"}], "holidays": {"country": "DE", "subdivision": "BY"}}, days=7)
    assert nights == [(22, 30), (2 * 24 + 22, 3 * 24 + 6)]


def test_a_shift_that_began_before_the_start_reaches_into_it() -> None:
    assert hours_of({"shifts": [{"days": "Sun", "hours": "22:00-06:00"}]}, days=7)[0] == (0, 6)


def test_twenty_four_hours_and_round_the_clock() -> None:
    assert hours_of({"shifts": [{"days": "Mon-Sun", "hours": "00:00-24:00"}]}, days=3) == [(0, 72)]
    assert hours_of({"shifts": [{"days": "Mon", "hours": "18:00-24:00"}, {"days": "Tue", "hours": "00:00-02:00"}]}, days=2) == [(18, 26)]


def test_spring_forward_makes_the_night_shift_an_hour_shorter() -> None:
    # Berlin, 29 March 2026: 2:00 becomes 3:00. Saturday 22:00 to Sunday 6:00 is 7 h.
    start = dt.date(2026, 3, 28)
    assert hours_of({"shifts": [{"days": "Sat", "hours": "22:00-06:00"}]}, start, 3, "Europe/Berlin") == [(22, 29)]
    assert hours_of({"shifts": [{"days": "Mon", "hours": "09:00-17:00"}]}, start, 4, "Europe/Berlin") == [(2 * 24 - 1 + 9, 2 * 24 - 1 + 17)]


def test_autumn_back_makes_it_an_hour_longer() -> None:
    # Berlin, 25 October 2026: 3:00 becomes 2:00.
    assert hours_of({"shifts": [{"days": "Sat", "hours": "22:00-06:00"}]}, dt.date(2026, 10, 24), 3, "Europe/Berlin") == [(22, 31)]


def test_two_zones_hand_over() -> None:
    # Shanghai 9-18 is 2-11 in Berlin (winter, +7 h): together with Berlin 9-18 they share 9-11.
    berlin = Calendar.model_validate({"shifts": [{"days": "Mon", "hours": "09:00-18:00"}]}).intervals(MONDAY, "Europe/Berlin", DAY)
    shanghai = Calendar.model_validate({"shifts": [{"days": "Mon", "hours": "09:00-18:00"}], "time_zone": "Asia/Shanghai"}).intervals(MONDAY, "Europe/Berlin", DAY)
    assert [(a / HOUR, b / HOUR) for a, b in intersection(berlin, shanghai)] == [(9, 11)]


def test_holidays_closed_and_open_days() -> None:
    new_year = hours_of({"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}], "holidays": "DE"}, dt.date(2025, 12, 31), 3)
    assert new_year == [(9, 17), (57, 65)]
    closed = hours_of({"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}], "closed": ["2026-01-06 to 2026-01-08"]}, days=7)
    assert closed == [(9, 17), (4 * 24 + 9, 4 * 24 + 17)]
    # A Chinese make-up work day: a Sunday is worked, whatever the week says.
    made_up = hours_of({"shifts": [{"days": "周一-周五", "hours": "09:00-17:00"}], "open": [{"date": "2026-01-11", "hours": "10:00-14:00"}]}, days=7)
    assert made_up[-1] == (6 * 24 + 10, 6 * 24 + 14)


def test_words() -> None:
    assert sorted(weekdays("Fri-Mon")) == [0, 4, 5, 6]
    assert sorted(weekdays("周六, 星期天")) == [5, 6]
    assert sorted(weekdays("周一到周三、礼拜五")) == [0, 1, 2, 4]
    assert spans("09：00－12：30，13:30至18:00") == ((540, 750), (810, 1080))
    assert spans("22:00-06:00") == ((1320, 1800),)
    assert len(dates("2026-12-30 to 2027-01-02")) == 4


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        ({}, "no working time; add shifts"), ({"shifts": [{"days": "Mon", "hours": "09:00-09:00"}]}, "has no length"), ({"shifts": [{"days": "Mo", "hours": "9:00-10:00"}]}, "'Mo' is not a weekday"),
        ({"shifts": [{"days": "Mon", "hours": "9-10"}]}, "is not a span of hours"), ({"shifts": [{"days": "Mon", "hours": "09:00-25:00"}]}, "no clock shows"),
        ({**OFFICE, "holidays": "DEU2"}, "there are no holidays"), ({**OFFICE, "holidays": {"country": "DE", "subdivision": "XX"}}, "no subdivision"), ({**OFFICE, "closed": ["2026-02-30"]}, "is not a date"),
        ({**OFFICE, "closed": ["2026-05-02 to 2026-05-01"]}, "ends before it starts"), ({**OFFICE, "time_zone": "Berlin"}, "there is no time zone"),
    ],
)  # fmt: skip
def test_calendars_that_cannot_be(calendar: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Calendar.model_validate(calendar)
    assert said in str(wrong.value)


INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=6).map(lambda xs: merged([(a, a + n) for a, n in xs]))


@given(INTERVALS, st.integers(0, 80), st.integers(0, 40))
def test_against_counting_tick_by_tick(intervals: list[tuple[int, int]], start: int, work: int) -> None:
    arrays = build_hours([intervals])
    h = plain(arrays)
    on = [any(a <= t < b for a, b in intervals) for t in range(120)]
    assert _worked(h, 1, start) == worked(arrays, 1, start) == sum(on[:start])
    assert bool(_on_duty(h, 1, start)) == on[start]
    left, t = work, start
    while left and t < 119:
        left -= on[t]
        t += 1
    assert _finish(h, 1, start, work) == finish(arrays, 1, start, work) == (t if left == 0 else FOREVER)


@given(INTERVALS, INTERVALS)
def test_intersections_are_sets_of_ticks(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    def ticks(intervals: list[tuple[int, int]]) -> set[int]:
        return {t for x, y in intervals for t in range(x, y)}

    assert ticks(intersection(a, b)) == ticks(a) & ticks(b)
    assert MINUTE * 60 == HOUR


def test_profiles_have_their_days_and_months_in_any_language() -> None:
    assert by_weekday({"周一": 1, "星期二": 2, "Wednesday": 3, "Thu": 4, "x": 5}) == {"Mon": 1, "Tue": 2, "Wed": 3, "Thu": 4, "x": 5}
    assert by_month({"2月": 1, "十二月": 2, "March": 3}) == {"Feb": 1, "Dec": 2, "Mar": 3}
    with pytest.raises(ValueError, match="'Mon' is given twice"):
        by_weekday({"周一": 1, "Mon": 2})


@pytest.mark.parametrize(("country", "remedy"), [
    ("England", "write {country: GB, subdivision: ENG}, or GB"), ("Germany", "write the code 'DE'"), ("united kingdom", "write the code 'GB'"), ("中国", "write the code 'CN'"), ("Germny", "write the code 'DE'"),
    ("Atlantis", "write a code such as 'DE' or 'CN'"),
])  # fmt: skip
def test_countries_by_their_names_are_led_to_their_codes(country: str, remedy: str) -> None:
    with pytest.raises(ValueError, match="there are no holidays") as wrong:
        public_holidays(country, 2026)
    assert str(wrong.value).partition("; ")[2] == remedy
