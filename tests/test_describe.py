"""A process describes itself: every field has its words, every number its hand calculation, and no text does harm."""

from __future__ import annotations

import json
import re
import string
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel

from salessim.cli import main
from salessim.describing import describe, lines
from salessim.describing.procedure import code, escape
from salessim.describing.register import priors
from salessim.describing.telling import Teller
from salessim.describing.terms import TERMS
from salessim.describing.words import EN, WORDS, ZH
from salessim.durations import LAWS
from salessim.errors import InputError, ScenarioError
from salessim.library import templates
from salessim.scenario import calendars, channels, model, own_measures, people
from salessim.scenario.model import Scenario
from salessim.units import DAY, HOUR, MINUTE
from salessim.wording import rounded
from tests.models import random_scenario

CLOCK = {"start": "2026-01-05", "horizon": "52 weeks"}
EVERYTHING: dict[str, Any] = {
    "name": "all mechanisms", "clock": CLOCK,
    "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}, {"days": "Sat, Sun", "hours": "10:00-12:00"}], "holidays": {"country": "DE", "subdivision": "BY"},
                             "closed": ["2026-12-24"], "open": [{"date": "2026-10-03", "hours": "09:00-12:00"}], "time_zone": "Europe/Berlin"}},
    "teams": {"a": {"title": "Alpha", "size": 3, "calendar": "office", "cost": "60 EUR/hour", "skills": {"x": 0.5}}, "b": {"size": 2, "cost": "30 EUR/hour", "skills": {"x": 1}, "at_shift_end": "overtime", "overtime_pay": 2.0}},
    "segments": {"small": {"value": "100 EUR"}, "large": {"priority": 2}},
    "attributes": {"discount": {"starts": 0.1, "by_segment": {"large": 0.2}, "inherited": True, "unit": "share", "source": "a book"}, "margin": {"formula": "1 - discount"}},
    "limits": {"deals": {"title": "Open deals", "size": 40}},
    "channels": {"web": {"enters": "ask", "segments": {"small": 0.5, "large": 0.5}, "cost": "3 EUR", "attributes": {"discount": 0.3},
                         "arrivals": {"rate": "3 per week", "weekdays": {"Mon": 2, "Tue": 1}, "hours": {"00:00-12:00": 2, "12:00-24:00": 1}, "calendar": "office", "months": {"Jul": 0.5},
                                      "yearly_growth": 0.1, "daily_cv": 0.5, "batch": {1: 0.5, 3: 0.5}, "campaigns": [{"title": "Fair", "start": "2026-05-04", "end": "2026-05-05", "factor": 3}]}},
                 "old": {"enters": "ask", "segments": {"small": 1}, "replay": ["2026-02-02T10:00:00", "2026-02-03T10:00:00"]}},
    "stages": {
        "first": {"title": "First stage", "steps": {
            "ask": {"work": {"law": "exponential", "mean": "1 h"}, "by": ["a", "b"], "skill": "x", "together_with": [{"by": "b"}], "hold": "3 days", "cost": "7 EUR", "priority": 2, "waiting_room": 9,
                    "time_by_segment": {"large": "2 h"}, "factor": "1 + discount", "serve_first": "value / 1 EUR", "patience": "2 days", "patience_by_segment": {"large": "none"}, "gives_up": {"lost": "left"},
                    "silent": "25 %", "attempt": "5 min", "automation": {"share": "20 %", "time": "1 min"}, "sets": {"discount": "discount * 2"}, "milestone": "response",
                    "then": [{"to": "both", "share": "60 %", "fades": {"law": "lomax", "scale": "20 h", "shape": 1.0}}, {"to": "ask", "share": {"small": "10 %", "large": "20 %"}, "limit": 2}, {"lost": "no"}]},
            "both": {"parallel": ["left", "right"], "core": True, "then": [{"to": "wait"}]},
            "left": {"work": "1 h", "by": "b", "adherence": "80 %", "queue": "newest_first", "then": [{"join": True, "share": "90 %"}, {"lost": "left says no"}]},
            "right": {"automatic": "0 min", "posted": {"at": ["12:00"], "days": "Mon-Fri"}, "calendar": "office", "then": [{"join": True}]},
        }},
        "second": {"steps": {
            "wait": {"customer": "5 days", "counts_from": "arrival", "unless": [{"after": "30 days", "lost": "expired", "assumption": "a month"}, {"after": "60 days", "to": "ask"}], "reminders": {"every": "4 days", "factor": 0.7, "most": 3},
                     "milestone": "won",
                     "spawns": [{"kind": "ticket", "to": "reserve", "probability": "50 %", "after": {"law": "exponential", "mean": "40 days"}, "new_customer": True, "segment": "large",
                                 "when": "discount < 20 %", "factor": "0.5 + margin / 2", "gives": {"discount": "0"}}],
                     "then": [{"done": True, "when": "discount < 20 %"}, {"to": "ask", "share": "10 %", "factor": "1 + discount"}, {"done": True}]},
            "reserve": {"automatic": "1 min", "counts_from": "arrival", "at_least": "2 days", "calendar": "office", "counts_in": "days", "takes": "deals", "then": [{"to": "gather"}]},
            "gather": {"automatic": "1 min", "gives_back": "deals", "gather": {"size": 5, "at_most": "2 days"}, "then": [{"done": True}]},
        }},
    },
    "costs": {"licence": {"running": "100 EUR/month", "one_off": "5 EUR", "assumption": True}},
    "measures": {"mean margin": {"mean": "margin", "over": "won", "when": "discount < 20 %", "unit": "share"}},
    "provenance": {"origin": "a guess"},
}  # fmt: skip


