"""Every table that a preset reads, in the schema of its system: a few rows by hand, and the history that they tell by hand.

The round trips prove the main tables of each system; here are the tables beside them. Only work is in a log, so a fixture
names the events that a planner would call work, which shows when they happened.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from salessim.importers import inspect_log, read_log
from salessim.importers.presets import load, recognise
from salessim.importers.readers import open_source


class Export(NamedTuple):
    """Tables as a system writes them, and what they tell."""

    preset: str
    entries: set[str]
    """Names of the preset's tables that are read."""
    tables: dict[str, str]
    visits: list[tuple[str, str, str, str, str]]
    """Case, step, day and hour it was enabled and ended in January 2026, outcome."""
    work: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


OPPORTUNITIES = """Id,StageName,Amount,CloseDate,CreatedDate,AccountId,LeadSource,Type,IsDeleted
006000000000001AAA,Closed Won,900,2026-01-31,2026-01-06T09:00:00.000Z,001000000000007AAA,Web,New,false
"""
OPPORTUNITY_HISTORY = """Id,OpportunityId,CreatedById,CreatedDate,StageName,Amount,IsDeleted
1,006000000000001AAA,ann,2026-01-06T09:00:00.000Z,Prospecting,900,false
2,006000000000001AAA,ann,2026-01-08T09:00:00.000Z,Closed Won,900,false
"""
FLOW = "businessprocessflowinstanceid,opportunityid,activestageid,activestagestartedon,traversedpath,createdon,statecode,statuscode\n"
DYNAMICS_OPPORTUNITY = """opportunityid,name,stepname,statecode,createdon,actualclosedate,actualvalue,estimatedvalue,customerid,originatingleadid
o1,Mill,2-Develop,1,2026-01-06T09:00:00Z,2026-01-09T09:00:00Z,700,600,a1,l1
o2,Lathe,1-Qualify,0,2026-01-07T09:00:00Z,,,300,a2,
"""

