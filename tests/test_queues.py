"""Waits from which a simulated queue is taken: their law stays what it was, by as much shorter."""

import numpy as np
import pytest

from salessim.calibration.journey import ELAPSED, WORKING, Move
from salessim.calibration.queues import Wait
from salessim.calibration.timing import Runs
from salessim.durations.specs import Quantiles
from salessim.units import DAY, HOUR

COUNT = 2000


def wait(time: np.ndarray, runs: Runs = ELAPSED) -> Wait:
    return Wait({}, ("call",), Move("x", 1.0, COUNT, np.sort(time), np.arange(1, len(time) + 1) / len(time), runs))


def reminders() -> np.ndarray:
    """Half of all cases come back after a day or after a week, to the minute; the others after one to nine days, at any time."""
    return np.concatenate([np.full(600, 86_400.0), np.full(400, 7 * 86_400.0), np.linspace(86_400, 9 * 86_400, 1000)])


def shares(law: Quantiles) -> dict[float, float]:
    """Share of a law at each time that more than 5 % have to the tick, in days; from its quantiles at ten thousand points."""
    drawn = law.quantile((np.arange(10_000) + 0.5) / 10_000)
    times, often = np.unique(np.round(np.asarray(drawn) / DAY, 4), return_counts=True)
    return {float(t): float(n) / 10_000 for t, n in zip(times, often, strict=True) if n > 500}


def test_a_law_by_points_stays_one() -> None:
    """Written through straight lines between quantiles, the two days became anything in between."""
    shortened = wait(reminders())
    before, after = shortened.less(np.full(500, 3600.0))
    assert before - after == pytest.approx(3600)  # what the queue takes, no more
    found = shares(Quantiles.model_validate(shortened.paragraph["customer"]))
    assert list(found.values()) == pytest.approx([0.3, 0.2], abs=0.01)
    assert list(found) == pytest.approx([1 - 1 / 24, 7 - 1 / 24], abs=0.002)


def test_a_queue_that_differs_moves_a_point_as_a_whole() -> None:
    """Who has waited longest has queued longest; all that wait to the minute wait as long as each other still."""
    queue = np.random.default_rng(1).exponential(3600.0, 4000)
    shortened = wait(reminders())
    before, after = shortened.less(queue)
    assert before - after == pytest.approx(queue.mean(), rel=1e-6)
    law = Quantiles.model_validate(shortened.paragraph["customer"])
    assert sorted(shares(law).values()) == pytest.approx([0.2, 0.3], abs=0.01)
    assert law.mean / HOUR == pytest.approx(after / 3600, rel=0.02)


def test_working_time_has_no_points() -> None:
    """On a clock of hours a reminder of a day is no time that many cases have; its law is drawn through its quantiles."""
    shortened = wait(reminders(), WORKING)
    before, after = shortened.less(np.full(500, 3600.0))
    law = Quantiles.model_validate(shortened.paragraph["customer"])
    assert law.mean / HOUR == pytest.approx(after / 3600, rel=1e-3)
    assert before - after == pytest.approx(3600)
