"""Logs of real systems: guess what they mean, let a person correct it, read them into the columns we measure."""

from salessim.importers.eventlog import Quality, read_log
from salessim.importers.guess import Proposal, inspect_log
from salessim.importers.mapping import Mapping

__all__ = ["Mapping", "Proposal", "Quality", "inspect_log", "read_log"]