@pytest.fixture(scope="module")
def everything() -> Scenario:
    data = json.loads(json.dumps(EVERYTHING))
    ask = data["stages"]["first"]["steps"]["ask"]
    other = {k: v for k, v in ask.items() if k not in ("versions", "time_by_segment", "work", "then")}
    ask["versions"] = [{"from": "2026-06-01", "share": "30 %", "name": "tool", "step": {**other, "work": "10 min", "then": [{"to": "both"}]}}]
    data["channels"]["web"]["arrivals"]["batch"] = {1: 0.5, 3: 0.5}
    return Scenario.parse(data)


def bare(text: str) -> str:
    return text.replace("\\", "")


# --- nothing is forgotten --------------------------------------------------------------------------------------


def records() -> list[type[BaseModel]]:
    homes = (model, calendars, channels, people, own_measures)
    found = {c for module in homes for c in vars(module).values() if isinstance(c, type) and issubclass(c, BaseModel) and c.__module__ == module.__name__}
    return sorted(found - {model.Part, model.Documented, calendars._Part, people.Fact, channels.Dated}, key=lambda c: c.__name__)


_MODULES = "modules have become plain steps, and these are described"
NOT_IN_A_PROCEDURE = {
    "Lever": "changes under study are not part of the process", "Outages": "its calendar tells it",
    **dict.fromkeys(("Handoff", "Rekey", "Duplicated"), "a hand-off has become steps, and these are described"),
    **dict.fromkeys(("Expanded", "InPort", "OutPort", "Ports", "InnerModule", "Module", "ModuleType", "Needs", "Parameter"), _MODULES),
}  # fmt: skip


@pytest.mark.parametrize("record", records(), ids=lambda c: c.__name__)
def test_every_field_is_described_or_left_out_for_a_reason(record: type[BaseModel]) -> None:
    name = record.__name__
    if name in NOT_IN_A_PROCEDURE:
        return
    fields = set(record.model_fields)
    described, left_out = lines.DESCRIBED.get(name, frozenset()), lines.LEFT_OUT.get(name, {})
    written = lines.AS_WRITTEN.get(name, frozenset())
    assert fields - described - left_out.keys() - written == set(), f"give {name} a line in describing/lines.py"
    assert (described | written) - fields == set(), "described, but there is no such field"


def test_a_field_without_a_line_is_shown_as_written(everything: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lines.DESCRIBED, "Step", lines.DESCRIBED["Step"] - {"milestone"})
    monkeypatch.setattr(lines, "STEP_LINES", tuple(x for x in lines.STEP_LINES if x.fields != ("milestone",)))
    assert "- **Further**: `milestone: response`" in describe(everything)


def test_the_languages_say_the_same_things() -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert EN.keys() == ZH.keys()
    # Chinese may do without a colon or the unit, never with less of what the scenario says.
    assert [k for k in EN if places(EN[k]) != places(ZH[k])] == []


