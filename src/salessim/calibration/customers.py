"""What customers do beyond the process itself: they come again, and say how content they were.

A case that was won may bring the customer's next one: the first that the customer began after it was over. How many do
is a cumulative incidence, since those who bought lately have had little time to come again. Answers of a survey are a
straight line in the time the case took, cut off where the scale ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from salessim.calibration import laws
from salessim.calibration.estimates import Figure
from salessim.calibration.history import born, ends, seconds
from salessim.statistics import Estimate
from salessim.survival import incidence, incidence_interval
from salessim.units import say_share

if TYPE_CHECKING:
    from salessim.log import EventLog

DAY = 86_400.0
"""Seconds."""
AGAIN, SATISFACTION = "again", "satisfaction"
LEAST_RETURNS = 20
"""Fewer customers who came again teach nothing."""
LEAST_WATCHED = 20
"""How many come again is told up to the time after which fewer customers are still watched."""
MOST_KNOWN = 0.5
"""Where more than this share of the latest quarter of cases is of customers who had been there before, it is an old base of customers that
brings cases: they count as arrivals, since the few who are new could not bring all cases of a planned year."""
LEAST_ANSWERS = 50
"""Fewer answers teach nothing."""
SCORES = ("satisfaction", "csat", "nps", "rating", "review")
"""A further column of the log whose name holds one of these is the customer's answer."""
SURE = 6.63
"""Likelihood ratio above which the time is believed to matter: one log in a hundred in which it does not shows more."""


@dataclass(frozen=True)
class Returns:
    """How customers who bought come again."""

    share: Estimate
    """Of the cases won, those that bring another within the time that is known."""
    won: int
    came: int
    within: float
    """Seconds after which too few are still watched."""
    after: dict[str, Any] | str
    """The law of the time until then, in the language of scenarios."""
    cases: frozenset[str]
    """The cases that earlier ones brought."""


