"""Work that needs people: queue for them with patience, work, hand them back, go on.

A share of the visits may be automated: a system does these, nobody is asked.
"""

from __future__ import annotations

from salessim.jit import inlined, natural
from salessim.stages.tables import Rules
from salessim.stages.verbs import ASK, BEGIN, EXIT, FREE, LEAVE, MOVE, NO_LAW, RELEASE, START, WAIT, WORK
from salessim.streams import uniform


@inlined
def staffed(rules: Rules, phase: int, step: int, segment: int, words):
    """The rule of a staffed step up to the end of its work; see `stages.decide` for the answer."""
    steps = rules.steps
    cell = natural(step * steps.segments + segment)
    if phase == START:
        if steps.automated[step] > 0.0 and uniform(words[3]) < steps.automated[step]:
            return WAIT, 0, LEAVE, steps.automated_time[cell], words[0]
        return ASK, -1, BEGIN, steps.patience[cell], words[2]
    if phase == BEGIN:
        return WORK, 0, RELEASE, steps.time[cell], words[0]
    if phase == RELEASE:
        return FREE, 0, LEAVE, NO_LAW, words[0]
    goal = steps.gives_up[step]  # BEGIN + 1: patience ended
    return (MOVE if goal >= 0 else EXIT), goal, START, NO_LAW, words[0]
