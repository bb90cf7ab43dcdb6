"""Taking a step out and making one of two, on the plain data of a scenario.

Both must not win customers by sleight of hand: what a step loses is not forgotten when it is merged, and a step that
loses cases is only removed if somebody says where those cases go then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
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


def remove(data: Data, name: str, then_to: str | None) -> None:
    """Take a step out: who was sent to it goes to `then_to`, or where most who leave it go on to.

    Raises:
        ScenarioError: the step loses cases and nobody says where they go; it is a milestone.
    """
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
    _redirect(data, name, then_to)
    _delete(data, name)


def merge(data: Data, first: str, second: str, time: Any) -> None:
    """Make one step of two that follow each other: one time, the people of the first, the endings of both.

    Raises:
        ScenarioError: the ways of the two cannot be put together without changing who is lost.
    """
    a, b = _parsed(data, first), _parsed(data, second)
    one, other = step_in(data, first), step_in(data, second)
    place = f"merge {first!r} and {second!r}"
    if a.milestone and b.milestone and a.milestone != b.milestone:
        raise ScenarioError(place, f"both are milestones ({a.milestone}, {b.milestone})", "choose other steps")
    ways = [i for i, r in enumerate(a.then) if r.to == second]
    if len(ways) != 1:
        raise ScenarioError(place, f"{len(ways)} routes lead from the first to the second", "choose steps joined by one route")
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
    spawns = [{**plain, "probability": _times(spawn.probability, share)} for plain, spawn in zip(other.get("spawns", []), b.spawns, strict=True)]
    if spawns:
        one["spawns"] = [*one.get("spawns", []), *spawns]
    if b.milestone:
        one["milestone"] = b.milestone
    costs = [money(c) for c in (one.get("cost"), other.get("cost")) if c]
    if costs:
        one["cost"] = f"{sum(amount for amount, _ in costs)!r} {costs[0][1]}"
    _delete(data, second)
    _redirect(data, second, first)


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


def _redirect(data: Data, old: str, new: str) -> None:
    """Whoever was sent to `old` is sent to `new`."""
    for stage in data["stages"].values():
        for step in stage["steps"].values():
            for part in [*step["then"], *step.get("spawns", []), *([step["gives_up"]] if "gives_up" in step else [])]:
                if part.get("to") == old:
                    part["to"] = new
    for channel in data["channels"].values():
        if channel["enters"] == old:
            channel["enters"] = new


def _delete(data: Data, name: str) -> None:
    """Take a step out of its stage, and the levers that are about it."""
    stage = next(k for k, part in data["stages"].items() if name in part["steps"])
    del data["stages"][stage]["steps"][name]
    if not data["stages"][stage]["steps"]:
        del data["stages"][stage]
    fields = (f"steps.{name}", f"stages.{stage}.steps.{name}")

    def about(lever: Data) -> bool:
        field = str(lever.get("field", ""))
        return name in (lever.get("automate"), lever.get("remove"), lever.get("then_to"), *(lever.get("merge") or ())) or any(
            field == f or field.startswith(f + ".") for f in fields
        )

    data["levers"] = {k: v for k, v in data.get("levers", {}).items() if not about(v)}
