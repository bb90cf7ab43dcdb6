"""Levers: what may be changed about a process, how a setting changes the scenario, and what it costs.

A lever that is off leaves the scenario as it was, the same object. Settings are plain: False or 0 for a named lever that
is off, True or a count for one that is on, and for a field its value as a file would have it (a range: a number in the
unit of its first bound, times in ticks).
"""

from salessim.scenario.kinds import Base, Setting
from salessim.scenario.levers.pull import apply, misfits
from salessim.scenario.levers.settings import domain, is_today, read_setting, repaired, scale_of, today, unmet
from salessim.scenario.levers.words import apart, assumed, in_words, propose, without_work

__all__ = ["Base", "Setting", "apart", "apply", "assumed", "domain", "in_words", "is_today", "misfits", "propose", "read_setting", "repaired", "scale_of", "today", "unmet", "without_work"]