EXPORTS = {
    "salesforce leads": Export(
        "salesforce",
        {"lead history", "leads", "opportunity history", "opportunities"},
        {
            "LeadHistory": """Id,LeadId,CreatedById,CreatedDate,Field,OldValue,NewValue,DataType,IsDeleted
1,00Q000000000001AAA,ann,2026-01-05T10:00:00.000Z,Status,Open,Working,DynamicEnum,false
2,00Q000000000001AAA,ann,2026-01-05T11:00:00.000Z,Owner,ann,bob,Text,false
3,00Q000000000002AAA,ann,2026-01-05T12:00:00.000Z,Status,Open,Working,DynamicEnum,true
""",
            "Lead": """Id,Status,LeadSource,CreatedDate,IsConverted,ConvertedDate,ConvertedOpportunityId,OwnerId
00Q000000000001AAA,Working,Web,2026-01-05T09:00:00.000Z,true,2026-01-06,006000000000001AAA,ann
00Q000000000002AAA,Open,Web,2026-01-05T09:00:00.000Z,false,,,ann
""",
            "Opportunity": OPPORTUNITIES,
            "OpportunityHistory": OPPORTUNITY_HISTORY,
        },
        [("006000000000001", "Open", "05 09", "05 10", "next"), ("006000000000001", "Working", "05 10", "06 09", "next"),
         ("006000000000001", "Prospecting", "06 09", "08 09", "completed"), ("00Q000000000002", "Open", "05 09", "", "open")],
    ),
    "salesforce tasks, orders and tickets": Export(
        "salesforce",
        {"opportunity history", "opportunities", "tasks", "tasks of leads", "orders", "tickets", "leads"},
        {
            "OpportunityHistory": OPPORTUNITY_HISTORY,
            "Opportunity": OPPORTUNITIES,
            "Task": """Id,WhoId,WhatId,OwnerId,Subject,Status,TaskSubtype,ActivityDate,CreatedDate,CompletedDateTime,CallDurationInSeconds,IsClosed
00T1,,006000000000001AAA,bob,Ring,Completed,Call,2026-01-07,2026-01-07T08:00:00.000Z,2026-01-07T10:00:00.000Z,60,true
00T2,,001000000000007AAA,bob,Greet,Completed,Call,2026-01-07,2026-01-07T08:00:00.000Z,2026-01-07T11:00:00.000Z,60,true
00T3,,,bob,Plan,Completed,Task,2026-01-07,2026-01-07T08:00:00.000Z,2026-01-07T12:00:00.000Z,,true
00T4,00Q000000000009AAA,,bob,Ask,Completed,Email,2026-01-08,2026-01-08T09:00:00.000Z,2026-01-08T10:00:00.000Z,,true
""",
            "Lead": """Id,Status,LeadSource,CreatedDate,IsConverted,ConvertedDate,ConvertedOpportunityId,OwnerId
00Q000000000009AAA,Open,Web,2026-01-08T08:00:00.000Z,false,,,ann
""",
            "Order": """Id,OrderNumber,Status,EffectiveDate,ActivatedDate,ActivatedById,CreatedDate,TotalAmount,OpportunityId,AccountId
8011,00000100,Activated,2026-01-10,2026-01-10T09:00:00.000Z,bob,2026-01-09T09:00:00.000Z,900,006000000000001AAA,001000000000007AAA
""",
            "Case": """Id,CaseNumber,Status,Priority,Origin,CreatedDate,ClosedDate,IsClosed,OwnerId,AccountId
500000000000001AAA,00001001,Closed,High,Phone,2026-01-12T09:00:00.000Z,2026-01-13T09:00:00.000Z,true,bob,001000000000007AAA
500000000000002AAA,00001002,New,Low,Web,2026-01-12T10:00:00.000Z,,false,bob,001000000000007AAA
""",
        },
        [("006000000000001", "Prospecting", "06 09", "08 09", "next"), ("006000000000001", "Call", "07 08", "07 10", "next"),
         ("006000000000001", "order activated", "07 10", "10 09", "completed"),
         ("00Q000000000009", "Email", "08 09", "08 10", "open"),
         ("500000000000001", "ticket", "12 09", "13 09", "completed"), ("500000000000002", "ticket", "12 10", "", "open")],
        work=("Call", "Email", "order activated"),
    ),
    "hubspot by stages": Export(
        "hubspot",
        {"deal stages", "deal register"},
        {
            "deal_stage": """deal_id,value,date_entered,source,source_id,_fivetran_start,_fivetran_end,_fivetran_active
7,contractsent,2026-01-07T09:00:00Z,CRM_UI,bob,2026-01-07T09:00:00Z,2026-01-08T09:00:00Z,false
7,appointmentscheduled,2026-01-05T09:00:00Z,CRM_UI,ann,2026-01-05T09:00:00Z,2026-01-07T09:00:00Z,false
7,closedwon,2026-01-08T09:00:00Z,CRM_UI,bob,2026-01-08T09:00:00Z,9999-12-31T23:59:59Z,true
8,appointmentscheduled,2026-01-06T09:00:00Z,CRM_UI,ann,2026-01-06T09:00:00Z,9999-12-31T23:59:59Z,true
""",
            "deal": "deal_id,deal_pipeline_id,property_createdate,property_amount\n7,default,2026-01-05T09:00:00Z,50\n8,default,2026-01-06T09:00:00Z,60\n",
        },
        [("7", "appointmentscheduled", "05 09", "07 09", "next"), ("7", "contractsent", "07 09", "08 09", "completed"), ("8", "appointmentscheduled", "06 09", "", "open")],
    ),
    "hubspot before 2023": Export(
        "hubspot",
        {"deals of older exports"},
        {
            "deals": """hs_object_id,dealname,pipeline,amount,createdate,hubspot_owner_id,hs_date_entered_demo,hs_date_exited_demo,hs_date_entered_closedlost,hs_date_exited_closedlost
7,Mill,default,50,2026-01-05T09:00:00Z,ann,2026-01-05T09:00:00Z,2026-01-07T09:00:00Z,2026-01-07T09:00:00Z,
8,Lathe,default,60,2026-01-06T09:00:00Z,ann,2026-01-06T10:00:00Z,,,
"""
        },
        [("7", "demo", "05 09", "07 09", "lost: lost"), ("8", "demo", "06 10", "", "open")],
    ),
    "hubspot by labels": Export(
        "hubspot",
        {"deals by labels"},
        {
            "deals": "Record ID,Deal Name,Pipeline,Amount,Create Date,Deal owner," + ",".join(f'"Date {moved} ""{stage}"""' for stage in ("Demo", "Closed Won") for moved in ("entered", "exited"))
            + """
7,Mill,Sales,50,2026-01-05 09:00,ann,2026-01-05 09:00,2026-01-07 09:00,2026-01-07 09:00,
8,Lathe,Sales,60,2026-01-06 09:00,ann,2026-01-06 10:00,,,
"""
        },
        [("7", "Demo", "05 09", "07 09", "completed"), ("8", "Demo", "06 10", "", "open")],
    ),
    "dynamics without the audit": Export(
        "dynamics",
        {"process flow", "opportunities", "leads", "orders"},
        {
            "opportunitysalesprocess": FLOW + "b1,o1,s2,2026-01-08T09:00:00Z,\"s1,s2\",2026-01-06T09:00:00Z,0,1\nb2,o2,s1,2026-01-07T10:00:00Z,s1,2026-01-07T09:00:00Z,0,1\n",
            "processstage": "processstageid,stagename,stagecategory\ns1,Qualify,0\ns2,Develop,1\n",
            "opportunity": DYNAMICS_OPPORTUNITY,
            "lead": "leadid,subject,createdon,leadsourcecode\nl1,Mill,2026-01-05T09:00:00Z,8\n",
            "salesorder": "salesorderid,name,datefulfilled,opportunityid,createdon\nd1,Mill,2026-01-12T09:00:00Z,o1,2026-01-10T09:00:00Z\n",
        },
        [("o1", "lead created", "05 09", "05 09", "next"), ("o1", "Develop", "08 09", "09 09", "next"), ("o1", "fulfilled", "09 09", "12 09", "completed"),
         ("o2", "Qualify", "07 10", "", "open")],
        work=("lead created", "fulfilled"),
    ),
    "dynamics from leads": Export(
        "dynamics",
        {"process flow", "opportunities"},
        {
            "leadtoopportunitysalesprocess": FLOW.replace("opportunityid", "leadid,opportunityid")
            + "b1,l1,o1,s2,2026-01-08T09:00:00Z,\"s1,s2\",2026-01-06T09:00:00Z,0,1\nb2,l2,o2,s1,2026-01-07T10:00:00Z,s1,2026-01-07T09:00:00Z,0,1\n",
            "processstage": "processstageid,stagename,stagecategory\ns1,Qualify,0\ns2,Develop,1\n",
            "opportunity": DYNAMICS_OPPORTUNITY,
        },
        [("o1", "Develop", "08 09", "09 09", "completed"), ("o2", "Qualify", "07 10", "", "open")],
    ),
    "dynamics by the Web API, to the invoice": Export(
        "dynamics",
        {"process flow", "opportunities", "quotes", "orders", "invoices"},
        {
            "opportunitysalesprocess": FLOW.replace("opportunityid", "_bpf_opportunityid_value") + "b1,o1,s2,2026-01-08T09:00:00Z,\"s1,s2\",2026-01-06T09:00:00Z,0,1\n",
            "processstage": "processstageid,stagename,stagecategory\ns1,Qualify,0\ns2,Develop,1\n",
            "opportunity": DYNAMICS_OPPORTUNITY.replace("customerid", "_customerid_value").replace("originatingleadid", "_originatingleadid_value"),
            "quote": "quoteid,_opportunityid_value,createdon,statecode\nq1,o1,2026-01-10T09:00:00Z,2\n",
            "salesorder": "salesorderid,_quoteid_value,_opportunityid_value,createdon,datefulfilled\nd1,q1,o1,2026-01-11T09:00:00Z,2026-01-13T09:00:00Z\n",
            "invoice": "invoiceid,_salesorderid_value,createdon\ni1,d1,2026-01-14T09:00:00Z\n",
        },
        [("o1", "Develop", "08 09", "09 09", "next"), ("o1", "quoted", "09 09", "10 09", "next"), ("o1", "ordered", "10 09", "11 09", "next"),
         ("o1", "fulfilled", "11 09", "13 09", "next"), ("o1", "invoiced", "13 09", "14 09", "completed"), ("o2", "system: no activity", "07 09", "", "open")],
        work=("quoted", "ordered", "fulfilled", "invoiced"),
    ),
    "dynamics by names of stages": Export(
        "dynamics",
        {"stage names in rows"},
        {
            "opportunitysalesprocess": """opportunityid,stepname,activestagestartedon,ownerid,estimatedvalue
o1,2-Develop,2026-01-08T09:00:00Z,ann,700
o2,Won,2026-01-07T10:00:00Z,bob,300
"""
        },
        [("o1", "2-Develop", "08 09", "", "open"), ("o2", "system: no activity", "07 10", "07 10", "completed")],
    ),
    "odoo to the delivery": Export(
        "odoo",
        {"stage changes", "leads", "orders", "deliveries"},
        {
            "mail_tracking_value": "id,mail_message_id,field_id,old_value_char,new_value_char,create_date\n1,11,7,New,Won,2026-01-07 09:00:00\n",
            "mail_message": "id,model,res_id,date,author_id\n11,crm.lead,3,2026-01-07 09:00:00,ann\n",
            "ir_model_fields": "id,name,model\n7,stage_id,crm.lead\n",
            "crm_stage": "id,name,sequence,is_won\n1,\"{\"\"en_US\"\": \"\"New\"\"}\",0,false\n4,\"{\"\"en_US\"\": \"\"Won\"\"}\",3,true\n",
            "crm_lead": """id,name,type,stage_id,expected_revenue,create_date,date_closed,active,partner_id,source_id,team_id
3,Mill,opportunity,4,500,2026-01-05 09:00:00,2026-01-07 09:00:00,true,21,,1
""",
            "sale_order": "id,name,opportunity_id,state,create_date,date_order\n1,S00001,3,sale,2026-01-06 09:00:00,2026-01-08 09:00:00\n2,S00002,3,cancel,2026-01-06 09:00:00,2026-01-06 10:00:00\n",
            "stock_picking": "id,name,origin,sale_id,state,scheduled_date,date_done\n1,WH/OUT/00001,S00001,1,done,2026-01-11 09:00:00,2026-01-12 09:00:00\n2,WH/OUT/00002,S00001,1,assigned,2026-01-14 09:00:00,\n",
        },
        [("3", "New", "05 09", "07 09", "next"), ("3", "order confirmed", "07 09", "08 09", "next"), ("3", "delivered", "08 09", "12 09", "completed")],
        work=("order confirmed", "delivered"),
    ),
    "odoo in one list": Export(
        "odoo",
        {"stage changes in rows"},
        {
            "changes": """res_id,date,author_id,old_value_char,new_value_char
3,2026-01-06 09:00:00,ann,New,Qualified
3,2026-01-07 09:00:00,bob,Qualified,Won
"""
        },
        [("3", "New", "06 09", "06 09", "next"), ("3", "Qualified", "06 09", "07 09", "completed")],
    ),
    "erpnext to the delivery": Export(
        "erpnext",
        {"versions", "opportunities", "leads", "quotations", "orders", "deliveries"},
        {
            "tabVersion": "name,ref_doctype,docname,owner,creation,data\n"
            "v1,Opportunity,OPP-1,ann,2026-01-07 09:00:00.000000,\"{\"\"changed\"\": [[\"\"sales_stage\"\", \"\"Prospecting\"\", \"\"Proposal\"\"]]}\"\n",
            "tabOpportunity": """name,opportunity_from,party_name,status,sales_stage,opportunity_amount,source,creation,modified
OPP-1,Lead,LEAD-1,Converted,Proposal,500,Web,2026-01-06 09:00:00.000000,2026-01-09 09:00:00.000000
""",
            "tabLead": "name,lead_name,status,creation\nLEAD-1,Eva,Converted,2026-01-05 09:00:00.000000\n",
            "tabQuotation": """name,opportunity,party_name,transaction_date,docstatus,creation
QTN-1,OPP-1,Eva,2026-01-08,1,2026-01-08 09:00:00.000000
QTN-2,OPP-1,Eva,2026-01-08,2,2026-01-08 08:00:00.000000
""",
            "tabSales Order": "name,customer,transaction_date,delivery_date,docstatus,creation\nSO-1,Eva,2026-01-10,2026-01-12,1,2026-01-10 09:00:00.000000\n",
            "tabSales Order Item": "name,parent,item_code,prevdoc_docname\ni1,SO-1,MILL,QTN-1\ni2,SO-1,OIL,QTN-1\n",
            "tabDelivery Note": "name,customer,posting_date,posting_time,docstatus,creation\nDN-1,Eva,2026-01-12,10:00:00.000000,1,2026-01-11 09:00:00.000000\n",
            "tabDelivery Note Item": "name,parent,item_code,against_sales_order\nj1,DN-1,MILL,SO-1\nj2,DN-1,OIL,SO-1\n",
        },
        [("OPP-1", "lead created", "05 09", "05 09", "next"), ("OPP-1", "Prospecting", "06 09", "07 09", "next"), ("OPP-1", "Proposal", "07 09", "08 09", "next"),
         ("OPP-1", "quoted", "08 09", "08 09", "next"), ("OPP-1", "ordered", "08 09", "10 09", "next"), ("OPP-1", "delivered", "10 09", "12 10", "completed")],
        work=("lead created", "quoted", "ordered", "delivered"),
    ),
    "prosimos since enabled_time": Export(
        "prosimos",
        {"log of later versions"},
        {
            "log": """case_id,activity,enabled_time,start_time,end_time,resource
1,call,2026-01-05T09:00:00Z,2026-01-05T10:00:00Z,2026-01-05T11:00:00Z,ann
1,quote,2026-01-05T11:00:00Z,2026-01-05T11:00:00Z,2026-01-05T12:00:00Z,ann
"""
        },
        [("1", "call", "05 09", "05 11", "next"), ("1", "quote", "05 11", "05 12", "completed")],
    ),
}  # fmt: skip


