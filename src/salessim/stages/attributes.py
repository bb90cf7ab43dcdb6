"""The numbers a case carries: how they start, how steps change them, what a new case gets from the one that brings it.

The values of one case stand side by side in a flat array from `base` on; both engines hand in such an array and the
facts in which formulas look.
"""

from __future__ import annotations

from salessim.durations import LawTable, sample
from salessim.durations.table import normal_quantile
from salessim.hours import Hours, worked
from salessim.jit import called, spliced
from salessim.stages.formulas import (
    AGE,
    AUTOMATED,
    BRANCH,
    BRANCH_LOST,
    CHANNEL,
    COST,
    DEPTH,
    NORMAL,
    QUEUE,
    SEGMENT,
    SPENT,
    UNIFORM,
    VALUE,
    VISIT,
    WAITED,
    Formulas,
    evaluate,
)
from salessim.stages.tables import Rare, Steps
from salessim.streams import Purpose, block, uniform

_START, _EFFECT = int(Purpose.START), int(Purpose.EFFECT)


@spliced
def look(steps: Steps, formulas: Formulas, hours: Hours, row, segment, channel, visit, waited, age, spent, value, cost, queue, branch, lost, word,
         now, marks, base, facts):  # fmt: skip
    """Write down the facts of a case as they are now. The places taken of limits are the engine's to write."""
    facts[WAITED], facts[AGE], facts[SPENT] = float(waited), float(age), float(spent)
    facts[VISIT], facts[VALUE], facts[COST], facts[QUEUE] = float(visit), value, cost, float(queue)
    facts[AUTOMATED] = 0.0
    if steps.staffed[row] == 1 and uniform(word) < steps.automated[row]:
        facts[AUTOMATED] = 1.0
    facts[SEGMENT], facts[CHANNEL], facts[BRANCH], facts[BRANCH_LOST] = float(segment), float(channel), float(branch), float(lost)
    for k in range(len(formulas.clock)):
        calendar = formulas.clock[k]
        facts[formulas.first_clock + k] = float(worked(hours, calendar, now) - worked(hours, calendar, now - spent))
    for a in range(formulas.attributes):
        facts[formulas.first_attribute + a] = marks[base + a]


@spliced
def change(rare: Rare, formulas: Formulas, row, visit, who, facts, marks, base):
    """The step changes attributes; all its formulas see the values before."""
    first, results = rare.first_effect[row], formulas.stack + DEPTH
    for e in range(first, rare.last_effect[row]):
        words = block(who[0], who[1], who[2], rare.effect_key[e], visit, _EFFECT)
        facts[UNIFORM], facts[NORMAL] = uniform(words[0]), normal_quantile(uniform(words[1]))
        facts[results + e - first] = evaluate(formulas, rare.effect_formula[e], facts)
    for e in range(first, rare.last_effect[row]):
        a, changed = rare.effect_attribute[e], facts[results + e - first]
        marks[base + a] = facts[formulas.first_attribute + a] = changed


@called
def start(laws: LawTable, rare: Rare, formulas: Formulas, segments, segment, channel, value, who, facts, marks, base, parents, parent):
    """The first values of a new case; `parent` is where those of the case stand that brings it, -1 without one."""
    facts[WAITED] = facts[AGE] = facts[SPENT] = facts[VISIT] = facts[COST] = facts[QUEUE] = facts[AUTOMATED] = 0.0
    facts[BRANCH] = facts[BRANCH_LOST] = 0.0
    facts[VALUE], facts[SEGMENT], facts[CHANNEL] = value, float(segment), float(channel)
    channels = len(rare.attribute_of_channel) // formulas.attributes
    for i in range(formulas.attributes):
        a = rare.order[i]
        words = block(who[0], who[1], who[2], rare.attribute_key[a], 0, _START)
        law = rare.attribute_law[a * segments + segment]
        if rare.attribute_of_channel[a * channels + channel] >= 0:
            law = rare.attribute_of_channel[a * channels + channel]
        if parent >= 0 and rare.inherited[a] == 1:
            first = parents[parent + a]
        elif rare.attribute_formula[a] >= 0:
            facts[UNIFORM], facts[NORMAL] = uniform(words[0]), normal_quantile(uniform(words[1]))
            first = evaluate(formulas, rare.attribute_formula[a], facts)
        else:
            first = sample(laws, law, words[0])
        marks[base + a] = first
        facts[formulas.first_attribute + a] = first


@called
def hand_down(laws: LawTable, rare: Rare, formulas: Formulas, segments, spawn, segment, channel, value, who, facts, marks, base, parents, parent):
    """The first values of a case that another brings; its gifts are worked out from the facts of the giver."""
    results = formulas.stack + DEPTH
    first, last = rare.first_gift[spawn], rare.last_gift[spawn]
    for g in range(first, last):
        facts[results + g - first] = evaluate(formulas, rare.gift_formula[g], facts)
    start(laws, rare, formulas, segments, segment, channel, value, who, facts, marks, base, parents, parent)
    for g in range(first, last):
        marks[base + rare.gift_attribute[g]] = facts[results + g - first]
