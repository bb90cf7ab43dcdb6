"""A first guess at what a log means, from names and contents, for a person to correct."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salessim.errors import LogError
from salessim.importers.eventlog import MOST_STEPS
from salessim.importers.mapping import STAGES, Mapping, parse_mapping
from salessim.importers.stamps import OFFSET, cells
from salessim.importers.tables import read_table
from salessim.scenario.yaml import dump_yaml

if TYPE_CHECKING:
    import pandas as pd

_ROLES: dict[str, tuple[str, ...]] = {
    "case": ("case_id", "case", "case:concept:name", "case_key", "_case_key", "mql_id", "opportunity_id", "deal_id", "lead_id", "ticket",
             "案例", "客户编号", "单号", "opportunity name", "deal name", "record_id", "object_id", "res_id", "vbelv", "vbeln", "key"),
    "activity": ("activity", "activity_en", "concept:name", "event", "to stage", "stage", "stagename", "dealstage", "status", "task", "step",
                 "活动", "阶段", "step_name", "sales_stage", "stage_id", "active_stage_id", "new_value", "new_value_char", "vbtyp_n", "tcode", "action"),
    "start": ("start_time", "start", "start_timestamp", "event_start", "started", "begin", "开始时间"),
    "end": ("end_time", "end", "end_timestamp", "complete_timestamp", "event_end", "completed", "ended", "finish", "结束时间"),
    "time": ("time:timestamp", "timestamp", "ts", "time", "date", "datetime", "event_time", "completion_time", "created_date", "时间",
             "date_entered", "active_stage_started_on", "created_on", "create_date", "date_last_stage_update", "changed_date", "last_modified", "edit_date",
             "erdat", "udate"),
    "enabled": ("enabled_time", "enable_time", "enabled"),
    "resource": ("resource", "org:resource", "user", "owner", "person", "agent", "employee", "created_by_id", "资源", "负责人",
                 "user_name", "user_id", "_userid_value", "changed_by", "edited_by", "last_modified_by", "author_id", "owner_id", "updated_by_user_id",
                 "ernam"),
    "lifecycle": ("lifecycle", "lifecycle:transition", "transition", "event_type"),
    "value": ("amount", "amount_req", "value", "deal_value", "close_value", "net_value", "金额", "case_value", "estimated_value",
              "expected_revenue", "netwr", "rfwrt"),
    "segment": ("segment", "customer_segment", "业务类型"),
    "channel": ("channel", "origin", "lead_source", "source", "渠道"),
    "customer": ("customer", "customer_id", "account", "account_id", "客户", "partner_id", "kunnr"),
}
"""role -> what systems call it: first the names of logs, then those of Salesforce, HubSpot, Dynamics, Odoo, SAP and Celonis."""
_NEAR = 0.7
"""How sure a name is that only contains a word we know; the word itself makes 0.7 to 1."""
_CLOCKS = ("erzet", "utime", "event_clock", "time_of_day")
"""Columns that hold the time of day beside one with the date."""
_FIELDS = ("field", "field_id", "changed_field", "attribute_mask")
"""Columns that say which field of a record a row changed."""
_WIDE = re.compile(r"(hs_)?(v2_)?date_entered_.+|date entered .+")
"""HubSpot's columns of dates, one for each stage."""
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
    (r"declin|reject|refus|拒绝", "declined"),
    (r"cancel|取消", "cancelled"),
    (r"\blost\b|closed ?lost|输单|丢单", "lost"),
)
_LIFECYCLE = {"schedule": ("schedule", "scheduled", "assign"), "start": ("start", "started", "resume"), "complete": ("complete", "completed", "end", "finish")}


