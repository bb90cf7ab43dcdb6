"""The mechanisms of a stage, one per file.

`decide` is the door for plain steps and `full.decide_fully` for those that use more; engines call these and never a
mechanism by name. To add one: write its file, give it a line in `full`, an entry in the models of the tests.
"""

from __future__ import annotations

from salessim.durations import sample, ticks
from salessim.jit import inlined
from salessim.stages.full import decide_fully, row_of
from salessim.stages.onward import leave
from salessim.stages.staffed import staffed
from salessim.stages.tables import Rare, Routes, Rules, Spawns, Steps
from salessim.stages.unstaffed import unstaffed
from salessim.stages.verbs import LEAVE

__all__ = ["Rare", "Routes", "Rules", "Spawns", "Steps", "decide", "decide_fully", "row_of"]


@inlined
def decide(rules: Rules, phase: int, step: int, segment: int, visit: int, waited: int, age: int, who, words):
    """Ask the mechanism of a step what a case does next.

    Args:
        rules: the tables of the network.
        phase: where in the visit the case is (`stages.verbs`).
        step: index of the step.
        segment: index of the case's segment.
        visit: how many visits to this step the case has ended before.
        waited: how long this visit queued, in ticks.
        age: time since the case was born, in ticks.
        who: (seed, replication, key of the case): the name of the case's draws.
        words: the four random words of this visit, by `streams.Word`.

    Returns:
        (verb, number, next phase).

    Up to the end of its time a mechanism answers (verb, number, next phase, law, word): where it names a law, the
    number is its draw at the random word. What follows is the same for all: new cases, then the way on.
    """
    if phase >= LEAVE:
        return leave(rules, phase, step, segment, visit, waited, age, who, words)
    if rules.steps.staffed[step] == 1:
        verb, number, after, law, word = staffed(rules, phase, step, segment, words)
    else:
        verb, number, after, law, word = unstaffed(rules, step, segment, words)
    if law >= 0:
        number = ticks(sample(rules.laws, law, word))
    return verb, number, after
