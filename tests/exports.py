"""One history as each system would export it, in that system's schema: what import has to find again.

Every function takes visits (the frame of an event log, by case and time) and gives tables: name -> rows. Visits of a case follow each
other without gaps, so a system that stores only changes of state loses no times but the starts.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

Row = dict[str, Any]
Tables = dict[str, list[Row]]

WON, LOST = "Closed Won", "Closed Lost"


def cases(frame: pd.DataFrame) -> Iterator[tuple[str, list[Row]]]:
    for case, visits in frame.groupby("case", sort=True):
        yield str(case), visits.to_dict("records")


def iso(stamp: Any, end: str = "Z") -> str:
    """UTC, without an offset if there is no `end`."""
    return "" if pd.isna(stamp) else stamp.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%S") + end


def space(stamp: Any) -> str:
    """UTC as databases without zones write it."""
    return iso(stamp, "").replace("T", " ")


def states(visits: list[Row]) -> list[tuple[Any, str, str]]:
    """(when, state entered, by whom), the ending as a state of its own."""
    found = [(visits[0]["enabled"], visits[0]["step"], "")]
    found += [(b["enabled"], b["step"], a["person"]) for a, b in pairwise(visits)]
    last = visits[-1]
    if last["outcome"] != "open":
        found.append((last["ended"], WON if last["outcome"] == "completed" else LOST, last["person"]))
    return found


def opportunity_id(case: str) -> str:
    return f"006{int(case):012d}"


def salesforce(frame: pd.DataFrame) -> Tables:
    history, opportunities, leads = [], [], []
    for case, visits in cases(frame):
        v = visits[0]
        for i, (when, state, who) in enumerate(states(visits)):
            row = {"Id": f"008{case}-{i}", "OpportunityId": opportunity_id(case), "CreatedById": who, "CreatedDate": iso(when, ".000Z"), "StageName": state,
                   "Amount": v["value"], "ExpectedRevenue": "", "CloseDate": "2026-12-31", "Probability": 10, "ForecastCategory": "Pipeline",
                   "SystemModstamp": iso(when, ".000Z"), "IsDeleted": "false"}  # fmt: skip
            history += [row, {**row, "Id": row["Id"] + "b", "Probability": 20}] if i == 0 else [row]  # rows that keep the stage
        opportunities.append({"Id": opportunity_id(case) + "AAA", "StageName": states(visits)[-1][1], "Amount": v["value"], "CloseDate": "2026-12-31",
                              "CreatedDate": iso(v["enabled"], ".000Z"), "AccountId": v["customer"], "LeadSource": v["channel"], "Type": v["segment"],
                              "IsDeleted": "false"})  # fmt: skip
        leads.append({"Id": f"00Q{int(case):012d}", "Status": "Converted", "LeadSource": v["channel"], "CreatedDate": iso(v["enabled"], ".000Z"),
                      "IsConverted": "true", "ConvertedOpportunityId": opportunity_id(case) + "AAA"})  # fmt: skip
    return {"OpportunityHistory": history, "Opportunity": opportunities, "Lead": leads}


def salesforce_fields(frame: pd.DataFrame) -> Tables:
    history: list[Row] = []
    for case, visits in cases(frame):
        for (_, old, _), (when, new, who) in pairwise(states(visits)):
            history.append({"Id": f"017{case}-{len(history)}", "OpportunityId": opportunity_id(case), "CreatedById": who, "CreatedDate": iso(when, ".000Z"),
                            "Field": "StageName", "OldValue": old, "NewValue": new, "DataType": "DynamicEnum", "IsDeleted": "false"})  # fmt: skip
            history.append({**history[-1], "Id": history[-1]["Id"] + "o", "Field": "Owner", "OldValue": "a", "NewValue": "b"})
    return {"OpportunityFieldHistory": history, "Opportunity": salesforce(frame)["Opportunity"]}


def salesforce_report(frame: pd.DataFrame) -> Tables:
    """As the user interface exports it in Germany."""
    rows = []
    for case, visits in cases(frame):
        for (_, old, _), (when, new, who) in pairwise([(None, "", ""), *states(visits)]):
            rows.append({"Opportunity Name": f"Deal {case}", "From Stage": old, "To Stage": new, "Amount": f"{visits[0]['value']:.2f}".replace(".", ","),
                         "Last Modified": when.tz_convert("Europe/Berlin").strftime("%d.%m.%Y %H:%M:%S"), "Last Modified By": who})  # fmt: skip
    return {"report": rows}


def hubspot(frame: pd.DataFrame) -> Tables:
    steps = [*sorted(frame["step"].unique()), "closedwon", "closedlost"]
    rows = []
    for case, visits in cases(frame):
        v = visits[0]
        row = {"hs_object_id": case, "dealname": f"Deal {case}", "pipeline": v["segment"], "amount": v["value"], "createdate": iso(v["enabled"]), "hubspot_owner_id": ""}
        row |= {f"hs_v2_date_{moment}_{s}": "" for s in steps for moment in ("entered", "exited")}
        row |= {f"hs_v2_{kind}_time_in_{s}": "" for s in steps for kind in ("latest", "cumulative")}
        for w in visits:
            took = 0 if pd.isna(w["ended"]) else (w["ended"] - w["enabled"]).total_seconds() * 1000
            total = took + float(row[f"hs_v2_cumulative_time_in_{w['step']}"] or 0)
            row |= {f"hs_v2_date_entered_{w['step']}": iso(w["enabled"]), f"hs_v2_date_exited_{w['step']}": iso(w["ended"]),
                    f"hs_v2_latest_time_in_{w['step']}": took, f"hs_v2_cumulative_time_in_{w['step']}": total}  # fmt: skip
        if visits[-1]["outcome"] != "open":
            row["hs_v2_date_entered_" + ("closedwon" if visits[-1]["outcome"] == "completed" else "closedlost")] = iso(visits[-1]["ended"])
        rows.append({**row, "hs_v2_date_entered_current_stage": iso(visits[-1]["enabled"])})
    return {"deals": rows}


def hubspot_history(frame: pd.DataFrame) -> Tables:
    word = {WON: "closedwon", LOST: "closedlost"}
    rows = [{"deal_id": case, "name": "dealstage", "value": word.get(state, state), "timestamp": iso(when), "source": "CRM_UI", "source_id": who}
            for case, visits in cases(frame) for when, state, who in states(visits)]  # fmt: skip
    register = [{"deal_id": c, "property_createdate": iso(v[0]["enabled"]), "property_amount": v[0]["value"], "deal_pipeline_id": v[0]["segment"]} for c, v in cases(frame)]
    return {"deal_property_history": [*rows, {**rows[0], "name": "amount", "value": "9"}], "deal": register}


def dynamics(frame: pd.DataFrame) -> Tables:
    audit, opportunities = [], []
    for case, visits in cases(frame):
        last = visits[-1]
        for a, b in pairwise(visits):
            change = {"changedAttributes": [{"logicalName": "stepname", "oldValue": a["step"], "newValue": b["step"]},
                                            {"logicalName": "modifiedon", "oldValue": None, "newValue": "x"}]}  # fmt: skip
            audit.append({"auditid": f"{case}-{len(audit)}", "objectid": case, "action": 2, "operation": 2, "createdon": iso(b["enabled"]), "_userid_value": a["person"],
                          "attributemask": "1,2", "changedata": json.dumps(change)})  # fmt: skip
        state = 0 if last["outcome"] == "open" else 1 if last["outcome"] == "completed" else 2
        opportunities.append({"opportunityid": case, "name": f"Deal {case}", "stepname": last["step"], "statecode": state, "createdon": iso(visits[0]["enabled"]),
                              "actualclosedate": iso(last["ended"]) if state else "", "actualvalue": "", "estimatedvalue": last["value"], "customerid": last["customer"],
                              "originatingleadid": ""})  # fmt: skip
    return {"audit": audit, "opportunity": opportunities}


def odoo(frame: pd.DataFrame) -> Tables:
    stages = {name: i + 1 for i, name in enumerate([*sorted(frame["step"].unique()), "Won"])}
    crm_stage = [{"id": i, "name": json.dumps({"de_DE": name.upper(), "en_US": name}), "sequence": i, "is_won": name == "Won"} for name, i in stages.items()]
    messages: list[Row] = [{"id": 1, "model": "res.partner", "res_id": 5, "date": "2020-01-01 00:00:00", "author_id": 3}]
    tracked: list[Row] = [{"id": 1, "mail_message_id": 1, "field_id": 7, "old_value_char": "x", "new_value_char": "y", "create_date": "2020-01-01 00:00:00"}]
    leads, orders = [], []
    for case, visits in cases(frame):
        last = visits[-1]
        won = last["outcome"] == "completed"
        moves = [*pairwise([v["step"] for v in visits]), *([(last["step"], "Won")] if won else [])]
        for v, (old, new) in zip(visits, moves):
            messages.append({"id": len(messages) + 1, "model": "crm.lead", "res_id": int(case), "date": space(v["ended"]), "author_id": v["person"]})
            tracked.append({"id": len(tracked) + 1, "mail_message_id": len(messages), "field_id": 7, "old_value_char": old, "new_value_char": new, "create_date": space(v["ended"])})
            tracked.append({**tracked[-1], "id": len(tracked) + 1, "field_id": 8, "old_value_char": "Ann", "new_value_char": "Bob"})
        over = last["outcome"] != "open"
        leads.append({"id": int(case), "name": f"Deal {case}", "type": "opportunity", "stage_id": stages["Won" if won else last["step"]], "expected_revenue": last["value"],
                      "create_date": space(visits[0]["enabled"]), "date_closed": space(last["ended"]) if over else None, "active": won or not over,
                      "partner_id": last["customer"], "source_id": last["channel"], "team_id": last["segment"]})  # fmt: skip
        if won:
            orders.append({"id": len(orders), "name": f"S{case}", "opportunity_id": int(case), "state": "sale", "date_order": space(last["ended"])})
    fields = [{"id": 7, "name": "stage_id", "model": "crm.lead"}, {"id": 8, "name": "user_id", "model": "crm.lead"}]
    return {"crm_lead": leads, "crm_stage": crm_stage, "mail_message": messages, "mail_tracking_value": tracked, "ir_model_fields": fields, "sale_order": orders}


def erpnext(frame: pd.DataFrame) -> Tables:
    versions, opportunities = [], []
    for case, visits in cases(frame):
        last = visits[-1]
        name = f"CRM-OPP-{case}"
        for a, b in pairwise(visits):
            data = {"added": [], "changed": [["sales_stage", a["step"], b["step"]], ["probability", 1, 2]], "removed": [], "row_changed": []}
            versions.append({"name": f"v{len(versions)}", "ref_doctype": "Opportunity", "docname": name, "owner": a["person"], "creation": space(b["enabled"]), "data": json.dumps(data)})
        status = {"open": "Open", "completed": "Converted"}.get(last["outcome"], "Lost")
        opportunities.append({"name": name, "opportunity_from": "Lead", "party_name": last["customer"], "status": status, "sales_stage": last["step"],
                              "creation": space(visits[0]["enabled"]), "modified": space(last["ended"]) or space(last["enabled"]), "opportunity_amount": last["value"],
                              "source": last["channel"]})  # fmt: skip
    return {"tabVersion": versions, "tabOpportunity": opportunities}


SAP_CODES = {"write quote": "B", "contract": "G", "enter order": "C", "deliver": "J", "onboard": "R"}
SAP_STEPS = {"B": "quotation", "G": "contract", "C": "order", "J": "delivery", "R": "goods movement"}


def sap(frame: pd.DataFrame) -> Tables:
    def day(stamp: Any) -> Row:
        return {"ERDAT": stamp.tz_convert("UTC").strftime("%Y%m%d"), "ERZET": stamp.tz_convert("UTC").strftime("%H%M%S")}

    flow, headers, number = [], [], 80_000_000
    for case, visits in cases(frame):
        root = before = f"{int(case):010d}"
        headers.append({"MANDT": "100", "VBELN": root, **day(visits[0]["enabled"]), "ERNAM": "WEB", "AUART": "QT", "VKORG": visits[0]["channel"], "KUNNR": visits[0]["customer"],
                        "NETWR": visits[0]["value"], "WAERK": "EUR"})  # fmt: skip
        for v in visits:
            codes = [SAP_CODES[v["step"]], *(["M"] if v["outcome"] == "completed" else [])]
            for code in codes if pd.notna(v["ended"]) else []:
                number += 1
                row = {"MANDT": "100", "VBELV": before, "POSNV": "10", "VBELN": f"{number:010d}", "POSNN": "10", "VBTYP_V": "B", "VBTYP_N": code, **day(v["ended"]), "ERNAM": v["person"]}
                flow += [row, {**row, "POSNV": "20", "POSNN": "20"}]
                before = row["VBELN"]
    return {"VBFA": flow, "VBAK": headers}


def tryton(frame: pd.DataFrame) -> Tables:
    history, records = [], []
    word = {WON: "won", LOST: "lost", "answer": "lead", "qualify": "opportunity"}
    for case, visits in cases(frame):
        for i, (when, state, who) in enumerate(states(visits)):
            history.append({"__id": len(history), "id": int(case), "state": word[state], "create_date": space(visits[0]["enabled"]), "create_uid": "",
                            "write_date": space(when) if i else None, "write_uid": who if i else None, "amount": visits[0]["value"]})  # fmt: skip
        records.append({"id": int(case), "state": history[-1]["state"], "create_date": space(visits[0]["enabled"]), "party": visits[0]["customer"], "amount": visits[0]["value"]})
    return {"sale_opportunity__history": history, "sale_opportunity": records}


def celonis(frame: pd.DataFrame) -> Tables:
    rows = [{"_CASE_KEY": v["case"], "ACTIVITY_EN": v["step"], "EVENTTIME": space(v["ended"]), "_SORTING": v["number"], "USER_NAME": v["person"]}
            for v in frame.assign(number=range(len(frame))).to_dict("records") if pd.notna(v["ended"])]  # fmt: skip
    register = [{"_CASE_KEY": c, "CASE_VALUE": v[0]["value"], "SEGMENT": v[0]["segment"], "CUSTOMER": v[0]["customer"], "CHANNEL": v[0]["channel"]} for c, v in cases(frame)]
    return {"activities": rows[::-1], "cases": register}


def apromore(frame: pd.DataFrame) -> Tables:
    return {"log": [{"Case_ID": v["case"], "Activity": v["step"], "Start_Time": iso(v["started"]), "End_Time": iso(v["ended"]), "Resource": v["person"]} for v in frame.to_dict("records")]}


def prosimos(frame: pd.DataFrame) -> Tables:
    return {"log": [{"case_id": v["case"], "activity": v["step"], "enable_time": iso(v["enabled"]), "start_time": iso(v["started"]), "end_time": iso(v["ended"]), "resource": v["person"]}
                    for v in frame.to_dict("records")]}  # fmt: skip


def pm4py(frame: pd.DataFrame) -> Tables:
    rows = []
    for v in frame.to_dict("records"):
        base = {"case:concept:name": v["case"], "concept:name": v["step"], "org:resource": v["person"], "org:role": v["team"], "outcome": v["outcome"],
                "case:value": v["value"], "case:channel": v["channel"], "case:segment": v["segment"], "case:customer": v["customer"]}  # fmt: skip
        for moment, word in (("enabled", "schedule"), ("started", "start"), ("ended", "complete")):
            if pd.notna(v[moment]):
                rows.append({**base, "time:timestamp": iso(v[moment]), "lifecycle:transition": word})
    return {"log": rows}


def ocel(frame: pd.DataFrame) -> Row:
    """OCEL 2.0 as JSON: deals and employees."""
    events = []
    for i, v in enumerate(frame.to_dict("records")):
        attributes = [{"name": n, "value": iso(v[m])} for n, m in (("enabled", "enabled"), ("start", "started"), ("end", "ended"))] + [{"name": "outcome", "value": v["outcome"]}]
        related = [{"objectId": f"deal {v['case']}", "qualifier": "of"}] + ([{"objectId": v["person"], "qualifier": "by"}] if v["person"] else [])
        events.append({"id": f"e{i}", "type": v["step"], "time": iso(v["ended"]) or iso(v["started"]) or iso(v["enabled"]), "attributes": attributes, "relationships": related})
    objects = [{"id": f"deal {c}", "type": "deal", "attributes": [{"name": n, "time": "1970-01-01T00:00:00Z", "value": v[0][n]} for n in ("value", "channel", "segment", "customer")]}
               for c, v in cases(frame)]  # fmt: skip
    objects += [{"id": p, "type": "employee", "attributes": []} for p in sorted(set(frame["person"])) if p]
    return {"eventTypes": [], "objectTypes": [], "events": events, "objects": objects}


def ocel_sqlite(path: Path, data: Row) -> None:
    """The same as SQLite, with a table for each type."""
    with sqlite3.connect(path) as db:
        db.execute("create table event (ocel_id text primary key, ocel_type text)")
        db.execute("create table object (ocel_id text primary key, ocel_type text)")
        db.execute("create table event_object (ocel_event_id text, ocel_object_id text, ocel_qualifier text)")
        db.execute("create table object_object (ocel_source_id text, ocel_target_id text, ocel_qualifier text)")
        for kind, records in (("event", data["events"]), ("object", data["objects"])):
            db.execute(f"create table {kind}_map_type (ocel_type text, ocel_type_map text)")
            for i, name in enumerate(sorted({r["type"] for r in records})):
                db.execute(f"insert into {kind}_map_type values (?, ?)", (name, f"T{i}"))
                own = [r for r in records if r["type"] == name]
                columns = sorted({a["name"] for r in own for a in r["attributes"]})
                db.execute(f"create table {kind}_T{i} ({', '.join(f'[{c}] text' for c in ('ocel_id', 'ocel_time', *columns))})")
                for r in own:
                    values = {a["name"]: a["value"] for a in r["attributes"]}
                    db.execute(f"insert into {kind}_T{i} values ({', '.join('?' * (2 + len(columns)))})", (r["id"], r.get("time", "1970-01-01T00:00:00Z"), *(values[c] for c in columns)))
            db.executemany(f"insert into {kind} values (?, ?)", [(r["id"], r["type"]) for r in records])
        db.executemany("insert into event_object values (?, ?, ?)", [(e["id"], r["objectId"], r["qualifier"]) for e in data["events"] for r in e["relationships"]])
    db.close()


def as_csv(tables: Tables, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=";" if name == "report" else ",")
            writer.writeheader()
            writer.writerows({k: str(v).lower() if isinstance(v, bool) else v for k, v in r.items()} for r in rows)
    return folder


def as_sqlite(tables: Tables, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "system.db"
    with sqlite3.connect(path) as db:
        for name, rows in tables.items():
            db.execute(f"create table [{name}] ({', '.join(f'[{c}]' for c in rows[0])})")
            db.executemany(f"insert into [{name}] values ({', '.join('?' * len(rows[0]))})", [tuple(r.values()) for r in rows])
    db.close()
    return path


Export = Callable[[pd.DataFrame], Tables]
