"""Work that needs people: queue for them with patience, work, hand them back, go on.

A share of the visits may be automated: a system does these, nobody is asked.
"""

from __future__ import annotations

from salessim.durations import sample, ticks
from salessim.jit import inlined, natural
from salessim.stages.onward import leave
from salessim.stages.tables import Rules
from salessim.stages.verbs import ASK, BEGIN, EXIT, FREE, LEAVE, MOVE, RELEASE, START, WAIT, WORK
from salessim.streams import uniform


@inlined
def staffed(rules: Rules, phase: int, step: int, segment: int, visit: int, waited: int, age: int, who, words):
    """The rule of a staffed step; see `stages.verbs` for the answer."""
    steps = rules.steps
    cell = natural(step * steps.segments + segment)
    if phase == START:
        if steps.automated[step] > 0.0 and uniform(words[3]) < steps.automated[step]:
            return WAIT, ticks(sample(rules.laws, steps.automated_time[step], words[0])), LEAVE
        law = steps.patience[cell]
        if law < 0:
            return ASK, -1, BEGIN
        return ASK, ticks(sample(rules.laws, law, words[2])), BEGIN
    if phase == BEGIN:
        return WORK, ticks(sample(rules.laws, steps.time[cell], words[0])), RELEASE
    if phase == BEGIN + 1:
        goal = steps.gives_up[step]
        return (MOVE if goal >= 0 else EXIT), goal, START
    if phase == RELEASE:
        return FREE, 0, LEAVE
    return leave(rules, phase, step, segment, visit, waited, age, who, words)
