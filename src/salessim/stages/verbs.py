"""What a rule may ask of an engine, and the phases in which engines and rules meet.

A rule is a pure function: it looks at where a case stands and answers with a verb, a number and the phase to wake
up in. Engines move time, queues and people and know nothing else; so a new mechanism never touches them.

| verb | number | the engine |
|---|---|---|
| ASK | patience in ticks, -1 for ever | joins the queue of the step; wakes in the next phase when people are granted, in next phase + 1 when patience ended |
| WORK | ticks before efficiency | keeps the granted people busy for so much working time |
| WAIT | ticks | lets time pass on the step's own calendar; nobody is busy |
| FREE | - | hands the people back and dispatches at once |
| SPAWN | delay in ticks | starts a new case of the spawn named by the next phase |
| PAUSE | ticks | lets time pass on the wall clock before the step begins |
| SET | - | gives attributes the values that the step's formulas say |
| SKIP | - | the visit does not take place: it ends at once and leaves no row |
| FORK | how many | starts so many branches of the case; wakes when all have joined |
| GATHER | - | waits with others until a batch is complete or its time is over |
| MOVE | step | ends the visit and begins another |
| EXIT | -1 done, -2-r lost for reason r | ends the visit and the case |
"""

from enum import IntEnum

from salessim.jit import inlined


class Verb(IntEnum):
    """The whole vocabulary between rules and engines."""

    ASK = 0
    WORK = 1
    WAIT = 2
    FREE = 3
    SPAWN = 4
    MOVE = 5
    EXIT = 6
    PAUSE = 7
    SET = 8
    SKIP = 9
    FORK = 10
    GATHER = 11


# Plain integers: compiled code folds them, CPython compares them faster than enum members.
ASK, WORK, WAIT, FREE, SPAWN, MOVE, EXIT, PAUSE, SET, SKIP, FORK, GATHER = (int(v) for v in Verb)

START = 0
"""The phase in which every visit begins."""
BEGIN = 1
"""People have been granted; BEGIN + 1 is where a case that gave up wakes."""
GAVE_UP_WAITING = 2
RELEASE = 3
"""The work is finished."""
SILENT = 4
"""As BEGIN, for a case that leaves without a word when its patience ends; SILENT + 1 as BEGIN + 1."""
ATTEMPTED = 6
"""Somebody has tried to reach a case that had left."""
GATHERED = 7
POSTED = 8
JOINED = 9
SETTING = 10
"""The step's time is over; attributes change before anything else."""
LEAVE = 11
"""What happens on the way out: LEAVE + k considers the step's spawn k, then the routes."""
BROKEN = -2
"""BROKEN - k: the k-th competing end of the step came first. (-1 belongs to the compiled engine.)"""

NO_LAW = -1
"""A mechanism answers this where nothing is drawn."""
DONE = -1
"""EXIT number of a case that came to its end."""
JOIN = -(1 << 29)
"""EXIT number of a branch that came to its end."""


@inlined
def ended_early(phase: int) -> bool:
    """Whether a visit that ends in this phase was broken off: patience ended, or something else came first."""
    return phase == GAVE_UP_WAITING or phase == SILENT + 1 or phase <= BROKEN


def lost(reason: int) -> int:
    """The EXIT number of a case lost for the given reason (an index)."""
    return -2 - reason
