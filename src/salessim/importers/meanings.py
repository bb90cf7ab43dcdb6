"""What activities mean, guessed from their names: stages, endings, work or event, and who is a machine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_STAGE_WORDS: tuple[tuple[str, str], ...] = (
    ("service", r"ticket|support|service|resolve|close[d]?$|assign seriousness|take in charge|wait|售后|服务|工单|nazorg"),
    ("order", r"order|deliver|ship|goods|invoice|billing|picking|block|订单|发货|开票|levering"),
    ("contract", r"contract|negotiat|approv|sign|validat|valider|beoordelen|fraude|legal|合同|谈判|审批|签"),
    ("quote", r"quote|offer|offert|proposal|demo|present|报价|方案|演示"),
    ("nurture", r"nurtur|follow|nabellen|e-?mail|campaign|remind|培育|跟进"),
    ("lead", r"lead|afhandelen|first|contact|inquiry|线索|询盘|初次"),
    ("opportunity", r"opportun|qualif|completeren|discover|need|商机|资格|需求"),
)
_WON = r"activated|approved|registered|\bwon\b|accepted$|赢单|成交|signed|closed ?won"
_LOST: tuple[tuple[str, str], ...] = (
    (r"declin|reject|refus|denied|denial|拒绝", "declined"),
    (r"cancel|取消", "cancelled"),
    (r"\blost\b|closed ?lost|输单|丢单", "lost"),
)


_MACHINE = re.compile(r"(wf[-_ ]?)?(system|batch|robot|bot|rpa|cron|job|workflow|automated process|automation|odoobot|integration user)([-_ ]?\d+)?|系统|机器人|自动")
ANY_STAGE = "opportunity"
"""The stage of what sounds like none, where nothing else tells."""
MOST_OTHER_ENDS = 0.05
"""Where no activity ends a case by name: cases that stop with another than the endings found would stay open for ever; if there are more of them, the log rather holds whole cases."""
MOST_NAMED = 8
"""Names in a note."""


def sounds_like(name: str) -> str | None:
    """The stage of the seven that a name sounds like, if it does."""
    lower = name.lower().replace("_", " ")
    return next((s for s, pattern in _STAGE_WORDS if re.search(pattern, lower)), None)


def stage_of(name: str) -> str:
    """The stage of the seven that a name sounds like, or that of opportunities."""
    return sounds_like(name) or ANY_STAGE


def stages_of(rows: Mapping[str, int], warnings: list[str]) -> dict[str, str]:
    """The stage of each activity: as it sounds, or that of most rows whose activity sounds like one; the latter is said.

    Args:
        rows: activity -> how many rows it has.
        warnings: where it is said.
    """
    heard = {name: stage for name in sorted(rows) if (stage := sounds_like(name))}
    votes: Counter[str] = Counter()
    for name, stage in heard.items():
        votes[stage] += rows[name]
    usual = max(votes, key=lambda s: (votes[s], s)) if votes else ANY_STAGE
    usual = usual if 2 * votes[usual] > sum(votes.values()) else ANY_STAGE
    silent = [name for name in sorted(rows) if name not in heard]
    if silent:
        why = "as most rows of the others are" if usual in votes else "for want of a better guess"
        warnings.append(f"Nothing in the names {listed(silent)} says which of the seven stages they belong to: taken for {usual!r}, {why}.")
    return heard | dict.fromkeys(silent, usual)


def listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(repr, names[:MOST_NAMED])) + more


def ending_of(name: str, is_last_word: bool = True) -> str | None:
    """How a case ends with an activity of this name, if it does.

    Args:
        name: of the activity.
        is_last_word: whether a win by this name can be the end, rather than a step on the way.
    """
    lower = name.lower().replace("_", " ")
    if lower.startswith("o "):  # offers of loans, which are declined one by one
        return None
    lost = next((f"lost: {reason}" for pattern, reason in _LOST if re.search(pattern, lower)), None)
    if lost:
        return lost
    return "won" if is_last_word and re.search(_WON, lower) and not lower.endswith("accepted") else None


def alike(names: Iterable[str]) -> dict[str, str]:
    """Name -> the one it is written like but for letters' case and blanks; only names that differ from it."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(" ".join(name.casefold().split()), []).append(name)
    return {name: group[0] for group in groups.values() for name in group[1:]}


