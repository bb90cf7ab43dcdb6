"""Time in which none of our people is busy: an automatic act, or the customer's own time.

Both pass on a calendar of their own (a system that posts at night, a customer who answers in office hours).
"""

from __future__ import annotations

from salessim.durations import sample, ticks
from salessim.jit import inlined, natural
from salessim.stages.onward import leave
from salessim.stages.tables import Rules
from salessim.stages.verbs import LEAVE, START, WAIT


@inlined
def unstaffed(rules: Rules, phase: int, step: int, segment: int, visit: int, waited: int, age: int, who, words):
    """The rule of an automatic step or of customer's time; see `stages.verbs` for the answer."""
    if phase == START:
        steps = rules.steps
        return WAIT, ticks(sample(rules.laws, steps.time[natural(step * steps.segments + segment)], words[0])), LEAVE
    return leave(rules, phase, step, segment, visit, waited, age, who, words)
