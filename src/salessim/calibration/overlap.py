"""Several things at once: how much of the hours that a log counts as work a person spent on more than one visit."""

from __future__ import annotations

from typing import Any

import numpy as np


def counted_twice(begun: Any, ended: Any, person: Any) -> float:
    """The share of all hours of work that is counted more than once, because visits of one person overlap.

    Args:
        begun, ended: seconds.
        person: of each visit, a name.

    Returns:
        0 where nobody ever does two things at once; 0.5 where everybody always does two.

    Example:
        >>> counted_twice([0, 1800], [3600, 5400], ["ann", "ann"])  # an hour and a half looks like two
        0.25
    """
    begun, ended, person = np.asarray(begun, float), np.asarray(ended, float), np.asarray(person, object)
    known = ~np.isnan(begun) & ~np.isnan(ended) & (person != "")
    begun, ended = begun[known], np.maximum(begun, ended)[known]
    _, who = np.unique(person[known].astype(str), return_inverse=True)
    total = float((ended - begun).sum())
    if total <= 0:
        return 0.0
    order = np.lexsort((begun, who))
    begun, ended, who = begun[order], ended[order], who[order]
    # Each person's visits are put on a stretch of time of their own, so that one pass serves all.
    apart = who * (float(ended.max() - begun.min()) + 1.0)
    reached = np.maximum.accumulate(ended + apart)
    before = np.concatenate([[-np.inf], reached[:-1]])
    alone = np.maximum(0.0, ended + apart - np.maximum(begun + apart, before))
    return float(1 - alone.sum() / total)