@dataclass(frozen=True)
class Proposal:
    """A mapping with the reasons to doubt it."""

    mapping: dict[str, Any]
    confidence: dict[str, float]
    """role -> between 0 and 1."""
    warnings: list[str]
    sample: list[dict[str, str]]
    source: str

    def parsed(self) -> Mapping:
        """The mapping, ready to use as it is."""
        return parse_mapping(self.mapping)

    def to_yaml(self) -> str:
        """The mapping file, doubts as comments at its head."""
        lines = [f"# Proposed for {Path(self.source).name}. Look it over: what the columns mean, which activities are work, how cases end."]
        lines += [f"# {role}: {100 * c:.0f} % sure" for role, c in self.confidence.items() if c < 0.9]
        lines += [f"# {' '.join(text.split())}" for text in self.warnings]  # names of activities may hold line ends
        return "\n".join(lines) + "\n" + dump_yaml(self.mapping)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"mapping": self.mapping, "confidence": self.confidence, "warnings": self.warnings, "sample": self.sample}

    def lines(self) -> list[str]:
        """For people."""
        found = [f"  {role:10} {column!r} ({100 * self.confidence.get(role, 0):.0f} % sure)" for role, column in self.mapping["columns"].items()]
        work = [a for a, m in self.mapping["activities"].items() if m.get("kind", "work") == "work"]
        ends = [f"{a} = {m['ends']}" for a, m in self.mapping["activities"].items() if "ends" in m]
        meant = [f"  work       {', '.join(work)}", f"  cases end  {', '.join(ends) or 'never by an activity'}"]
        return [f"{self.source}:", *found, *meant, *(f"  note: {w}" for w in self.warnings)]


def inspect_log(path: str | Path) -> Proposal:
    """Guess the mapping of a log.

    Args:
        path: CSV, TSV or either in gzip.

    Raises:
        LogError: not a table, or no column that could be the case, the activity or a date.
    """
    read = read_table(path)
    table, warnings = read.frame, read.notes()
    columns, confidence = _columns(table, str(path))
    for name in table.columns:
        values = set(table[name].str.strip())
        if any(v.startswith("lost: ") for v in values) and values & {"completed", "won", "next", "open"}:
            columns["outcome"], confidence["outcome"] = name, 1.0
        elif name.lower() == "stage" and name not in columns.values() and values <= set(STAGES):
            columns["stage"], confidence["stage"] = name, 1.0
    _choose_stamps(table, str(path), columns, confidence, warnings)
    stamps = columns.get("end") or columns["time"]
    mapping: dict[str, Any] = {"columns": columns, **_time(table[stamps], str(path), stamps, warnings)}
    _doubt(table, columns, warnings)
    if "lifecycle" in columns:
        mapping["lifecycle"] = _words(table[columns["lifecycle"]])
    confidence = {role: confidence[role] for role in columns}
    mapping["activities"], systems, complete = _activities(table, columns, mapping, warnings)
    if systems:
        mapping["system_resources"] = systems
    if complete and "outcome" not in columns:
        mapping["complete_cases_only"] = True
        warnings.append(
            "No activity ends a case by name, so every case counts as ended with its last row; "
            "correct 'ends' and 'complete_cases_only' if cases can be open."
        )
    return Proposal(mapping, confidence, warnings, table.head(3).to_dict("records"), str(path))


def _words(lifecycle: pd.Series) -> dict[str, list[str]]:
    """The words of a lifecycle column, by what they mean."""
    words = {w.strip().lower(): w.strip() for w in lifecycle.unique()}
    return {k: [words[w] for w in v if w in words] for k, v in _LIFECYCLE.items()}


def _tight(name: str) -> str:
    """A name without what systems put between its words."""
    return re.sub(r"[\W_]+", "", name.lower())


