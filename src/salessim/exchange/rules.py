"""Case attributes and rules of a Prosimos scenario as attributes and formulas.

Attributes are numbers here; the values of a discrete one are numbered in the order of their names, and its title says
which number is which.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from salessim.errors import ScenarioError
from salessim.exchange.distributions import plain, read
from salessim.exchange.names import mark
from salessim.exchange.prosimos_file import CaseAttribute, Comparison, ProsimosFile, Rules
from salessim.exchange.remarks import Remarks
from salessim.scenario.formulas import formula as read_formula

NEVER = "0 > 1"


class Attributes:
    """The attributes of a scenario, and rules about them as formulas."""

    def __init__(self, data: ProsimosFile, file: str, remarks: Remarks, law: Callable[..., Any]) -> None:
        self.file, self.remarks, self.law = file, remarks, law
        self.declared: dict[str, dict[str, Any]] = {}
        self.marks: dict[str, str] = {}
        self.codes: dict[str, dict[str, int]] = {}
        """The number of each value of a discrete attribute."""
        self.shared: set[str] = set()
        """Attributes that all cases share."""
        for n, entry in enumerate(data.global_attributes):
            self._declare(entry, f"global_attributes[{n}]")
            self.shared.add(entry.name)
            if isinstance(self.declared[self.marks[entry.name]]["starts"], dict):
                self.remarks.add("changed", entry.name, "", "global attribute", "each case draws a value of its own, where all cases of a run share one")
        for n, entry in enumerate(data.case_attributes):
            self._declare(entry, f"case_attributes[{n}]")
        for n, element in enumerate(data.event_attributes):
            for m, entry in enumerate(element.attributes):
                if entry.name in self.shared:
                    self.remarks.add("changed", entry.name, "", "global attribute", "each case has its own, which other cases do not change")
                if entry.type == "discrete":
                    self._number(entry.name, self._options(entry, f"event_attributes[{n}].attributes[{m}]"))
                if entry.name not in self.marks:
                    self._add(entry.name, {"starts": 0})

    def wrong(self, place: str, problem: str, remedy: str) -> ScenarioError:
        """An error at a place of the file."""
        return ScenarioError(f"{self.file}: {place}", problem, remedy)

    def _add(self, name: str, fields: dict[str, Any]) -> None:
        found = mark(name)
        while found in self.declared:
            found = f"{found}_"
        self.marks[name] = found
        self.declared[found] = fields

    def _options(self, entry: CaseAttribute, place: str) -> dict[str, float]:
        try:
            found = {str(v["key"]): float(v["value"]) for v in entry.values}
        except (TypeError, KeyError, ValueError):
            raise self.wrong(f"{place}.values", "these are no values with shares", 'write [{"key": NAME, "value": SHARE}, ...]') from None
        if not found or not min(found.values()) >= 0 or not abs(sum(found.values()) - 1) <= 1e-3:
            raise self.wrong(f"{place}.values", f"the shares sum to {sum(found.values()):.4g}", "make them sum to 1")
        total = sum(found.values())
        return {k: v / total for k, v in found.items()}

    def _number(self, name: str, options: Mapping[str, float]) -> dict[str, int]:
        known = self.codes.setdefault(name, {})
        for option in sorted(options):
            known.setdefault(option, len(known))
        if name in self.marks:
            self.declared[self.marks[name]]["title"] = _title(name, known)
        return known

    def _declare(self, entry: CaseAttribute, place: str) -> None:
        name = entry.name
        if name in self.marks:  # a case's own value hides what all share
            del self.declared[self.marks.pop(name)]
        if entry.type == "discrete":
            options = self._options(entry, place)
            codes = self._number(name, options)
            parts = [{"share": plain(options[o]), "of": codes[o]} for o in sorted(options) if options[o] > 0]
            self._add(name, {"title": _title(name, codes), "starts": {"law": "mixture", "parts": parts} if len(parts) > 1 else parts[0]["of"]})
        elif entry.type == "continuous":
            self._add(name, {"title": name, "starts": self.law(entry.values, f"{place}.values", plain)})
        else:
            raise self.wrong(place, f"there is no type {entry.type!r}", "use discrete or continuous")

    # --- rules -----------------------------------------------------------------------------------------------------

    def formula(self, rules: Rules, place: str) -> str:
        """A list (or) of lists (and) of comparisons as one formula."""
        return any_of([all_of([self._comparison(c, place) for c in alternative]) for alternative in rules])

    def _comparison(self, rule: Comparison, place: str) -> str:
        name, sign, value = rule.attribute, rule.comparison, rule.value
        if name not in self.marks:
            raise self.wrong(place, f"there is no attribute {name!r}", "add it to case_attributes")
        attribute = self.marks[name]
        if name in self.codes:
            if sign not in ("=", "==", "!="):
                raise self.wrong(place, f"{name!r} has names as values, which cannot be compared by {sign!r}", "use '='")
            code = self.codes[name].get(str(value))
            return NEVER if code is None else f"{attribute} {'!=' if sign == '!=' else '=='} {code}"
        if sign == "in" and isinstance(value, list) and len(value) == 2:
            low, high = value
            parts = [f"{attribute} >= {self._value(low, place)}"] + ([] if str(high).lower() in ("inf", "infinity") else [f"{attribute} <= {self._value(high, place)}"])
            return all_of(parts)
        if sign in ("=", "==", "<", "<=", ">", ">=", "!="):
            return f"{attribute} {'==' if sign == '=' else sign} {self._value(value, place)}"
        raise self.wrong(place, f"the comparison {sign!r} is not known", "use '=', 'in' or one of < <= > >=")

    def _value(self, value: Any, place: str) -> str:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self.wrong(place, f"{str(value)[:40]!r} is no number", "give one") from None
        return f"{number:.12g}" if number >= 0 else f"(0 - {-number:.12g})"

    # --- changes ---------------------------------------------------------------------------------------------------

    def change(self, entry: CaseAttribute, place: str) -> tuple[str, str | None]:
        """(attribute, formula) of what an event does to it; no formula where it cannot be said."""
        name, attribute = entry.name, self.marks[entry.name]
        if entry.type == "discrete":
            options = self._options(entry, place)
            ordered, codes = sorted(options), self.codes[name]
            bounds = itertools.accumulate(options[o] for o in ordered[:-1])
            text = str(codes[ordered[-1]])
            for bound, option in reversed(list(zip(bounds, ordered[:-1], strict=True))):
                text = f"if(uniform < {bound:.12g}, {codes[option]}, {text})"
            return attribute, text
        if entry.type == "expression":
            return attribute, self._expression(str(entry.values), name, place)
        try:
            return attribute, _drawn(entry.values)
        except ValueError as wrong:
            problem, _, remedy = str(wrong).partition("; ")
            if remedy:
                raise self.wrong(f"{place}.values", problem, remedy) from None
            self.remarks.add("changed", name, "", "event attribute", f"it stays as it is: {problem}")
            return attribute, None

    def _expression(self, text: str, name: str, place: str) -> str | None:
        """An expression with the attributes' names as ours."""
        for other in sorted(self.marks, key=len, reverse=True):
            if self.marks[other] != other:
                text = text.replace(other, self.marks[other])
        text = text.replace("**", "^")
        try:
            unknown = read_formula(text).names("attribute") - set(self.declared)
        except ValueError:
            unknown = {"?"}
        if unknown:
            self.remarks.add("changed", name, "", "event attribute", f"it stays as it is, for the expression at {place} is not understood")
            return None
        return text


