"""What may be changed: the levers of a scenario as a table of what they do, what they cost and what that rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from salessim.describing import lines
from salessim.describing.markdown import table
from salessim.describing.telling import HIGH, LOW, Teller
from salessim.scenario.kinds import GUESSED, Base, SetField
from salessim.scenario.levers import domain, scale_of, today
from salessim.scenario.levers.settings import is_switch, written
from salessim.units import HOUR

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_COMMON = frozenset(Base.model_fields)
KIND_WORDS = "lever_{}"
"""Key of the phrase of a kind in `words`."""


def levers(t: Teller) -> Iterator[str]:
    """The section; nothing where there is nothing to change."""
    if not t.scenario.levers:
        return
    yield f"## {t('levers')}\n"
    yield t("levers_intro")
    rows = [
        [f"**{t.title(lever, name)}**", what(t, lever), t.own(effect(t, lever)), cost(t, lever), conditions(t, lever), basis(t, lever)]
        for name, lever in t.scenario.levers.items()
    ]
    yield from table([t("lever"), t("lever_what"), t("lever_effect"), t("cost"), t("lever_conditions"), t("basis")], rows)


def rows(scenario: Scenario) -> list[list[str]]:
    """Each lever as (name and title, what, settings, effect, cost, conditions, basis), in plain text."""
    t = Teller(scenario)
    return [
        [name + (f" ({lever.title})" if lever.title else ""), what(t, lever), _settings(scenario, lever), "" if isinstance(lever, SetField) else effect(t, lever),
         cost(t, lever), conditions(t, lever), basis(t, lever)]
        for name, lever in scenario.levers.items()
    ]  # fmt: skip


def _settings(scenario: Scenario, lever: Base) -> str:
    """Today's setting and the others, as --pull takes them."""
    options, scale, now = domain(lever), scale_of(lever), today(scenario, lever)
    if scale is not None:
        return f"{scale.words(now)} today; {scale.words(options[0])} to {scale.words(options[1])}"
    if is_switch(lever):
        return "off today; on"
    if len(options) > 20:
        return f"{written(now)} today; {options[0]} to {options[-1]}"
    return f"{written(now)} today; {', '.join(map(written, options))}"


def facts(scenario: Scenario) -> list[dict[str, Any]]:
    """The levers as data: settings, costs, and each effect with its range, for programs.

    Of an effect `low` and `high` are its 10 % and 90 % quantiles, between which 8 of 10 draws lie; `least` and `most`
    are its ends, null where it has none.
    """
    result = []
    for name, lever in scenario.levers.items():
        scale, rollout = scale_of(lever), lever.rolls_out
        said = [scale.words(x) for x in lever.settings()] if scale is not None else list(lever.settings())
        now = today(scenario, lever)
        laws = lever.effects_felt or {f"effect {i + 1}" if lever.KEY == "effects" else "effect": law for i, law in enumerate(lever.laws())}
        result.append({
            "name": name, "title": lever.title, "kind": lever.KEY, "today": scale.words(now) if scale is not None else now,
            "settings": said, "between": scale is not None, "running_cost": str(lever.running_cost) if lever.running_cost else None,
            "one_off_cost": str(lever.one_off_cost) if lever.one_off_cost else None, "needs": list(lever.needs), "excludes": list(lever.excludes),
            "from": str(rollout.since) if rollout and rollout.since else None, "share": rollout.share if rollout else 1.0,
            "effects": {field: _law(law) for field, law in laws.items()}, "source": lever.source, "assumption": lever.rests_on,
        })  # fmt: skip
    return result


def _law(law: Any) -> dict[str, Any]:
    """A law as its mean and its ranges."""
    scale = 1.0 if law.dimension != "time" else 1.0 / HOUR
    least, low, high, most = (float(x) * scale if math.isfinite(x) else None for x in law.quantile([0, LOW, HIGH, 1]))
    return {"law": law.law, "mean": float(law.mean) * scale, "least": least, "low": low, "high": high, "most": most, "unit": "h" if law.dimension == "time" else "", "source": law.source, "assumption": law.assumption}


