"""The mechanisms of a stage, one per file, and the list of them.

`decide` is the only door: engines call it and never a mechanism by name. To add one: write its file, give it a
line here and a contract test.
"""

from __future__ import annotations

from salessim.jit import inlined
from salessim.stages.staffed import staffed
from salessim.stages.tables import Routes, Rules, Spawns, Steps
from salessim.stages.unstaffed import unstaffed

__all__ = ["Routes", "Rules", "Spawns", "Steps", "decide"]


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
    """
    if rules.steps.staffed[step] == 1:
        return staffed(rules, phase, step, segment, visit, waited, age, who, words)
    return unstaffed(rules, phase, step, segment, visit, waited, age, who, words)
