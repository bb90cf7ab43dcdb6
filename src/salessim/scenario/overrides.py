"""Core steps that a scenario does not treat as core: on whose word, and what has become of them.

A core step cannot be skipped, changed or led around. Whoever wants to know what the process would be without that says
so under `overrides`, with a reason and a name; then the step is one like any other, and every place that shows results
says so. Rules (`invariants`) that name an overridden step are no longer held against the scenario; those that are
broken by what is done with it are told with the way that breaks them. All other rules are proved as before, on a
process in which the step may be skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from salessim.scenario.checks import Problem, forms, nearest
from salessim.scenario.invariants import broken, known_names, read
from salessim.scenario.model import Override, share_in

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def problems(scenario: Scenario) -> Iterator[Problem]:
    """Core steps that are skipped without an override, and overrides of what is no core step."""
    for path, name, step in forms(scenario):
        if (step.adherence != 1.0 or step.optional) and scenario.protects(name):
            field = "optional" if step.optional else "adherence"
            yield Problem(path, "a core step is never skipped", f"remove {field!r} or 'core', or say under 'overrides' why and who allows it")
    for name, override in scenario.overrides.items():
        if override.removed:
            continue
        if name not in scenario.steps:
            yield Problem(("overrides", name), f"there is no step {name!r}", nearest(name, scenario.steps))
        elif not scenario.steps[name].core:
            yield Problem(("overrides", name), f"{name!r} is not a core step", "take the override out; any lever may change the step")


def warnings(scenario: Scenario) -> list[str]:
    """What readers of results must know of core steps that are overridden, a text each; nothing without overrides.

    Example:
        >>> from salessim.scenario.model import Scenario
        >>> warnings(Scenario.load("scenarios/b2b.yaml"))  # doctest: +SKIP
        []
    """
    return [_warning(scenario, name, override) for name, override in sorted(scenario.overrides.items())]


def _warning(scenario: Scenario, name: str, override: Override) -> str:
    return " ".join([f"Core step {name!r} is overridden ({override.reason}; allowed by {override.allowed_by}): {_state(scenario, name)}.", *_rules(scenario, name)])


def _state(scenario: Scenario, name: str) -> str:
    """What has become of the step."""
    if name not in scenario.steps:
        return "it has been taken out"
    skipped = 0.0
    for _, step_name, step in forms(scenario):
        if step_name == name:
            if step.optional:
                return "it may be left out"
            skipped = max(skipped, *(1 - share_in(step.adherence, segment) for segment in scenario.segments))
    return f"up to {100 * skipped:.3g} % of its visits are skipped" if skipped > 0 else "nobody skips it, but nothing protects it either"


def _rules(scenario: Scenario, name: str) -> Iterator[str]:
    """The rules about the step that no longer hold."""
    known = [*known_names(scenario), *(s for s in scenario.overrides if s not in scenario.steps)]
    for sentence in scenario.invariants:
        rule = read(sentence, known)
        if name not in (rule.first, rule.second):
            continue
        if {rule.first, rule.second} - set(known_names(scenario)):
            yield f'The rule "{sentence}" has lost its meaning.'
            continue
        try:
            found = broken(scenario, rule)
        except ValueError as wrong:
            yield f'The rule "{sentence}" is not proved: {str(wrong).partition("; ")[0]}.'
        else:
            if found is not None:
                yield f'The rule "{sentence}" is broken by {found}.'


__all__ = ["problems", "warnings"]
