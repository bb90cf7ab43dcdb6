"""The staff of a log: which steps people do, in which teams, and when these are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from salessim.calibration import presence
from salessim.calibration.clocks import Clock
from salessim.calibration.days import are_days, midnights
from salessim.calibration.duty import Duty, duty, usual_days
from salessim.calibration.history import first_person, gave_up, seconds
from salessim.calibration.names import Names
from salessim.calibration.people import LEAST_STARTS, at_once, calendar, crews, crews_of, holds, works_late
from salessim.importers.eventlog import SYSTEM, WAITING, clean
from salessim.scenario.parts import ALWAYS
from salessim.wording import counted

if TYPE_CHECKING:
    from salessim.log import EventLog

OFFICE = "office"
NOBODY = "staff"
"""The one team of a log that names nobody."""
NAMED_ENOUGH = 0.2
"""A step is done by people if this share of its visits names somebody."""
ENOUGH_STARTS = 600
"""With fewer starts a calendar is learnt from ends as well: both are only seen while people are there."""


@dataclass
class Staff:
    """Who works where and when."""

    machines: set[str] = field(default_factory=set)
    """Steps that a system does."""
    staffed: set[str] = field(default_factory=set)
    teams: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Paragraphs of the scenario."""
    calendars: dict[str, dict[str, Any]] = field(default_factory=dict)
    does: dict[str, list[str]] = field(default_factory=dict)
    """step -> its teams, most visits first."""
    together: dict[str, str] = field(default_factory=dict)
    """step -> team of the second person."""
    of_person: dict[str, str] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)
    """team -> its working time."""
    facts: dict[str, str] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)

    def clock_of(self, step: str) -> Clock:
        """Working time of the team that mostly does a step."""
        return self.clocks[self.does[step][0]]

    def at_any_hour(self, step: str) -> list[str]:
        """Those who do a step that comes when a timer says so: its team, and at other hours as many who are always there.

        Its times are those of the timer. Kept to the hours of the team, whatever falls on a night would wait for the morning on top.
        """
        team = self.does[step][0]
        name = f"{team} at any hour"
        said = f"what a timer strikes is done at that minute, whatever the hour; mostly it is one of {team}, as is what it counts from"
        self.teams.setdefault(name, {"size": self.teams[team]["size"], "calendar": ALWAYS, "assumption": said})
        return [team, name]

    def team_of(self, rows: pd.DataFrame) -> pd.Series:
        """The team of each visit: that of the person named first, else the one that mostly does the step."""
        return first_person(rows).map(self.of_person).astype(object).fillna(rows["step"].map({step: teams[0] for step, teams in self.does.items()}))


def staff_of(log: EventLog, holidays: str | None) -> Staff:
    """Learn the staff of a log."""
    staff = Staff()
    real = log.frame[~log.frame["step"].isin([WAITING, SYSTEM])]
    real = real[~gave_up(real)]
    by_system = real["team"] == "system"
    staff.machines = {str(s) for s, share in by_system.groupby(real["step"]).mean().items() if share > 0.5}
    work = real[~by_system & ~real["step"].isin(staff.machines)]
    named = work["person"] != ""
    starts = work["started"].notna()
    staff.staffed = {str(s) for s, share in named.groupby(work["step"]).mean().items() if share > NAMED_ENOUGH}
    somebody = bool(staff.staffed)
    if not somebody:  # nobody is named, or too rarely to say who does what
        timed = starts.groupby(work["step"]).any()
        staff.staffed = {str(s) for s in timed.index if timed[s] or not timed.any()}
    # Where no start is logged the end is the only sign that somebody was there.
    work = work.assign(at=work["started"].fillna(work["ended"]))
    work = work[work["step"].isin(sorted(staff.staffed)) & work["at"].notna()]
    seen = _named_teams(staff, work) if somebody else _one_team(staff, work)
    _calendars(staff, seen, work, log, holidays)
    _costs(staff, log)
    _shift_ends(staff, seen)
    staff.facts |= presence.told(staff, seen, log.about.roster)
    _rare_duty(staff, seen)
    if len(work) and work["started"].isna().mean() >= 0.01:
        share = 100 * work["started"].isna().mean()
        staff.assumptions.append(f"Starts are missing for {share:.0f} % of the work: there, people and working hours are estimated from ends.")
    return staff