def _drawn(values: Any) -> str:
    """A draw as a formula; ValueError without a remedy where there is none."""
    d = read(values)
    bounded = f"{d.high:.12g}" if d.high < 1e300 else None
    if d.family == "fix":
        return f"{d.loc:.12g}"
    if d.family == "uniform" and d.low <= d.loc and d.high >= d.loc + d.scale:
        return f"{d.loc:.12g} + {d.scale:.12g} * uniform"
    if d.family == "expon" and d.low <= d.loc and bounded is None:
        return f"{d.loc:.12g} - {d.scale:.12g} * log(1 - uniform)"
    if d.family == "lognorm" and d.loc == 0 and d.low <= 0 and bounded is None:
        return f"{d.scale:.12g} * exp({d.shape[0]:.12g} * normal)"
    raise ValueError(f"a bounded {d.family} draw cannot be written as a formula")


def any_of(parts: list[str]) -> str:
    """True where one of some formulas is."""
    return parts[0] if len(parts) == 1 else " or ".join(f"({p})" for p in parts) if parts else NEVER


def all_of(parts: list[str]) -> str:
    """True where all of some formulas are."""
    return parts[0] if len(parts) == 1 else " and ".join(f"({p})" for p in parts) if parts else "0 < 1"


def exclusive(chances: Mapping[str, float], conditions: Mapping[str, str]) -> dict[str, str]:
    """The share of each way at an exclusive gateway with conditions, as Prosimos chooses.

    If one condition holds, its way is taken; if several do, one of them in proportion to the chances; if none or all
    do, one of all ways by its chance.
    """
    count = " + ".join(f"({c})" for c in conditions.values())
    weight = " + ".join(f"{chances[i]:.12g} * ({c})" for i, c in conditions.items())
    result = {}
    for ident, chance in chances.items():
        one = f"({conditions[ident]})" if ident in conditions else "0"
        some = f"{chance:.12g} * ({conditions[ident]}) / ({weight})" if ident in conditions else "0"
        otherwise = f"if(({count} > 1) and ({count} < {len(conditions)}), {some}, {chance:.12g})" if len(conditions) > 2 else f"{chance:.12g}"
        result[ident] = f"if({count} == 1, {one}, {otherwise})"
    return result


def _title(name: str, codes: Mapping[str, int]) -> str:
    return f"{name}: {', '.join(f'{n} {o}' for o, n in sorted(codes.items(), key=lambda c: c[1]))}"[:200]
