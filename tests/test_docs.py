"""Every block in the documentation runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.demo import TRUTH
from salessim.experiment import simulate
from salessim.measures import MEASURES
from salessim.scenario.checks import problems
from salessim.scenario.model import Scenario
from tests.conftest import ROOT

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.S | re.M)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.stem)
def test_python_blocks_run_in_order(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", [p for p in PAGES if any("$ salessim" in b for b in blocks(p, "console"))], ids=lambda p: p.stem)
def test_console_blocks_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(TRUTH, "scenario.yaml")
    shutil.copytree(ROOT / "scenarios" / "imports", ".", dirs_exist_ok=True)
    simulate(Scenario.load(TRUTH), seed=3).to_csv("crm.csv")
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ salessim "):
                result = CliRunner().invoke(main, shlex.split(line.removeprefix("$ salessim ")))
                assert result.exit_code == 0, (line, result.output)


@pytest.mark.parametrize("page", [p for p in PAGES if any(b.startswith("salessim: 1") for b in blocks(p, "yaml"))], ids=lambda p: p.stem)
def test_whole_scenarios_are_valid(page: Path) -> None:
    for block in blocks(page, "yaml"):
        if block.startswith("salessim: 1"):
            assert list(problems(Scenario.parse(block))) == []


def anchor(heading: str) -> str:
    """The name by which pages refer to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
            file = page.parent / target if target else page
            assert file.exists(), (page.name, target)
            if heading:
                assert heading in {anchor(line) for line in re.findall(r"^#+ (.*)$", file.read_text(), re.M)}, (page.name, target, heading)


def test_every_measure_is_in_the_reference() -> None:
    text = (ROOT / "docs/reference/measures.md").read_text()
    assert [m for m in MEASURES if f"`{m}`" not in text] == []


def test_the_way_from_the_mission_to_the_code_leads_somewhere() -> None:
    page = (ROOT / "docs" / "reference" / "mission-map.md").read_text()
    tests = "\n".join(f.read_text() for f in sorted((ROOT / "tests").glob("test_*.py")))
    named = re.findall(r"`(test_\w+)`", page)
    assert len(named) > 60
    assert [name for name in named if f"def {name}(" not in tests] == []
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| item", "|---"))]
    files = {f for row in rows for f in re.findall(r"`([\w*/.-]+(?:\.py|\.yaml|/\*))`", row.split("|")[2])}
    assert [f for f in sorted(files) if not list((ROOT / "src" / "salessim").glob(f))] == []