def _within(word: str, name: str) -> bool:
    """Whether a name has a word among its own; a long one may also stand inside a longer one (not the "action" of "transaction")."""
    word, name = (re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", n.strip())).lower() for n in (word, name))
    return len(word) > 4 and (f"_{word}_" in f"_{name}_" or (len(word) > 7 and word in name))


def _columns(table: pd.DataFrame, source: str) -> tuple[dict[str, str], dict[str, float]]:
    """The column of each role, and how sure that is: the names themselves before names that contain them."""
    wide = [c for c in table.columns if _WIDE.fullmatch(c.strip().lower())]
    if len(wide) > 1:
        raise LogError(f"{source}:1", f"there is one column of dates for each stage ({wide[0]!r} and others)", "turn them into rows: deal, stage, date_entered")
    columns: dict[str, str] = {}
    confidence: dict[str, float] = {}
    for role, words in _ROLES.items():
        free = [c for c in table.columns if c not in columns.values()]
        exact = [(c, 1.0 - 0.03 * min(rank, 9)) for rank, w in enumerate(words) for c in free if _tight(c) == _tight(w)]
        near = [(c, _NEAR - 0.03 * min(rank, 10)) for rank, w in enumerate(words) for c in free if _within(w, c)]
        if exact or near:
            columns[role], confidence[role] = (exact or near)[0]
    if "value" in columns and not table[columns["value"]].str.contains(r"^\W*\d").any():
        text = columns.pop("value")  # HubSpot calls so what a property, such as dealstage, became
        if "activity" not in columns:
            columns["activity"], confidence["activity"] = text, 0.5
    missing = [r for r in ("case", "activity") if r not in columns]
    if not columns.get("time") and not columns.get("end"):
        missing.append("time")
    if missing:
        have = ", ".join(map(repr, table.columns[:10]))
        raise LogError(f"{source}:1", f"no column looks like the {missing[0]} (there are {have})", f"write a mapping with 'columns: {{{missing[0]}: ...}}'")
    return columns, confidence


def _choose_stamps(table: pd.DataFrame, source: str, columns: dict[str, str], confidence: dict[str, float], warnings: list[str]) -> None:
    """Leave the columns of dates that go together: start and end, or one stamp for each row, with or without a lifecycle."""
    for role in ("start", "end", "enabled"):
        if role in columns and not _dated(table[columns[role]]):
            warnings.append(f"The column {columns.pop(role)!r} looks like the {role} but holds no dates: left out.")
    words = _words(table[columns["lifecycle"]]) if "lifecycle" in columns else {}
    if words and not any(words.values()):
        del columns["lifecycle"]
    elif "time" in columns and words.get("start"):  # starts are rows of their own
        for role in ("start", "end"):
            columns.pop(role, None)
    if "start" in columns and "end" not in columns:
        if "time" in columns and confidence["start"] > _NEAR:
            columns["end"], confidence["end"] = columns["time"], confidence["time"]
        else:
            del columns["start"]  # a start of something else, such as of a contract
    if "start" in columns:
        columns.pop("time", None)
    elif "time" in columns:
        columns.pop("end", None)
    if "end" not in columns and "time" not in columns:
        raise LogError(source, "no column holds the dates of events", "write a mapping with 'columns: {time: ...}'")
    if "end" in columns and "lifecycle" in columns:
        del columns["lifecycle"]
        warnings.append("Rows carry start and end, so the lifecycle column is not needed: left out.")
    order = [role for role in _ROLES if role in columns] + [role for role in columns if role not in _ROLES]
    for role in order:
        columns[role] = columns.pop(role)


def _dated(column: pd.Series) -> bool:
    """Whether nearly all filled cells have the digits of a date."""
    filled = cells(column).dropna()
    return len(filled) > 0 and float(filled.str.contains(r"\d.*\d.*\d.*\d").mean()) > 0.9


def _doubt(table: pd.DataFrame, columns: dict[str, str], warnings: list[str]) -> None:
    """What the schema of a system makes doubtful."""
    names = {_tight(c): c for c in table.columns if c not in columns.values()}
    clock = next((names[_tight(w)] for w in _CLOCKS if _tight(w) in names), None)
    if clock:
        warnings.append(f"The time of day stands in its own column {clock!r} and is not read: join it to the date.")
    field = next((names[_tight(w)] for w in _FIELDS if _tight(w) in names), None)
    if field and table[field].nunique() > 1:
        warnings.append(f"Rows change several fields (column {field!r}): keep only the rows that change the stage.")
    distinct = table[columns["activity"]].nunique()
    if distinct > MOST_STEPS:
        warnings.append(
            f"The column {columns['activity']!r} holds {distinct:,} activities, more than {MOST_STEPS}: "
            "give those that belong together the same 'step'."
        )


_FORMATS = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M",
            "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日",
            "%m/%d/%Y, %I:%M %p", "%m/%d/%Y %I:%M %p", "%d.%m.%Y, %H:%M", "%d/%m/%Y, %H:%M")  # fmt: skip


