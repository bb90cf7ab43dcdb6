"""What `validate` tells beside errors: each doubt with its place, and none about the process without it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from salessim.cli import main
from salessim.experiment import replicate
from salessim.pilots import pilot
from salessim.results import cautions
from salessim.scenario.doubts import doubts
from salessim.scenario.model import Scenario
from salessim.scenario.traffic import loads

BASE: dict[str, Any] = {
    "name": "d", "clock": {"start": "2026-01-05", "horizon": "30 weeks", "warm_up": "4 weeks"},
    "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}},
    "teams": {"desk": {"size": 2, "calendar": "office", "cost": "30 EUR/hour"}, "help": {"size": 1, "calendar": "office", "cost": "20 EUR/hour"}},
    "segments": {"all": {"value": "800 EUR"}},
    "channels": {"web": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "40 per week"}}},
    "stages": {"s": {"steps": {
        "call": {"work": "30 min", "by": "desk", "then": [{"to": "sign", "share": 0.5}, {"lost": "no"}]},
        "sign": {"customer": "2 days", "milestone": "won", "then": [{"to": "welcome"}]},
        "welcome": {"work": "20 min", "by": "help", "then": [{"done": True}]},
    }}},
}  # fmt: skip


def changed(**change: Any) -> dict[str, Any]:
    """The process with values at paths whose parts are joined by two underscores."""
    data = copy.deepcopy(BASE)
    for path, value in change.items():
        *above, last = path.split("__")
        part = data
        for key in above:
            part = part.setdefault(key, {})
        part[last] = value
    return data


CALL, ARRIVALS = "stages__s__steps__call", "channels__web__arrivals"
STATIC: list[tuple[dict[str, Any], str, str]] = [
    ({"channels__ads": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "0 per week"}}}, "channels.ads", "brings nobody"),
    ({"channels__ads": {"enters": "call", "segments": {"all": 1}, "arrivals": {"rate": "1 per year"}}}, "channels.ads", "brings 0.57 cases in all"),
    ({"channels__ads": {"enters": "call", "segments": {"all": 1}, "replay": ["2020-01-01T00:00"]}}, "channels.ads", "brings nobody"),
    ({ARRIVALS: {"rate": "40 per week", "campaigns": [{"start": "2020-01-01", "end": "2020-02-01", "factor": 2}]}}, "channels.web.arrivals.campaigns.0", "outside the run"),
    ({"teams__spare": {"size": 2, "calendar": "office"}}, "teams.spare", "no step asks for this team"),
    ({"stages__s__steps__ghost": {"work": "1 h", "by": "desk", "then": [{"done": True}]}}, "stages.s.steps.ghost", "no case can come here"),
    ({"segments__firm": {"value": "100 EUR"}}, "segments.firm", "no case is of this segment"),
    ({"calendars__night": {"shifts": [{"days": "Mon", "hours": "01:00-02:00"}]}}, "calendars.night", "nobody works by this calendar"),
    ({"limits__places": {"size": 5}}, "limits.places", "limits nothing"),
    ({"calendars__office": {"shifts": [{"days": "Mon", "hours": "09:00-09:30"}]}}, "teams.desk.calendar", "on duty for 30 min a week"),
    ({f"{CALL}__work": "5000 h"}, "stages.s.steps.call.work", "takes 5,000 h of work"),
    ({f"{CALL}__work": "2 ms"}, "stages.s.steps.call.work", "takes 0.002 s of work"),
    ({"stages__s__steps__sign__customer": "40 weeks"}, "stages.s.steps.sign.customer", "280 days on average, longer than the whole run"),
    ({f"{CALL}__spawns": [{"kind": "next", "to": "sign", "probability": 0.1, "after": "2 years"}]}, "stages.s.steps.call.spawns.0.after", "longer than the whole run"),
    ({"segments__all__patience": "1 s"}, "segments.all.patience", "give up after 1 s"),
    ({"teams__desk__cost": "300000 EUR/hour"}, "teams.desk.cost", "times that of the team in the middle"),
]


def test_nothing_is_doubted_about_a_process_that_is_in_order() -> None:
    assert list(doubts(Scenario.parse(BASE))) == []
    found = pilot(Scenario.parse(BASE))
    assert found is not None
    assert found.doubts == ()


@pytest.mark.parametrize(("change", "path", "said"), STATIC, ids=lambda x: x if isinstance(x, str) else "")
def test_what_a_scenario_says_and_hardly_anybody_means(change: dict[str, Any], path: str, said: str) -> None:
    found = {".".join(map(str, d.path)): d for d in doubts(Scenario.parse(changed(**change)))}
    assert path in found
    assert said in found[path].problem
    assert found[path].remedy


def test_a_case_may_stay_where_it_is() -> None:
    """A hundred years is no slip of the unit: it says that the end is never seen."""
    assert list(doubts(Scenario.parse(changed(stages__s__steps__sign__customer="100 years")))) == []


def test_what_a_lever_or_a_formula_speaks_of_is_in_use() -> None:
    lever = {"spare": {"field": f"{CALL.replace('stages__s__', '').replace('__', '.')}.by", "choice": [["desk"], ["spare"]]}}
    spare = changed(teams__spare={"size": 2, "calendar": "office"}, levers=lever)
    assert list(doubts(Scenario.parse(spare))) == []
    hours = changed(calendars__late={"shifts": [{"days": "Mon-Fri", "hours": "17:00-20:00"}]}, attributes__late_hours={"starts": 0})
    hours["stages"]["s"]["steps"]["call"]["sets"] = {"late_hours": "on('late') / 1 h"}
    assert list(doubts(Scenario.parse(hours))) == []


def test_steps_that_a_lever_may_bring_in_are_not_missing() -> None:
    """A policy may send cases to the phone and so to the step behind it; a step that nothing leads to stays a doubt."""
    data = changed(
        stages__s__steps__phone={"work": "5 min", "by": "desk", "then": [{"to": "note it down"}]},
        **{"stages__s__steps__note it down": {"automatic": "1 min", "then": [{"done": True}]}},
        stages__s__steps__ghost={"automatic": "1 min", "then": [{"to": "call"}]},
    )
    assert {d.path[-1] for d in doubts(Scenario.parse(data))} == {"phone", "note it down", "ghost"}
    data["levers"] = {"where to": {"field": "channels.web.enters", "choice": ["call", "phone"]}, "calls": {"field": "steps.call.work", "range": ["20 min", "30 min"]}}
    assert {d.path[-1] for d in doubts(Scenario.parse(data))} == {"ghost"}


# --- what only a run shows ------------------------------------------------------------------------------------------------


def seen(**change: Any) -> dict[str, str]:
    found = pilot(Scenario.parse(changed(**change)))
    assert found is not None
    return {".".join(map(str, d.path)): d.problem for d in found.doubts}


def test_a_pilot_says_how_busy_everybody_is() -> None:
    """40 calls of half an hour are 20 of 80 hours, 20 welcomes of twenty minutes 6.7 of 40."""
    found = pilot(Scenario.parse(BASE))
    assert found is not None
    assert found.busy == pytest.approx({"desk": 0.25, "help": 1 / 6}, rel=0.1)
    assert found.worked == pytest.approx({"desk": 20.0, "help": 20 / 3}, rel=0.1)
    assert found == pilot(Scenario.parse(BASE))


def test_a_condition_that_never_holds_is_seen() -> None:
    never = [{"to": "sign", "when": "visit > 99"}, {"lost": "no"}]
    assert loads(Scenario.parse(changed(**{f"{CALL}__then": never})))[1].load > 0.05  # half, as the shares are written
    found = seen(**{f"{CALL}__then": never})
    assert "no case came to this step" in found["stages.s.steps.sign"]
    assert "not one of" in found["stages"]


def test_a_limit_that_is_always_full_is_seen() -> None:
    places = {f"{CALL}__takes": "places", "stages__s__steps__sign__gives_back": "places"}
    assert "of 4 places are taken" in seen(limits__places={"size": 4}, **places)["limits.places.size"]
    assert seen(limits__places={"size": 40}, **places) == {}


def test_a_step_at_which_most_give_up_is_seen() -> None:
    found = seen(**{f"{CALL}__patience": "90 s"})
    assert "give up" in found["stages.s.steps.call"]


def test_cost_that_no_revenue_bears_is_seen() -> None:
    assert "EUR/month" in seen(segments__all__value="2 EUR")["segments"]


def test_few_cases_prove_nothing() -> None:
    assert seen(**{ARRIVALS: {"rate": "2 per week"}, f"{CALL}__then": [{"to": "sign", "when": "visit > 99"}, {"lost": "no"}]}) == {}


def test_a_run_that_is_too_long_is_no_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salessim.pilots.MOST_VISITS", 100)
    assert pilot(Scenario.parse(BASE)) is None


# --- on the command line --------------------------------------------------------------------------------------------------


def validate(tmp_path: Path, *words: str, **change: Any) -> Any:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(changed(**change), sort_keys=False), encoding="utf-8")
    return CliRunner().invoke(main, ["validate", str(path), *words])


def test_validate_tells_doubts_with_the_line(tmp_path: Path) -> None:
    said = validate(tmp_path, teams__spare={"size": 2, "calendar": "office"})
    assert said.exit_code == 0, said.output
    line = next(i for i, text in enumerate((tmp_path / "x.yaml").read_text().splitlines(), 1) if "spare" in text)
    assert f"x.yaml:{line}: teams.spare: no step asks for this team" in said.stderr
    assert [text.split()[:2] for text in said.stdout.splitlines() if text.startswith("desk")] == [["desk", "25"]]


def test_a_team_without_time_is_told_as_the_pilot_saw_it(tmp_path: Path) -> None:
    said = validate(tmp_path, **{f"{CALL}__work": "3 h"})
    assert "it works 100 % of its time on duty in a pilot run, and is asked for 150 % of its time (120.0 of 80.0 h a week)" in said.stderr
    reckoned = validate(tmp_path, "--no-pilot", **{f"{CALL}__work": "3 h"})
    assert "the shares as written ask for 150 % of its time" in reckoned.stderr
    assert "No pilot was run." in reckoned.stdout


def test_no_caution_about_a_load_that_a_run_does_not_show(tmp_path: Path) -> None:
    """The shares let half of the cases through to a long talk; the condition lets nobody."""
    routes = {f"{CALL}__then": [{"to": "welcome", "when": "visit > 99"}, {"lost": "no"}], "stages__s__steps__welcome__work": "3 h"}
    assert loads(Scenario.parse(changed(**routes)))[1].load == pytest.approx(20 * 3 / 40)
    said = validate(tmp_path, **routes)
    assert "of its time on duty" not in said.stderr
    assert not any("of its time" in text for text in cautions(replicate(Scenario.parse(changed(**routes)), 10)))


def test_data_of_validate_hold_what_the_pilot_saw(tmp_path: Path) -> None:
    found = json.loads(validate(tmp_path, "--json", teams__spare={"size": 2, "calendar": "office"}).stdout)
    assert found["teams"]["desk"]["busy"] == pytest.approx(0.25, rel=0.1)
    assert [n["place"].partition(": ")[2] for n in found["notes"]] == ["teams.spare"]


def test_a_calendar_without_time_is_refused_with_its_line(tmp_path: Path) -> None:
    said = validate(tmp_path, calendars__office={"shifts": [{"days": "Mon", "hours": "09:00-10:00"}], "closed": ["2026-01-01 to 2027-01-01"]})
    assert said.exit_code == 2
    line = next(i for i, text in enumerate((tmp_path / "x.yaml").read_text().splitlines(), 1) if text.startswith("  office"))
    assert f"x.yaml:{line}: calendars.office: the calendar has no working time before the horizon" in said.stderr