def test_everything_is_said_once(everything: Scenario) -> None:
    text = bare(describe(everything))
    for said in (
        "- **Who**: Alpha; if nobody is free, b (skill x); together with b",
        "- **Time**: 1 h on average, usually 6.3 min to 2.3 h; large: 2 h; times `1 + discount`",
        # Alpha has skill x at a pace of 50 %: (60 + 30) EUR/h for 2 h
        "- **Cost**: about 180 EUR of working time; 7 EUR for each visit",
        "- **Automation**: in 20 % of the visits a system does it, in 1 min",
        "- **Queue**: by priority, then the highest `value / 1 EUR` first; priority 2 for all; at most 9 may wait; who comes then gives up at once; if they have not been found together after 3 days, they are kept free for it",
        "lost: left, after waiting – small: 2 days; large: waits as long as it takes; 25 % of them leave without a word; people still try for 5 min",
        "- **Places**: takes a place of Open deals", "- **Places**: gives back the place of Open deals", "- **Changes**: discount becomes `discount * 2`", "- **Milestone**: this is the first response",
        "60 %: go to 1.2 both (halves once the customer has waited 20 h here)", "small 10 %, large 20 %: go to 1.1 ask (at most 2 times)", "the rest (small 30 %, large 20 %): lost: no",
        "from 2026-06-01 on, 30 % of the cases meet it as tool: Time: 10 min",
        "- **Ways**: 1.3 left, 1.4 right; goes on when all have come back", "- **Duty**: core", "- **Duty**: optional, done in 80 % of the cases", "90 %: back from the parallel ways", "- **Queue**: the newest first",
        "the system, by itself; in the hours of office", "- **Rhythm**: runs at 12:00, Mon to Fri", "after 30 days: lost: expired", "after 60 days: go to 1.1 ask",
        "- **Time**: 1 min; counted from the case's arrival, but 2 days at least", "the system, by itself; in whole days on which office opens",
        "- **Time**: 5 days; counted from the case's arrival; at once if that has passed",
        "a reminder every 4 days, at most 3; each leaves 70 % of the time that remains",
        "50 %: ticket, after 40 days on average, usually 4.2 to 92 days: go to 2.2 reserve (as a new customer; as large; only if `discount < 20 %`; probability times `0.5 + margin / 2`; with discount = `0`)",
        "all for whom it holds: finished (only if `discount < 20 %`)", "10 %: go to 1.1 ask (share times `1 + discount`)", "waits until 5 cases are together, at most 2 days",
        "| **office** | Mon to Fri 09:00-17:00; Sat, Sun 10:00-12:00 | closed on the public holidays of DE-BY; closed on 2026-12-24; open on 2026-10-03, 09:00-12:00; in the time zone Europe/Berlin |",
        "| 3 | office; puts work down at the end of a shift |",
        "day and night; finishes what is begun, paid 2 times as overtime", "x (pace 50 %)", "3 per week; in groups of 1 (50 %), 3 (50 %); only during office; uneven over the week (Mon ×2, Tue ×1)",
        "uneven over the year (Jul ×0.5); growing by 10 % a year; days differ by 50 % more than chance explains; Fair, 2026-05-04 to 2026-05-05: 3 times as many", "2 recorded arrivals", "discount: 0.3 | 3 EUR each",
        "| **discount** | 0.1; large: 0.2 | passed on to cases that follow; share |", "| **margin** | `1 - discount` |", "| **Open deals** | 40 |", "mean of `margin` | cases that are won; only if `discount < 20 %`; share",
        "100 EUR/month running; 5 EUR once", "- **origin**: a guess", "From 2.1 wait back to 1.1 ask: 10 %", "| 2.1 wait | expired | 30 days |", "| 1.1 ask | left | after waiting too long; 2 days |",
        "source: a book", "assumption: a month",
    ):  # fmt: skip
        assert said in text, said


RARE: dict[str, Any] = {
    "name": "rare", "clock": CLOCK, "calendars": {"office": {"shifts": [{"days": "Mon-Fri", "hours": "09:00-17:00"}]}},
    "teams": {"a": {
        "size": 3, "calendar": "office", "absence": {"share": 0.06, "spell": "3 days", "paid": True}, "attrition": {"tenure": "900 days", "hiring": "60 days"},
        "joining": [{"count": 2, "date": "2026-03-02"}], "leaving": [{"date": "2026-06-01"}], "ramp": {"start": 0.4, "over": "90 days"},
        "learning": {"rate": 0.9, "experience": 50, "floor": 0.5}, "meetings": [{"title": "Stand-up", "days": "Mon", "hours": "09:00-10:00", "every": "2 weeks"}],
        "courses": [{"start": "2026-05-04", "end": "2026-05-05", "hours": "09:00-12:00"}], "pace": [{"start": "2026-02-02", "end": "2026-02-13", "pace": 0.8, "recovers": "14 days"}],
        "under_load": {"waiting": 10, "pace": 1.2}, "concurrency": 2, "slowdown": 0.3,
    }},
    "segments": {"firm": {}, "shop": {}, "spam": {"customer": False}, "again": {"customer": False}}, "attributes": {"copy": {"starts": 0}},
    "markets": {"town": {"size": 5000, "returns": "200 days"}, "land": {"size": 90}},
    "limits": {"files": {"title": "Files", "size": 20, "each": "a"}},
    "channels": {
        "web": {
            "enters": "call", "segments": {"firm": 0.6, "shop": 0.4}, "mixes": [{"from": "2026-07-01", "segments": {"firm": 0.2, "shop": 0.8}}], "market": "town",
            "junk": {"share": 0.09, "segment": "spam"}, "duplicates": {"share": 0.04, "after": "5 days", "mark": "copy", "segment": "again"},
            "arrivals": {
                "rate": "30 per week",
                "spend": {"per_week": "500 EUR", "most": "9 per week", "half_at": "400 EUR", "adstock": {"half_life": "14 days"}, "before": "100 EUR", "changes": [{"from": "2026-04-01", "per_week": "800 EUR"}]},
                "content": {"pieces": "2 per week", "per_piece": "1 per week", "half_life": "90 days", "lag": "10 days", "cost_per_piece": "70 EUR", "initial": 12, "published": [{"date": "2026-02-03", "pieces": 4}]},
                "campaigns": [
                    {"title": "Fair", "start": "2026-05-04", "end": "2026-05-05", "adds": "5 per day", "cost": "900 EUR", "decay": {"half_life": "7 days"}},
                    {"start": "2026-08-03", "end": "2026-08-07", "lift": {"most": "8 per day", "half_at": "700 EUR"}, "spend": "100 EUR/day"},
                ],
            },
        },
        "post": {"enters": "call", "segments": {"firm": 1}, "market": "land", "arrivals": {"rate": "1 per week"}},
    },
    "stages": {"one": {"steps": {
        "call": {"work": "1 h", "by": "a", "takes": "files", "then": [{"to": "settle"}]},
        "settle": {"automatic": "0 min", "posted": {"at": ["06:00"], "days_of_month": [1, 15]}, "then": [{"to": "talk"}]},
        "talk": {"work": "1 h", "by": "a", "owner": "files", "customer_hours": "office", "gives_back": "files", "then": [{"done": True}]},
    }}},
}  # fmt: skip


