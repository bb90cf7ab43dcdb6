"""Changes of the shape of a process, on the plain data of a scenario: a step less, one of two, several at once, a way back.

They must not win customers by sleight of hand: what a step loses is not forgotten when it is merged, and a step that
loses cases is only removed if somebody says where those cases go then. What is uncertain hangs on the values themselves
(`carried`) and goes where these go.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
from salessim.scenario.carried import bare, below, said
from salessim.scenario.unknowns import times
from salessim.units import money

if TYPE_CHECKING:
    from salessim.scenario.model import Route, Step

Data = dict[str, Any]


def step_in(data: Data, name: str) -> Data:
    """The plain data of a step."""
    return next(stage["steps"][name] for stage in data["stages"].values() if name in stage["steps"])


def _parsed(data: Data, name: str) -> Step:
    from salessim.scenario.model import Step

    return Step.model_validate(step_in(data, name))


def remove(data: Data, name: str, then_to: str | None, forms: list[Data] | None = None) -> None:
    """Take a step out: who was sent to it goes to `then_to`, or where most who leave it go on to.

    Args:
        forms: the versions of the step that are to be passed by, where it is rolled out; the step itself stays.

    Raises:
        ScenarioError: the step loses cases and nobody says where they go; it is a milestone; what it does beside taking
            time would be gone.
    """
    then_to = _goal_without(data, name, then_to)
    if forms is None:
        _redirect(data, name, then_to)
        _delete(data, name)
    for form in forms or ():
        form |= {"adherence": 0.0, "then": [{"to": then_to}]}  # no visit takes place, so that nothing of it happens


def _goal_without(data: Data, name: str, then_to: str | None) -> str:
    """Where those go who would have come to a step."""
    step, place = _parsed(data, name), f"remove {name!r}"
    segments = list(data["segments"])
    if then_to is None:
        losing = sum(step.share_of(r, g) for r in step.then if r.lost for g in segments) / len(segments)
        if losing > 0:
            raise ScenarioError(
                place, f"{100 * losing:.3g} % of those who leave this step are lost there, and would not be lost any more",
                "if that is what you mean, name the step they all go to with 'then_to'",
            )  # fmt: skip
        onward = [r for r in step.then if r.to is not None and r.to != name]
        if not onward:
            raise ScenarioError(place, "nobody goes on from this step", "name the step to go to with 'then_to'")
        then_to = max(onward, key=lambda r: (sum(step.share_of(r, g) for g in segments), r.to)).to
    assert then_to is not None
    if step.milestone and "milestone" not in step_in(data, then_to):
        raise ScenarioError(place, f"it is the milestone {step.milestone!r}", "remove another step")
    if step.spawns:
        raise ScenarioError(place, f"it brings new cases ({', '.join(s.kind for s in step.spawns)}), which nobody would bring any more", "let a step behind it bring these, or remove another step")
    if step.takes or step.gives_back:
        raise ScenarioError(place, f"it takes or gives back places of {', '.join([*step.takes, *step.gives_back])}", "let another step do that, or remove another step")
    read = {m for s in _forms(data) if s is not step_in(data, name) for m in step.sets if re.search(rf"\b{m}\b", _said_in(s))}
    if read:
        raise ScenarioError(place, f"it sets {', '.join(sorted(read))}, by which other steps go", "let another step set it, or remove another step")
    return then_to


def _said_in(part: Any) -> str:
    """All that is written in a part, for looking for a word."""
    if isinstance(part, dict):
        return " ".join(_said_in(v) for k, v in part.items() if k not in ("title", "source", "assumption"))
    return " ".join(map(_said_in, part)) if isinstance(part, list | tuple) else str(part)


def merge(data: Data, first: str, second: str, time: Any) -> None:
    """Make one step of two that follow each other: one time, the people of the first, the endings of both.

    Raises:
        ScenarioError: the ways of the two cannot be put together without changing who is lost.
    """
    a, b = _parsed(data, first), _parsed(data, second)
    one, other = step_in(data, first), step_in(data, second)
    place = f"merge {first!r} and {second!r}"
    if a.versions or b.versions:
        raise ScenarioError(place, "one of them has versions", "write the merged step by hand and compare the two scenarios")
    lost = [f for f in _ITS_OWN if getattr(b, f) not in (None, (), {}, 1.0, 0.0, False, "visit", "time") and (f != "takes" or not set(b.takes) <= set(a.takes))]
    if lost:
        raise ScenarioError(place, f"what {second!r} does beside taking time ({', '.join(lost)}) would be gone", "write the merged step by hand and compare the two scenarios")
    if a.milestone and b.milestone and a.milestone != b.milestone:
        raise ScenarioError(place, f"both are milestones ({a.milestone}, {b.milestone})", "choose other steps")
    ways = [i for i, r in enumerate(a.then) if r.to == second]
    if len(ways) != 1:
        raise ScenarioError(place, f"{len(ways)} routes lead from the first to the second", "choose steps joined by one route")
    both = one.get("cost") and other.get("cost")
    for step in (one, other):
        for _, value in below([step["then"], step.get("spawns", []), step["cost"] if both else None]):
            for entry in said(value):
                raise ScenarioError(place, f"{entry.draw or entry.entry['together']} is uncertain, and would not be of the merged step", "take it out of 'uncertain', or write the merged step by hand")
    through, segments = a.then[ways[0]], list(data["segments"])
    share = {g: a.share_of(through, g) for g in segments}
    others = [r for i, r in enumerate(one["then"]) if i != ways[0]]
    if all(s >= 1 for s in share.values()):
        one["then"] = other["then"]
    else:
        _check_exact(place, a, b, through)
        one["then"] = others + [_scaled(r, b, share, through.rest) for r in b.then]
    one[a.kind] = time
    for field in ("time_by_segment", "automation"):
        one.pop(field, None)
    mean = a.time.mean + b.time.mean
    own = {g: (a.time_in(g).mean + b.time_in(g).mean) / mean for g in sorted({*a.time_by_segment, *b.time_by_segment}) if mean}
    if own:  # segments that took longer, or less, still do
        one["time_by_segment"] = {g: times(bare(time), factor) for g, factor in own.items()}
    spawns = [{**plain, "probability": _times(spawn.probability, share)} for plain, spawn in zip(other.get("spawns", []), b.spawns, strict=True)]
    if spawns:
        one["spawns"] = [*one.get("spawns", []), *spawns]
    if b.milestone:
        one["milestone"] = b.milestone
    if other.get("cost"):  # of those alone who came to the second
        shares = set(share.values())
        amount, currency = money(other["cost"])
        if len(shares) > 1:
            raise ScenarioError(place, f"{second!r} costs {other['cost']} a visit, and not the same share of each segment comes to it", "write the merged step by hand and compare the two scenarios")
        if both or shares != {1.0}:
            one["cost"] = f"{(money(one['cost'])[0] if both else 0.0) + shares.pop() * amount!r} {currency}"
        else:
            one["cost"] = other["cost"]
    _delete(data, second)
    _redirect(data, second, first)


_ITS_OWN = ("sets", "unless", "reminders", "gather", "posted", "takes", "gives_back", "adherence", "optional", "factor", "counts_from", "at_least", "counts_in", "silent", "together_with")
"""What a step does, or is, that the first of two merged steps does not take over from the second."""


def in_parallel(data: Data, *steps: str) -> None:
    """Steps that follow each other begin at once, by way of a split; the process goes on when all have joined.

    Raises:
        ScenarioError: the steps do not follow each other, or lead elsewhere from their midst.
    """
    place = f"{', '.join(map(repr, steps))} in parallel"
    if any(step_in(data, s).get("parallel") for s in steps):
        raise ScenarioError(place, "one of them is a split already", "name steps with 'work', 'automatic' or 'customer'")
    following = [*steps[1:], None]
    for name, after in zip(steps, following, strict=True):
        step = _parsed(data, name)
        onward = [r for r in step.then if not r.lost]
        if after is not None and ([r.to for r in onward] != [after] or not onward[0].rest):
            raise ScenarioError(place, f"{name!r} does not simply go on to {after!r}", "name steps in their order, each with one route to the next and perhaps losses")
        if step.milestone or step.unless or step.versions:
            raise ScenarioError(place, f"{name!r} has a milestone, competing ends or versions", "write the steps by hand and compare the two scenarios")
    last = step_in(data, steps[-1])
    lost = [r for r in last["then"] if r.get("lost")]
    if any(r.get("share") is not None for r in last["then"] if not r.get("lost")) and lost:
        raise ScenarioError(place, f"{steps[-1]!r} both loses cases and sends them different ways", "put a step of no time behind it that sends them their ways")
    split = f"{steps[0]} and others at once"
    _redirect(data, steps[0], split)
    stage = next(part for part in data["stages"].values() if steps[0] in part["steps"])
    stage["steps"][split] = {"parallel": list(steps), "then": [r for r in last["then"] if not r.get("lost")], "title": " + ".join(step_in(data, s).get("title") or s for s in steps)}
    spawns = [spawn for s in steps for spawn in step_in(data, s).get("spawns", [])]
    if spawns:
        raise ScenarioError(place, "one of them brings new cases", "let a step behind them bring these")
    for name in steps:
        step_data = step_in(data, name)
        step_data["then"] = [*[r for r in step_data["then"] if r.get("lost")], {"join": True}]


def answer_first(data: Data, name: str, time: Any) -> None:
    """A step of a system before the step at which cases come in: it is the response; the step itself follows."""
    first = f"{name} at once"
    stage = next(part for part in data["stages"].values() if name in part["steps"])
    step = stage["steps"][name]
    answer: Data = {"automatic": time, "then": [{"to": name}], "title": f"{step.get('title') or name}, answered at once"}
    if step.get("milestone") == "response":
        answer["milestone"] = step.pop("milestone")
        for version in step.get("versions", []):
            version["step"].pop("milestone", None)
    stage["steps"][first] = answer
    for channel in data["channels"].values():
        if channel["enters"] == name:
            channel["enters"] = first


def with_fallback(data: Data, name: str, form: Data, mark: str) -> None:
    """What a system fails at is done by hand: a copy of the step without the system, to which failures are sent.

    Args:
        data: of the scenario.
        name: the step.
        form: the step's data, or that of its version, with `automation`; changed in place.
        mark: an attribute that holds the chance of failing; `MARK_now` holds whether this visit has failed.
    """
    stage = next(part for part in data["stages"].values() if name in part["steps"])
    hand, n = f"{name} by hand", 1
    while hand in stage["steps"]:
        n += 1
        hand = f"{name} by hand {n}"
    if form.get("milestone") in ("won", "delivered"):
        raise ScenarioError(f"automate {name!r}", f"what fails there would count as {form['milestone']}", "put the milestone on a step behind it")
    # What a visit costs and sets, it costs and sets once: where the system tries. Its work, its ways and what these bring follow by hand.
    by_hand = {k: v for k, v in form.items() if k not in ("automation", "versions", "core", "cost", "sets", "milestone")}
    by_hand = copy.deepcopy(by_hand)
    by_hand["title"] = f"{form.get('title') or name}, by hand after all"
    stage["steps"][hand] = by_hand
    form["sets"] = {**form.get("sets", {}), f"{mark}_now": f"if(automated, if(uniform < {mark}, 1, 0), 0)"}
    worked = f"(1 - {mark}_now)"
    ways = [
        {**r, "factor": f"({r['factor']}) * {worked}" if r.get("factor") else worked} if r.get("share") is not None or r.get("when") else r for r in form["then"]
    ]
    if all(r.get("share") is not None or r.get("when") for r in ways):
        ways[-1] = {k: v for k, v in ways[-1].items() if k not in ("share", "factor")}  # the last takes the rest, as its share was
    form["then"] = [{"to": hand, "when": f"{mark}_now == 1"}, *ways]
    form["spawns"] = [{**s, "when": f"({s['when']}) and {mark}_now == 0" if s.get("when") else f"{mark}_now == 0"} for s in form.get("spawns", [])]


def _check_exact(place: str, a: Step, b: Step, through: Route) -> None:
    """Limits and fading give to the step's own rest; put together, they must still do so."""

    def moves(routes: Any) -> bool:
        return any(r.limit is not None or r.fades is not None for r in routes)

    rest_of_b = any(r.rest for r in b.then)
    if moves(a.then) or (moves(b.then) and not (through.rest and rest_of_b)):
        raise ScenarioError(
            place, "a route has a limit or fades, and what it leaves would go elsewhere after merging",
            "write the merged step by hand and compare the two scenarios",
        )  # fmt: skip


