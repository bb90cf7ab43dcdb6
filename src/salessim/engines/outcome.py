"""What both engines hand over, and how it becomes a replication and an event log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from salessim.records import COMPLETED, LOST, NEVER, OPEN, Cases, Replication, Totals
from salessim.staff import counted
from salessim.stages.verbs import DONE, JOIN

if TYPE_CHECKING:
    from salessim.log import EventLog
    from salessim.network import Network

# Columns of the tallies.
ENTERED, BEGUN, FINISHED_VISITS, QUIT, WAITED_SUM, QUEUE_AREA, PRESENT_AREA, ASKED, STEP_TALLIES = range(9)
BUSY, OVERTIME, TEAM_TALLIES = range(3)

# Columns of a case's record; those of a visit are (enabled, started, ended) and (number, step, visit, goal, people).
(C_NUMBER, C_BORN, C_RESPONDED, C_WON, C_DELIVERED, C_ENDED, C_GOAL, C_STEP, C_CHANNEL, C_SEGMENT, C_CUSTOMER,
 CASE_COLUMNS) = range(12)  # fmt: skip
VISIT_COLUMNS = 4

STILL_OPEN = -(1 << 30)
"""The goal of a visit or case that the horizon cut off."""


class Raw(NamedTuple):
    """The bare output of an engine; everything in the order in which it happened, open cases last by number."""

    visit_time: Any
    visit_what: Any
    case_time: Any
    case_money: Any
    tally: Any
    team_tally: Any
    cases: int
    """How many cases were born."""
    left: Any
    """When each spell of absence really began (`staff.Roster`)."""


def cut_off(network: Network, tally: Any, step: int, enabled: int, waiting: bool) -> None:
    """Add what a visit that the horizon cuts off has contributed to the areas of its step."""
    model = network.model
    inside = float(model.horizon - max(enabled, model.warm_up))
    tally[step, PRESENT_AREA] += inside
    if waiting:
        tally[step, QUEUE_AREA] += inside


def still_held(network: Network, team_tally: Any, limit: int, since: int) -> None:
    """Add what a place that is held at the horizon has contributed."""
    model = network.model
    team_tally[model.places.first_team + limit, BUSY] += float(model.horizon - max(since, model.warm_up))


def cases_of(raw: Raw) -> Cases:
    """The cases of a run, by their numbers."""
    time, money = raw.case_time, raw.case_money
    order = np.argsort(time[:, C_NUMBER], kind="stable")
    time, money = time[order], money[order]
    goal = time[:, C_GOAL]
    outcome = np.where(goal == STILL_OPEN, OPEN, np.where(goal == DONE, COMPLETED, LOST))
    return Cases(
        born=time[:, C_BORN],
        responded=time[:, C_RESPONDED],
        won=time[:, C_WON],
        delivered=time[:, C_DELIVERED],
        ended=time[:, C_ENDED],
        outcome=outcome,
        reason=np.where(outcome == LOST, -2 - goal, -1),
        step=time[:, C_STEP],
        channel=time[:, C_CHANNEL],
        segment=time[:, C_SEGMENT],
        customer=time[:, C_CUSTOMER],
        value=money[:, 0],
        cost=money[:, 1],
        marks=money[:, 2:],
    )


def replication(network: Network, raw: Raw, number: int, log: bool) -> Replication:
    """A replication from an engine's bare output."""
    cases = cases_of(raw)
    tally, teams = raw.tally, len(network.labels.teams)
    people, hours = network.model.people, counted(network, raw.left)
    at_once = people.size[:teams] / np.maximum(people.seats[:teams], 1)  # a place is a part of its person's time
    whole = {"entered": ENTERED, "asked": ASKED, "begun": BEGUN, "finished": FINISHED_VISITS, "gave_up": QUIT}
    totals = Totals(
        **{f: tally[:, c].astype(np.int64) for f, c in whole.items()},
        waited=tally[:, WAITED_SUM],
        queue_area=tally[:, QUEUE_AREA],
        present_area=tally[:, PRESENT_AREA],
        busy=raw.team_tally[:teams, BUSY] / np.maximum(at_once, 1),
        overtime=raw.team_tally[:teams, OVERTIME] / np.maximum(at_once, 1),
        on_duty=hours.on_duty,
        absent=hours.absent,
        in_meetings=hours.in_meetings,
        held=raw.team_tally[teams:, BUSY],
    )
    channel_cost = _channel_cost(network, cases)
    return Replication(
        labels=network.labels,
        cases=cases,
        totals=totals,
        team_cost=hours.pay + totals.overtime * network.overtime_pay,
        fixed_cost=network.fixed_cost,
        flow_cost=float(np.sum(totals.finished * network.model.flow.cost) + np.sum(channel_cost)),
        head_count=network.head_count,
        staff_hours=network.staff_hours,
        channel_cost=channel_cost,
        number=number,
        log=event_log(network, raw, cases) if log else None,
    )


