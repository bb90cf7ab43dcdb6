"""Visits that end before anybody begins them: a case is cancelled by a rule, and what was waiting for people ends with it.

Many systems log such a visit as an end without a start, under the name of whoever had the case. Taken for work whose start is
not known, it puts people to work at the hours of the rule: at a quarter past nine on a Sunday, when a batch closes what is a month old.

Starts that are missing by chance are missing whatever comes of the case. So the odds of a loss tell the two apart: where visits without a
start are lost so much more often than those with one that chance explains hardly any, nobody took them up.
"""

from __future__ import annotations

from scipy import special

from salessim.calibration.history import gave_up
from salessim.calibration.people import SURE
from salessim.importers.eventlog import SYSTEM, WAITING
from salessim.log import EventLog

LEAST = 5
"""Fewer such visits to an activity teach nothing of their own."""
BY_CHANCE = 0.1
"""So many of the lost visits without a start may be work whose start is missing by chance: what is learnt of the others is then off by less than that."""


def apart(log: EventLog) -> tuple[EventLog, dict[str, str]]:
    """The log with visits that nobody took up as an activity of their own, which takes no time and no people.

    A log that says when a case became ready tells who gave up (see `gave_up`), and is left as it is.

    Args:
        log: as recorded.

    Returns:
        The log, and for each new activity the one that it stands for.
    """
    frame = log.frame
    if log.about.enabled_known:
        return log, {}
    real = ~frame["step"].isin([WAITING, SYSTEM])
    visits = real & (frame["team"] != "system") & frame["ended"].notna() & ~gave_up(frame)
    ending = frame["case"].map(frame.drop_duplicates("case", keep="last").set_index("case")["outcome"])
    last = ~frame["case"].where(real).duplicated(keep="last")  # of its case, whatever is only recorded after it
    lost, begun = ending.str.startswith("lost: ") & last & real, frame["started"].notna()
    names, taken = {}, set(frame["step"])
    for step, rows in frame[visits].groupby("step"):
        n, m = int(begun[rows.index].sum()), int((~begun[rows.index]).sum())
        of_begun, of_others = (int(lost[rows.index][begun[rows.index] == which].sum()) for which in (True, False))
        if of_others < LEAST or n == 0 or special.bdtrc(of_others - 1, m, (of_begun + of_others) / (n + m)) > SURE:
            continue
        # Of those that were not lost all starts are missing by chance; with the odds of visits that were begun, so many of the lost are, too.
        by_chance = (m - of_others + 0.5) * of_begun / max(0.5, n - of_begun)
        name = f"{str(step)[:48]} (not taken up)"
        if by_chance <= BY_CHANCE * of_others and name not in taken:
            names[str(step)] = name
    mine = visits & ~begun & lost & frame["step"].isin(list(names))
    if not mine.any():
        return log, {}
    frame = frame.copy()
    frame.loc[mine, "started"] = frame.loc[mine, "ended"]
    frame.loc[mine, "step"] = frame.loc[mine, "step"].map(names)
    frame.loc[mine, ["team", "person"]] = ["system", ""]
    return EventLog(frame, log.about), {name: step for step, name in names.items()}


__all__ = ["apart"]
