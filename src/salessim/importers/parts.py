"""What each table of a mapping tells, by its shape."""

from __future__ import annotations

from salessim.importers.mapping import Mapping, Table
from salessim.importers.objects import objects
from salessim.importers.quality import Tally
from salessim.importers.readers import Source
from salessim.importers.reading import Part, Reading, window_of
from salessim.importers.registers import cases, documents, staff
from salessim.importers.shapes import events, states
from salessim.importers.tidy import give_back

SHAPES = {"events": events, "states": states, "cases": cases, "documents": documents, "objects": objects, "people": staff}


def part_of(label: str, table: Table, source: Source, mapping: Mapping, tally: Tally) -> Part:
    """What a table tells, by its shape.

    Raises:
        LogError: it lacks a column, has none of its dates, or an activity that the mapping does not name.
    """
    part = SHAPES[table.shape](Reading(label, table, source, mapping, tally))
    give_back()
    if part.window is None and part.visits is not None:
        part.window = window_of(part.visits)
    return part
