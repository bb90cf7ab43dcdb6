"""Every shipped module passes its own oracle; a new one passes its generated test as it is."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.experiment import simulate
from salessim.modulebench import WayOut, bench, check
from salessim.scenario.module_types import library
from salessim.scenario.traffic import visits

MODULES = sorted(library())
Z999 = 3.2905267314919255


def exact(name: str, with_: dict[str, Any] | None = None, **wanted: float) -> dict[str, float]:
    """Expected visits on the bench, by step or way out."""
    scenario = bench(name, with_)
    found = visits(scenario, scenario.channels["in"].enters, "all")
    return {k.removeprefix("module › ").removeprefix("out "): v for k, v in found.items()}


def test_the_library_is_complete() -> None:
    assert len(MODULES) == 16
    for kind in library().values():
        assert kind.title
        assert kind.description
        for name, parameter in kind.parameters.items():
            # Every default says where it comes from; null and names are no figures.
            assert parameter.source or parameter.assumption or parameter.default in (None, True, "always"), (kind.title, name)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_agrees_with_its_routes_and_loses_nobody(name: str) -> None:
    found = check(name)
    assert found.sound, found


def test_nurture_is_o_25() -> None:
    found = exact("nurture")
    assert found["interested"] == pytest.approx(0.325359, abs=5e-7)
    assert found["exhausted"] == pytest.approx(0.609569, abs=5e-7)
    assert 1 - found["interested"] - found["exhausted"] == pytest.approx(0.065072, abs=5e-7)
    assert found["touch"] == pytest.approx(6.507184, abs=5e-7)


def test_the_gate_is_o_26() -> None:
    log = simulate(bench("qualification-gate", cases=20_000), seed=1).frame
    passed = log[log["step"] == "out passed"]
    n = log["case"].nunique()
    assert abs(len(passed) / n - 0.45) < Z999 * (0.45 * 0.55 / n) ** 0.5
    assert abs(passed["fits"].mean() - 0.53333333) < Z999 * (0.5333 * 0.4667 / len(passed)) ** 0.5


def test_meetings_and_negotiations_end_as_the_geometric_sums_say() -> None:
    q = 0.15
    found = exact("meeting")
    assert found["never"] == pytest.approx(q**3)
    assert found["agree on a date"] == pytest.approx(1 + q + q**2)
    found = exact("negotiation")
    assert found["agreed"] == pytest.approx(0.6 * (1 - 0.3**5) / 0.7)


def test_errors_in_quotes_and_orders_are_done_again() -> None:
    assert exact("quote", {"changes": 0})["prepare"] == pytest.approx(1 / (1 - 0.15))  # 1.17647
    assert exact("quote")["accepted"] == pytest.approx(0.47 / 0.9)
    found = exact("order-entry")
    assert found["enter"] == pytest.approx(1 / 0.93)
    assert found["blocked"] == pytest.approx(0.02 / 0.93)
    assert exact("ticket-tiers")["first line"] == pytest.approx(1 / 0.92)
    assert exact("renewal")["renewed"] == pytest.approx(0.74)


@pytest.mark.parametrize(("name", "hours"), [("approval-serial", 2.0), ("approval-parallel", 1.5)])
def test_two_approvals_are_o_23(name: str, hours: float) -> None:
    """Exp(1 h) twice: one after the other 2 h, both at once 1.5 h (variances 2 and 1.25)."""
    log = simulate(bench(name, {"time": {"law": "exponential", "mean": "1 h"}, "sent_back": 0}), seed=2).frame
    # A row of a split ends when its branches have joined.
    begun = log.groupby("case")["enabled"].min()
    ended = log[log["step"] == "out approved"].set_index("case")["enabled"]
    spent = (ended - begun).dt.total_seconds() / 3600
    assert abs(spent.mean() - hours) < Z999 * (2.0 if name == "approval-serial" else 1.25) ** 0.5 / len(spent) ** 0.5


@pytest.mark.parametrize(("signers", "share"), [(1, 0.99059644), (2, 0.98128130)])
def test_signatures_are_o_24(signers: int, share: float) -> None:
    log = simulate(bench("signature-electronic", {"signers": signers}, cases=20_000), seed=3).frame
    n = log["case"].nunique()
    signed = log.loc[log["step"] == "out signed", "case"].nunique()
    assert abs(signed / n - share) < Z999 * (share * (1 - share) / n) ** 0.5


def test_paper_goes_to_one_signer_after_the_other() -> None:
    assert exact("signature-paper", {"further_signers": 3})["sign"] == pytest.approx(4)


def test_the_floor_approves_the_deals_below_it() -> None:
    log = simulate(bench("approval-floor", {"sent_back": 0}), seed=4).frame
    n = log["case"].nunique()
    asked = log.loc[log["step"] == "module › approve", "case"].nunique()
    z = NormalDist()
    below = z.cdf((math.log(10_000 / 20_000)) / (math.log(4) / z.inv_cdf(0.9)))
    assert abs(1 - asked / n - below) < Z999 * (below * (1 - below) / n) ** 0.5
    assert (log.loc[log["step"] == "module › approve", "value"] >= 10_000).all()


def test_stock_is_never_handed_out_twice() -> None:
    log = simulate(bench("delivery-from-stock", {"stock": 5}, cases=300), seed=5).frame
    taken = log.loc[log["step"] == "module › take from stock", "ended"].dropna()
    back = log.loc[log["step"] == "module › replenish", "ended"].dropna()
    out = sorted([(t, 1) for t in taken] + [(t, -1) for t in back])
    most = held = 0
    for _, change in out:
        held += change
        most = max(most, held)
    assert most == 5
    assert held == 0
    assert log.loc[log["step"] == "out delivered", "case"].nunique() == len(taken)


def test_a_way_out_that_does_not_agree_is_told() -> None:
    assert not WayOut("x", 0.5, 0.6, 4000).agrees
    assert WayOut("x", 0.5, 0.51, 4000).agrees
    assert WayOut("x", None, 0.6, 4000).agrees


def test_a_new_module_passes_its_generated_test_unmodified(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["module", "new", "site-survey", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path / "test_site_survey.py")], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout
    assert CliRunner().invoke(main, ["module", "new", "site-survey", "--out", str(tmp_path)]).exit_code == 2  # not written over
    assert CliRunner().invoke(main, ["module", "check", str(tmp_path / "site-survey.yaml")]).exit_code == 0


@pytest.mark.parametrize("name", ["../x", "", "a b", "1x", "x" * 50])
def test_names_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["module", "new", name, "--out", str(tmp_path)]).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_modules_are_listed_and_shown() -> None:
    listed = CliRunner().invoke(main, ["module", "list"])
    assert listed.exit_code == 0
    assert all(name in listed.output for name in MODULES)
    shown = CliRunner().invoke(main, ["module", "show", "quote"])
    assert "goes out: accepted (quote)" in shown.output
    assert CliRunner().invoke(main, ["module", "show", "quotes", "--json"]).exit_code == 2
