"""Changes carried out on the plain data of a scenario: figures, roll-outs as versions of steps, then the shape."""

from __future__ import annotations

import copy
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
from salessim.scenario import handoffs, modules, surgery
from salessim.scenario.carried import Said, carrying
from salessim.scenario.checks import Misfit, roles_of_step
from salessim.scenario.kinds import Append, Base, Missing, Plus, Put, Reshape, Times, certain
from salessim.scenario.levers.changes import Pulled, keys_of
from salessim.scenario.levers.figures import Form, carry_out
from salessim.scenario.model import KEPT_BY_VERSIONS
from salessim.units import DAY
from salessim.units import share as share_of

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_ORDER = (Put, Append, Plus, Times, Missing)
_LAST_DAY = dt.date.max - dt.timedelta(days=1)
"""Of a dip: the calendar must go on behind it."""
_SHAPES = ("with_fallback", "answer_first", "in_parallel", "merge", "remove", "swap")


def carry_out_all(scenario: Scenario, data: dict[str, Any], changes: list[Pulled]) -> None:
    """Change the data: what holds for all, then roll-outs by their days, then the shape of the process.

    Raises:
        ScenarioError: a change that is not possible, with the lever.
    """
    figures = [p for p in changes if not isinstance(p.change, Reshape)]
    figures.sort(key=lambda p: (_ORDER.index(type(p.change)), p.change.path, p.name))
    for p in figures:
        if p.lever.rolls_out is None:
            _figure(Form(scenario, data, data), p)
    rolled = {p.name: p.lever for p in changes if p.lever.rolls_out is not None}
    origins = {(step, v.name): i for step, found in scenario.steps.items() for i, v in enumerate(found.versions)}
    for name, lever in sorted(rolled.items(), key=lambda item: (_begins(scenario, item[1]), item[0])):
        _roll_out(scenario, data, name, lever, [p for p in figures if p.name == name], [p.change for p in changes if p.name == name and isinstance(p.change, Reshape)], origins)
    shapes = [p for p in changes if isinstance(p.change, Reshape) and p.name not in rolled]
    for p in sorted(shapes, key=lambda p: (_SHAPES.index(p.change.what), p.name)):
        _reshape(data, p.name, p.change)


def _begins(scenario: Scenario, lever: Base) -> dt.date:
    rollout = lever.rolls_out
    return rollout.since if rollout is not None and rollout.since is not None else scenario.clock.start


def _figure(form: Form, p: Pulled) -> None:
    """One field is changed, or refused in a line that names the lever."""
    try:
        carry_out(form, p.name, p.change)
    except (KeyError, ValueError) as wrong:
        problem, remedy = (*wrong.args, "check the path")[:2] if isinstance(wrong, KeyError) else (str(wrong).partition("; ")[::2])
        raise ScenarioError(f"lever {p.name!r}: {p.change.path}", str(problem), str(remedy) or "name a field that holds a quantity or a law") from None