def _scaled(route: Route, b: Step, share: dict[str, float], keeps_rest: bool) -> Data:
    """A route of the second step, for those who came to it."""
    plain: Data = route.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if route.rest and keeps_rest:
        return plain
    return plain | {"share": {g: s * b.share_of(route, g) for g, s in share.items()}}


def _times(probability: Any, share: dict[str, float]) -> Any:
    from salessim.scenario.model import share_in

    return {g: s * share_in(probability, g) for g, s in share.items()}


def _forms(data: Data) -> Any:
    """Every step and every version of one."""
    for stage in data["stages"].values():
        for step in stage["steps"].values():
            yield step
            yield from (version["step"] for version in step.get("versions", []))


def _redirect(data: Data, old: str, new: str) -> None:
    """Whoever was sent to `old` is sent to `new`."""
    for step in _forms(data):
        for part in [*step["then"], *step.get("spawns", []), *step.get("unless", []), *([step["gives_up"]] if "gives_up" in step else [])]:
            if part.get("to") == old:
                part["to"] = new
        if step.get("parallel"):
            step["parallel"] = [new if branch == old else branch for branch in step["parallel"]]
    for channel in data["channels"].values():
        if channel["enters"] == old:
            channel["enters"] = new


def _delete(data: Data, name: str) -> None:
    """Take a step out of its stage, and the levers that are about it."""
    stage = next(k for k, part in data["stages"].items() if name in part["steps"])
    del data["stages"][stage]["steps"][name]
    if not data["stages"][stage]["steps"]:
        del data["stages"][stage]
    if data.get("levers"):
        data["levers"] = {k: lever for k, lever in data["levers"].items() if not _about(lever, name)}
    for lever in data.get("levers", {}).values():
        for field in ("needs", "excludes"):
            if field in lever:
                lever[field] = [other for other in lever[field] if other in data["levers"]]


_OF_OTHERS = ("title", "source", "assumption", "add_staff", "shifts", "train", "cross_train", "budget", "by", "calendar", "paid_as", "send", "needs", "excludes", "was")
"""Fields of levers that name no steps."""


def _about(what: Any, name: str) -> bool:
    """Whether a lever names a step, or a path through it or to it."""
    if isinstance(what, str):
        keys = what.split(".")
        step = keys[1:2] if keys[0] == "steps" else keys[3:4] if keys[0] == "stages" else keys[:1] if len(keys) == 1 else []
        return step == [name] or f"to {name}" in keys
    if isinstance(what, dict):
        return any(_about(v, name) for k, v in what.items() if k not in _OF_OTHERS)
    return isinstance(what, list) and any(_about(x, name) for x in what)
