"""The page: complete, small, offline, and quiet in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from salessim.experiment import compare
from salessim.optimisation import optimise
from salessim.reporting import report, report_best, write_page
from salessim.scenario.model import Scenario


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(__file__).parent.parent
    base = Scenario.load(root / "scenarios" / "b2b.yaml").change({"clock.horizon": "30 weeks"})
    other = base.change({"teams.presales.size": 4}, name="one more <b>engineer</b> & co </script>")
    return report([base, other], to=tmp_path_factory.mktemp("report") / "page.html", replications=6, seed=3)


def test_the_page_is_one_small_offline_file(page: Path) -> None:
    text = page.read_text()
    assert len(text) < 3_000_000
    assert "<script" not in text.replace("&lt;script", "")
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#|data:)", text)
    assert "default-src 'none'" in text
    assert "<b>engineer</b>" not in text
    for wanted in ("Before and after", "How far cases get", "How long a deal takes", "Where customers are lost", "Utilisation by weekday and hour", "Open cases over time", "What it rests on"):
        assert wanted in text
    assert text.count("<svg") >= 7
    assert text.count("<details") >= 7


def test_the_same_runs_give_the_same_bytes(tmp_path: Path, b2b: Path) -> None:
    base = Scenario.load(b2b).change({"clock.horizon": "20 weeks"})
    comparison = compare(base, base.change({"teams.ae.size": 6}), replications=4, seed=1)
    a, b = write_page(comparison, tmp_path / "a.html"), write_page(comparison, tmp_path / "b.html")
    assert a.read_bytes() == b.read_bytes()


@pytest.mark.browser
def test_a_browser_shows_it_without_error_or_request(page: Path, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    picture, net = tmp_path / "page.png", tmp_path / "net.json"
    result = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", f"--log-net-log={net}", "--window-size=1000,4000", f"--screenshot={picture}", page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert picture.stat().st_size > 50_000
    assert "CONSOLE" not in result.stderr
    # The page itself is a file. Chromium looks after its own updates and clock; any other request is the page's.
    hosts = set(re.findall(r'"url":"(?:https?|wss?)://([^/"]+)', net.read_text())) if net.exists() else set()
    assert {h for h in hosts if not re.search(r"(^|\.)(google|googleapis|gstatic|gvt1)\.com(:\d+)?$", h)} == set()


def test_the_page_of_a_search(tmp_path: Path, b2b: Path) -> None:
    base = Scenario.load(b2b).change({"clock.horizon": "24 weeks"})
    best = optimise(base, trials=8, replications=2, final=6, seed=2, limits={"cost": "<= 400000/month"})
    text = report_best(best, tmp_path / "best.html").read_text()
    assert "The designs that were tried" in text
    assert best.sentences()[0].split(":")[0] in text


def test_first_deals_are_told_from_repeat_business_and_steps_have_their_titles(tmp_path: Path) -> None:
    again = Scenario.load(Path(__file__).parent.parent / "scenarios" / "b2b.yaml").change({"clock.horizon": "60 weeks"})
    assert any(not spawn.new_customer for step in again.steps.values() for spawn in step.spawns)
    comparison = compare(again, again.change({"teams.presales.size": 4}, name="more"), replications=4, seed=1)
    text = write_page(comparison, tmp_path / "a.html").read_text()
    once = again.change({f"steps.{name}.spawns": [] for name, step in again.steps.items() if step.spawns})
    alone = write_page(compare(once, once.change({"teams.presales.size": 4}, name="more"), replications=4, seed=1), tmp_path / "b.html").read_text()
    assert comparison.base.has_repeats == ("Win rate, repeat deals" in text)
    assert "Win rate, repeat deals" not in alone
    assert "lies within 1 % of the figure before" in text
    title = again.steps["demo"].title
    assert title is not None
    assert f"<td>{title}</td>" in text
