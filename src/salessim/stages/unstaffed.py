"""Time in which none of our people is busy: an automatic act, or the customer's own time.

Both pass on a calendar of their own (a system that posts at night, a customer who answers in office hours).
"""

from __future__ import annotations

from salessim.jit import inlined, natural
from salessim.stages.tables import Rules
from salessim.stages.verbs import LEAVE, WAIT


@inlined
def unstaffed(rules: Rules, step: int, segment: int, words):
    """The rule of an automatic step or of customer's time until it is over; see `stages.decide` for the answer."""
    steps = rules.steps
    return WAIT, 0, LEAVE, steps.time[natural(step * steps.segments + segment)], words[0]