def _one_team(staff: Staff, work: pd.DataFrame) -> pd.DataFrame:
    """Nobody is named: everybody is one team."""
    begun = work[work["started"].notna()]
    size = at_once(seconds(begun["started"]), seconds(begun["ended"].fillna(begun["started"])))
    if len(begun):
        staff.assumptions.append(f"No people are named, or too few: one team of {size}, as many as were at work at once (95th percentile).")
    elif len(work):
        staff.assumptions.append("Neither people nor starts are logged: how many people there are cannot be told, one team stands for them all.")
    if len(work):
        staff.teams = {NOBODY: {"size": size, "assumption": "size from visits at the same time"}}
        staff.does = {step: [NOBODY] for step in sorted(staff.staffed)}
    return work.assign(crew=NOBODY)


def _named_teams(staff: Staff, work: pd.DataFrame) -> pd.DataFrame:
    """Teams of people who mostly do the same; every visit once for each person whose presence it shows."""
    named = work[work["person"] != ""].assign(person=first_person)
    # Where most visits have a second person, one of that person's team is needed at the same time.
    others = work[work["person"].str.contains(" + ", regex=False)]
    others = others.assign(person=others["person"].str.split(" + ", regex=False).str[1].astype("str"))
    alone = others["step"].value_counts() / work["step"].value_counts()
    others = others[others["step"].map(alone) > 0.5]
    found = crews(pd.concat([named, others.assign(step=others["step"] + " (second)")]))
    unique = Names()
    name_of = {crew.name: unique(crew.name, f"{clean(crew.name.removesuffix(' team'))[:60]} team") for crew in found}
    staff.of_person = {person: name_of[crew.name] for crew in found for person in crew.people}
    for step, rows in others.groupby("step"):
        staff.together[str(step)] = rows["person"].map(staff.of_person).mode().iloc[0]
    staff.does = {str(step): crews_of(rows["person"], staff.of_person) for step, rows in named.groupby("step")}
    for crew in found:
        said = f"{counted(crew.roster, 'person', 'people')} seen, {crew.busy_day} on a busy day, {crew.regulars} on most days of the last weeks; the larger of the two"
        staff.teams[name_of[crew.name]] = {"size": crew.size, "source": f"data: {said}"}
    largest = name_of[max(found, key=lambda c: (c.roster, c.name)).name]
    for step in sorted(staff.staffed - set(staff.does)):
        staff.does[step] = [largest]
        staff.assumptions.append(f"Nobody is named at {step!r}: done by the largest team.")
    staff.facts["People"] = (
        f"{counted(len(staff.of_person), 'person', 'people')} in {counted(len(staff.teams), 'team')}, by what they mostly do; "
        "size is the 90th percentile of days, or those there on most days of the last weeks if they are more"
    )
    return pd.concat([named, others]).assign(crew=lambda rows: rows["person"].map(staff.of_person))


def _calendars(staff: Staff, seen: pd.DataFrame, work: pd.DataFrame, log: EventLog, holidays: str | None) -> None:
    """A calendar for each team; that of all together where a team has too few stamps, or no regular hours."""
    zone = log.about.time_zone
    start, end = (pd.Timestamp(t).tz_convert(zone) for t in (log.about.start, log.about.end))
    stamps, what = _stamps(work)
    office = calendar(stamps, holidays, what)
    if office is None:
        staff.assumptions.append(f"Working hours: {len(work)} starts and ends of work are too few to learn them; people are taken to be always there.")
    else:
        hours = "; ".join(f"{s['days']} {s['hours']}" for s in office["shifts"])
        staff.facts["Working hours"] = f"{hours} for all together ({office['source'].removeprefix('data: ')}); each team has its own where it has enough"
    own = dict(tuple(seen.groupby("crew")))
    for team, paragraph in staff.teams.items():
        stamps, what = _stamps(own[team] if team in own else work.iloc[:0])
        learnt = calendar(stamps, holidays, what) if holds(stamps) else None
        if learnt is not None:
            at = own[team]["started"].fillna(own[team]["ended"])
            learnt["shifts"] = usual_days(learnt["shifts"], at.dropna(), own[team]["person"][at.notna()])
        name = "always" if office is None else OFFICE
        if learnt is not None and office is not None and learnt["shifts"] != office["shifts"]:
            same = [n for n, c in staff.calendars.items() if c["shifts"] == learnt["shifts"]]
            name = same[0] if same else f"hours of {team}"
            staff.calendars.setdefault(name, learnt)
        elif office is not None:
            staff.calendars[OFFICE] = office
        paragraph["calendar"] = name
        staff.clocks[team] = Clock(staff.calendars.get(name), start, end, zone)


