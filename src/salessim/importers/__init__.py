"""Logs of real systems: guess what they mean, let a person correct it, read them into the columns we measure.

`readers` know formats, `presets` know systems; `mapping` is the language both meet in. `shapes` turn tables into visits,
`joining` turns the visits of several tables into one history, `eventlog` turns that into the log, and `quality` keeps count.
"""

from salessim.importers.eventlog import read_log
from salessim.importers.guess import Proposal, inspect_log
from salessim.importers.mapping import Mapping
from salessim.importers.quality import Quality

__all__ = ["Mapping", "Proposal", "Quality", "inspect_log", "read_log"]
