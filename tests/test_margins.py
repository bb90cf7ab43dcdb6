"""Which change matters: the words for changes on either side of the margin, and intervals cut to what can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from salessim.cli import main
from salessim.margins import NEGLIGIBLE, WORDS, Margins, word_for
from salessim.measures import MEASURES
from salessim.reporting.page import _ICONS
from salessim.results import Comparison, Results
from salessim.scenario.model import Scenario
from salessim.statistics import Difference, Estimate, mean_interval
from tests.test_measures import sales

CYCLE, UTILISATION = MEASURES["cycle_time"][0], MEASURES["utilisation"][0]


def change(low: float, high: float) -> Difference:
    found = Estimate((low + high) / 2, low, high, 0.95, 20)
    return Difference(found, found, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "margin", "word"),
    [
        (-0.9, 0.9, 1.0, NEGLIGIBLE),  # cannot be told from none, and is known to be small
        (0.2, 0.9, 1.0, NEGLIGIBLE),  # is there, and does not matter
        (-0.9, -0.2, 1.0, NEGLIGIBLE),
        (0.2, 1.1, 1.0, "worse"),  # is there, and may matter
        (-1.1, -0.2, 1.0, "better"),
        (-0.9, 1.1, 1.0, "unclear"),
        (0.2, 0.9, 0.0, "worse"),
        (0.0, 0.0, 1.0, "the same"),
        (0.0, 0.0, 0.0, "the same"),
    ],
)
def test_the_word_for_a_change(low: float, high: float, margin: float, word: str) -> None:
    assert word_for(change(low, high), CYCLE, margin) == word


def test_where_neither_is_better_a_change_is_higher_or_lower() -> None:
    assert word_for(change(2.0, 3.0), UTILISATION, 1.0) == "higher"
    assert word_for(change(-3.0, -2.0), UTILISATION, 1.0) == "lower"
    assert word_for(change(-0.5, 0.5), UTILISATION, 1.0) == NEGLIGIBLE


def test_every_word_has_its_sign_on_the_page() -> None:
    assert set(_ICONS) == set(WORDS)


def test_the_margin_is_a_share_with_a_floor_for_times() -> None:
    of = Margins().of
    assert of(CYCLE, 50.0) == 0.5
    assert of(CYCLE, 0.01) == pytest.approx(1 / (24 * 60))  # a minute, in days
    assert of(MEASURES["response_time"][0], 0.1) == pytest.approx(1 / 60)
    assert of(MEASURES["win_rate"][0], 4.0) == 0.04
    assert of(MEASURES["cost"][0], -2000.0) == 20.0
    assert of(MEASURES["won"][0], 0.5) == pytest.approx(0.005)
    assert of(CYCLE, float("nan")) == pytest.approx(1 / (24 * 60))
    assert Margins(share=0.05, own={"cycle_time": 1.0}).of(CYCLE, 50.0) == 1.0


def results(values: list[float]) -> Results:
    return Results(sales(), 0, tuple(range(len(values))), {"utilisation": np.array([[v, 1.0] for v in values])})


def test_an_interval_of_a_share_is_never_shown_outside_of_0_to_100() -> None:
    low, high = results([0.0, 0.0, 3.0]), results([100.0, 100.0, 97.0])
    assert low.estimate("utilisation").low < 0
    assert (low.shown("utilisation").low, low.shown("utilisation").high) == (0.0, low.estimate("utilisation").high)
    assert high.estimate("utilisation").high > 100
    assert high.shown("utilisation").high == 100.0
    assert high.shown("utilisation").low == high.estimate("utilisation").low
    nothing = Estimate(float("nan"), -float("inf"), float("inf"), 0.95, 0)
    assert nothing.within(0, 100).high == float("inf")  # not known, and shown as a dash


def test_a_comparison_takes_its_margin_from_the_first() -> None:
    a, b = results([50.0, 51.0, 52.0]), results([50.2, 51.1, 52.2])
    assert Comparison((a, b)).margin("utilisation") == pytest.approx(0.51)
    assert Comparison((a, b)).word("utilisation") == NEGLIGIBLE
    assert Comparison((a, b), Margins(share=0.0)).word("utilisation") == "higher"


def test_a_change_of_an_interval_that_is_cut_is_not() -> None:
    assert mean_interval([0.0, 0.0, 3.0]).low < 0  # as it comes; only what is shown is cut


# --- on the command line ------------------------------------------------------------------------------------------------


def invoke(tmp_path: Path, *words: str) -> Any:
    sales().save(tmp_path / "a.yaml")
    Scenario.load(tmp_path / "a.yaml").change({"teams.desk.size": 4}, name="one more").save(tmp_path / "b.yaml")
    paths = [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    return CliRunner().invoke(main, ["compare", *paths, "--replications", "4", *words])


def test_margins_are_given_for_all_figures_and_for_one(tmp_path: Path) -> None:
    said = invoke(tmp_path)
    assert said.exit_code == 0, said.output
    assert NEGLIGIBLE in said.output
    assert "within 1 % of the figure before" in said.output
    found = json.loads(invoke(tmp_path, "--json", "--margin", "3 %", "--margin", "cycle_time=2 days").stdout)
    differences = found["scenarios"][1]["differences"]
    assert differences["cycle_time"]["margin"] == 2.0
    assert differences["won"]["margin"] == pytest.approx(0.03 * found["scenarios"][0]["measures"]["won"]["mean"])
    assert invoke(tmp_path, "--margin", "0 %").output.count(NEGLIGIBLE) == 0


@pytest.mark.parametrize("words", ["much", "-2 %", "cycle_tim=1 day", "cycle_time=2 EUR", "cycle_time=-1 day", "120 %"])
def test_a_margin_that_is_none_is_refused_in_one_line(tmp_path: Path, words: str) -> None:
    said = invoke(tmp_path, "--margin", words)
    assert said.exit_code == 2
    assert "--margin" in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
