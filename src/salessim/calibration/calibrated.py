"""From a log to a scenario and what it rests on, checked on time that was held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from salessim.calibration import speed
from salessim.calibration.estimates import Figure
from salessim.calibration.history import cut
from salessim.calibration.intake import as_it_was
from salessim.calibration.learn import learner_of
from salessim.calibration.truncation import keeps_whole
from salessim.calibration.validate import Validation, validate
from salessim.errors import LogError
from salessim.log import EventLog

if TYPE_CHECKING:
    from salessim.scenario.model import Scenario


@dataclass(frozen=True)
class Calibration:
    """A scenario learnt from a log, and how far it can be trusted."""

    scenario: Scenario
    """For planning: begins where the log ends."""
    validation: Validation | None
    facts: dict[str, str]
    """What was learnt from what."""
    assumptions: list[str]
    """What the log could not tell."""
    activity_of: dict[str, str]
    """step of the scenario -> activity of the log; waits between activities are not in it."""
    figures: tuple[Figure, ...]
    """Every estimate with its interval."""

    def table(self) -> pd.DataFrame:
        """Every estimate: what, unit, value, low and high (95 %), count, path of its field."""
        return pd.DataFrame([figure.to_json() for figure in self.figures])

    def lines(self) -> list[str]:
        """For people."""
        result = [f"  {what}: {said}" for what, said in self.facts.items()]
        result += [f"  assumed: {text}" for text in self.assumptions]
        return result + (self.validation.lines() if self.validation else [])

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "scenario": self.scenario.name, "hash": self.scenario.hash, "facts": self.facts, "assumptions": self.assumptions,
            "estimates": [figure.to_json() for figure in self.figures],
            "validation": self.validation.to_json() if self.validation else None,
        }  # fmt: skip


def calibrate(
    log: EventLog, *, holdout: float = 0.2, seed: int = 0, replications: int = 20, name: str | None = None,
    holidays: str | None = None, uncertain: bool | None = None, from_today: bool = False, causal_share: float = speed.CAUSAL_SHARE, workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:  # fmt: skip
    """Learn a scenario from an event log.

    The last part of the period is held out: what is learnt from the part before is simulated over the whole period
    and compared with what really happened. The scenario returned is learnt from the same, earlier part.

    Args:
        log: from `read_log` or a simulation.
        holdout: share of the period held out, 0 to below 0.9.
        seed: of the simulations that are compared with the held-out part.
        replications: of these simulations.
        name: of the scenario.
        holidays: country whose public holidays are days off; by default that of the log's mapping.
        uncertain: let replications draw the estimates that are not known well, so that results tell ignorance from chance;
            each replication then builds its own model, which takes some three times as long; the simulations that are compared
            with the held-out part draw them too. By default they do with
            `from_today`: intervals of a forecast that takes estimates for the truth are too narrow.
        from_today: learn from the whole log up to its last midnight, and let the scenario begin there with the cases that
            are open, for a forecast; what was held out is then compared with a model of its own.
        causal_share: how much of an observed fall of conversion with the wait for the first answer is an effect of waiting,
            0 to 1; customers who wait long may differ in what the log does not show.

    Returns:
        Calibration: scenario, validation, what was learnt and what was assumed.

    Raises:
        LogError: too little to learn from.
    """
    if not 0 <= holdout < 0.9:
        raise LogError("holdout", f"{holdout} is out of range", "give a share from 0 to below 0.9")
    if not 0 <= causal_share <= 1:
        raise LogError("causal share", f"{causal_share} is out of range", "give a share from 0 to 1")
    # An engine writes visits in the order in which they end; here a case's visits stand together.
    log, left_out = as_it_was(EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about))
    start, end = pd.Timestamp(log.about.start), pd.Timestamp(log.about.end)
    split = (start + (end - start) * (1 - holdout)).floor("D") if holdout else end
    known = cut(log, split.to_pydatetime())
    if known.frame["case"].nunique() < 30:
        raise LogError(log.about.source, f"there are only {known.frame['case'].nunique()} cases before {split:%Y-%m-%d}", "give a longer log or a smaller --holdout")
    uncertain = from_today if uncertain is None else uncertain
    whole_until = end if keeps_whole(log) else None
    learner = learner_of(known, name, holidays, causal_share=causal_share, whole_until=whole_until)
    scenario = None if from_today else learner.scenario(uncertain)
    checked = None
    if holdout:
        past = learner.over(start.date(), end, uncertain)
        checked = replace(validate(past, log, split, learner.activity_of, seed=seed, replications=replications, workers=workers, progress=progress), left_out=left_out)
    if scenario is None:
        learner = learner_of(cut(log, end.tz_convert(log.about.time_zone).normalize().to_pydatetime()), name, holidays, from_today=True, causal_share=causal_share, whole_until=whole_until)
        scenario = learner.today(uncertain)
    return Calibration(scenario, checked, learner.facts, [*([left_out] if left_out else []), *learner.assumptions], learner.activity_of, tuple(learner.figures_today() if from_today else learner.figures))