def _time(stamps: pd.Series, source: str, column: str, warnings: list[str]) -> dict[str, Any]:
    """The one format that fits the whole column, and the time zone."""
    import pandas as pd

    text = cells(stamps).dropna()
    if text.empty:
        raise LogError(source, f"the column {column!r} has no dates", "choose another column in a mapping")
    found: dict[str, Any] = {}
    try:
        parsed = pd.to_datetime(text, format="ISO8601", utc=True)
        carried = text.str.contains(OFFSET)
        aware = bool(carried.any())
        if aware and not carried.all():
            warnings.append(f"{int((~carried).sum()):,} dates carry no offset, the others do: set stamps_in to the time zone of those without.")
    except (ValueError, TypeError, OverflowError):
        fits = []
        for kind in _FORMATS:
            try:
                pd.to_datetime(text, format=kind)
                fits.append(kind)
            except (ValueError, TypeError, OverflowError):
                continue
        if not fits:
            raise _no_date(text, source, column) from None
        found["time_format"], aware = fits[0], False
        if len(fits) > 1 and fits[0][:5] != fits[1][:5]:
            warnings.append(f"Dates fit both {fits[0]} and {fits[1]}; day first was taken: check.")
        parsed = pd.to_datetime(text, format=fits[0]).dt.tz_localize("UTC")
    found["stamps_in"] = "UTC"
    found["office_in"] = "UTC"
    hours = parsed.dt.hour.value_counts(normalize=True)
    midnight = float((parsed.dt.normalize() == parsed).mean())
    if midnight > 0.9:
        warnings.append("Dates have no time of day: hours and waits below a day cannot be learnt.")
    else:
        middle = _middle(hours)
        if aware and not 10.5 <= middle <= 15.5:
            warnings.append(f"Half of the day's activity lies around {middle:.0f}:00 UTC: set office_in to the office's time zone.")
        else:
            warnings.append("The office's time zone is taken to be UTC: set office_in if it is another, such as Europe/Amsterdam.")
    return found


def _no_date(text: pd.Series, source: str, column: str) -> LogError:
    """Names the first cell that the format of most cells does not fit."""
    import pandas as pd

    def misses(kind: str) -> pd.Series:
        try:
            return pd.to_datetime(text, format=kind, utc=True, errors="coerce").isna()
        except (ValueError, TypeError, OverflowError):
            return pd.Series(True, index=text.index)

    fewest = min(map(misses, ("ISO8601", *_FORMATS)), key=lambda missed: int(missed.sum()))
    row = fewest.idxmax()
    problem = f"{text[row]!r} in column {column!r} is not a date in one known format"
    return LogError(f"{source}:{int(row) + 2}", problem, "correct it, or set time_format in a mapping, such as '%d.%m.%Y %H:%M'")


def _middle(hours: pd.Series) -> float:
    import numpy as np

    angle = np.asarray(hours.index, float) / 24 * 2 * np.pi
    return float(np.angle(np.sum(hours.to_numpy() * np.exp(1j * angle))) / (2 * np.pi) * 24 % 24)


def _activities(table: pd.DataFrame, columns: dict[str, str], mapping: dict[str, Any], warnings: list[str]) -> tuple[dict[str, Any], list[str], bool]:
    names = table[columns["activity"]].str.strip()
    started: set[str] = set(names[names != ""])
    if "lifecycle" in columns and mapping.get("lifecycle", {}).get("start"):
        word = table[columns["lifecycle"]].str.strip().isin(mapping["lifecycle"]["start"])
        started = set(names[word])
    order = table.assign(_n=range(len(table)))
    last = names[order.groupby(columns["case"])["_n"].max()].value_counts()
    result: dict[str, Any] = {}
    ended = False
    for name in sorted(set(names) - {""}):
        lower = name.lower().replace("_", " ")
        stage = next((s for s, pattern in _STAGE_WORDS if re.search(pattern, lower)), "opportunity")
        entry: dict[str, Any] = {"kind": "work" if name in started else "event", "stage": stage}
        if "outcome" in columns:
            result[name] = {"kind": "work", "stage": stage}
            continue
        if re.search(_WON, lower) and (name not in started or last.get(name, 0) > 0) and not lower.startswith("o "):
            entry["ends"] = "won"
        for pattern, reason in _LOST:
            if re.search(pattern, lower) and not lower.startswith("o "):
                entry["ends"] = f"lost: {reason}"
        if entry["kind"] == "event" and "ends" not in entry:
            entry = {"kind": "event"}
        if entry.get("ends") == "won" and lower.endswith("accepted"):
            del entry["ends"]  # accepted is a state on the way in most systems
        ended |= "ends" in entry
        result[name] = entry
    if any("ends" in e for e in result.values()):
        warnings.append("Endings were guessed from names: " + ", ".join(f"{n} = {e['ends']}" for n, e in result.items() if "ends" in e) + ".")
    systems: list[str] = []
    if "resource" in columns and "lifecycle" in columns:
        who = table[columns["resource"]].str.strip()
        counts = who[who != ""].value_counts()
        for person, count in counts.items():
            mine = table[who == person]
            if count > 0.05 * len(table) and not set(mine[columns["activity"]].str.strip()) & started:
                systems.append(str(person))
                warnings.append(f"Resource {person!r} only stamps events ({count:,} of them): taken for a machine.")
    return result, systems, not ended