def written(export: Export, folder: Path) -> Path:
    for name, text in export.tables.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def hour(stamp: Any) -> str:
    return "" if pd.isna(stamp) else stamp.strftime("%d %H")


@pytest.mark.parametrize("name", EXPORTS)
def test_the_tables_of_an_export_tell_their_history(name: str, tmp_path: Path) -> None:
    export = EXPORTS[name]
    proposal = inspect_log(written(export, tmp_path))
    assert proposal.preset == load(export.preset)["title"]
    mapping = proposal.mapping
    for step in export.work:
        assert mapping["activities"][step]["kind"] == "event"
        mapping["activities"][step]["kind"] = "work"
    log, quality = read_log(tmp_path, mapping)
    assert list(log.problems()) == []
    f = log.frame
    assert [(v[0], v[1], hour(v[2]), hour(v[3]), v[4]) for v in f[["case", "step", "enabled", "ended", "outcome"]].itertuples(index=False)] == export.visits
    assert tuple(u.what for u in quality.unmatched) == export.unmatched


@pytest.mark.parametrize("name", EXPORTS)
def test_the_tables_of_an_export_are_all_known(name: str, tmp_path: Path) -> None:
    export = EXPORTS[name]
    match = recognise(open_source(written(export, tmp_path)))
    assert match is not None
    assert (match.preset, set(match.entries)) == (export.preset, export.entries)


