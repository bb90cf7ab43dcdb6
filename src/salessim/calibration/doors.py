"""The steps where cases come to an activity: what the case knows of itself is asked there, and leads to one of the activity's forms.

Memory tells visits apart (see `memory`). Of what the past says, those before a visit carry the answer along; what a case
knows of itself when it comes is asked at a door instead: a step without time whose ways have conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from salessim.calibration.laws import in_words
from salessim.calibration.memory import Memory, State
from salessim.calibration.names import Names
from salessim.calibration.questions import Question
from salessim.importers.eventlog import clean


@dataclass(frozen=True)
class Doors:
    """The doors of a learnt scenario.

    Args:
        memory: the forms of each activity.
        names: of steps.
        step_of: state -> its step.
        segment_of, channel_of: kind of the log -> its name in the scenario.
        currency: of values.
    """

    memory: Memory
    names: Names
    step_of: Callable[[State], str]
    segment_of: Callable[[str], str]
    channel_of: Callable[[str], str]
    currency: str

    def name(self, door: State) -> str:
        """The step where cases come to an activity: its only form, or the one that asks which."""
        forms = self.memory.behind(door)
        if len(forms) == 1:
            return self.step_of(door)
        asked = dict.fromkeys(question.about for _, given in forms for question, _ in given)
        return self.names(("door", door), f"{clean(door[0])[:48]} by {' and '.join(asked)}")

    def step(self, door: State, channels: Collection[str]) -> dict[str, Any] | None:
        """The step that asks, in the language of scenarios; None where nothing is asked.

        Args:
            door: a state that stands for all behind it.
            channels: of the scenario; cases of others come only again.
        """
        forms = self.memory.behind(door)
        if len(forms) == 1:
            return None
        ways = []
        for state, given in forms:
            asked = [(q, yes) for q, yes in given if q.about != "channel" or self.channel_of(q.name) in channels]
            if any(yes for q, yes in given if (q, yes) not in asked):
                continue
            when = " and ".join(f"{'' if yes else 'not '}({self._condition(q)})" for q, yes in asked)
            ways.append({"to": self.step_of(state), **({} if state == door else {"when": when})})
        source = "data: what follows differs, by held-out likelihood"
        return {"automatic": "0 min", "then": [{**way, "source": source} for way in ways]}

    def _condition(self, question: Question) -> str:
        """A question about the case as a formula."""
        if question.about == "age":
            return f"age > {in_words(question.least)}"
        if question.about == "value":
            return f"value > {question.least:.6g} {self.currency}"
        name = self.segment_of(question.name) if question.about == "segment" else self.channel_of(question.name)
        return f"{question.about} == '{name}'"


__all__ = ["Doors"]