def returns(log: EventLog) -> Returns | None:
    """How many customers come again, and after what time; None where the log cannot tell.

    Args:
        log: cut off where knowledge ends; cases name their customers.

    Source:
        Cumulative incidence with censoring at the end of the log (Kaplan-Meier for a single ending).
    """
    over = ends(log)
    cases = pd.DataFrame({
        "case": over.index, "customer": log.frame.groupby("case", sort=False)["customer"].first().reindex(over.index).to_numpy(),
        "born": born(log).reindex(over.index).to_numpy(), "ended": over["ended"].to_numpy(), "won": (over["outcome"] == "completed").to_numpy(),
    })  # fmt: skip
    if not cases["customer"].duplicated().any():
        return None
    won = cases[cases["won"]].sort_values(["ended", "case"], kind="stable")
    later = cases.sort_values(["born", "case"], kind="stable")
    brought = pd.merge_asof(
        later[["case", "customer", "born"]], won[["customer", "ended", "case"]].rename(columns={"case": "cause"}),
        left_on="born", right_on="ended", by="customer",
    )  # fmt: skip
    # A case brings the first that follows; of those that follow at once the others came by themselves.
    brought = brought[brought["cause"].notna() & (brought["cause"] != brought["case"])].drop_duplicates("cause")
    known_before = later["customer"].duplicated().iloc[-(len(later) // 4) :]
    if len(brought) < LEAST_RETURNS or known_before.mean() > MOST_KNOWN:
        return None
    child = brought.set_index("cause")["born"].reindex(won["case"])
    came = child.notna().to_numpy()
    since, end = seconds(won["ended"]), pd.Timestamp(log.about.end).timestamp()
    times = np.maximum(np.where(came, seconds(child), end) - since, 0.0)
    within = float(np.sort(times)[-min(len(times), LEAST_WATCHED)])
    share = incidence_interval(times, came.astype(int), 1, within)
    curve = incidence(times, came.astype(int), 1)
    known = curve.time <= within
    law = laws.from_curve(curve.time[known], curve.share[known] / curve.share[known][-1], f"data: {int(came.sum()):,} customers who came again, the others censored")
    return Returns(share, len(won), int(came.sum()), within, law, frozenset(brought["case"]))


@dataclass(frozen=True)
class Answers:
    """What customers answered, by the days their case had taken: `level + slope * days + spread * normal`, cut off at the ends of the scale."""

    name: str
    level: float
    slope: float
    """0 where the time is not known to matter."""
    spread: float
    lowest: float
    highest: float
    mean: Estimate
    count: int
    of: int
    """Cases that were won, answered or not."""

    def formula(self) -> str:
        """In the language of scenarios."""
        slope = "" if self.slope == 0 else f" {'-' if self.slope < 0 else '+'} {abs(self.slope):.6g} * (age / 1 day)"
        return f"clamp({self.level:.6g}{slope} + {self.spread:.6g} * normal, {self.lowest:.6g}, {self.highest:.6g})"


def answers(log: EventLog) -> Answers | None:
    """How content customers are who bought; None where no survey is joined or too few answered.

    Source:
        Two-limit censored regression (Tobin 1958; Rosett and Nelson 1975) by maximum likelihood.
    """
    name = next((c for c in log.frame.columns if any(word in c.lower() for word in SCORES) and pd.api.types.is_numeric_dtype(log.frame[c])), None)
    if name is None:
        return None
    over = ends(log)
    over = over[over["outcome"] == "completed"]
    score = log.frame.groupby("case", sort=False)[name].first().reindex(over.index).to_numpy(float)
    days = (seconds(over["ended"]) - seconds(born(log).reindex(over.index))) / DAY
    told = ~np.isnan(score)
    if told.sum() < LEAST_ANSWERS or np.ptp(score[told]) == 0:
        return None
    y, x = score[told], days[told]
    low, high = float(y.min()), float(y.max())
    flat, line = _tobit(y, None, low, high), _tobit(y, x, low, high)
    level, slope, spread, _ = line if 2 * (line[3] - flat[3]) > SURE else flat
    half = float(special.ndtri(0.975)) * float(y.std(ddof=1)) / math.sqrt(len(y))
    return Answers(name, level, slope, spread, low, high, Estimate(float(y.mean()), float(y.mean()) - half, float(y.mean()) + half, 0.95, len(y)), len(y), len(over))


def _tobit(y: Any, x: Any, low: float, high: float) -> tuple[float, float, float, float]:
    """Level, slope, spread and log-likelihood of a line of which only what lies between two bounds is seen."""
    scale = max(float(np.std(x)), 1e-9) if x is not None else 1.0
    z = x / scale if x is not None else np.zeros(len(y))
    below, above = y <= low, y >= high
    inner = ~below & ~above

    def negative(p: Any) -> float:
        slope, spread = (p[2] if x is not None else 0.0), math.exp(min(max(p[1], -20.0), 20.0))
        middle = p[0] + slope * z
        seen = (y[inner] - middle[inner]) / spread
        return float(np.sum(seen**2) / 2 + inner.sum() * (math.log(spread) + 0.5 * math.log(2 * math.pi))
                     - np.sum(special.log_ndtr((low - middle[below]) / spread)) - np.sum(special.log_ndtr((middle[above] - high) / spread)))  # fmt: skip

    start = np.array([float(y.mean()), math.log(float(y.std()) + 1e-9), 0.0][: 3 if x is not None else 2])
    found = optimize.minimize(negative, start, method="Nelder-Mead", options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-6, "fatol": 1e-7})
    return float(found.x[0]), float(found.x[2]) / scale if x is not None else 0.0, math.exp(float(found.x[1])), -float(found.fun)


@dataclass(frozen=True)
class Customers:
    """What is learnt of customers beside the process."""

    returns: Returns | None
    answers: Answers | None

    @property
    def brought(self) -> frozenset[str]:
        """Cases that earlier ones brought: they are no arrivals."""
        return self.returns.cases if self.returns else frozenset()

    def close(self, data: dict[str, Any], name: str, to: str) -> None:
        """Let every case that is won pass a last step, at which customers answer and may come again.

        Args:
            data: the scenario, whose ways end.
            name: of the last step.
            to: where customers who come again enter.
        """
        if self.returns is None and self.answers is None:
            return
        ends_ = [(stage, way) for stage, paragraph in data["stages"].items() for step in paragraph["steps"].values() for way in step["then"] if way.pop("done", None)]
        if not ends_:
            return
        for _, way in ends_:
            way["to"] = name
        last: dict[str, Any] = {"automatic": "0 min", "title": "What follows a sale", "then": [{"done": True}]}
        if self.returns is not None:
            source = f"data: {self.returns.came:,} of {self.returns.won:,} won cases brought another, within {laws.in_words(self.returns.within)}"
            last["spawns"] = [{"kind": AGAIN, "to": to, "probability": say_share(round(self.returns.share.value, 4)), "after": self.returns.after, "source": source}]
        if self.answers is not None:
            found = self.answers
            source = f"data: {found.count:,} of {found.of:,} who bought answered"
            last["sets"] = {SATISFACTION: found.formula()}
            data["attributes"] = {SATISFACTION: {"starts": round(found.mean.value, 4), "source": source}}
            data["measures"] = {SATISFACTION: {"mean": SATISFACTION, "over": "won", "unit": f"of {found.highest:g}", "direction": "higher is better", "source": source}}
        data["stages"][max((s for s, _ in ends_), key=list(data["stages"]).index)]["steps"][name] = last

    def facts(self) -> dict[str, str]:
        """What was learnt, for people."""
        said = {}
        if (r := self.returns) is not None:
            said["Customers who come again"] = (
                f"{_percent(r.share)} of the cases won bring another within {laws.in_words(r.within)} ({r.came:,} of {r.won:,}, the others censored); these {len(r.cases):,} cases are not counted as arrivals"
            )
        if (a := self.answers) is not None:
            slope = "the time a case took is not known to matter" if a.slope == 0 else f"{a.slope:+.3g} for each day a case took, before the scale ends"
            said["Satisfaction"] = f"{a.mean.value:.3g} ({a.mean.low:.3g} to {a.mean.high:.3g}) on a scale from {a.lowest:g} to {a.highest:g}, {a.count:,} answers ({a.name}); {slope}"
        return said

    def assumptions(self) -> list[str]:
        """What the log could not tell."""
        said = []
        if self.returns is not None:
            said.append("Customers who bought before the log began count as new; whoever comes again later than the log can show is left out.")
        if (a := self.answers) is not None:
            said.append(f"Satisfaction: of {a.of:,} who bought {a.count:,} answered; those who did not are taken to be like them.")
        return said

    def figures(self, name: str) -> tuple[list[Figure], dict[str, float]]:
        """The estimates with their intervals, and what is left of a share that may be drawn."""
        found: list[Figure] = []
        rest = {}
        if (r := self.returns) is not None:
            path = f"steps.{name}.spawns.{AGAIN}.probability"
            error = (r.share.high - r.share.low) / 2 / float(special.ndtri(0.975)) / max(r.share.value, 1e-9)
            found.append(Figure(path, "customers who come again", "", r.share.value, error, r.came, 100.0 * r.came, most=1.0))
            rest[path] = 1 - r.share.value
        if (a := self.answers) is not None:
            error = (a.mean.high - a.mean.low) / 2 / float(special.ndtri(0.975)) / max(abs(a.mean.value), 1e-9)
            found.append(Figure(None, "satisfaction", f"of {a.highest:g}", a.mean.value, error, a.count, 0.0))
        return found, rest


def customers_of(log: EventLog, *, come_again: bool = True) -> Customers:
    """What a log tells of its customers beside the process; without those who come again, all cases are arrivals."""
    return Customers(returns(log) if come_again else None, answers(log))


def _percent(share: Estimate) -> str:
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f} %)"