def test_what_is_not_known_what_is_standard_and_what_is_overridden_is_told() -> None:
    data = {
        "name": "x", "clock": CLOCK, "teams": {"a": {"size": 1}}, "segments": {"firm": {}, "shop": {}},
        "channels": {"web": {"enters": "call", "segments": {"firm": 0.5, "shop": 0.5}, "arrivals": {"rate": "9 per week"}}},
        "stages": {"one": {"standardisation": "40 %", "steps": {
            "call": {"work": "1 h", "by": "a", "standardisation": "90 %", "then": [{"to": "decide", "share": "50 %"}, {"lost": "no"}]},
            "decide": {"customer": "2 days", "then": [{"to": "sign", "share": "40 %"}, {"lost": "no"}]},
            "sign": {"automatic": "1 min", "core": True, "adherence": "95 %", "then": [{"done": True}]},
        }}},
        "standardisation": {"level": "20 %", "spread": "60 %", "unusual": {"shop": "70 %"}, "loss": "30 %", "decided": {"at": "decide", "to": "sign"}, "assumption": "a talk with the head"},
        "overrides": {"sign": {"reason": "old customers", "allowed_by": "the head"}, "archive": {"reason": "nobody reads it", "allowed_by": "audit", "removed": True}},
        "uncertain": {
            "steps.call.then.to decide.share": {"factor": {"law": "uniform", "low": 0.5, "high": 1.5}, "assumption": "unknown"},
        },
    }  # fmt: skip
    text = bare(describe(Scenario.parse(data)))
    for said in (
        "The work follows one standard to 20 %. If it did so entirely, 60 % of the spread of working times would be gone, 100 % of the side ways and 100 % of the skipping. How unusual the cases are: shop 70 %. If all were, 30 % of the decisions for us at 1.2 decide would be lost.",
        "### 1 one\n\nfollows the standard to 40 %", "- **Further**: follows the standard to 90 %", "core, but not protected here: old customers (allowed by the head)",
        "archive is core and has been taken out all the same: nobody reads it (allowed by audit)",
        "## What is not known exactly", "| steps › call › then › to decide › share | what stands there times 1 on average, usually 0.6 to 1.4 |",
    ):  # fmt: skip
        assert said in text, said


def test_a_process_is_described_in_the_language_of_its_steps(tmp_path: Path, everything: Scenario) -> None:
    from salessim.describing import language_of

    found = {t.name: language_of(t.scenario()) for t in templates() if t.language == "zh" or t.name == "renewals"}
    assert found == {"china-erp-order": "zh", "renewals": "en"}
    assert language_of(everything) == "en"
    path = tmp_path / "order.yaml"
    path.write_text(next(t for t in templates() if t.language == "zh").text, encoding="utf-8")
    assert "## 操作流程" in CliRunner().invoke(main, ["describe", str(path)]).stdout
    assert "## The procedure" in CliRunner().invoke(main, ["describe", str(path), "--language", "en", "--format", "md"]).stdout


