"""A step's own time against what may come first: an expiry, a rival, the end of a contract; and reminders that hurry it."""

from __future__ import annotations

from salessim.durations import sample, ticks
from salessim.jit import called
from salessim.stages.formulas import evaluate
from salessim.stages.tables import Rules
from salessim.stages.verbs import BROKEN, SETTING, WAIT
from salessim.streams import Purpose, block

_RIVAL = int(Purpose.RIVAL)


@called
def own_time(rules: Rules, row: int, segment: int, word, facts) -> int:
    """The time that the step itself takes, in ticks."""
    time = sample(rules.laws, rules.steps.time[row * rules.steps.segments + segment], word)
    formula = rules.rare.factor[row]
    if formula >= 0:
        time *= max(0.0, evaluate(rules.formulas, formula, facts))
    return ticks(time)


@called
def reminded(rules: Rules, row: int, time: int) -> int:
    """The time as the reminders that come before its end make it."""
    every = rules.rare.remind_every[row]
    if every <= 0:
        return time
    passed, left, count = 0, time, 0
    while left > every and count < rules.rare.remind_most[row]:
        passed += every
        left = ticks(float(left - every) * rules.rare.remind_factor[row])
        count += 1
    return passed + left


@called
def compete(rules: Rules, row: int, segment: int, visit: int, who, word, facts):
    """(WAIT, ticks, next phase): until the step's own end or the first of the others."""
    rare = rules.rare
    time, after = reminded(rules, row, own_time(rules, row, segment, word, facts)), SETTING
    first = rare.first_end[row]
    for k in range(first, rare.last_end[row]):
        words = block(who[0], who[1], who[2], rare.end_key[k], visit, _RIVAL)
        other = ticks(sample(rules.laws, rare.end_law[k], words[0]))
        if other < time:
            time, after = other, BROKEN - (k - first)
    return WAIT, time, after
