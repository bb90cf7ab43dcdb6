"""Which column plays which role, guessed from its name and its cells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from salessim.importers.formats import is_dated
from salessim.importers.mapping import STAGES
from salessim.importers.names import MOST_STEPS

if TYPE_CHECKING:
    import pandas as pd

ROLES: dict[str, tuple[str, ...]] = {
    "case": ("case_id", "case", "case:concept:name", "case_key", "_case_key", "mql_id", "opportunity_id", "deal_id", "lead_id", "ticket",
             "案例", "客户编号", "单号", "opportunity name", "deal name", "record_id", "object_id", "res_id", "vbelv", "vbeln", "key",
             "issue_key", "deal_no", "deal_number", "opportunity_no", "order_no", "order_number", "ticket_no", "ticket_number", "lead_no", "编号"),
    "activity": ("activity", "activity_en", "concept:name", "event", "to stage", "stage", "stagename", "dealstage", "status", "task", "step",
                 "活动", "阶段", "step_name", "sales_stage", "stage_id", "active_stage_id", "new_value", "new_value_char", "vbtyp_n", "tcode", "action",
                 "phase", "to_phase", "to_status", "new_status", "new_state", "transition_to", "state"),
    "start": ("start_time", "start", "start_timestamp", "event_start", "started", "begin", "开始时间", "valid_from"),
    "end": ("end_time", "end", "end_timestamp", "complete_timestamp", "event_end", "completed", "ended", "finish", "结束时间", "valid_to", "valid_until"),
    "time": ("time:timestamp", "timestamp", "ts", "time", "date", "datetime", "event_time", "completion_time", "created_date", "时间",
             "date_entered", "active_stage_started_on", "created_on", "create_date", "date_last_stage_update", "changed_date", "last_modified", "edit_date",
             "erdat", "udate", "transition_date", "changed_at", "changed_on", "datum", "zeitpunkt", "日期"),
    "enabled": ("enabled_time", "enable_time", "enabled"),
    "resource": ("resource", "org:resource", "user", "owner", "person", "agent", "employee", "created_by_id", "资源", "负责人",
                 "user_name", "user_id", "_userid_value", "changed_by", "edited_by", "last_modified_by", "author_id", "owner_id", "updated_by_user_id",
                 "ernam", "sales_rep", "salesperson", "rep", "representative", "sr_id", "sdr_id", "assigned_to", "author", "who", "who_name", "assignee"),
    "team": ("org:role", "team", "org:group"),
    "sorting": ("_sorting", "sorting"),
    "lifecycle": ("lifecycle", "lifecycle:transition", "transition", "event_type"),
    "value": ("amount", "amount_req", "value", "deal_value", "close_value", "net_value", "金额", "case_value", "estimated_value",
              "expected_revenue", "netwr", "rfwrt", "volume", "betrag"),
    "segment": ("segment", "customer_segment", "业务类型"),
    "channel": ("channel", "origin", "lead_source", "source", "渠道"),
    "customer": ("customer", "customer_id", "account", "account_id", "客户", "partner_id", "kunnr"),
}
"""role -> what systems call it: first the names of logs, then those of Salesforce, HubSpot, Dynamics, Odoo, SAP and Celonis."""
ABOUT = ("value", "segment", "channel", "customer")
"""Roles of what is known of a case."""
_DATED = ("start", "end", "time", "enabled")
_NEAR = 0.7
"""How sure a name is that only contains a word we know; the word itself makes 0.7 to 1."""
_OUTCOMES = ("completed", "won", "next", "open")
_VALID = ("validfrom",)
"""Beginnings of stretches in which a record was in a state."""
_OF_CASE, _OF_EVENT = re.compile(r"^(\(?case\)?)[\s:_]+", re.IGNORECASE), re.compile(r"^(case:|event[\s:_]+)", re.IGNORECASE)
"""What tables made from XES put before the names of attributes."""
_CLOCKS = ("erzet", "utime", "event_clock", "time_of_day")
"""Columns that hold the time of day beside one with the date."""
_FIELDS = ("field", "field_id", "changed_field", "attribute_mask")
"""Columns that say which field of a record a row changed."""
LIFECYCLE = {"schedule": ("schedule", "scheduled", "assign", "reassign", "enabled"), "start": ("start", "started", "begin"),
             "suspend": ("suspend", "suspended", "pause"), "resume": ("resume", "resumed"),
             "complete": ("complete", "completed", "end", "finish"), "abort": ("ate_abort", "pi_abort", "abort", "withdraw")}  # fmt: skip
"""moment of a visit -> what logs call it (XES and what is near it)."""


def words_of(lifecycle: pd.Series) -> dict[str, list[str]]:
    """The words of a lifecycle column, by what they mean."""
    words = {w.strip().lower(): w.strip() for w in lifecycle.unique()}
    found = {k: [words[w] for w in v if w in words] for k, v in LIFECYCLE.items()}
    return {k: v for k, v in found.items() if v or k in ("schedule", "start", "complete")}


def tight(name: str) -> str:
    """A name without what systems put between its words."""
    return re.sub(r"[\W_]+", "", name.lower())


def _within(word: str, name: str) -> bool:
    """Whether a name has a word among its own; a long one may also stand inside a longer one (not the "action" of "transaction")."""
    word, name = (re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", n.strip())).lower() for n in (word, name))
    if re.fullmatch(r"[\u4e00-\u9fff]{2,}", word):  # Chinese writes no blanks between its words
        return word in name
    return len(word) > 4 and (f"_{word}_" in f"_{name}_" or (len(word) > 7 and word in name))


def guess_columns(table: pd.DataFrame, given: dict[str, str]) -> tuple[dict[str, str], dict[str, float]]:
    """The column of each role, and how sure that is: the names themselves before names that contain them.

    Args:
        table: the cells.
        given: role -> column, as a person said.
    """
    columns, confidence = dict(given), dict.fromkeys(given, 1.0)
    for role, words in ROLES.items():
        if role in columns:
            continue
        free = [c for c in table.columns if c not in columns.values()]
        bare = {c: (_OF_CASE if role in ABOUT else _OF_EVENT).sub("", c) for c in free}
        exact = [(c, 1.0 - 0.03 * min(rank, 9)) for rank, w in enumerate(words) for c in free if tight(w) in (tight(c), tight(bare[c]))]
        near = [(c, _NEAR - 0.03 * min(rank, 10)) for rank, w in enumerate(words) for c in free if _within(w, c) and (role not in _DATED or is_dated(table[c]))]
        if exact or near:
            columns[role], confidence[role] = (exact or near)[0]
    if "value" in columns and "value" not in given and not table[columns["value"]].str.contains(r"^\W*\d").any():
        text = columns.pop("value")  # HubSpot calls so what a property, such as dealstage, became
        if "activity" not in columns:
            columns["activity"], confidence["activity"] = text, 0.5
    for name in table.columns:
        cells = table[name]
        if "outcome" not in columns and (cells.str.startswith("lost: ").any() or tight(name) == "outcome") and cells.isin(_OUTCOMES).any():
            columns["outcome"], confidence["outcome"] = name, 1.0
        elif "stage" not in columns and name.lower() == "stage" and name not in columns.values() and cells.str.strip().isin(STAGES).all():
            columns["stage"], confidence["stage"] = name, 1.0
    return columns, confidence


def choose_stamps(table: pd.DataFrame, columns: dict[str, str], confidence: dict[str, float], given: dict[str, str], warnings: list[str]) -> None:
    """Leave the columns of dates that go together: start and end, or one stamp for each row, with or without a lifecycle."""
    for role in ("start", "end", "enabled"):
        if role in columns and role not in given and not is_dated(table[columns[role]]):
            warnings.append(f"The column {columns.pop(role)!r} looks like the {role} but holds no dates: left out.")
    words = words_of(table[columns["lifecycle"]]) if "lifecycle" in columns else {}
    if words and not any(words.values()) and "lifecycle" not in given:
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
    if "end" in columns and "lifecycle" in columns:
        del columns["lifecycle"]
        warnings.append("Rows carry start and end, so the lifecycle column is not needed: left out.")
    order = [role for role in ROLES if role in columns] + [role for role in columns if role not in ROLES]
    for role in order:
        columns[role] = columns.pop(role)


def is_span_of_states(columns: dict[str, str]) -> bool:
    """Whether start and end say how long a state was valid, not when somebody worked."""
    return "start" in columns and "end" in columns and tight(columns["start"]) in _VALID


def doubt(table: pd.DataFrame, columns: dict[str, str], warnings: list[str]) -> None:
    """What the schema of a system makes doubtful."""
    names = {tight(c): c for c in table.columns if c not in columns.values()}
    clock = next((names[tight(w)] for w in _CLOCKS if tight(w) in names), None)
    if clock:
        stamp = columns.get("time") or columns.get("end")
        warnings.append(f"The time of day stands in its own column {clock!r} and is not read: write 'time: [{stamp}, {clock}]' and a time_format such as '%Y%m%d %H%M%S'.")
    field = next((names[tight(w)] for w in _FIELDS if tight(w) in names), None)
    if field and table[field].nunique() > 1:
        warnings.append(f"Rows change several fields (column {field!r}): keep only the rows that change the stage, with 'where' in 'tables'.")
    distinct = table[columns["activity"]].nunique()
    if distinct > MOST_STEPS:
        warnings.append(
            f"The column {columns['activity']!r} holds {distinct:,} activities, more than {MOST_STEPS}: "
            "give those that belong together the same 'step'."
        )