def test_rarer_fields_are_told_in_sentences() -> None:
    text = bare(describe(Scenario.parse(RARE)))
    for said in (
        "away 6 % of the time, each time 3 days (paid)", "leaves after 2.46 years; the place is filled after 60 days", "2 more from 2026-03-02 on", "1 fewer from 2026-06-01 on",
        "newcomers begin at 40 % of full pace and reach it after 90 days", "each doubling of finished jobs brings their time to 90 % (those who are there at the start have done 50 before; never below 50 %)",
        "Stand-up: Mon 09:00-10:00 (every 14 days)", "course: 2026-05-04 to 2026-05-05 (at 09:00-12:00)", "pace 80 % from 2026-02-02 to 2026-02-13 (back at full pace 14 days later)",
        "up to 2 cases at once each (each further one slows by 30 %)", "pace 120 % with 10 waiting a head",
        "firm 60 %, shop 40 %; from 2026-07-01 on firm 20 %, shop 80 %", "9 % of them are no customers (spam)", "4 % come again as a second case, after 5 days (the copy is marked by copy; the copy is of again)",
        "from the market town: who is in process or a customer already does not come", "| **town** | 5,000 | who was lost may come again, after 200 days |", "| **land** | 90 | who was lost does not come again |",
        "500 EUR of advertising a week bring at most 9 per week more, half of that at 400 EUR a week (money works on, half as much every 14 days; 100 EUR a week before the start; 800 EUR a week from 2026-04-01 on)",
        "2 per week new pieces, each of which brings 1 per week and half as much every 90 days (beginning 10 days after they are published; 12 at work at the start; 4 on 2026-02-03; 70 EUR a piece)",
        "Fair, 2026-05-04 to 2026-05-05: 5 per day more (fading afterwards, by half every 7 days; 900 EUR on its first day)",
        "campaign, 2026-08-03 to 2026-08-07: 100 EUR/day bring at most 8 per day more, half of that at 700 EUR a week",
        "| **spam** | 5 | no customers: they take work, and are neither won nor lost |", "runs at 06:00, on day 1, 15 of the month", "by the person who has the case (Files)", "the customer takes part, in office", "| **Files** | 20 for each person of a |",
    ):  # fmt: skip
        assert said in text, said
    # Nothing of it is left in the form of the file, nor, in Chinese, in English.
    assert "**Further**" not in text
    chinese = bare(describe(Scenario.parse(RARE), "markdown", "zh"))
    for said in ("每周广告 500 EUR，带来最多另加 每周 9", "9% 并非客户（spam）", "每月 1、15 日", "照付工资", "之后 14 天恢复正常", "流失者可能再来，间隔 200 天"):
        assert said in chinese, said
    assert set(re.findall(r"[A-Za-z]{4,}", chinese.partition("## 操作流程")[0])) <= {"shop", "firm", "spam", "town", "land", "office", "Files", "Stand", "call", "talk", "settle", "again", "copy", "Fair", "post", "rare"}


def test_the_numbers_are_those_of_the_laws(b2b: Path) -> None:
    text = bare(describe(Scenario.load(b2b)))
    assert "about 8.9 EUR of working time" in text  # 14 min of 38 EUR/hour are 8.87
    assert "halves once the customer has waited 14 h here" in text  # 20 h (2^(1/1.3) - 1) = 14.09 h
    assert "support ticket, after 40 days on average, usually 4.2 to 92 days" in text  # 40 ln(10/9) = 4.21, 40 ln 10 = 92.1
    assert "the rest (small 76 %, mid 56 %, large 26 %): go to 5.3 Approve the deal" in text  # 100 - 14 - (10, 30, 60)
    assert "about 220 EUR of working time" in text  # (60 + 90 + 180)/3 min = 110 min of 62 + 58 EUR/hour
    assert "about 150 EUR of working time" in text  # 2.5 h of presales at 58 EUR: 145, to two digits


@pytest.mark.parametrize(("ticks", "hours", "said"), [
    (0, False, "0 min"), (90 * MINUTE, False, "1.5 h"), (75 * MINUTE, False, "75 min"), (2 * HOUR - 1, False, "2 h"), (36 * HOUR, False, "36 h"), (24 * HOUR, False, "1 day"), (24 * HOUR, True, "24 h"),
    (50 * HOUR, True, "50 h"), (50 * HOUR, False, "2.08 days"), (1000 * DAY, False, "2.74 years"), (30_000_000, False, "30 s"), (1500, False, "1.5 ms"), (3, False, "3 µs"),
])  # fmt: skip
def test_times_have_the_unit_a_reader_expects(b2b: Path, ticks: int, hours: bool, said: str) -> None:
    assert Teller(Scenario.load(b2b)).time(ticks, hours=hours) == said


def test_numbers_are_rounded_not_cut() -> None:
    assert [rounded(x, 2) for x in (0.999, 99.6, 1234.0, 0.00567, 0.0)] == ["1", "100", "1,200", "0.0057", "0"]


