"""Would the forecasts have held? Learn at earlier dates, begin with the cases open then, and compare week by week.

An interval of 95 % should hold 95 of 100 weeks, at every date and not only on average over good ones; with few weeks
the count itself is uncertain, so it stands beside the range in which it would lie if the intervals were right and
weeks did not hang together. They do, so that a count just below is no proof; one far below is.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from salessim.calibration.history import born, cut, ends
from salessim.calibration.intake import as_it_was
from salessim.calibration.learn import learner_of
from salessim.calibration.truncation import keeps_whole
from salessim.errors import LogError
from salessim.forecasts import ARRIVED, LOST, OPEN, TITLES, WON, forecast
from salessim.log import EventLog
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.forecasts import Forecast

SERIES = (ARRIVED, WON, LOST, OPEN)
WHOLE = (
    "The file surely holds only cases that ended in its window: forecasts count the others too, what happened does not, "
    "so more arrivals and open cases are expected than the file can show, most of all towards its end."
)
LEAST_LEARNT = 0.4
"""Of the period, before the first date; and so many cases:"""
LEAST_CASES = 30


@dataclass(frozen=True)
class Cut:
    """One date at which a forecast was made."""

    date: dt.date
    forecast: Forecast
    real: dict[str, Any]
    """What happened, by series, shape [weeks]."""

    def inside(self, name: str) -> Any:
        """Whether each week lies in its interval, of those that can tell: not where nothing else was possible."""
        band = self.forecast.band(name)
        tells = ~((band.low == band.high) & (self.real[name] == band.low))
        return ((band.low <= self.real[name]) & (self.real[name] <= band.high))[tells]


@dataclass(frozen=True)
class Backtest:
    """Forecasts of the past beside the past."""

    cuts: tuple[Cut, ...]
    level: float
    whole_cases_only: bool = False
    """Whether the file holds only cases that ended in its window (`truncation`): what is told to have happened then lacks the others."""

    def coverage(self, *names: str) -> float:
        """The share of weeks of some series, by default all, that lie in their interval; NaN where none can tell."""
        found = np.concatenate([cut.inside(name) for cut in self.cuts for name in names or SERIES])
        return float(np.mean(found)) if len(found) else float("nan")

    def lines(self) -> list[str]:
        """For people."""
        weeks = sum(len(cut.forecast.weeks) for cut in self.cuts)
        dates = ", ".join(str(cut.date) for cut in self.cuts)
        result = [f"Back-tests: forecasts made at {dates}, {counted(weeks, 'week')} in all; {self._few(weeks)} or more of {weeks} should lie in their {100 * self.level:g} % interval."]
        if self.whole_cases_only:
            result.append(f"  {WHOLE}")
        for name in SERIES:
            told = np.concatenate([cut.inside(name) for cut in self.cuts])
            hits, n = int(told.sum()), len(told)
            real, expected = (float(np.mean(x)) for x in ([cut.real[name] for cut in self.cuts], [cut.forecast.band(name).middle for cut in self.cuts]))
            result.append(f"  {TITLES[name]:36} {hits:3} of {counted(n, 'week')} inside; on average {real:.1f} happened, {expected:.1f} were expected" + self._doubt(hits, n, weeks))
        return result

    def _few(self, weeks: int) -> int:
        """Fewer hits than this are hardly chance."""
        return int(stats.binom.ppf(0.025, weeks, self.level)) if weeks else 0

    def _doubt(self, hits: int, n: int, weeks: int) -> str:
        return "  too few" if hits < self._few(n) else f"; {counted(weeks - n, 'week')} {'tells' if weeks - n == 1 else 'tell'} nothing, {'it' if weeks - n == 1 else 'they'} could not have been otherwise" if n < weeks else ""

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"level": self.level, "whole_cases_only": self.whole_cases_only, "coverage": {name: None if math.isnan(share := self.coverage(name)) else share for name in SERIES}, "cuts": [_cut_json(cut) for cut in self.cuts]}


def _cut_json(cut: Cut) -> dict[str, Any]:
    """One date for programs."""

    def figures(name: str) -> dict[str, list[float]]:
        band = cut.forecast.band(name)
        columns = {"real": cut.real[name], "middle": band.middle, "low": band.low, "high": band.high}
        return {what: [float(x) for x in values] for what, values in columns.items()}

    return {"date": cut.date.isoformat(), "weeks": [week.isoformat() for week in cut.forecast.weeks], "series": {name: figures(name) for name in SERIES}}


def backtest(
    log: EventLog, *, cuts: int = 3, weeks: int = 6, replications: int = 100, level: float = 0.95, seed: int = 0, uncertain: bool = True,
    holidays: str | None = None, workers: int | None = None, progress: Callable[[int, int], None] | None = None,
) -> Backtest:  # fmt: skip
    """Learn from a log up to several dates, forecast the weeks after each, and compare with what happened.

    Args:
        log: from `read_log` or a simulation.
        cuts: dates, evenly spread over the later part of the log.
        weeks: forecast after each.
        replications: of each forecast.
        level: of the prediction intervals.
        seed: of all draws.
        uncertain: as in `calibrate`: intervals then hold what is not known of the estimates as well.
        holidays: as in `calibrate`.
        workers: threads; the figures are the same.
        progress: told (done, planned).

    Raises:
        LogError: the log is too short.
    """
    log, _ = as_it_was(EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about))  # `calibrate` says it
    start, end = (pd.Timestamp(t).tz_convert(log.about.time_zone) for t in (log.about.start, log.about.end))
    first, last = (start + LEAST_LEARNT * (end - start)).normalize(), (end - pd.Timedelta(weeks=weeks)).normalize()
    if not 1 <= cuts <= 1000 or not 1 <= weeks <= 520:
        raise LogError("back-tests", f"{cuts} dates with {weeks} weeks each are out of range", "give 1 to 1,000 dates and 1 to 520 weeks")
    if last < first:
        raise LogError(log.about.source, f"it is too short for back-tests of {weeks} weeks", "give a longer log, or forecast fewer weeks")
    dates = [last - k * (last - first) / max(1, cuts - 1) for k in range(cuts)][::-1]
    whole = keeps_whole(log)
    found = []
    for done, at in enumerate(dates):
        date = at.normalize()
        known = cut(log, date.to_pydatetime())
        if known.frame["case"].nunique() < LEAST_CASES:
            raise LogError(log.about.source, f"there are only {known.frame['case'].nunique()} cases before {date:%Y-%m-%d}", "give a longer log or fewer back-tests")
        scenario = learner_of(known, None, holidays, from_today=True, whole_until=end if whole else None).today(uncertain)
        told = forecast(scenario, weeks, replications=replications, seed=seed, level=level, workers=workers)
        found.append(Cut(date.date(), told, happened(log, told.weeks)))
        if progress:
            progress(done + 1, len(dates))
    return Backtest(tuple(found), level, whole)


def happened(log: EventLog, weeks: tuple[dt.date, ...]) -> dict[str, Any]:
    """The weekly series of a log, as a forecast tells them: a deal that was lost before the weeks end is not won."""
    zone = log.about.time_zone
    bounds = [pd.Timestamp(day).tz_localize(zone) for day in (*weeks, weeks[-1] + dt.timedelta(days=7))]
    known = cut(log, bounds[-1].to_pydatetime())
    arrived, over = born(known), ends(known)
    lost = over["outcome"].str.startswith("lost")
    won = over["ended"].where(over["outcome"] == "completed")
    if "won" in known.about.milestones.values():
        at = known.frame[known.frame["step"].map(known.about.milestones) == "won"]
        won = at[at["ended"].notna()].groupby("case")["ended"].min()
        won = won[~won.index.isin(over.index[lost])]

    def count(dates: pd.Series) -> Any:
        return np.array([int(((dates >= a) & (dates < b)).sum()) for a, b in pairwise(bounds)])

    open_ = [int(((arrived < b) & ~(over["ended"].reindex(arrived.index) < b)).sum()) for b in bounds[1:]]
    return {ARRIVED: count(arrived), WON: count(won), LOST: count(over["ended"][lost]), OPEN: np.array(open_)}


__all__ = ["Backtest", "Cut", "backtest", "happened"]
