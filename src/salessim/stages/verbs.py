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
| MOVE | step | ends the visit and begins another |
| EXIT | -1 done, -2-r lost for reason r | ends the visit and the case |
"""

from enum import IntEnum


class Verb(IntEnum):
    """The whole vocabulary between rules and engines."""

    ASK = 0
    WORK = 1
    WAIT = 2
    FREE = 3
    SPAWN = 4
    MOVE = 5
    EXIT = 6


# Plain integers: compiled code folds them, CPython compares them faster than enum members.
ASK, WORK, WAIT, FREE, SPAWN, MOVE, EXIT = (int(v) for v in Verb)

START = 0
"""The phase in which every visit begins."""
BEGIN = 1
"""People have been granted; BEGIN + 1 is where a case that gave up wakes."""
RELEASE = 3
"""The work is finished."""
LEAVE = 4
"""What happens on the way out: LEAVE + k considers the step's spawn k, then the routes."""

NO_LAW = -1
"""A mechanism answers this where nothing is drawn."""
DONE = -1
"""EXIT number of a case that came to its end."""


def lost(reason: int) -> int:
    """The EXIT number of a case lost for the given reason (an index)."""
    return -2 - reason