@pytest.mark.parametrize(("fade", "half"), [
    ({"law": "exponential", "half_life": "3 h"}, 3.0),
    ({"law": "loglogistic", "scale": "5 h", "shape": 2}, 5.0),
    ({"law": "lomax", "scale": "3 h", "shape": 0.5}, 9.0),
    ({"law": "table", "points": [["0 h", "80 %"], ["2 h", "60 %"], ["4 h", "20 %"]]}, 3.0),  # half of 80 % lies midway between 60 % and 20 %
    ({"law": "table", "points": [["0 h", "80 %"], ["2 h", "60 %"]]}, None),
])  # fmt: skip
def test_the_time_in_which_a_share_halves(fade: dict[str, Any], half: float | None) -> None:
    found = lines.half_time(model.Fade.model_validate(fade))
    assert (found is None) if half is None else found == pytest.approx(half * HOUR)


# --- the register ----------------------------------------------------------------------------------------------


def test_the_register_holds_every_source_and_assumption_of_the_file(b2b: Path) -> None:
    def count(value: Any, key: str) -> int:
        if isinstance(value, dict):
            return bool(value.get(key)) + sum(count(v, key) for v in value.values())
        return sum(count(v, key) for v in value) if isinstance(value, list) else 0

    raw = yaml.safe_load(b2b.read_text())
    found = priors(Scenario.load(b2b))
    assert sum(bool(p.source) for p in found) == count(raw, "source")
    assert sum(bool(p.assumption) for p in found) == count(raw, "assumption")
    by_place = {p.place: p.figures for p in found}
    assert by_place["steps.first response.work"] == "lognormal mean 14 min, cv 0.8"
    assert by_place["steps.first response.then.to qualify"] == "share 58 %"
    assert by_place["teams.ae"] == "size 5; cost 62 EUR/hour; skills sell 1, qualify 0.9, quote 0.8"
    assert by_place["calendars.mornings"] == "shifts Mon-Thu 09:00-12:30"
    assert len(by_place) == len(found), "two entries have the same place"


# --- Chinese ---------------------------------------------------------------------------------------------------

CHINESE = """salessim: 1
name: 订单流程
clock: {start: 2026-01-05, horizon: 52 周}
currency: CNY
calendars: {工作时间: {shifts: [{days: 周一-周五, hours: "09:00-17:00"}]}}
teams: {销售: {size: 2, calendar: 工作时间, cost: 60 CNY/小时}}
segments: {客户: {value: 100 CNY, patience: {law: exponential, mean: 5 天}}}
channels: {网站: {enters: 报价, segments: {客户: 1}, arrivals: {rate: 60 每 周, assumption: 估计}}}
stages:
  报价阶段:
    steps:
      报价: {work: {law: exponential, mean: 30 分钟}, by: 销售, then: [{to: 签约, share: 40 %}, {lost: 无意向}]}
      签约: {customer: 2 天, milestone: won, then: [{done: true}]}
"""


def english(text: str) -> set[str]:
    """Latin words of a Chinese description, without addresses in the file. Currency, time zone and our name are no words of a language."""
    return set(re.findall(r"[A-Za-z]{2,}", re.sub(r"`[^`]*`|<br>|场景哈希 .*", "", text)))


def test_a_chinese_process_is_described_without_a_word_of_english() -> None:
    scenario = Scenario.parse(CHINESE)
    text = describe(scenario, language="zh")
    for said in ("# 订单流程", "平均 30 分钟，通常 3.2 至 69 分钟", "每周 60 个", "周一至周五 09:00-17:00", "40%：转到 1.2 签约", "其余（60%）：流失：无意向", "流失：放弃", "60 CNY/小时", "**里程碑**：完成即为赢单", "假设：估计"):
        assert said in text, said
    assert english(text) == {"CNY", "UTC", "salessim"}


def test_the_same_scenario_gives_the_same_text(everything: Scenario) -> None:
    again = Scenario.parse(json.loads(json.dumps(everything.model_dump(mode="json", exclude_unset=True, exclude_none=True, by_alias=True))))
    for form in ("markdown", "svg", "mermaid", "dot"):
        assert describe(everything, form) == describe(again, form)


# --- text that people wrote ------------------------------------------------------------------------------------

EVIL = "</text><script>alert(1)</script> | *b* `c` [x](http://y) & \" ' \x0b ]]> %%{init}%%"


def evil_scenario() -> Scenario:
    return Scenario.parse(
        {"name": EVIL, "description": EVIL, "clock": CLOCK, "teams": {"t": {"title": EVIL, "size": 1}}, "segments": {"all": {"title": EVIL}},
         "channels": {"c": {"title": EVIL, "enters": "s", "segments": {"all": 1}, "arrivals": {"rate": "1 per week"}, "source": EVIL}},
         "stages": {"g": {"title": EVIL, "steps": {"s": {"title": EVIL, "work": "1 h", "by": "t", "then": [{"lost": "a <b> | c", "share": "50 %", "assumption": EVIL}, {"to": "s2"}]},
                                                   "s2": {"customer": "1 h", "then": [{"done": True}]}}}}}
    )  # fmt: skip


