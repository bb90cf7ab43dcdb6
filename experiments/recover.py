"""Does calibration recover what is true? Thirty known processes, their logs cut while cases are open.

    python experiments/recover.py                # 30 scenarios, 5 logs each, cut four times: some 15 minutes
    python experiments/recover.py 6 1            # 6 scenarios, one log each
    python experiments/recover.py coverage 1000  # intervals only, over so many logs
    python experiments/recover.py shares 40      # weeks of wins after logs whose share of wins wanders, over so many logs of each kind

For every part and share of open cases: the mean absolute error of the estimate and of the naive fit relative to the
truth, their ratio, and how many 95 % intervals hold the truth. The naive fit is what a fit to finished instances gives:
means of times that ended, shares of finished cases, the mean wait of those who gave up, finished cases per week.

Coverage calibrates whole logs of all thirty scenarios in turn, then with the next share of open cases, then with other
random numbers, and tells for each kind of parameter how many 95 % intervals hold the truth.

Shares forecasts six weeks after forty in which the share of wins is constant, wanders, or made one step, with the level of today
and, from the same log, with the mean of all weeks, and tells how many weeks of wins and of losses lie in their 95 % intervals.

The scenarios come from a seeded generator and differ in work laws, customer's times, loops, patience, competing losses,
channels, calendars and load. The truth is what was written into them or, for stage times, a long simulation of them.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from salessim.calibration import Calibration, calibrate
from salessim.calibration.backtest import happened
from salessim.calibration.estimates import Figure
from salessim.calibration.history import born, cut, ends, gave_up
from salessim.calibration.learn import learner_of
from salessim.experiment import simulate
from salessim.forecasts import LOST, WON, forecast
from salessim.log import EventLog
from salessim.scenario.model import Scenario

SCENARIOS, LOGS, OPEN = 30, 5, (0.0, 0.1, 0.3, 0.5)
DAY, HOUR = 86_400e6, 3600e6
"""Ticks."""
WEEKS, LONG = 52, 156
"""Of the logs, before they are cut, and of the simulations that tell stage times."""
SETTLED = 26
"""The last weeks of such a simulation, whose cases may not have ended: left out."""


SEEN, AHEAD, ENOUGH = 40, 6, 39
"""Weeks of a log whose share of wins wanders, weeks forecast, and the least replications of an interval of 95 %."""
KINDS = {"constant": ("walk", 0.0), "walk of 0.1": ("walk", 0.1), "walk of 0.2": ("walk", 0.2), "step of 0.8": ("step", 0.8), "weeks differ by 0.3": ("noise", 0.3)}
"""What the logit of the share of wins does: by so much from week to week, once half-way, or around its mean."""


@dataclass(frozen=True)
class Known:
    """A process, and what is true of it: by what the figure of the calibration is called."""

    number: int
    scenario: Scenario
    truth: dict[str, float]

    @property
    def patient(self) -> str | None:
        """The step whose queue cases leave."""
        return next((name.removeprefix("patience at ") for name in self.truth if name.startswith("patience at ")), None)


@dataclass(frozen=True)
class Row:
    """One figure of one log."""

    scenario: int
    log: int
    open: float
    part: str
    what: str
    truth: float
    ours: float
    naive: float
    held: bool | None
    """Whether the interval holds the truth; None where there is no interval."""
    low: float = float("nan")
    high: float = float("nan")


def known(number: int) -> Known:
    """The scenario of a number, always the same."""
    rng = np.random.default_rng([2026, number])

    def some(low: float, high: float) -> float:
        return float(np.round(rng.uniform(low, high), 3))

    def customer(days: float) -> dict[str, Any]:
        return [{"law": "exponential", "mean": f"{days} days"}, {"law": "lognormal", "mean": f"{days} days", "cv": some(0.6, 1.2)}, {"law": "gamma", "mean": f"{days} days", "shape": some(0.7, 3)}][rng.integers(3)]

    def work(minutes: float) -> dict[str, Any]:
        return [{"law": "exponential", "mean": f"{minutes} min"}, {"law": "lognormal", "mean": f"{minutes} min", "cv": some(0.4, 1.2)}, {"law": "gamma", "mean": f"{minutes} min", "shape": some(1, 4)}][rng.integers(3)]

    calendar, per_week = [("office", 40.0), ("shop", 48.0), ("always", 168.0)][rng.integers(3)]
    rate, size, busy = some(120, 200), int(rng.integers(1, 4)), some(0.3, 0.9)
    loop, patient, rival, second = number % 2 == 0, number % 3 != 0, number % 4 != 0, number % 5 < 2
    again = some(0.15, 0.35) if loop else 0.0
    interest, agree = some(0.5, 0.75), some(0.4, 0.7)
    visits = 1 / (1 - again) + (interest if not second else 0.6 * interest + 0.4)
    mean = round(60 * busy * size * per_week / (rate * visits), 3)
    weekdays = {"always": {}, "office": {"calendar": "office"}, "shop": {"calendar": "shop"}}[calendar]
    answer: dict[str, Any] = {"work": work(mean), "by": "desk", "patience": "none"}
    if patient:
        answer |= {"patience": {"law": "exponential", "mean": f"{some(2, 20)} h"}, "gives_up": {"lost": "gave up"}}
    answer["then"] = [{"to": "ponder", "share": round(interest * (1 - again), 4)}, *([{"to": "later", "share": again}] if loop else []), {"lost": "no need"}]
    decide: dict[str, Any] = {"customer": customer(some(8, 30)), "then": [{"to": "deliver", "share": agree}, {"lost": "too dear"}]}
    if rival:
        decide["unless"] = [{"after": [{"law": "exponential", "mean": f"{some(20, 60)} days"}, {"law": "weibull", "scale": f"{some(20, 50)} days", "shape": 2.5}][rng.integers(2)], "lost": "rival"}]
    lead = {"answer": answer, "ponder": {"customer": customer(some(4, 15)), "then": [{"to": "show"}]}}
    if loop:
        lead["later"] = {"customer": customer(some(3, 8)), "then": [{"to": "answer"}]}
    stages = {
        "lead": {"steps": lead},
        "opportunity": {"steps": {"show": {"work": work(mean), "by": "desk", "patience": "none", "then": [{"to": "decide"}]}, "decide": decide}},
        "order": {"steps": {"deliver": {"automatic": customer(some(2, 6)), "then": [{"done": True}]}}},
    }
    channels = {"web": {"enters": "answer", "segments": {"all": 1}, "arrivals": {"rate": f"{rate * (0.6 if second else 1):.6g} per week", **weekdays}}}
    if second:
        channels["partner"] = {"enters": "show", "segments": {"all": 1}, "arrivals": {"rate": f"{rate * 0.4:.6g} per week", **weekdays}}
    scenario = Scenario.parse({
        "salessim": 1, "name": f"known {number}", "clock": {"start": "2026-01-05", "horizon": f"{WEEKS} weeks"},
        "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}, "shop": {"shifts": [{"days": "Mon-Sat", "hours": "10:00-18:00"}]}},
        "teams": {"desk": {"size": size, "calendar": calendar}}, "segments": {"all": {}}, "channels": channels, "stages": stages,
    })  # fmt: skip
    return Known(number, scenario, _truth(scenario))


def _truth(scenario: Scenario) -> dict[str, float]:
    """What was written into a scenario, and what follows from it."""
    result = {f"arrivals of {name}": c.arrivals.rate.per_tick * 7 * DAY for name, c in scenario.channels.items() if c.arrivals}
    for name, step in scenario.steps.items():
        left = 1.0
        own = step.customer or step.automatic
        if step.work is not None:
            result[f"work times of {name}"] = step.work.mean / HOUR
        elif step.unless:
            time, rival = _crossed(own), _crossed(step.unless[0].after, turned=True)
            left = float((time <= rival).mean())
            result[f"times of {name}"] = float(np.minimum(time, rival).mean()) / HOUR
            result[f"of {name}: lost: {step.unless[0].lost}"] = 1 - left
        elif own is not None:
            result[f"times of {name}"] = own.mean / HOUR
        if step.patience not in (None, "none"):
            result[f"patience at {name}"] = step.patience.mean / HOUR  # type: ignore[union-attr]
        rest = 1 - sum(float(r.share) for r in step.then if isinstance(r.share, float))
        if len(step.then) > 1 or left < 1:
            for route in step.then:
                end = route.to or (f"lost: {route.lost}" if route.lost else "completed")
                result[f"of {name}: {end}"] = left * (float(route.share) if isinstance(route.share, float) else rest)
    return result


def _crossed(law: Any, turned: bool = False) -> Any:
    """Points of a law on a lattice (a Korobov rule with the golden ratio), so that two laws fill the square evenly."""
    n = 400_000
    i = np.arange(n)
    return law.quantile(np.clip((i + 0.5) / n if not turned else (i * 0.6180339887498949) % 1.0, 1e-9, 1 - 1e-9))


def exported(log: EventLog, share: float) -> EventLog:
    """A log cut on the last midnight at which so many cases are open; with 0 as it is."""
    first, last = pd.Timestamp(log.about.start), pd.Timestamp(log.about.end)
    log = EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), replace(log.about, enabled_known=True))
    came, over = born(log), ends(log)["ended"]
    if share == 0:
        return log
    over = over.reindex(came.index)
    for day in range((last - first).days, 13, -1):
        at = first + pd.Timedelta(day, "D")
        if ((over.isna() | (over >= at)) & (came < at)).sum() >= share * (came < at).sum():
            break
    return cut(log, at.to_pydatetime())


def naive(log: EventLog, patient: str | None) -> dict[str, float]:
    """What a fit to finished instances says, by what the figures are called."""
    frame = log.frame
    result: dict[str, float] = {}
    over = ends(log)
    closed = set(over.index[over["outcome"] != "open"])
    weeks = (pd.Timestamp(log.about.end) - pd.Timestamp(log.about.start)).total_seconds() / (7 * 86_400)
    first = frame.drop_duplicates("case")
    for channel, rows in first.groupby("channel"):
        result[f"arrivals of {channel}"] = rows["case"].isin(closed).sum() / weeks
    quits = gave_up(frame)
    for step, rows in frame[~quits & frame["ended"].notna()].groupby("step"):
        spent = float((rows["ended"] - rows["started"]).dt.total_seconds().mean()) / 3600
        result[f"times of {step}"] = spent
        result[f"work times of {step}"] = spent
    finished = frame[frame["case"].isin(closed)]
    following = finished["step"].shift(-1).where(finished["case"].eq(finished["case"].shift(-1)))
    goal = following.fillna(finished["outcome"])[~quits.reindex(finished.index)]
    for step, goals in goal.groupby(finished["step"]):
        for end, part in goals.value_counts(normalize=True).items():
            result[f"of {step}: {end}"] = float(part)
    gone = frame[quits]
    result[f"patience at {patient}"] = float((gone["ended"] - gone["enabled"]).dt.total_seconds().mean()) / 3600 if len(gone) else float("nan")
    return result


def stage_times(frame: pd.DataFrame, until: pd.Timestamp | None = None) -> dict[str, float]:
    """Mean hours from entering a stage to leaving it; of cases that came before a date, or of stages that are over."""
    spans = frame.groupby(["case", "stage"], sort=False).agg(since=("enabled", "min"), over=("ended", "max"), last=("outcome", "last"), open=("ended", lambda e: bool(e.isna().any())))
    spans = spans[spans["since"] < until] if until is not None else spans[~spans["open"] & (spans["last"] != "open")]
    hours = (spans["over"] - spans["since"]).dt.total_seconds() / 3600
    return {str(stage): float(h.mean()) for stage, h in hours.groupby(level="stage")}


def in_the_long_run(scenario: Scenario) -> dict[str, float]:
    """Stage times of a scenario, by simulation; after the log, whose days without work are days off only then."""
    clock = {"start": "2028-01-03", "time_zone": scenario.clock.time_zone, "horizon": f"{LONG} weeks"}
    frame = simulate(scenario.change({"clock": clock}), seed=5, engine="compiled").frame.sort_values("case", kind="stable")
    return stage_times(frame, frame["enabled"].min() + pd.Timedelta(7 * (LONG - SETTLED), "D"))


def ending(scenario: Scenario) -> Scenario:
    """The same, but nobody comes in the second half, so that all cases end."""
    start = pd.Timestamp(scenario.clock.start)
    half, last = start + pd.Timedelta(7 * WEEKS // 2, "D"), start + pd.Timedelta(7 * WEEKS, "D")
    over = [{"title": "over", "start": half.date().isoformat(), "end": last.date().isoformat(), "factor": 0.0}]
    return scenario.change({f"channels.{name}.arrivals.campaigns": over for name in scenario.channels})


def _with_rates(learnt: Scenario, true: Scenario) -> Scenario:
    """Queues as with the arrivals of the truth: a log in which they have ended says that none will come."""
    rates = {name: 7 * DAY * channel.arrivals.rate.per_tick for name, channel in true.channels.items() if channel.arrivals}
    return learnt.change({f"channels.{name}.arrivals.rate": f"{rates[name]:.6g} per week" for name in learnt.channels})


def rows_of(one: Known, stages: dict[str, float], number: int, share: float) -> Iterator[Row]:
    """What was learnt from one log, figure by figure."""
    # A seed for each scenario: with common random numbers all would be wrong in the same direction.
    log = exported(simulate(ending(one.scenario) if share == 0 else one.scenario, seed=100 + one.number, replication=number), share)
    learnt = calibrate(log, holdout=0)
    simple = naive(log, one.patient)
    for figure in _comparable(learnt, one, share):
        low, high = figure.interval()
        truth = one.truth[figure.what]
        yield Row(one.number, number, share, _part(figure.what), figure.what, truth, figure.value, simple.get(figure.what, float("nan")), low <= truth <= high, low, high)
    if stages:
        again, done = in_the_long_run(_with_rates(learnt.scenario, one.scenario)), stage_times(log.frame)
        for stage, truth in stages.items():
            yield Row(one.number, number, share, "stage times", stage, truth, again.get(stage, float("nan")), done.get(stage, float("nan")), None)


def _comparable(learnt: Calibration, one: Known, share: float) -> Iterator[Figure]:
    """The figures whose truth is known: arrivals that have ended are not those of the process."""
    for figure in learnt.figures:
        if figure.what in one.truth and not (share == 0 and figure.what.startswith("arrivals")):
            yield figure


def _part(what: str) -> str:
    if what.startswith("of "):
        return "outcome shares"
    for name in ("arrivals", "work times", "patience"):
        if what.startswith(name):
            return name
    return "customer's times"


def study(scenarios: int = SCENARIOS, logs: int = LOGS, shares: tuple[float, ...] = OPEN, *, first: int = 0, told: bool = False) -> pd.DataFrame:
    """All rows of so many scenarios, from the first on."""
    found: list[Row] = []
    for number in range(first, first + scenarios):
        one, begun = known(number), time.time()
        stages = in_the_long_run(one.scenario)
        for log in range(logs):
            for share in shares:
                found += rows_of(one, stages, log, share)
        if told:
            print(f"scenario {number}: {time.time() - begun:.0f} s", file=sys.stderr, flush=True)
    return pd.DataFrame(found)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """By part and share of open cases: errors relative to the truth in %, their ratio, and coverage."""
    rows = rows.assign(ours=(rows["ours"] / rows["truth"] - 1).abs(), naive=(rows["naive"] / rows["truth"] - 1).abs(), bias=rows["ours"] / rows["truth"] - 1)
    result: dict[tuple[str, float], dict[str, float]] = defaultdict(dict)
    for (part, share), mine in rows.groupby(["part", "open"]):
        held = mine["held"].dropna()
        result[str(part), float(share)] = {
            "figures": len(mine), "our error %": 100 * mine["ours"].mean(), "bias %": 100 * mine["bias"].mean(), "naive error %": 100 * mine["naive"].mean(),
            "ratio": mine["ours"].mean() / mine["naive"].mean(), "covered %": 100 * held.astype(float).mean() if len(held) else float("nan"),
        }  # fmt: skip
    return pd.DataFrame.from_dict(result, orient="index").rename_axis(["part", "open"])


def coverage(logs: int, *, first: int = 0, told: bool = False) -> pd.DataFrame:
    """All intervals of so many logs: scenarios in turn, then shares of open cases in turn, then other random numbers.

    Rows are (scenario, log, open, part, what, low, high, truth, held); stage times, which have no interval, are left out.
    """
    found: list[Row] = []
    begun = time.time()
    for number in range(first, first + logs):
        again, scenario = divmod(number, SCENARIOS)
        found += rows_of(known(scenario), {}, 1000 + again, OPEN[again % len(OPEN)])
        if told and (number + 1) % SCENARIOS == 0:
            print(f"{number + 1 - first} logs: {time.time() - begun:.0f} s", file=sys.stderr, flush=True)
    return pd.DataFrame(found)


def covered(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """How many intervals hold the truth, with the half width of a 95 % interval of that share, and on which side the others miss it.

    Figures of one log hang together, so the share is a ratio of sums over logs, and its error that of such a ratio (Cochran 1977, ch. 6).
    """
    result = {}
    for name, mine in rows.groupby(by):
        held = mine["held"].astype(float)
        each = held.groupby([mine["scenario"], mine["log"]]).agg(["sum", "size"])
        share = float(held.mean())
        error = float(np.sqrt(((each["sum"] - share * each["size"]) ** 2).sum()) / each["size"].sum())
        result[name] = {
            "logs": len(each), "intervals": len(mine), "covered %": 100 * share, "+- %": 196 * error,
            "truth below %": 100 * float((mine["truth"] < mine["low"]).mean()), "truth above %": 100 * float((mine["truth"] > mine["high"]).mean()),
        }  # fmt: skip
    return pd.DataFrame.from_dict(result, orient="index").rename_axis(by)


def wandering(kind: str, size: float, seed: int, seen: int = SEEN, rate: float = 60.0) -> EventLog:
    """A log in which 40 % are won to begin with: whether a case is, is drawn when it is decided, by the share of that week.

    Args:
        kind: "walk", "step" or "noise".
        size: standard deviation of the weekly step of the logit, or the step itself.
        seed: of the log.
        seen: weeks; `AHEAD` more follow.
        rate: cases a week.
    """
    weeks, rng = seen + AHEAD, np.random.default_rng([2027, seed])
    scenario = Scenario.parse({
        "salessim": 1, "name": "wins", "clock": {"start": "2024-01-01", "horizon": f"{weeks} weeks"}, "segments": {"all": {}},
        "channels": {"web": {"enters": "ponder", "segments": {"all": 1}, "arrivals": {"rate": f"{rate} per week"}}},
        "stages": {
            "lead": {"steps": {"ponder": {"customer": {"law": "exponential", "mean": "4 days"}, "then": [{"to": "decide", "share": 0.8}, {"lost": "no need"}]}}},
            "contract": {"steps": {"decide": {"customer": {"law": "gamma", "mean": "8 days", "shape": 1.5}, "then": [{"done": True, "share": 0.4}, {"lost": "too dear"}]}}},
        },
    })  # fmt: skip
    moved = {"walk": np.cumsum(np.r_[0.0, rng.normal(0, size, weeks - 1)]), "step": np.where(np.arange(weeks) < seen // 2, 0.0, size), "noise": rng.normal(0, size, weeks)}[kind]
    log = simulate(scenario, seed=seed)
    frame = log.frame.sort_values("case", kind="stable").reset_index(drop=True)
    decided = (frame["step"] == "decide") & (frame["outcome"] != "open")
    week = ((frame.loc[decided, "ended"] - pd.Timestamp(log.about.start)) // pd.Timedelta(7, "D")).to_numpy()
    won = rng.random(len(week)) < 1 / (1 + np.exp(-(np.log(0.4 / 0.6) + moved[week])))
    frame.loc[decided, "outcome"] = np.where(won, "completed", "lost: too dear")
    return EventLog(frame, log.about)


def shares(logs: int, kinds: dict[str, tuple[str, float]] = KINDS, *, told: bool = False) -> pd.DataFrame:
    """Of each kind the share of weeks inside, before (the mean of all weeks) and now, with its error over logs; widths and errors in cases; and how often the share was said to wander."""
    result = {}
    for name, (kind, size) in kinds.items():
        begun, rows = time.time(), []
        for seed in range(logs):
            log = wandering(kind, size, seed)
            learner = learner_of(cut(log, (pd.Timestamp(log.about.start) + pd.Timedelta(7 * SEEN, "D")).to_pydatetime()), from_today=True)
            row: dict[str, float] = {"said to wander": float(bool(learner.wandering))}
            for when in ("before", "now"):
                scenario = learner.today(uncertain=True, wander=when == "now")
                told_ahead = forecast(scenario, AHEAD, replications=ENOUGH, seed=seed, workers=1)
                real = happened(log, told_ahead.weeks)
                for series in (WON, LOST):
                    band = told_ahead.band(series)
                    row[f"{series} {when} %"] = 100 * float(np.mean((band.low <= real[series]) & (real[series] <= band.high)))
                    row[f"{series} {when} width"] = float(np.mean(band.high - band.low))
                    row[f"{series} {when} off"] = float(np.mean(np.abs(band.middle - real[series])))
            rows.append(row)
        found = pd.DataFrame(rows)
        result[name] = {**found.mean().to_dict(), "+- %": 1.96 * float(found["won now %"].std()) / np.sqrt(logs)}
        if told:
            print(f"{name}: {time.time() - begun:.0f} s", file=sys.stderr, flush=True)
            print(pd.Series(result[name]).round(2).to_string(), file=sys.stderr, flush=True)
    return pd.DataFrame.from_dict(result, orient="index").rename_axis("share of wins")


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["shares"]:
        print(shares(int(sys.argv[2]), told=True).round(2).T.to_string())
        return
    if sys.argv[1:2] == ["coverage"]:
        rows = coverage(int(sys.argv[2]), told=True)
        for by in ("part", "open", "what"):
            print(covered(rows, by).round(1).to_string(), end="\n\n")
        return
    numbers = [int(x) for x in sys.argv[1:]]
    print(table(study(*numbers, told=True)).round(2).to_string())


if __name__ == "__main__":
    main()
