"""Logs in which cases have come in and nobody has moved on yet, as an early back-test finds them."""

from __future__ import annotations

import pytest

from salessim.calibration import calibrate
from salessim.errors import LogError
from salessim.experiment import simulate
from salessim.importers.eventlog import WAITING
from salessim.log import EventLog
from tests.test_estimates import TRUTH


def test_nothing_is_learnt_from_cases_that_only_came_in() -> None:
    log = simulate(TRUTH.change({"clock.horizon": "3 weeks"}), seed=1, engine="reference")
    first = log.frame.drop_duplicates("case")
    waiting = first.assign(step=WAITING, team="system", person="", started=first["enabled"], ended=first["ended"].mask(first["ended"].notna()), outcome="open")
    with pytest.raises(LogError, match=f"of {len(first)} cases that had come in by 2026-01-26 none had moved on, so nothing can be learnt; give a longer log, or a later date"):
        calibrate(EventLog(waiting, log.about), holdout=0)
