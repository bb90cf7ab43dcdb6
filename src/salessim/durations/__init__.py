"""Laws of time and money: as people write them (`specs`), as compiled code draws from them (`table`)."""

from salessim.durations.specs import LAWS, Law, constant
from salessim.durations.table import LawTable, build_table, sample, ticks

__all__ = ["LAWS", "Law", "LawTable", "build_table", "constant", "sample", "ticks"]