def _channel_cost(network: Network, cases: Cases) -> Any:
    """What each channel cost in the measured window: so much per case, and what was spent on it."""
    sources = network.model.sources
    arrived = cases.channel[cases.born >= network.model.warm_up]
    count = np.bincount(arrived, minlength=len(sources.cost))[: len(sources.cost)]
    return count * sources.cost + network.outlay


class Texts(NamedTuple):
    """A column of texts of which there are few: `texts[codes]`, row by row."""

    codes: Any
    texts: list[str]

    def at(self, rows: Any) -> Texts:
        """Those of some rows."""
        return Texts(self.codes[rows], self.texts)

    def column(self) -> Any:
        """The same for a frame; each text is made once."""
        import pandas as pd

        return pd.array(self.texts, dtype="str").take(self.codes)


class Visits(NamedTuple):
    """The visits of a run, row by row as they ended, without names and dates being made of all numbers."""

    number: Any
    """Of the case."""
    step: Any
    time: Any
    """Enabled, started, ended: ticks."""
    outcome: Texts
    crew: Texts
    team: Texts
    pay: Any
    """Of the crew, per working tick."""


def visits_of(network: Network, raw: Raw, cases: Cases) -> Visits:
    """The visits of a run with what became of them and who did them."""
    labels = network.labels
    time, what = raw.visit_time, raw.visit_what
    number, step, goal = what[:, 0], what[:, 1], what[:, 3]
    reasons = [str(reason) for reason in labels.reasons]
    gave_up = (time[:, 1] == NEVER) & (goal != STILL_OPEN) & np.array(labels.queues)[step]
    outcome = np.zeros(len(what), np.int64)
    outcome[gave_up] = 1
    outcome[goal == DONE] = 2
    outcome[goal == JOIN] = 3
    outcome[goal == STILL_OPEN] = 4
    left = (goal < DONE) & (goal > JOIN)
    branch = np.array([s in network.branch_steps for s in labels.steps], dtype=bool)[step]
    outcome[left] = LOST_FROM - 2 - goal[left] + len(reasons) * branch[left]
    _end_at_the_last_row(outcome, number, (goal == DONE) | (left & ~branch), cases)
    texts = [*ENDS, *(f"lost: {reason}" for reason in reasons), *(f"branch lost: {reason}" for reason in reasons)]
    return Visits(number, step, time, Texts(outcome, texts), *_crews(network, what[:, VISIT_COLUMNS:], time[:, 1]))


ENDS = ("next", "gave up", "completed", "joined", "open")
"""What became of a visit; the reasons of losses come after it."""
LOST_FROM = len(ENDS)