def what(t: Teller, lever: Any) -> str:
    """The kind of change and what it acts on."""
    subject = getattr(lever, lever.KEY)
    if lever.KEY == "effects":
        said = t.listed(t.own(t.place(e.field)) for e in subject)
    elif lever.KEY == "swap":
        said = t.own(subject.module)
    else:
        said = _names(t, lever, lever.KEY, subject)
    return t(KIND_WORDS.format(lever.KEY), what=said)


def _names(t: Teller, lever: Any, field: str, value: Any) -> str:
    """Names of steps, teams, channels or places as a reader knows them."""
    names = [value] if isinstance(value, str) else list(value or ())
    kind = type(lever).ON.get(field)
    parts: Any = {"team": t.scenario.teams, "channel": t.scenario.channels, "cost": t.scenario.costs}.get(kind or "", {})
    if kind in ("step", "staffed", "customer", "kept"):
        return t.listed(t.step(n) for n in names)
    return t.listed(t.own(t.place(n)) if kind == "path" else t.title(parts.get(n), n) for n in names)


def effect(t: Teller, lever: Any) -> str:
    """What it does, in numbers; not escaped."""
    if isinstance(lever, SetField):
        now, scale = today(t.scenario, lever), scale_of(lever)
        if scale is not None and lever.range is not None:
            low, high = (t.written(str(x)) for x in lever.range)
            return t("lever_range", now=t.written(str(scale.words(now))), low=low, high=high)
        if lever.integer is not None:
            return t("lever_range", now=now, low=lever.integer[0], high=lever.integer[1])
        options = [_option(t, c) for c in lever.choice or ()]
        return t("lever_choice", now=_option(t, now), options=t("or").join(options))
    if lever.KEY == "effects":
        return t("semicolon").join(
            t("by_segment_law", segment=t.place(e.field), value=f"{word} {lines.as_written(t, value)}")
            for e in lever.effects
            for field, word in (("set", "="), ("factor", "×"), ("plus", "+"))
            if (value := e.model_dump(mode="json", exclude_none=True, exclude_defaults=True).get(field)) is not None
        )
    said = []
    for field in type(lever).model_fields:
        if field in _COMMON or field == lever.KEY or (field not in lever.model_fields_set and field not in lever.EFFECTS):
            continue
        value = lever.effects_felt.get(field) if field in lever.EFFECTS else getattr(lever, field)
        if value is None or value == ():
            continue
        if hasattr(value, "quantile"):
            text = t.law_of_share(value) if field in type(lever).SHARES else t.law(value)
        elif field in type(lever).ON:
            text = _names(t, lever, field, value)
        else:
            text = lines.as_written(t, lever.model_dump(mode="json", include={field})[field])
        said.append(f"{t.term(field).replace('_', ' ')} {text}")
    return t("semicolon").join(said)


def _option(t: Teller, value: Any) -> str:
    """One of the values to choose from; what has several parts stands in brackets."""
    text = t("unset") if value is None else lines.as_written(t, value)
    return t("in_brackets", text="", inside=text).strip() if isinstance(value, dict | list | tuple) and len(value) > 1 else text


def cost(t: Teller, lever: Any) -> str:
    """What it costs once and as long as it is there."""
    once = t("one_off", money=t.money(lever.one_off_cost)) if lever.one_off_cost else None
    return t.clauses([once, t("running", pay=t.pay(lever.running_cost)) if lever.running_cost else None]) or ""


def conditions(t: Teller, lever: Any) -> str:
    """What it needs, what it cannot go with, and from when on it is there."""

    def titles(names: Any) -> str:
        return t.listed(t.title(t.scenario.levers.get(n), n) for n in names)

    rollout = lever.rolls_out
    return t.clauses([
        t("lever_needs", levers=titles(lever.needs)) if lever.needs else None,
        t("lever_excludes", levers=titles(lever.excludes)) if lever.excludes else None,
        t("from_day", date=rollout.since) if rollout and rollout.since else None,
        t("lever_share", share=t.percent(rollout.share)) if rollout and rollout.share < 1 else None,
    ]) or ""  # fmt: skip


def basis(t: Teller, lever: Any) -> str:
    """What its effect rests on."""
    assumed, why = None, lever.rests_on
    if why is not None:
        assumed = t("lever_assumed") if why == GUESSED else t("lever_usual") if lever.usual and lever.assumption is None else t("assumption", text=t.own(why))
    return t.clauses([t("source", text=t.own(lever.source)) if lever.source else None, assumed]) or ""