def test_a_proposal_that_is_edited_changes_no_later_one(tmp_path: Path) -> None:
    name = next(iter(EXPORTS))
    source = written(EXPORTS[name], tmp_path)
    first = inspect_log(source)
    before = first.to_yaml()
    for activity in first.mapping["activities"].values():
        activity["kind"] = "ignore"
    assert inspect_log(source).to_yaml() == before


def test_a_milestone_on_events_is_not_lost_without_a_word(tmp_path: Path) -> None:
    name = "salesforce tasks, orders and tickets"
    source = written(EXPORTS[name], tmp_path)
    mapping = inspect_log(source).mapping
    said = "events 'order activated' mark the point 'won', but events are not in the log; set kind: work to keep it"
    assert read_log(source, mapping)[1].counts[said] == 1
    mapping["activities"]["order activated"]["kind"] = "work"
    log, quality = read_log(source, mapping)
    assert quality.counts[said] == 0
    assert log.about.milestones == {"order activated": "won"}


@pytest.mark.parametrize(("left", "known"), [("lead", "tasks of leads"), ("deal", "tasks"), ("neither", None)])
def test_tasks_may_belong_to_leads_only_to_deals_only_or_to_neither(left: str, known: str | None, tmp_path: Path) -> None:
    source = written(EXPORTS["salesforce tasks, orders and tickets"], tmp_path)
    lines = (source / "Task.csv").read_text().splitlines(keepends=True)
    of_deal, of_account, of_nobody, of_lead = lines[1:]
    (source / "Task.csv").write_text("".join([lines[0], of_account, of_nobody, *{"lead": [of_lead], "deal": [of_deal], "neither": []}[left]]))
    mapping = inspect_log(source).mapping
    assert {t for t in mapping["tables"] if "tasks" in t} == ({known} if known else set())
    for activity in {"Call", "Email"} & set(mapping["activities"]):
        mapping["activities"][activity]["kind"] = "work"
    found = set(read_log(source, mapping)[0].frame["step"].unique()) & {"Call", "Email"}
    assert found == {"lead": {"Email"}, "deal": {"Call"}, "neither": set()}[left]
