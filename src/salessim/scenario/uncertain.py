"""A scenario with its ignorance settled: what one replication takes the uncertain values to be.

Without uncertain values everything here is the identity: the same scenario object, the same network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salessim.errors import ScenarioError
from salessim.network import Network, build
from salessim.scenario.loader import parse, to_data
from salessim.scenario.paths import plain
from salessim.scenario.unknowns import HIGHEST, LOWEST, Words, settle, words

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


def settled(scenario: Scenario, word: Words) -> Scenario:
    """The scenario in which every uncertain value is what its word says, and nothing is uncertain any more.

    Raises:
        ScenarioError: what is drawn does not fit together, such as shares that sum to more than 100 %.
    """
    data = to_data(scenario)
    settle(scenario, data, word)
    for part in ("uncertain", "levers"):  # no longer uncertain, and pulled already
        data.pop(part, None)
    return parse(data)


def drawn(scenario: Scenario, seed: int, number: int) -> Scenario:
    """The scenario as a replication takes it to be; the same object if nothing is uncertain.

    Raises:
        ScenarioError: what is drawn does not fit together.
    """
    if not scenario.uncertain:
        return scenario
    try:
        return settled(scenario, words(seed, number))
    except ScenarioError as wrong:
        raise ScenarioError(f"uncertain values as drawn in replication {number}: {wrong.place}", wrong.problem, wrong.remedy) from None


def network_of(scenario: Scenario, seed: int, number: int) -> Network:
    """The network of a replication."""
    return build(drawn(scenario, seed, number))


def check(scenario: Scenario) -> None:
    """Refuse uncertain values that cannot all be at their ends at once.

    Raises:
        ScenarioError: with everything low or everything high, something does not fit together.
    """
    if not scenario.uncertain:
        return
    for end, word in (("low", LOWEST), ("high", HIGHEST)):
        try:
            build(settled(scenario, _always(word)))
        except ScenarioError as wrong:
            raise ScenarioError("uncertain", f"with all values at their {end} ends, {wrong.place}: {wrong.problem}", "choose narrower laws") from None


def in_words(scenario: Scenario) -> list[dict[str, Any]]:
    """Each uncertain value as a row for people: where, today's value, its law, where the law comes from."""
    rows = []
    for path in sorted(scenario.uncertain):
        for entry in scenario.uncertain[path]:
            law = entry.law
            said = ", ".join(f"{f.strip('_')} {q.text}" for f in type(law).model_fields if (q := getattr(law, f)) is not None and hasattr(q, "text"))
            assumption = entry.assumption or law.assumption
            source = entry.source or law.source
            form = next((f"{f} " for f in ("factor", "plus", "missing") if getattr(entry, f) is not None), "")
            rows.append({
                "where": path, "today": _short(plain(scenario, path)), "law": f"{form}{law.law} ({said})" if said else law.law,
                "origin": source or (f"assumption: {assumption}" if isinstance(assumption, str) else "assumption"),
                "assumed": source is None or bool(assumption),
            })  # fmt: skip
    return rows


def _short(now: Any) -> str:
    if isinstance(now, dict):
        return ", ".join(f"{k} {v}" for k, v in now.items() if k not in ("source", "assumption"))
    return str(now)


def _always(word: int) -> Words:
    """One and the same random word, whatever it is for."""
    return lambda _: word
