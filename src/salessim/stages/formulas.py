"""Formulas at work: a few instructions over the facts of a case, run alike by both engines.

The facts are one flat array of floats: what every case has (the constants below), then the places taken of each
limit, those that the owner of the case has, the clocks and the attributes, and behind them the room the formulas calculate in. `scenario.formulas` turns
what a planner writes into these instructions.

Nothing fails while a case is under way: a division by zero gives 0, a logarithm of nothing the smallest number.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, NamedTuple

from salessim.jit import called, compiled_as

(WAITED, AGE, SPENT, VISIT, VALUE, COST, QUEUE, AUTOMATED, UNIFORM, NORMAL, SEGMENT, CHANNEL, BRANCH, BRANCH_LOST,
 COMMON) = range(15)  # fmt: skip
"""Facts of every case; WAITED, AGE and SPENT are times in ticks. BRANCH_LOST is the goal of a lost branch, else 0."""
DEPTH = 32
"""Numbers a formula may hold at once."""


class Op(IntEnum):
    """Instructions: on two numbers, on one, on three, and the two that bring a number."""

    ADD = 0
    SUBTRACT = 1
    MULTIPLY = 2
    DIVIDE = 3
    POWER = 4
    LESS = 5
    AT_MOST = 6
    EQUAL = 7
    DIFFERENT = 8
    AND = 9
    OR = 10
    MIN = 11
    MAX = 12
    NEGATE = 13
    NOT = 14
    EXP = 15
    LOG = 16
    SQRT = 17
    ABS = 18
    FLOOR = 19
    ROUND = 20
    LOGISTIC = 21
    IF = 22
    NUMBER = 23
    FACT = 24


(_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _POWER, _LESS, _AT_MOST, _EQUAL, _DIFFERENT, _AND, _OR, _MIN, _MAX, _NEGATE, _NOT,
 _EXP, _LOG, _SQRT, _ABS, _FLOOR, _ROUND, _LOGISTIC, _IF, _NUMBER, _FACT) = (int(o) for o in Op)  # fmt: skip


class Formulas(NamedTuple):
    """The formulas of a model, one entry each, and their instructions."""

    first: Any
    last: Any
    op: Any
    fact: Any
    """Which fact an instruction brings."""
    number: Any
    """Which number an instruction brings."""
    clock: Any
    """The calendars that formulas look at with `on`; their facts follow those of the limits."""
    first_clock: int
    first_attribute: int
    attributes: int
    stack: int
    """Where the room to calculate in begins; results of several formulas stand behind it."""


@compiled_as("float64(int64, float64, float64)")
def of_two(op: int, a: float, b: float) -> float:
    """An operation on two numbers; a leaf, so that both engines give the same last bit."""
    if op == _ADD:
        return a + b
    if op == _SUBTRACT:
        return a - b
    if op == _MULTIPLY:
        return a * b
    if op == _DIVIDE:
        return a / b if b != 0.0 else 0.0
    if op == _POWER:
        if a > 0.0:
            return math.exp(b * math.log(a))
        if a == 0.0 or math.floor(b) != b:
            return 1.0 if b == 0.0 else 0.0  # no real number
        size = math.exp(b * math.log(-a))
        return size if math.floor(0.5 * b) == 0.5 * b else -size
    if op == _LESS:
        return 1.0 if a < b else 0.0
    if op == _AT_MOST:
        return 1.0 if a <= b else 0.0
    if op == _EQUAL:
        return 1.0 if a == b else 0.0
    if op == _DIFFERENT:
        return 1.0 if a != b else 0.0
    if op == _AND:
        return 1.0 if a != 0.0 and b != 0.0 else 0.0
    if op == _OR:
        return 1.0 if a != 0.0 or b != 0.0 else 0.0
    if op == _MIN:
        return a if a < b else b
    return a if a > b else b  # MAX


@compiled_as("float64(int64, float64)")
def of_one(op: int, a: float) -> float:
    """An operation on one number."""
    if op == _NEGATE:
        return -a
    if op == _NOT:
        return 1.0 if a == 0.0 else 0.0
    if op == _EXP:
        return math.exp(min(a, 700.0))
    if op == _LOG:
        return math.log(a) if a > 1e-300 else -690.0
    if op == _SQRT:
        return math.sqrt(a) if a > 0.0 else 0.0
    if op == _ABS:
        return abs(a)
    if op == _FLOOR:
        return math.floor(a)
    if op == _ROUND:
        return math.floor(a + 0.5)
    return 1.0 / (1.0 + math.exp(-max(min(a, 700.0), -700.0)))  # LOGISTIC


@compiled_as("float64(float64)")
def finite(a: float) -> float:
    """A number that can be kept: not infinite, and 0 where there is none."""
    if a != a:
        return 0.0
    return max(min(a, 1e300), -1e300)


@compiled_as("int64(float64)")
def rank_of(a: float) -> int:
    """A number as a rank in a queue: 0 to 2^56, falling as the number grows, equal only for numbers that hardly differ."""
    if a == 0.0 or a != a:
        return 1 << 55
    fraction, exponent = math.frexp(abs(a))
    size = ((exponent + 1100) << 43) + int((fraction - 0.5) * 17592186044416.0)  # 2**44
    return (1 << 55) - size if a > 0.0 else (1 << 55) + size


@called
def evaluate(formulas: Formulas, which: int, facts) -> float:
    """The value of a formula for the case whose facts these are; true is 1, false 0."""
    top = formulas.stack - 1
    for i in range(formulas.first[which], formulas.last[which]):
        op = formulas.op[i]
        if op == _NUMBER:
            top += 1
            facts[top] = formulas.number[i]
        elif op == _FACT:
            top += 1
            facts[top] = facts[formulas.fact[i]]
        elif op < _NEGATE:
            top -= 1
            facts[top] = of_two(op, facts[top], facts[top + 1])
        elif op < _IF:
            facts[top] = of_one(op, facts[top])
        else:
            top -= 2
            facts[top] = facts[top + 1] if facts[top] != 0.0 else facts[top + 2]
    return finite(facts[top])