def test_markdown_shows_text_and_never_obeys_it() -> None:
    text = describe(evil_scenario())
    assert "<script" not in text.replace("\\<script", "")
    assert re.search(r"(?<!\\)<(?!br>)", re.sub(r"(?m)(`+)(?!`).+?(?<!`)\1(?!`)", "", text)) is None
    assert re.search(r"(?<!\\)\]\(", text) is None
    for row in re.findall(r"^\|.*$", text, re.M):  # a bar in a name adds no column
        assert len(re.findall(r"(?<!\\)\|", row)) in (3, 4, 5, 6, 7), row
    assert escape("- a") == "\\- a"
    assert escape("1. a") == "1\\. a"
    assert escape("0.5 to 1") == "0.5 to 1"
    assert code("a `b` | c") == "`` a `b` \\| c ``"


@pytest.mark.parametrize("seed", range(25))
def test_random_models_are_described_in_every_form(seed: int) -> None:
    try:
        scenario = random_scenario(seed)
    except ScenarioError:
        pytest.skip("this seed makes no valid scenario")
    for language in WORDS:
        for form in ("markdown", "svg", "mermaid", "dot"):
            text = describe(scenario, form, language)
            assert "None" not in text
            assert "{" not in text or form != "markdown"
            for name in scenario.steps:
                assert name in text


# --- the command -----------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, b2b: Path) -> None:
    def run(*args: object) -> Any:
        return CliRunner().invoke(main, [*map(str, args)])

    said = run("describe", b2b)
    assert said.exit_code == 0
    assert said.stdout == describe(Scenario.load(b2b))
    for form, begins in (("svg", "<svg "), ("mermaid", "flowchart "), ("bpmn", "<?xml "), ("dot", "digraph ")):
        out = tmp_path / f"x.{form}"
        done = run("describe", b2b, "--format", form, "--language", "zh", "--out", out)
        assert (done.exit_code, done.stdout) == (0, "")
        assert out.read_text(encoding="utf-8").startswith(begins)
    out = tmp_path / "x.svg"
    again = run("describe", b2b, "--format", "svg", "--out", out)
    assert again.exit_code == 2
    assert again.stderr == f"salessim: {out}: the file is there already; choose another name, or write over it with --force\n"
    assert run("describe", b2b, "--format", "svg", "--out", out, "--force").exit_code == 0
    own = tmp_path / "own.yaml"
    own.write_text(CHINESE, encoding="utf-8")
    over = run("describe", own, "--out", own, "--force")
    assert over.exit_code == 2
    assert "would be overwritten" in over.stderr
    assert own.read_text(encoding="utf-8") == CHINESE
    for wrong in (("describe", tmp_path / "no.yaml"), ("describe", b2b, "--language", "fr"), ("describe", b2b, "--format", "pdf"), ("describe", b2b, "--out", tmp_path / "no" / "x.md")):
        assert run(*wrong).exit_code == 2


def test_forms_and_languages_that_do_not_exist(b2b: Path) -> None:
    scenario = Scenario.load(b2b)
    with pytest.raises(InputError, match="there is no form 'pdf'; use one of markdown"):
        describe(scenario, "pdf")
    with pytest.raises(InputError, match="there is no language 'fr'; use one of en, zh"):
        describe(scenario, language="fr")


# --- words of the file -----------------------------------------------------------------------------------------


def test_every_field_of_the_language_has_its_word_in_chinese() -> None:
    seen: set[type[BaseModel]] = set()

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in seen:
                seen.add(annotation)
                for field in annotation.model_fields.values():
                    walk(field.annotation)
            return
        for inner in typing.get_args(annotation):
            walk(inner)

    walk(Scenario)
    words = {f.alias or n for record in seen for n, f in record.model_fields.items()} | set(LAWS)
    assert len(words) > 250
    assert words - TERMS["zh"].keys() == set(), "give them words in describing/terms.py"


@pytest.mark.parametrize(("formula", "said"), [
    ("if(uniform < 6 %, 1, 0)", "以 6% 的概率取 1，否则取 0"),
    ("if(uniform < min(0.5, margin), 1, 0)", "以 （最小值（0.5，margin）） 的概率取 1，否则取 0"),
    ("if(uniform < 6 % and discount > 0, 1, 0)", "若 随机数 < 6% 且 discount > 0 则为 1，否则为 0"),
    ("1 - discount * (age / 2 days)", "1 - discount × （案例时长 ÷ 2 天）"),
    ("not (value >= 50_000 EUR)", "非 （金额 ≥ 50000 EUR）"),
    ("segment == 'large' or on('office') > 1 h", "客户类型 为 “large” 或 “office”内的时间 > 1 小时"),
    ("clamp(-0.5, 0, in_use('deals'))", "-0.5（限于 0 至 “Open deals”已占用数）"),
])  # fmt: skip
def test_formulas_in_words(everything: Scenario, formula: str, said: str) -> None:
    assert Teller(everything, "zh").formula_words(formula) == said


