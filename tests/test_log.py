"""The log in files: what is written can be read, and says the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from salessim.engines.outcome import _crews
from salessim.experiment import simulate
from salessim.log import EventLog
from salessim.network import build
from salessim.scenario.model import Scenario
from tests.test_language import scenario, work

XES = "{http://www.xes-standard.org/}"


@pytest.fixture(scope="module")
def log() -> EventLog:
    """A crowded desk: some give up, many are still waiting at the end."""
    steps = {"x": work({"to": "y"}, patience={"law": "exponential", "mean": "5 h"}, cost="7 EUR"), "y": work({"done": True})}
    found: Scenario = scenario(
        steps, clock={"start": "2026-01-05", "time_zone": "Europe/Berlin", "horizon": "2 weeks"}, segments={"all": {"value": {"law": "lognormal", "mean": "900 EUR", "cv": 1}}},
        teams={"a": {"size": 1, "calendar": "office", "cost": "40 EUR/hour"}}, channels={"<web> & \"co\"": {"enters": "x", "segments": {"all": 1}, "arrivals": {"rate": "150 per week"}}},
    )  # fmt: skip
    return simulate(found, seed=4)


def test_xes_says_what_the_log_says(log: EventLog, tmp_path: Path) -> None:
    log.to_xes(tmp_path / "log.xes")
    root = ElementTree.parse(tmp_path / "log.xes").getroot()
    traces = root.findall(f"{XES}trace")
    assert len(traces) == log.frame["case"].nunique()
    transitions: Counter[str] = Counter()
    money = 0.0
    for trace in traces:
        said = {a.get("key"): a.get("value") for a in trace if a.tag != f"{XES}event"}
        assert said["channel"] == '<web> & "co"'
        assert float(said["value"] or "x") == log.frame.loc[log.frame["case"] == int(said["concept:name"] or -1), "value"].iloc[0]
        for event in trace.findall(f"{XES}event"):
            told = {a.get("key"): a.get("value") for a in event}
            transitions[told["lifecycle:transition"] or ""] += 1
            pd.Timestamp(told["time:timestamp"])
            money += float(told.get("cost:total") or 0)
    frame = log.frame
    assert transitions == {
        "schedule": len(frame), "start": int(frame["started"].notna().sum()), "complete": int((frame["started"].notna() & frame["ended"].notna()).sum()),
        "ate_abort": int((frame["started"].isna() & frame["ended"].notna()).sum()),
    }  # fmt: skip
    assert transitions["ate_abort"] > 5
    assert (frame["outcome"] == "open").sum() > 5
    done = frame["started"].notna() & frame["ended"].notna()
    assert money == pytest.approx(frame.loc[done, "cost"].sum())


def test_csv_and_parquet_come_back_as_they_were(log: EventLog, tmp_path: Path) -> None:
    log.to_csv(tmp_path / "log.csv")
    again = EventLog.read_csv(tmp_path / "log.csv", log.about)
    pd.testing.assert_frame_equal(again.frame, log.frame, check_dtype=False)
    log.to_parquet(tmp_path / "log.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "log.parquet"), log.frame, check_dtype=False)


def test_crews_keep_their_names_however_many_they_are_of() -> None:
    """Fifteen people and nobody in seventeen roles: 16 ** 16 crews are more than a number of 64 bits tells apart."""
    network = build(scenario({"x": work({"done": True}, by="a")}, teams={"a": {"size": 15}}))
    people = np.zeros((3, 17), np.int64)
    people[1, 16], people[2, 0] = 4, 4
    crew, team, _ = _crews(network, people, np.zeros(3, np.int64))
    names = [crew.texts[i] for i in crew.codes]
    assert names == [" + ".join(["a-1"] * 17), " + ".join(["a-1"] * 16 + ["a-5"]), " + ".join(["a-5"] + ["a-1"] * 16)]
    assert [team.texts[i] for i in team.codes] == [" + ".join(["a"] * 17)] * 3
