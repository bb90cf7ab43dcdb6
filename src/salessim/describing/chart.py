"""A scenario as a chart: lanes for its stages, boxes for channels and steps, arrows for the ways between them.

Where a case ends stands in the box of the step (a chip for each reason), so that a process with many exits is still
read at a glance. Pictures are drawn from this by `svg`, `mermaid` and `dot`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from salessim.describing.telling import Teller, patience_in, teams_of
from salessim.scenario.checks import roles_of_step

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario, Step

BoxKind = Literal["channel", "work", "automatic", "customer", "parallel", "join"]
ArrowKind = Literal["way", "late", "spawn"]
ChipKind = Literal["lost", "done", "milestone", "note"]


@dataclass(frozen=True)
class Chip:
    """A short remark at the foot of a box."""

    kind: ChipKind
    text: str


@dataclass(frozen=True)
class Box:
    """A step, a channel, or the point where parallel branches meet."""

    name: str
    lane: int
    kind: BoxKind
    title: str
    details: tuple[str, ...] = ()
    chips: tuple[Chip, ...] = ()
    core: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Arrow:
    """A way from one box to another."""

    source: str
    target: str
    kind: ArrowKind
    label: str


@dataclass(frozen=True)
class Chart:
    """Everything a picture shows."""

    title: str
    subtitle: str
    lanes: tuple[str, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def channel_box(name: str) -> str:
    """The name of a channel's box; steps cannot have it, since their names hold no colon."""
    return f"channel:{name}"


def join_box(step: str) -> str:
    """The name of the box where the branches of a parallel step meet."""
    return f"join:{step}"


def branch_ends(scenario: Scenario) -> dict[str, str]:
    """For each step with a route `join`: the parallel step whose branches come together there.

    Inside a branch another parallel step may begin; what its own branches join is not an end of the outer ones, so
    the walk goes on with what follows it.
    """
    found: dict[str, str] = {}
    for name, split in scenario.steps.items():
        if split.kind != "parallel":
            continue
        todo, seen = list(split.parallel or ()), set()
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            step = scenario.steps[at]
            if any(r.join for form in (step, *(v.step for v in step.versions)) for r in form.then):
                found[at] = name
            todo += goals(step)
    return found


def goals(step: Step) -> list[str]:
    """The steps to which a case can go from a step in any of its versions, apart from branches and new cases."""
    found = []
    for form in (step, *(v.step for v in step.versions)):
        found += [r.to for r in form.then if r.to] + [u.to for u in form.unless if u.to]
        found += [form.gives_up.to] if form.gives_up and form.gives_up.to else []
    return list(dict.fromkeys(found))


def chart(t: Teller) -> Chart:
    """The chart of a scenario, in the words of a teller."""
    s = t.scenario
    ends = branch_ends(s)
    channels = [Box(channel_box(n), 0, "channel", t.title(c, n), _arrivals(t, c)) for n, c in s.channels.items()]
    boxes: list[Box] = list(channels)
    last = {split: step for step in s.steps for at, split in ends.items() if at == step}  # the last branch in reading order
    for lane, stage in enumerate(s.stages.values(), 1):
        for name in stage.steps:
            boxes.append(_step_box(t, name, lane))
            boxes += [Box(join_box(p), lane, "join", "") for p, at in last.items() if at == name]
            if s.steps[name].kind == "parallel" and name not in last:
                boxes.append(Box(join_box(name), lane, "join", ""))
    known = {b.name for b in boxes}
    arrows = [a for a in _arrows(t, ends) if a.target in known]
    stages = [f"{i} {t.title(stage, n)}" for i, (n, stage) in enumerate(s.stages.items(), 1)]
    return Chart(t.own(s.name), t.own(s.description or ""), (t("channels_lane"), *stages), tuple(boxes), tuple(arrows))


def _arrivals(t: Teller, channel: Any) -> tuple[str, ...]:
    if channel.arrivals is not None:
        return (t.rate(channel.arrivals.rate),)
    return (t("replayed", count=len(channel.replay)) if isinstance(channel.replay, tuple) else t.own(channel.replay.file),)


