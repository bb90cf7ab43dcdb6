"""What a validation may not claim: shares of no cases, differences nobody can see, hits that could not have been misses."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from click.testing import CliRunner

from salessim.calibration.backtest import Backtest, Cut
from salessim.calibration.figures import Book
from salessim.calibration.pictures import _band
from salessim.calibration.validate import Row
from salessim.calibration.verdicts import Finding, judge
from salessim.calibration.yardsticks import NAMES, mean
from salessim.cli import main
from salessim.forecasts import LOST, OPEN, WON


def row(real: float, low: float, high: float) -> Row:
    return Row("completed, of all that ended", "%", real, (low + high) / 2, low, high, math.nan)


@pytest.mark.parametrize(
    ("real", "low", "high", "inside", "mark"),
    [
        (60.0, 50.0, 70.0, True, ""), (80.0, 50.0, 70.0, False, "outside"), (math.nan, 50.0, 70.0, None, "no cases"), (60.0, math.nan, math.nan, None, "no simulated cases"),
        (100.0, 100.0, 100.0, None, "always so"), (99.0, 100.0, 100.0, False, "outside"),
    ],
)  # fmt: skip
def test_a_row_only_says_what_it_can(real: float, low: float, high: float, inside: bool | None, mark: str) -> None:
    assert (row(real, low, high).inside, row(real, low, high).mark) == (inside, mark)


def endings(completed: int, of: int) -> Book:
    """A log in which so many of the cases that ended were completed, the others lost."""
    book = Book()
    for name, n in (("completed", completed), ("lost: price", of - completed)):
        if n:
            book.share("outcomes", "endings", f"of the cases that ended, share {name}", n, of, listed="all")
    return book


def outcomes(real: Book, simulated: list[Book]) -> tuple[bool, tuple[Finding, ...]]:
    found = next(v for v in judge(real, simulated) if v.part == "outcomes")
    return found.flagged, found.findings


def test_a_share_of_no_cases_is_no_share_of_zero() -> None:
    few = [endings(k % 3, 3) for k in range(100)]  # too few endings to take shares of
    assert outcomes(endings(60, 60), few) == (False, ())
    many = [endings(30 + k % 3, 60) for k in range(100)]
    flagged, findings = outcomes(endings(60, 60), many)
    assert flagged
    # All 60 of 60 are completed, so nobody was lost: a share of 0 % that is one.
    assert {f.label: f.real for f in findings} == {"of the cases that ended, share completed": 100.0, "of the cases that ended, share lost: price": 0.0}


def test_simulated_logs_that_are_all_alike_are_no_proof_of_a_difference() -> None:
    """600 and 601 of 1,000 differ by a fifteenth of what chance makes of them (1.5 %), however alike the simulated logs are."""
    alike = [endings(600, 1000) for _ in range(100)]
    assert outcomes(endings(601, 1000), alike) == (False, ())
    assert outcomes(endings(700, 1000), alike)[0]


def test_figures_that_differ_are_printed_so_that_they_do() -> None:
    words = Finding("endings", "share completed", "%", 99.91, 99.87, 99.86, 99.88, 5.0).words()
    assert words == "share completed: 99.91 %, simulated 99.87 (99.86 to 99.88)"
    assert Finding("people", "people", "", 28.6, 19.0, 19.0, 19.0, 19.0).words() == "people: 28.6, simulated 19 (in every log)"


def test_weeks_that_could_not_have_been_otherwise_are_no_hits() -> None:
    band = _band("lost", ("w1", "w2", "w3", "w4"), np.array([0, 0, 4, 40]), [np.array([0, k % 2, 3 + k % 3, 3 + k % 3]) for k in range(20)], roots=True)
    assert band.inside == pytest.approx(2 / 3)  # the first week is 0 in every log; of the others one is missed
    assert math.isnan(_band("lost", ("w1",), np.array([0]), [np.array([0])] * 20, roots=True).inside)


class _Told:
    """A forecast of three weeks in which nothing is lost in any run."""

    weeks = (dt.date(2026, 1, 5), dt.date(2026, 1, 12), dt.date(2026, 1, 19))

    def band(self, name: str) -> object:
        low, high = (0, 0) if name == LOST else (2, 8)
        return type("Band", (), {"low": np.full(3, low), "high": np.full(3, high), "middle": np.full(3, (low + high) / 2)})()


def test_a_backtest_counts_no_week_without_a_choice() -> None:
    real = {name: np.array([3, 5, 20]) for name in ("arrived", WON, OPEN, "New cases")} | {LOST: np.zeros(3)}
    cut = Cut(dt.date(2026, 1, 5), _Told(), real)  # type: ignore[arg-type]  # only its bands are asked for
    found = Backtest((cut,), 0.95)
    assert found.coverage(WON) == pytest.approx(2 / 3)
    assert math.isnan(found.coverage(LOST))
    assert found.coverage(WON, LOST) == pytest.approx(2 / 3)


def test_a_distance_that_some_logs_lack_is_the_mean_of_the_others() -> None:
    logs = [dict.fromkeys(NAMES, 1.0), {**dict.fromkeys(NAMES, 3.0), "RED": math.nan}]
    assert mean(logs)["RED"] == 1.0
    assert mean(logs)["CTD"] == 2.0
    assert math.isnan(mean([{**logs[0], "RED": math.nan}])["RED"])


@pytest.mark.parametrize("share", ["95 %", "1.5", "-0.1", "a fifth"])
def test_a_share_that_cannot_be_held_out_is_named(share: str) -> None:
    result = CliRunner().invoke(main, ["calibrate", "log.csv", "--mapping", "m.yaml", "--out", "s.yaml", "--holdout", share])
    assert result.exit_code == 2
    assert share in result.stderr
    assert "such as '20 %'" in result.stderr