def meanings(table: pd.DataFrame, columns: dict[str, str], lifecycle: dict[str, list[str]], warnings: list[str]) -> tuple[dict[str, Any], list[str], bool]:
    """Activities of a table of events as a mapping has them, machines, and whether no activity ends a case."""
    names = table[columns["activity"]].str.strip()
    started: set[str] = set(names.unique()) - {""}
    if "lifecycle" in columns and lifecycle.get("start"):
        started = set(names[table[columns["lifecycle"]].str.strip().isin(lifecycle["start"])])
    last = Counter(names[~table.duplicated(columns["case"], keep="last")])
    count = names.value_counts()
    everything = sorted(set(names.unique()) - {""})
    ends = {n: e for n in everything if "outcome" not in columns and (e := ending_of(n, n not in started or last[n] > 0))}
    said = columns.get("stage") is not None
    stages = stages_of({n: int(count[n]) for n in everything if n in started or "outcome" in columns}, [] if said else warnings)
    result: dict[str, Any] = {}
    for name in everything:
        if "outcome" in columns:
            result[name] = {"kind": "work", "stage": stages[name]}
            continue
        stage = stages.get(name) or (stage_of(name) if name in ends else None)
        result[name] = {"kind": "work" if name in started else "event", **({"stage": stage} if stage else {}), **({"ends": ends[name]} if name in ends else {})}
    merge(result, warnings)
    say_endings(result, warnings)
    return result, _machines(table, columns, started, warnings), not any("ends" in e for e in result.values())


def finals(table: pd.DataFrame, columns: dict[str, str], stamps: pd.Series, activities: dict[str, Any], warnings: list[str]) -> None:
    """Where only losses are called so, or no ending at all, take the activities that cases end with for the ending.

    Of cases that have been silent for longer than all but one in a hundred of the pauses within cases, nothing more is to
    come. An activity that was the last of more than half of those that had it is rather an end than a step on the way. Where
    no ending has a name, such activities have to be the last of nearly all of these cases.
    """
    import pandas as pd

    ends = [a["ends"] for a in activities.values() if "ends" in a]
    if not all(e.startswith("lost: ") for e in ends):
        return
    rows = pd.DataFrame({"case": table[columns["case"]].str.strip(), "name": table[columns["activity"]].str.strip(), "at": stamps.reindex(table.index)})
    rows = rows[rows["at"].notna() & (rows["case"] != "") & (rows["name"] != "")].sort_values(["case", "at"], kind="stable")
    pauses = rows.groupby("case")["at"].diff().dropna()
    last = rows.drop_duplicates("case", keep="last").set_index("case")
    silent = last.index[last["at"] < rows["at"].max() - pauses.quantile(0.99)] if len(pauses) else last.index[:0]
    had = rows[rows["case"].isin(silent)].drop_duplicates(["case", "name"])["name"].value_counts()
    stopped = last.loc[silent, "name"].value_counts()
    found = [name for name in sorted(had.index) if "ends" not in activities[name] and stopped.get(name, 0) > had[name] / 2]
    if not ends and sum(stopped[name] for name in found) < (1 - MOST_OTHER_ENDS) * len(silent):
        return
    for name in found:
        activities[name]["ends"] = "completed"
        warnings.append(f"{100 * stopped[name] / had[name]:.0f} % of the cases with {name!r} ended with it: taken for an ending.")


def merge(activities: dict[str, Any], warnings: list[str]) -> None:
    """Give names that are written alike one step."""
    for name, first in alike(activities).items():
        if activities[name].get("kind", "work") == "work":
            activities[name]["step"] = first
            warnings.append(f"{name!r} is written like {first!r}: taken for the same step.")


def say_endings(activities: dict[str, Any], warnings: list[str]) -> None:
    """Tell which endings were guessed."""
    if any("ends" in e for e in activities.values()):
        warnings.append("Endings were guessed from names: " + ", ".join(f"{n} = {e['ends']}" for n, e in activities.items() if "ends" in e) + ".")


def _machines(table: pd.DataFrame, columns: dict[str, str], started: set[str], warnings: list[str]) -> list[str]:
    """Resources that are called like machines, and those that only stamp events, and many of them."""
    if "resource" not in columns:
        return []
    who, names = table[columns["resource"]].str.strip(), table[columns["activity"]].str.strip()
    machines = sorted(name for name in who.unique() if _MACHINE.fullmatch(name.lower()))
    if machines:
        warnings.append(f"Called like machines and taken for such: {listed(machines)}. What people of these names do is work: take them out of 'system_resources'.")
    if "lifecycle" not in columns:
        return machines
    works = set(who[names.isin(started)])
    for person, count in who[who != ""].value_counts().items():
        if count > 0.05 * len(table) and person not in works and person not in machines:
            machines.append(str(person))
            warnings.append(f"Resource {person!r} only stamps events ({count:,} of them): taken for a machine.")
    return machines
