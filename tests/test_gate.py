"""The gate: exactly zero for the unchanged, and one line for a baseline that is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from salessim.errors import InputError
from salessim.gate import check, load_baseline, make_baseline, save_baseline
from tests.test_measures import sales


@pytest.fixture(scope="module")
def baseline() -> Any:
    return make_baseline(sales(**{"clock.horizon": "12 weeks"}), replications=8, seed=3, thresholds={"win_rate": 0.1, "cost_per_win": 0.1, "cycle_time": 0.1})


def test_unchanged_is_exactly_zero_after_a_round_trip(baseline: Any, tmp_path: Path) -> None:
    save_baseline(baseline, tmp_path / "b.json")
    again = load_baseline(tmp_path / "b.json")
    answer = check(sales(**{"clock.horizon": "12 weeks"}), again)
    assert answer.verdict == "passed"
    assert all(f.difference.change.low == f.difference.change.high == 0 for f in answer.findings)


def test_a_design_without_a_win_has_a_baseline_too(tmp_path: Path) -> None:
    hopeless = sales(**{"steps.call.then": [{"lost": "no interest"}], "clock.horizon": "12 weeks"})
    save_baseline(make_baseline(hopeless, replications=4, seed=1), tmp_path / "b.json")
    assert check(hopeless, load_baseline(tmp_path / "b.json")).verdict == "passed"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["measures"]["win_rate"].update(pairs=["a"] * 8),
        lambda d: d["measures"]["win_rate"].update(pairs=[[1, 2, 3]] * 8),
        lambda d: d["measures"]["win_rate"].update(pairs=[[1, 1]] * 7),
        lambda d: d["measures"]["win_rate"].pop("mean"),
        lambda d: d["measures"]["win_rate"].update(max_worsening=-1),
        lambda d: d["measures"]["win_rate"].update(max_worsening=float("nan")),
        lambda d: d.update(seed=float("inf")),
        lambda d: d.update(measures={}),
        lambda d: d.update(format=2),
        lambda d: d["measures"].update(utilisation=d["measures"]["win_rate"]),
        lambda d: d["measures"].update(winrate=d["measures"]["win_rate"]),
        lambda d: d.pop("scenario_hash"),
    ],
)
def test_what_is_not_a_baseline_gets_one_line(spoil: Any, baseline: Any, tmp_path: Path) -> None:
    data = baseline.model_dump(mode="json")
    spoil(data)
    path = tmp_path / "b.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="this is not a baseline") as refused:
        load_baseline(path)
    assert "\n" not in str(refused.value)


def test_only_measures_with_a_better_side_are_kept() -> None:
    with pytest.raises(InputError, match="neither better nor worse"):
        make_baseline(sales(), replications=2, thresholds={"utilisation": 0.1})