def _roll_out(scenario: Scenario, data: dict[str, Any], name: str, lever: Base, figures: list[Pulled], shapes: list[Any], origins: dict[tuple[str, str], int]) -> None:
    """A lever that begins on a day, or for a share of the cases: another version of each step that it changes.

    Args:
        origins: (step, version) -> place of that version in the scenario, for those that stood there before.
    """
    rollout = lever.rolls_out
    assert rollout is not None
    since = rollout.since or scenario.clock.start
    place = f"lever {name!r}"
    changed: dict[str, list[Pulled]] = {}
    for p in figures:
        keys = keys_of(scenario, p.change.path)
        if getattr(p.change, "dated", False):
            _figure(Form(scenario, data, data), p)
            continue
        if keys[0] != "stages" or len(keys) < 5:
            raise ScenarioError(place, f"a roll-out changes what happens at steps, but {p.change.path} is not a field of one", _instead(lever, keys))
        if keys[4] in KEPT_BY_VERSIONS:
            raise ScenarioError(place, f"{p.change.path} cannot be rolled out: a version keeps the step's people, queue, kind and cost", "leave 'rollout' out and compare the two scenarios")
        changed.setdefault(keys[3], []).append(p)
    for shape in shapes:
        if shape.what not in ("with_fallback", "remove") or (shape.what == "with_fallback" and shape.steps[0] not in changed):
            raise ScenarioError(place, "a change of the shape of the process cannot be rolled out for a share or from a day on", "leave 'rollout' out and compare the two scenarios")
        changed.setdefault(shape.steps[0], [])
    for step, mine in changed.items():
        forms = _new_forms(data, step, name, since, rollout.share)
        for version, form in forms:
            origin = origins.get((step, version)) if version is not None else None
            above = tuple(keys_of(scenario, f"steps.{step}")) + (() if origin is None else ("versions", str(origin), "step"))
            for p in mine:
                keys = keys_of(scenario, p.change.path)
                if (keys[4] == "versions") == (origin is not None) and tuple(keys[: len(above)]) == above:
                    _figure(Form(scenario, data, form, above), p)
        for shape in shapes:
            if shape.steps[0] == step:
                _reshape(data, name, shape, [form for _, form in forms])
    if rollout.dip is not None:
        own = {keys[1] for p in figures if (keys := keys_of(scenario, p.change.path))[0] == "teams"}
        teams = rollout.dip.teams or sorted(own | {t for s in changed for role in roles_of_step(scenario.steps[s]) for t in role.by})
        since = min(since, _LAST_DAY)
        until = dt.date.fromordinal(min(since.toordinal() + rollout.dip.lasts // DAY - 1, _LAST_DAY.toordinal()))
        for team in teams:
            there = data["teams"][team].get("pace", [])
            data["teams"][team]["pace"] = [*there, {"start": str(since), "end": str(max(since, until)), "pace": rollout.dip.factor, "title": f"learning {name}"}]


def _instead(lever: Base, keys: list[str]) -> str:
    """What could be done where a roll-out cannot be."""
    if keys[0] == "teams" and keys[2:] == ["size"]:
        return "use 'add_staff' with 'joins', for people who join on that day"
    if keys[0] == "teams" and keys[2:] == ["calendar"]:
        return "leave 'rollout' out, or give the calendar other shifts from that day on"
    if keys[0] == "segments" and lever.KEY == "approve_by_rule":
        return "say the 'share' without a 'value_factor', or leave 'rollout' out"
    return "leave 'rollout' out, or make two levers of it"


def _new_forms(data: dict[str, Any], step: str, name: str, since: dt.date, share: float) -> list[tuple[str | None, dict[str, Any]]]:
    """The forms of a step that a roll-out changes, (version that it was made from, form); the step gets its new version.

    What is rolled out for all from a day on stands on what is there by then, and what begins later stands on it. Of two
    pilots nobody could say who is in both.

    Raises:
        ScenarioError: another roll-out is in the way.
    """
    base = surgery.step_in(data, step)
    versions = base.get("versions", [])
    if any(v["name"] == name for v in versions):
        raise ScenarioError(f"lever {name!r}", f"step {step!r} has a version of that name", "choose another name for the lever")
    day = {v["name"]: dt.date.fromisoformat(str(v["from"])) for v in versions}
    earlier = sorted((v for v in versions if day[v["name"]] <= since), key=lambda v: (day[v["name"]], v["name"]))
    later = [v for v in versions if day[v["name"]] > since]
    pilots = [v["name"] for v in earlier if _share(v) < 1] + ([v["name"] for v in later] if share < 1 else [])
    if pilots:
        piloted = pilots[0] if any(_share(v) < 1 for v in earlier) else name
        raise ScenarioError(
            f"lever {name!r}", f"step {step!r} is changed by another roll-out ({pilots[0]!r}), and {piloted!r} is for a share of the cases only",
            f"roll out one of them only, or give {piloted!r} to all cases",
        )  # fmt: skip
    if earlier and day[earlier[-1]["name"]] == since:
        if share < 1 and earlier[-1]["name"] > name:
            raise ScenarioError(f"lever {name!r}", f"step {step!r} is changed by another roll-out ({earlier[-1]['name']!r}) on the same day", "let the pilot begin a day later")
        if share == 1:
            return [(v["name"], v["step"]) for v in (earlier[-1], *later)]
    source = earlier[-1] if earlier else None
    form = copy.deepcopy(source["step"] if source is not None else {k: v for k, v in base.items() if k != "versions"})
    base["versions"] = [*versions, {"name": name, "from": str(since), "share": share, "step": form}]
    return [(source["name"] if source is not None else None, form), *((v["name"], v["step"]) for v in later)]


def _share(version: dict[str, Any]) -> float:
    return share_of(version.get("share", 1.0))


def _reshape(data: dict[str, Any], lever: str, shape: Reshape, forms: list[dict[str, Any]] | None = None) -> None:
    """One operation on the shape of the process; on some forms of a step only, if it is rolled out."""
    if shape.what == "remove":
        surgery.remove(data, shape.steps[0], shape.how["then_to"], forms)
    elif shape.what == "merge":
        surgery.merge(data, shape.steps[0], shape.steps[1], shape.how["time"])
    elif shape.what == "in_parallel":
        surgery.in_parallel(data, *shape.steps)
    elif shape.what == "answer_first":
        surgery.answer_first(data, shape.steps[0], shape.how["time"])
    elif shape.what == "swap":
        swap = shape.how["swap"]
        modules.swap(data, swap.module, swap.for_, swap.with_, swap.connect)
        try:  # now, while what is uncertain hangs on the ways that lead there
            data |= handoffs.expand(modules.expand(data, None))
        except Misfit as wrong:
            raise ScenarioError(".".join(map(str, wrong.found.path)), wrong.found.problem, wrong.found.remedy) from None
    elif shape.what == "with_fallback":
        step, law = shape.steps[0], shape.how["failure"]
        mark = _free_mark(data, f"fails_{re.sub(r'[^0-9A-Za-z_]', '_', step)[:24]}")
        unsure = () if certain(law) else (Said({"value": law.model_dump(mode="json", exclude_none=True), "together": f"lever {lever} failure"}),)
        data.setdefault("attributes", {})[mark] = {"starts": carrying(law.mean, unsure), "title": f"chance that the system fails at {step}"}
        data["attributes"][f"{mark}_now"] = {"title": f"whether it has failed at {step}"}
        base = surgery.step_in(data, step)
        for form in forms or [base, *(v["step"] for v in base.get("versions", []))]:
            surgery.with_fallback(data, step, form, mark)


def _free_mark(data: dict[str, Any], wanted: str) -> str:
    mark, n = wanted, 1
    while mark in data.get("attributes", {}):
        n += 1
        mark = f"{wanted}_{n}"
    return mark