def _crews(network: Network, people: Any, started: Any) -> tuple[Texts, Texts, Any]:
    """Of each visit the names of its people, their teams, and what they are paid together."""
    labels, model = network.labels, network.model
    names, nobody = _named_people(network), len(model.people.team_of)
    teams, team_of = [*labels.teams, ""], np.append(model.people.team_of, len(labels.teams))
    key = np.zeros(len(people), np.int64)
    turns = [_turn(network, people[:, r], started) for r in range(people.shape[1])]
    for r, turn in enumerate(turns):
        who = np.where(people[:, r] >= 0, people[:, r], nobody) + (nobody + 1) * turn
        # Numbered anew for each role: a product over many roles of large teams would not fit into a number.
        key = np.unique(key * (int(who.max(initial=0)) + 1) + who, return_inverse=True)[1]
    _, first, codes = np.unique(key, return_index=True, return_inverse=True)
    crews, crew_teams, pay = [], [], np.zeros(len(first))
    for i, row in enumerate(first.tolist()):
        crew = team = ""
        for r, turn in enumerate(turns):
            if (place := int(people[row, r])) >= 0:
                joint = " + " if r else ""
                crew += f"{joint}{names[place]}" + (f" ({turn[row] + 1})" if turn[row] else "")
                team += f"{joint}{teams[team_of[place]]}"
                pay[i] += model.people.pay[team_of[place]]
        crews.append(crew)
        crew_teams.append(team)
    return Texts(codes, crews), Texts(codes, crew_teams), pay[codes]


def _turn(network: Network, places: Any, started: Any) -> Any:
    """How many had left some places by some times: "sales-3 (2)" is who came when sales-3 had left."""
    people, result = network.model.people, np.zeros(len(places), np.int64)
    for person, joined in (network.roster.newcomers if network.roster else {}).items():
        team = people.team_of[person]
        first, seats, size = people.first_person[team], people.seats[team], people.size[team]
        rows = np.flatnonzero((places >= first) & (places < first + size) & ((places - person) % seats == 0))
        result[rows] = np.searchsorted(joined, started[rows], side="right")
    return result


def event_log(network: Network, raw: Raw, cases: Cases) -> EventLog:
    """The log of a run in names, real dates and money."""
    import pandas as pd

    from salessim.log import EventLog, LogAbout

    labels, model = network.labels, network.model
    visits, what = visits_of(network, raw, cases), raw.visit_what
    number, step, time = visits.number, visits.step, visits.time
    cost = np.where((time[:, 1] == NEVER) | (what[:, 3] == STILL_OPEN), 0.0, model.flow.cost[step])
    cost = cost + visits.pay * work_of(network, time, what, what[:, VISIT_COLUMNS:])
    zone = network.time_zone

    def dates(ticks: Any) -> Any:
        stamps = np.datetime64(network.origin.replace(tzinfo=None), "us") + ticks.astype("timedelta64[us]")
        stamps[ticks == NEVER] = np.datetime64("NaT")
        return pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert(zone).as_unit("us")

    frame = pd.DataFrame(
        {
            "case": number.astype(np.int64),
            "customer": cases.customer[number],
            "stage": Texts(np.array(labels.stage_of, np.int64)[step], [*labels.stages]).column(),
            "step": Texts(step, [*labels.steps]).column(),
            "visit": _numbered(number, step) if network.branch_steps or network.standing else what[:, 2].astype(np.int64),
            "team": visits.team.column(),
            "person": visits.crew.column(),
            "enabled": dates(time[:, 0]),
            "started": dates(time[:, 1]),
            "ended": dates(time[:, 2]),
            "outcome": visits.outcome.column(),
            "channel": Texts(cases.channel[number], [*labels.channels]).column(),
            "segment": Texts(cases.segment[number], [*labels.segments]).column(),
            "value": cases.value[number],
            "cost": cost,
            **{name: cases.marks[number, a] for a, name in enumerate(labels.attributes)},
        }
    )
    start = pd.Timestamp(network.origin).tz_convert(zone)
    about = LogAbout(
        start=start.to_pydatetime(),
        end=(start.tz_convert("UTC") + pd.Timedelta(microseconds=model.horizon)).tz_convert(zone).to_pydatetime(),
        time_zone=zone,
        currency=labels.currency,
        stages=labels.stages,
        milestones=dict(network.milestones),
        source=f"simulation of {network.name}",
    )
    return EventLog(frame, about)