def _costs(staff: Staff, log: EventLog) -> None:
    """What an hour of each team costs: the mean over its people of whom it is known."""
    told, hourly = [], log.about.hourly
    for team, paragraph in sorted(staff.teams.items()):
        known = [hourly[who] for who, of in sorted(staff.of_person.items()) if of == team and who in hourly]
        if known:
            paragraph["cost"] = f"{sum(known) / len(known):.6g} {log.about.currency}/hour"
            told.append(f"{team} {paragraph['cost']} (of {counted(len(known), 'person', 'people')}, from {min(known):g} to {max(known):g})")
    if told:
        staff.facts["Costs"] = "; ".join(told)


def _stamps(rows: pd.DataFrame) -> tuple[pd.Series, str]:
    """When people were there, and what says so."""
    starts, ended = (_with_hours(rows[c].dropna()) for c in ("started", "ended"))
    if len(starts) >= ENOUGH_STARTS:
        return starts, "starts of work"
    return pd.concat([starts, ended]), "ends of work (starts are not logged: an estimate)" if starts.empty else "starts and ends of work"


PRESENT = 0.9
"""Duty that is there in so large a share of its hours is there."""
LEAST_PRESENT = 0.1
"""The language takes no team that is away for longer."""

def _with_hours(stamps: pd.Series) -> pd.Series:
    """Stamps without those that are only days, where enough are left to show the hours."""
    clocked = stamps[~midnights(stamps)] if are_days(stamps) else stamps
    return clocked if len(clocked) >= LEAST_STARTS else stamps


def _rare_duty(staff: Staff, seen: pd.DataFrame) -> None:
    """Beside each team, those of its people who are there when the others are not."""
    said = []
    for team, rows in sorted(dict(tuple(seen.groupby("crew"))).items()):
        calendar = staff.calendars.get(staff.teams[team]["calendar"])
        if calendar is None:
            continue
        # Ends show less than starts: they may be overtime.
        at = rows["started"] if rows["started"].notna().mean() > 0.5 else rows["ended"]
        for found in duty(at.dropna(), rows["person"][at.notna()], calendar["shifts"]):
            _on_duty(staff, team, found, {k: v for k, v in calendar.items() if k == "holidays"})
            said.append(f"{team} {100 * found.share:.2g} %{f' on {found.day}' if found.day else ''}")
    if said:
        staff.facts["Work at other hours"] = f"outside the usual hours of a team, by few of its people, who are a team of their own there: {'; '.join(said)}"


def _on_duty(staff: Staff, team: str, found: Duty, dates: dict[str, Any]) -> None:
    """The few who are there when their team is not, as a team that is asked after it."""
    name = f"{team} {f'on {found.day}' if found.day else 'at other hours'}"
    source = f"data: {100 * found.share:.2g} % of the stamps of {team} lie {f'on {found.day}, on which it is not there otherwise' if found.day else 'outside its usual hours'}"
    staff.calendars[f"hours of {name}"] = {"shifts": found.shifts, **dates, "source": source}
    # They finish what they have begun: the next such hours may be days away.
    staff.teams[name] = {"size": min(found.heads, staff.teams[team]["size"]), "calendar": f"hours of {name}", "at_shift_end": "overtime", "source": f"{source}; heads when anybody is there"}
    if found.presence < PRESENT:
        presence = max(LEAST_PRESENT, found.presence)
        staff.teams[name]["absence"] = {
            "share": f"{100 * (1 - presence):.3g} %", "spell": {"law": "exponential", "mean": f"{found.spell * (1 - presence) / presence:.4g} h"},
            "source": f"data: somebody is there in {100 * found.presence:.2g} % of these hours, for {found.spell:.2g} h at a time",
        }  # fmt: skip
    if "cost" in staff.teams[team]:  # they are the same people
        staff.teams[name]["cost"] = staff.teams[team]["cost"]
    for teams in staff.does.values():
        if team in teams:
            teams.insert(teams.index(team) + 1, name)


def _shift_ends(staff: Staff, seen: pd.DataFrame) -> None:
    """Teams that finish after closing what they have begun."""
    whole = seen[seen["started"].notna() & seen["ended"].notna()]
    for team, rows in whole.groupby("crew"):
        if works_late(seconds(rows["started"]), seconds(rows["ended"]), staff.clocks[str(team)]):
            staff.teams[str(team)]["at_shift_end"] = "overtime"