def test_what_may_come_at_any_moment_is_a_chance_and_no_date(everything: Scenario) -> None:
    def after(mean: str) -> str:
        law = model.Unless.model_validate({"after": {"law": "exponential", "mean": mean}, "lost": "x"}).after
        return Teller(everything).after(law)

    assert after("45 days") == "about 2.2 % per day"  # 1 - exp(-1/45) = 0.02198
    assert after("40 years") == "about 2.5 % per year"  # 1 - exp(-1/40) = 0.02469
    assert after("400 days") == "about 1.7 % per week"  # 1 - exp(-7/400) = 0.01735
    assert Teller(everything).after(model.Unless.model_validate({"after": "30 days", "lost": "x"}).after) == "after some 30 days"


LEVERS = {
    "hire": {"title": "One more", "add_staff": "a", "up_to": 2, "one_off_cost": "9000 EUR", "running_cost": "500 EUR/month", "needs": ["robot"], "rollout": {"from": "2026-03-01"}, "source": "a study"},
    "robot": {"automate": "left"},
    "beds": {"field": "limits.deals.size", "integer": [40, 60], "assumption": "room"},
    "faster": {"field": "steps.wait.customer", "range": ["2 days", "5 days"], "excludes": ["hire"], "assumption": True},
    "effects": {"effects": [{"field": "steps.wait.customer", "factor": 0.5}], "assumption": "half"},
}


def test_what_may_be_changed_is_described(everything: Scenario) -> None:
    text = bare(describe(everything.change({"levers": LEVERS})))
    section = text.split("## What may be changed")[1].split("## ")[0]
    for row in (
        "| **One more** | more people: Alpha | up to 2 | 9,000 EUR once; 500 EUR/month running | needs robot; from 2026-03-01 | source: a study |",
        "| **beds** | limits › Open deals › size | 40 today, 40 to 60 | – | – | assumption: room |",
        "| **faster** | steps › wait › customer | 5 days today, 2 days to 5 days | – | not together with One more | assumption: effect and cost |",
        "| **effects** | steps › wait › customer | steps › wait › customer: × 0.5 | – | – | assumption: half |",
    ):  # fmt: skip
        assert row in section, (row, section)
    # The usual effects of automation: triangular 50, 75, 95 % adopted, so 73.3 % on average.
    assert "| **robot** | a system does it: 1.3 left | adoption 73.3 % on average" in section
    assert "assumption: the usual effect of its kind" in section


@pytest.mark.parametrize("found", [t for t in templates() if t.language == "zh"], ids=lambda t: t.name)
def test_a_chinese_template_is_described_in_chinese(found: Any) -> None:
    scenario = found.scenario()
    text = bare(describe(scenario, language="zh"))
    for origin in sorted((str(o) for p in priors(scenario) for o in (p.source, p.assumption) if o), key=len, reverse=True):
        text = text.replace(origin, "")  # titles of studies are names
    assert english(text) == {"CNY", "CN", "Asia", "Shanghai", "salessim", "MRP", "OTIF"}  # currency, country, time zone, and names that Chinese has from English


@pytest.mark.parametrize("found", templates(), ids=lambda t: t.name)
def test_every_exception_stands_in_the_chapter_of_exceptions(found: Any) -> None:
    """Recounted from the scenario: ways back, ways after a wait, and losses, each with its step."""
    s = found.scenario()
    t = Teller(s, "en", own=escape, code=code)
    chapter = describe(s).partition(f"## {t('exceptions')}")[2].partition("\n## ")[0]
    back, _, rest = chapter.partition(f"### {t('delays')}")
    delays, _, losses = rest.partition(f"### {t('losses')}")
    order = list(s.steps)

    def count(text: str, head: str) -> dict[str, int]:
        return {n: c for n in s.steps if (c := sum(line.startswith(head.format(t.step(n))) for line in text.splitlines()))}

    patient = {n: st.gives_up.to if st.gives_up else None for n, st in s.steps.items() if st.asks and any((st.patience_by_segment.get(g, st.patience) or seg.patience) not in (None, "none") for g, seg in s.segments.items())}
    forms = {n: [st, *(v.step for v in st.versions if v.step.then != st.then)] for n, st in s.steps.items()}
    assert count(back, "- From {} back") == {n: c for n in order if (c := sum(r.to is not None and order.index(r.to) <= order.index(n) for f in forms[n] for r in f.then))}
    assert count(delays, "- From {} to") == {n: c for n in order if (c := sum(u.to is not None for u in s.steps[n].unless) + (patient.get(n) is not None))}
    lost = {n: sum(r.lost is not None for f in forms[n] for r in f.then) + sum(u.lost is not None for u in s.steps[n].unless) + (n in patient and patient[n] is None) for n in order}
    assert count(losses, "| {} |") == {n: c for n, c in lost.items() if c}