def _end_at_the_last_row(outcome: Any, number: Any, final: Any, cases: Cases) -> None:
    """A case whose last step was skipped ends with the last row it has, since the skipped step leaves none."""
    told = np.zeros(len(cases.born), bool)
    told[number[final]] = True
    last = np.full(len(cases.born), -1)
    last[number] = np.arange(len(number))
    untold = np.flatnonzero((cases.outcome != OPEN) & ~told & (last >= 0))
    outcome[last[untold]] = np.where(cases.outcome[untold] == COMPLETED, 2, LOST_FROM + cases.reason[untold])


def _numbered(number: Any, step: Any) -> Any:
    """Visits of each case to each step, numbered as they ended: branches count by themselves, visits before the start not."""
    import pandas as pd

    return pd.Series(step).groupby([number, step]).cumcount().to_numpy()


def _named_people(network: Network) -> Any:
    people = network.model.people
    return np.array(
        [f"{name}-{i % people.seats[t] + 1}" for t, name in enumerate(network.labels.teams) for i in range(people.size[t])] + [""],
        dtype=object,
    )  # the places of limits, which stand behind the people, are never asked for


def work_of(network: Network, time: Any, what: Any, people: Any) -> Any:
    """Working ticks of each visit: from its start to its end (or the horizon) on the calendar of its people."""
    model = network.model
    result = np.zeros(len(time))
    staffed = np.flatnonzero(people[:, 0] >= 0) if people.shape[1] else np.zeros(0, np.int64)
    if len(staffed) == 0:
        return result
    until = np.where(time[staffed, 2] == NEVER, model.horizon, time[staffed, 2])
    result[staffed] = worked_between(network, what[staffed, 1], people[staffed], np.maximum(time[staffed, 1], 0), until)
    return result


def worked_between(network: Network, step: Any, people: Any, since: Any, until: Any) -> Any:
    """Working ticks from some times to others on the calendar of those who work, 0 where they are the wrong way round.

    Args:
        network: of the run.
        step: [visits] where they work.
        people: [visits, most] who does, from the first on; NEVER behind the last.
        since, until: [visits] ticks, not before the start.
    """
    calendar, hours = _calendar_of(network, step, people), network.model.hours
    result = np.maximum(until - since, 0).astype(float)
    for c in np.unique(calendar):
        if c == 0:
            continue
        rows = np.flatnonzero(calendar == c)
        first, last = hours.first[c], hours.last[c]
        opens, closes, before = hours.opens[first:last], hours.closes[first:last], hours.before[first:last]

        def done(t: Any, o: Any = opens, x: Any = closes, b: Any = before) -> Any:
            i = np.searchsorted(o, t, side="right") - 1
            return np.where(i < 0, 0, b[i] + np.minimum(t, x[i]) - o[i])

        result[rows] = np.maximum(done(until[rows]) - done(since[rows]), 0)
    return result


def _calendar_of(network: Network, step: Any, people: Any) -> Any:
    """The calendar a crew works on, from the combination of its teams."""
    needs, team_of = network.model.needs, network.model.people.team_of
    number = needs.first_combination[step].copy()
    for r in range(people.shape[1]):
        there = np.flatnonzero(people[:, r] >= 0)
        for s in np.unique(step[there]):
            rows = there[step[there] == s]
            role = needs.first_role[s] + r
            teams = needs.team[needs.first_entry[role] : needs.last_entry[role]]
            entry = np.zeros(len(network.labels.teams) + 1, np.int64)
            entry[teams] = np.arange(len(teams))
            number[rows] += needs.stride[role] * entry[team_of[people[rows, r]]]
    return needs.calendar[number]
