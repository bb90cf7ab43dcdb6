"""Simulate, export as each system would, import as `inspect` proposes: the same log, as far as the system's schema carries it."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import salessim as ss
from salessim.demo import TRUTH
from salessim.importers import inspect_log, read_log
from salessim.log import DATES, EventLog, LogAbout
from tests import exports

STATES = ("case", "step", "visit", "enabled", "ended", "outcome")
WHOLE = ("case", "customer", "step", "visit", "person", "enabled", "started", "ended", "outcome", "channel", "segment")


@cache
def history() -> pd.DataFrame:
    """300 cases of a process whose truth is known, to the second, in order of case and time; 1 in 10 is still open."""
    log = ss.simulate(ss.Scenario.load(TRUTH), seed=3)
    frame = log.frame.copy()
    for column in DATES:
        frame[column] = frame[column].dt.floor("s")
    # The last 30 cases stop where they are: their last visit is under way.
    wanted = sorted(frame.loc[frame["outcome"] != "open", "case"].unique())[:270] + sorted(frame.loc[frame["outcome"] == "open", "case"].unique())[-30:]
    frame = frame[frame["case"].isin(wanted)]
    for column in ("case", "customer"):
        frame[column] = frame[column].astype(str)
    return frame.assign(_by=frame["enabled"]).sort_values(["case", "_by", "ended"], kind="stable").drop(columns="_by").reset_index(drop=True)


def imported(source: Any, **changes: Any) -> tuple[EventLog, ss.importers.Quality, Any]:
    proposal = inspect_log(source)
    log, quality = read_log(source, {**proposal.mapping, "office_in": "Europe/Berlin", **changes})
    assert list(log.problems()) == []
    return log, quality, proposal


def same(log: EventLog, wanted: pd.DataFrame, columns: tuple[str, ...], rename: Any = lambda case: case) -> None:
    """Whether two logs agree in these columns, row for row."""
    found = log.frame.sort_values(["case", "enabled", "ended"], kind="stable").reset_index(drop=True)
    wanted = wanted.assign(case=wanted["case"].map(rename)).sort_values(["case", "enabled", "ended"], kind="stable").reset_index(drop=True)
    assert len(found) == len(wanted)
    for column in columns:
        a, b = (f[column].astype(object).where(f[column].notna(), None) for f in (found, wanted))
        different = a.map(str) != b.map(str) if column in DATES else a != b
        different &= ~(found[column].isna() & wanted[column].isna())
        assert not different.any(), f"{column}: {found[different].iloc[0].to_dict()} is not {wanted[different].iloc[0].to_dict()}"


def without_reasons(frame: pd.DataFrame) -> pd.DataFrame:
    """Most systems keep the reason of a loss in a field of their own."""
    return frame.assign(outcome=frame["outcome"].mask(frame["outcome"].str.startswith("lost: "), "lost: lost"))


def without_outcomes(frame: pd.DataFrame) -> pd.DataFrame:
    """Plain logs of activities do not say how a case ended; what has stopped is over."""
    last = ~frame.duplicated("case", keep="last")
    return frame.assign(outcome=frame["outcome"].mask(last & frame["ended"].notna(), "completed").mask(~last, "next"))


def deal(case: str) -> str:
    return f"Deal {case}"


STATE_SYSTEMS: dict[str, tuple[exports.Export, Any, str, dict[str, Any], Any]] = {
    "salesforce": (exports.salesforce, exports.as_csv, "Salesforce", {}, exports.opportunity_id),
    "salesforce fields": (exports.salesforce_fields, exports.as_csv, "Salesforce", {}, exports.opportunity_id),
    "salesforce report": (exports.salesforce_report, exports.as_csv, "Salesforce", {"stamps_in": "Europe/Berlin"}, deal),
    "hubspot": (exports.hubspot, exports.as_csv, "HubSpot", {}, str),
    "hubspot history": (exports.hubspot_history, exports.as_csv, "HubSpot", {}, str),
    "dynamics": (exports.dynamics, exports.as_csv, "Dynamics 365", {}, str),
    "odoo": (exports.odoo, exports.as_sqlite, "Odoo", {}, str),
    "erpnext": (exports.erpnext, exports.as_sqlite, "ERPNext", {}, lambda case: f"CRM-OPP-{case}"),
}


@pytest.mark.parametrize("system", STATE_SYSTEMS)
def test_histories_of_states_come_back(system: str, tmp_path: Path) -> None:
    export, write, title, changes, rename = STATE_SYSTEMS[system]
    source = write(export(history()), tmp_path / "export")
    log, quality, proposal = imported(source, **changes)
    assert proposal.preset == title
    wanted = without_reasons(history())
    if system == "hubspot":  # keeps the last time a case was at a stage, and of people the present owner
        again = wanted.duplicated(["case", "step"], keep="last")
        assert sum(n for what, n in quality.counts.items() if what.startswith("cases entered")) == len(wanted[again][["case", "step"]].drop_duplicates()) > 0
        wanted = wanted[~again].assign(visit=0)
    same(log, wanted, STATES, rename)
    assert quality.unmatched == ()
    if system != "hubspot":  # who moves a case on is known, who closes it only in some
        same(EventLog(log.frame[log.frame["outcome"] == "next"], log.about), wanted[wanted["outcome"] == "next"], ("person",), rename)
    if system != "salesforce fields":
        assert log.frame.groupby("case")["value"].first().sum() == pytest.approx(history().groupby("case")["value"].first().sum(), abs=2)


def test_a_salesforce_history_takes_customers_and_channels_from_the_other_tables(tmp_path: Path) -> None:
    log, quality, _ = imported(exports.as_csv(exports.salesforce(history()), tmp_path / "export"))
    same(log, history(), ("customer", "channel", "segment"), exports.opportunity_id)
    assert quality.counts["rows do not change the state; they were joined to the one before"] == history()["case"].nunique()


def test_a_sap_document_flow_comes_back(tmp_path: Path) -> None:
    """Documents have the time they were made, and an invoice ends the case; nothing says that a quotation was lost."""
    frame = history()[history()["step"].isin(list(exports.SAP_CODES)) & history()["ended"].notna()].reset_index(drop=True)
    log, quality, proposal = imported(exports.as_csv(exports.sap(frame), tmp_path / "export"))
    assert proposal.preset == "SAP SD"
    last = ~frame.duplicated("case", keep="last")
    over = frame.groupby("case")["outcome"].transform(lambda o: (o == "completed").any())
    wanted = frame.assign(step=frame["step"].map(exports.SAP_CODES).map(exports.SAP_STEPS), outcome="next")
    wanted.loc[last & over, "outcome"] = "completed"
    found = log.frame[log.frame["step"] != "system: no activity"]
    mine = found.assign(outcome=found["outcome"].mask(~found["case"].isin(found.loc[found["outcome"] == "completed", "case"]), "next"))
    same(EventLog(mine, log.about), wanted, ("case", "step", "ended", "outcome", "person"), lambda case: f"{int(case):010d}")
    assert quality.counts["links are of further items or ways to the same document; it counts once"] == len(frame) + int((frame["outcome"] == "completed").sum())


def test_a_tryton_history_comes_back(tmp_path: Path) -> None:
    """Tryton knows leads and opportunities only, so the first two steps stand for the process."""
    strange = ~history()["step"].isin(["answer", "qualify"])
    frame = history()[~strange.groupby(history()["case"]).cummax()].reset_index(drop=True)
    last = ~frame.duplicated("case", keep="last")
    frame.loc[last & (frame["outcome"] == "next"), "outcome"] = "completed"
    log, _, proposal = imported(exports.as_sqlite(exports.tryton(frame), tmp_path / "export"))
    assert proposal.preset == "Tryton"
    same(log, without_reasons(frame).assign(step=frame["step"].map({"answer": "lead", "qualify": "opportunity"})), STATES)


EVENT_SYSTEMS: dict[str, tuple[exports.Export, str, tuple[str, ...]]] = {
    "celonis": (exports.celonis, "Celonis", ("case", "step", "ended", "person", "customer", "channel", "segment")),
    "apromore": (exports.apromore, "Apromore", ("case", "step", "visit", "started", "ended", "outcome", "person")),
    "prosimos": (exports.prosimos, "Prosimos", ("case", "step", "visit", "enabled", "started", "ended", "outcome", "person")),
    "pm4py": (exports.pm4py, "pm4py and XES", WHOLE),
}


@pytest.mark.parametrize("system", EVENT_SYSTEMS)
def test_logs_of_activities_come_back(system: str, tmp_path: Path) -> None:
    export, title, columns = EVENT_SYSTEMS[system]
    log, _, proposal = imported(exports.as_csv(export(history()), tmp_path / "export"))
    assert proposal.preset == title
    wanted = history() if system == "pm4py" else without_outcomes(history())
    if system == "celonis":  # has only what is over
        wanted = wanted[wanted["ended"].notna()]
    if system == "apromore":  # a row without any date tells nothing
        wanted = wanted[wanted["started"].notna() | wanted["ended"].notna()]
        wanted = without_outcomes(wanted)
    same(EventLog(log.frame[log.frame["step"] != "system: no activity"], log.about), wanted, columns)


@pytest.mark.parametrize("form", ["json", "sqlite"])
def test_object_centric_logs_come_back(form: str, tmp_path: Path) -> None:
    data, path = exports.ocel(history()), tmp_path / f"log.{form}"
    if form == "json":
        path.write_text(json.dumps(data))
    else:
        exports.ocel_sqlite(path, data)
    log, _, _ = imported(path)
    same(log, history(), tuple(c for c in WHOLE if c not in ("customer", "channel", "segment")), lambda case: f"deal {case}")


@pytest.mark.parametrize("form", ["xes", "csv", "parquet", "xlsx", "tsv.gz", "zip"])
def test_our_own_log_comes_back_in_every_format(form: str, tmp_path: Path) -> None:
    frame = history().assign(case=history()["case"].astype("int64"))
    about = LogAbout(frame["enabled"].min(), frame["ended"].max(), "Europe/Berlin", "EUR")
    own, path = EventLog(frame, about), tmp_path / f"log.{form}"
    if form == "xes":
        own.to_xes(path)
    elif form == "csv":
        own.to_csv(path)
    else:
        table = pd.read_csv(_text(own), dtype=str, keep_default_na=False)
        if form == "parquet":
            table.to_parquet(path)
        elif form == "xlsx":
            _as_workbook(table, path)
        elif form == "tsv.gz":
            table.to_csv(path, sep="\t", index=False, encoding="utf-16")
        else:
            table.to_csv(path, index=False, compression={"method": "zip", "archive_name": "log.csv"})
    log, quality, _ = imported(path)
    same(log, history(), WHOLE)
    assert quality.cases == history()["case"].nunique()


def _text(log: EventLog) -> Any:
    return io.StringIO(log.to_csv())


def _as_workbook(table: pd.DataFrame, path: Path) -> None:
    """With a title before the header and real dates, as people keep workbooks."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Our deals"])
    book.active.append(list(table.columns))
    dates = {"enabled_time", "start_time", "end_time"}
    for row in table.to_dict("records"):
        book.active.append([pd.Timestamp(v).tz_convert("UTC").tz_localize(None).to_pydatetime() if k in dates and v else v or None for k, v in row.items()])
    book.save(path)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/New_York", "UTC"])
def test_dates_in_files_are_those_of_the_standard_library(zone: str) -> None:
    """Both sides of a change of clocks, a date before zones had whole minutes, and none; in more pieces than one."""
    stamps = ["2026-03-29T00:59:59.000001Z", "2026-03-29T01:00:00Z", "2026-11-01T05:59:00Z", "2026-11-01T06:00:00Z", "1850-01-01T00:00:00Z"]
    frame = pd.concat([history().iloc[[0]]] * 60_000, ignore_index=True)
    dates = pd.Series(pd.to_datetime(stamps * 12_000, format="ISO8601", utc=True)).dt.tz_convert(zone).dt.as_unit("us")
    frame = frame.assign(enabled=dates, started=dates.where(frame.index % 2 == 0), ended=dates)
    text = EventLog(frame, LogAbout(dates.min(), dates.max(), zone, "EUR")).to_csv()
    assert text is not None
    read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    wanted = [d.isoformat(timespec="microseconds") for d in dates]
    assert read["enabled_time"].tolist() == read["end_time"].tolist() == wanted
    assert read["start_time"].tolist() == [w if i % 2 == 0 else "" for i, w in enumerate(wanted)]
