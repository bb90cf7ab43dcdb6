"""Are some cases slow throughout? How the waits of one case hang together, beyond what memory already tells apart.

    python experiments/waits_of_one_case.py ../shared/data

Each wait becomes its rank among the waits of the same move. The mean product of two ranks of one case, over their variance,
is a correlation within cases; the ranks shuffled within each move say what chance makes of it. Above: a pace per case is
missing. Below: something counts from the start of the case, so that a late step is followed by a short wait.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from validate_real import LOGS

from salessim.calibration.history import cut
from salessim.calibration.journey import sequences
from salessim.calibration.memory import learn
from salessim.log import EventLog

SHUFFLES, LEAST_WAITS, IMMEDIATE = 49, 30, 60.0
"""Moves seen more rarely, or that half of the cases make within a minute, are left out."""


def waits(log: EventLog) -> pd.DataFrame:
    """Each wait: its case, its move, and its centred rank among those of the move."""
    cases = sequences(log, set())
    rows = [
        (number, (states[i], states[i + 1]), case.reached[i + 1] - case.left[i])
        for number, (case, states) in enumerate(zip(cases, learn(cases).states(cases), strict=True))
        for i in range(len(states) - 1)
    ]
    frame = pd.DataFrame(rows, columns=["case", "move", "wait"]).dropna()
    by_move = frame.groupby("move")["wait"]
    kept = (by_move.transform("size") >= LEAST_WAITS) & (by_move.transform("median") > IMMEDIATE)
    return frame.assign(rank=by_move.rank(pct=True) - 0.5)[kept]


def within(rank: pd.Series, case: pd.Series) -> float:
    """The correlation of two ranks of one case."""
    total, squares, count = rank.groupby(case).sum(), (rank**2).groupby(case).sum(), rank.groupby(case).size()
    return float((total**2 - squares).sum() / (count * (count - 1)).sum() / rank.var())


def shuffled(found: pd.DataFrame) -> list[float]:
    """The same where waits of one case have nothing to do with each other."""
    rng = np.random.default_rng(1)
    return [within(found.groupby("move")["rank"].transform(lambda x: rng.permutation(x.to_numpy())), found["case"]) for _ in range(SHUFFLES)]


def main(folder: Path, wanted: list[str]) -> None:
    for name in wanted or list(LOGS):
        log = LOGS[name](folder)
        log = EventLog(log.frame.sort_values("case", kind="stable").reset_index(drop=True), log.about)
        start, end = pd.Timestamp(log.about.start), pd.Timestamp(log.about.end)
        found = waits(cut(log, (start + 0.8 * (end - start)).floor("D").to_pydatetime()))
        if found["case"].nunique() == len(found):
            print(f"{name}: no case has two waits")
            continue
        chance = shuffled(found)
        print(f"{name}: {within(found['rank'], found['case']):+.3f} over {len(found):,} waits; shuffled {min(chance):+.3f} to {max(chance):+.3f}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"), sys.argv[2:])
