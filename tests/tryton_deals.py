"""Drives a Tryton server through some dozen deals and prints what it did, as JSON; run by the Python of Tryton's own environment.

`python tryton_deals.py DATABASE`, with the server's settings in TRYTOND_DATABASE_URI. Of every move it tells the state that
the server says the deal is in afterwards, who made it, and the moments between which it was made.
"""

import datetime as dt
import json
import sys
from decimal import Decimal

from proteus import Model, config
from trytond.modules.account.tests.tools import create_chart
from trytond.modules.company.tests.tools import create_company, get_company

ROUTES = (
    (),
    ("lost",),
    ("cancel",),
    ("opportunity",),
    ("opportunity", "lost"),
    ("opportunity", "cancel"),
    ("opportunity", "lead", "opportunity", "lost"),
    ("opportunity", "convert"),
    ("opportunity", "convert", "revise", "confirm sale"),
    ("opportunity", "convert", "cancel sale"),
    ("lost", "lead", "opportunity", "convert", "confirm sale"),
    ("opportunity", "revise", "convert", "confirm sale"),
    ("opportunity", "cancel", "delete"),
)
"""What is done with a new lead: buttons of Tryton's form, and what salespeople do besides."""
EACH = 3


def now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


def user(name: str, employee) -> int:
    """Somebody who may sell."""
    groups = Model.get("res.group").find([("name", "in", ["Sale Opportunity", "Sales"])])
    somebody = Model.get("res.user")(name=name, login=name.lower(), groups=groups, employees=[employee], employee=employee)
    somebody.save()
    return somebody.id


def act(deal, what: str) -> None:
    """One move of a deal."""
    if what == "revise":  # a change that moves nothing on
        deal.amount += 50
        deal.save()
    elif what == "confirm sale":
        (sale,) = deal.sales
        line = sale.lines.new()
        line.quantity, line.unit_price = 1, deal.amount
        (sale.invoice_address,) = sale.party.addresses
        sale.click("quote")
        sale.click("confirm")
    elif what == "cancel sale":
        (sale,) = deal.sales
        sale.click("cancel")
    else:
        deal.click(what)


def main(database: str) -> None:
    connection = config.set_trytond(database)
    create_company()
    company = get_company()
    create_chart(company)
    party, users = Model.get("party.party"), []
    for name in ("Anna", "Bert"):
        person = party(name=name)
        person.save()
        employee = Model.get("company.employee")(party=person, company=company)
        employee.save()
        users.append((user(name, employee), employee.id))

    deals = []
    for number in range(EACH * len(ROUTES)):
        customer = party(name=f"Customer {number}")
        customer.save()
        deals.append({"route": ROUTES[number % len(ROUTES)], "seller": users[number % 2], "customer": customer, "steps": []})
    for turn in range(1 + max(map(len, ROUTES))):  # side by side, as in real life
        for number, told in enumerate(deals):
            what = "create" if not turn else told["route"][turn - 1] if turn <= len(told["route"]) else None
            if what is None:
                continue
            connection.user = told["seller"][0]
            connection._context = Model.get("res.user").get_preferences(True, {})
            before = now()
            if what == "create":
                told["deal"] = Model.get("sale.opportunity")(party=told["customer"], employee=told["seller"][1], amount=Decimal(100 * (1 + number)))
                told["deal"].save()
                told["id"] = told["deal"].id
            elif what == "delete":
                told["deal"].delete()
            else:
                told["deal"].reload()
                act(told["deal"], what)
            after = now()
            if what != "delete":
                told["deal"].reload()
            state, amount = (None, None) if what == "delete" else (told["deal"].state, float(told["deal"].amount))
            told["steps"].append({"did": what, "state": state, "amount": amount, "user": connection.user, "before": before, "after": after})
    print(json.dumps([{**{k: told[k] for k in ("id", "route", "steps")}, "customer": told["customer"].id} for told in deals]))


main(sys.argv[1])
