"""Designs at the ends of what is not certain about them: the shares that only the least likely draws open or close.

A way whose share is 0 today and up to 40 % in some draw is a way. So a design is asked three times: with today's
figures, with all shares that nobody knows at their low ends, and with all at their high ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
from salessim.scenario import ranges
from salessim.scenario.checks import reachable
from salessim.scenario.loader import parse, to_data
from salessim.scenario.paths import plain
from salessim.scenario.unknowns import HIGHEST, LOWEST, settle

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario

_NO_WAYS = ("teams", "costs", "attributes", "limits")
"""Parts whose figures open no way and close none."""


def ends(scenario: Scenario) -> list[Scenario]:
    """The scenario, and the two in which what opens and closes ways is at its low and at its high end.

    Raises:
        ScenarioError: what is drawn there does not fit together: shares beyond 100 %, a rule that is broken.
    """
    found = [scenario]
    open_ways = {path: entries for path, entries in scenario.uncertain.items() if _opens(scenario, path)}
    if not open_ways:
        return found
    narrow = scenario.model_copy(update={"uncertain": open_ways})
    for end, word in (("low", LOWEST), ("high", HIGHEST)):
        data = to_data(scenario)
        settle(narrow, data, _always(word))
        for part in ("uncertain", "levers"):
            data.pop(part, None)
        try:
            found.append(parse(data))
        except ScenarioError as wrong:
            raise ScenarioError(wrong.place, f"with all uncertain shares at their {end} ends, {wrong.problem}", wrong.remedy) from None
    return found


def check(today: Scenario, design: Scenario, pulled: Iterable[str]) -> list[Scenario]:
    """The ends of a design, which keep all rules.

    Raises:
        ScenarioError: they do not, with the levers that brought what is uncertain about them.
    """
    ends(today)  # what does not fit together today is not for a lever to answer for
    try:
        return ends(design)
    except ScenarioError as wrong:
        said = {entry.together for entries in design.uncertain.values() for entry in entries if entry.together}
        names = [n for n in pulled if any(word.startswith(f"lever {n} ") for word in said)] or list(pulled)
        place = f"lever{'s' if len(names) > 1 else ''} {' and '.join(map(repr, names))}"
        raise ScenarioError(place, f"{wrong.place}: {wrong.problem}", wrong.remedy) from None


def around(today: Scenario, designs: Iterable[Scenario], core: str) -> list[str]:
    """Steps to which today all cases, or all of some segment, come through a core step, and some of a design do not."""
    whole, past = _reached(ends(today), None), _reached(ends(today), core)
    guarded = whole - past
    for_all = {step for step, _ in whole} - {step for step, _ in past}  # for segments that do not come today as well
    return sorted({step for step, g in _reached(designs, core) if step != core and ((step, g) in guarded or step in for_all)})


def _reached(scenarios: Iterable[Scenario], without: str | None) -> set[tuple[str, str]]:
    return set().union(*(reachable(s.in_force, without=without) for s in scenarios))


def _opens(scenario: Scenario, path: str) -> bool:
    """Whether a figure can open a way: a share, of a route, a visit, a segment, one of each of several; or a limit of a route."""
    keys = path.split(".")
    if keys[0] in _NO_WAYS:
        return False
    now = plain(scenario, path)
    if isinstance(now, Mapping):
        return "law" not in now and any(map(_share, now.values()))
    return keys[-1] == "limit" or _share(now)


def _share(now: Any) -> bool:
    try:
        return ranges.read(now)[0].kind == "share"
    except ValueError:
        return False


def _always(word: int) -> Any:
    """One and the same random word, whatever it is for."""
    return lambda _: word