def _step_box(t: Teller, name: str, lane: int) -> Box:
    step = t.scenario.steps[name]
    details = []
    if step.kind == "work":
        roles = [t("or").join(map(t.team, teams_of(t.scenario, r.by, r.skill))) for r in roles_of_step(step)]
        details.append(" + ".join(roles))
    if step.kind != "parallel":
        details.append(_short_time(t, step))
    return Box(
        name, lane, step.kind, t.step(name), tuple(details), tuple(_chips(t, name, step)), step.core,
        step.adherence != 1.0 or getattr(step, "optional", False),
    )  # fmt: skip


def _short_time(t: Teller, step: Step) -> str:
    """The mean time, or the smallest and the largest where segments differ."""
    hours = step.kind == "work"
    means = sorted({float(step.time_in(g).mean) for g in t.scenario.segments})
    said = list(dict.fromkeys(t.time(m, hours=hours) for m in (means[0], means[-1])))
    return " – ".join(said)


def short_share(t: Teller, step: Any, way: Any) -> str:
    """A share as a picture has room for: one number or the range over the segments; nothing where it is always taken."""
    if len(step.then) == 1:
        return ""
    condition = f"[{t.formula(way.when)}]" if way.when is not None else ""
    if way.share is None and condition:
        return condition
    if way.rest and any(r.when is not None for r in step.then):
        return t("rest")
    shares = [step.share_of(way, g) for g in t.scenario.segments]
    return f"{t.percent_range(min(shares), max(shares))} {condition}".rstrip()


def _chips(t: Teller, name: str, step: Step) -> list[Chip]:
    chips = []
    if step.automation:
        chips.append(Chip("note", t("automated", share=t.percent(step.automation.share))))
    if step.adherence != 1.0:
        chips.append(Chip("note", t("optional_chip", share=t.share(step.adherence))))
    if step.milestone:
        chips.append(Chip("milestone", t(f"chip_milestone_{step.milestone}")))
    for way in step.then:
        share = short_share(t, step, way)
        if way.lost is not None:
            chips.append(Chip("lost", f"{share} {t.own(way.lost)}".strip()))
        elif way.done:
            chips.append(Chip("done", f"{share} {t('goal_done')}".strip()))
    if patient(t.scenario, step) and not (step.gives_up and step.gives_up.to):
        reason = t.own(step.gives_up.lost) if step.gives_up and step.gives_up.lost else t("gave_up")
        chips.append(Chip("lost", t("late_chip", reason=reason)))
    for u in step.unless:
        if u.lost is not None:
            chips.append(Chip("lost", f"{t.after(u.after)}{t('colon')}{t.own(u.lost)}"))
    return chips


def patient(scenario: Scenario, step: Step) -> bool:
    """Whether anybody's patience can end at a step."""
    return step.asks and any(patience_in(scenario, step, g) is not None for g in scenario.segments)


def _arrows(t: Teller, ends: dict[str, str]) -> list[Arrow]:
    s = t.scenario
    arrows = [Arrow(channel_box(n), c.enters, "way", "") for n, c in s.channels.items()]
    for name, step in s.steps.items():
        start = join_box(name) if step.kind == "parallel" else name
        arrows += [Arrow(name, b, "way", "") for b in step.parallel or ()]
        for way in step.then:
            target = way.to or (join_box(ends[name]) if way.join and name in ends else None)
            if target is not None:
                arrows.append(Arrow(start, target, "way", short_share(t, step, way)))
        drawn = {a.target for a in arrows if a.source == start}
        for v in step.versions:  # ways that only a version of the step has
            arrows += [Arrow(start, r.to, "way", f"{t.own(v.name)} {short_share(t, v.step, r)}".rstrip()) for r in v.step.then if r.to and r.to not in drawn]
        if patient(s, step) and step.gives_up and step.gives_up.to:
            arrows.append(Arrow(name, step.gives_up.to, "late", t("kept_waiting")))
        arrows += [Arrow(name, u.to, "late", t.after(u.after)) for u in step.unless if u.to]
        arrows += [Arrow(start, x.to, "spawn", t.title(x, x.kind)) for x in step.spawns]
    return arrows


