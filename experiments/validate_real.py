"""Two tables for every real log: how far simulated logs are from the period fitted and from the period held out.

    python experiments/validate_real.py ../shared/data            # all
    python experiments/validate_real.py ../shared/data helpdesk   # some

Marks: held out, * where the model is more than 1.5 times the floor away; fitted, * where it is more than 3 times the
bootstrap away or further than a quarter of the way from the bootstrap to the plain model, (*) where only the second fails
and the model is no further away than 1.5 times the bootstrap, which a right model is, too (see yardsticks.AS_GOOD).
Below, how much of the n-gram distances is how many cases come (arrivals) and how much the ways they take (routing), and why hours are too far off where weeks of the log differ as much.
The logs are not part of the project.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from salessim.calibration import calibrate
from salessim.calibration.yardsticks import JUDGED, NEAR_BOOTSTRAP, NEAR_FLOOR, SPLIT, TOWARDS_PLAIN, Table
from salessim.importers import inspect_log, read_log
from salessim.log import EventLog

HOLDOUT, REPLICATIONS, SEED = 0.2, 20, 1


def _plain_file(path: str, **change: object) -> Callable[[Path], EventLog]:
    def read(folder: Path) -> EventLog:
        proposal = inspect_log(folder / path)
        log, _ = read_log(folder / path, {**proposal.mapping, **change})
        return log

    return read


def _olist(folder: Path) -> EventLog:
    leads = pd.read_csv(folder / "olist" / "olist_mql_snapshot_2018-03-01.csv", dtype=str)
    won = pd.read_csv(folder / "olist" / "olist_closed_snapshot_2018-03-01.csv", dtype=str)
    both = leads.merge(won, on="mql_id", how="left")
    came = pd.DataFrame({"case": both["mql_id"], "activity": "first contact", "time": both["first_contact_date"] + " 00:00:00", "resource": both["sdr_id"], "channel": both["origin"]})
    closed = both[both["won_date"].notna()]
    ended = pd.DataFrame({"case": closed["mql_id"], "activity": "won", "time": closed["won_date"], "resource": closed["sr_id"], "channel": closed["origin"]})
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "olist.csv"
        pd.concat([came, ended]).to_csv(path, index=False)
        mapping = inspect_log(path).mapping
        mapping["activities"] = {"first contact": {"kind": "work", "stage": "lead"}, "won": {"kind": "work", "stage": "contract", "ends": "won", "milestone": "won"}}
        mapping["columns"] = {**mapping["columns"], "channel": "channel"}
        mapping["complete_cases_only"] = False
        return read_log(path, mapping)[0]


LOGS: dict[str, Callable[[Path], EventLog]] = {
    "helpdesk": _plain_file("helpdesk/helpdesk.xes.gz"),
    "BPIC_2012_W_train": _plain_file("bpic2012/BPIC_2012_W_train.csv.gz"),
    "order_to_cash": _plain_file("order_to_cash/o2c_until_2016-12-31.csv.gz"),
    "bpic2012": _plain_file("bpic2012/bpic12_full_until_2011-12-31.csv.gz", office_in="Europe/Amsterdam"),
    "olist": _olist,
}


def mark(table: Table, name: str) -> str:
    """A star where the criteria are not met."""
    model, floor, bootstrap, plain = (d[name] for d in (table.model, table.floor, table.bootstrap, table.plain))
    if table.period == "held out":
        return "" if model <= NEAR_FLOOR * floor else "*"
    if model <= min(NEAR_BOOTSTRAP * bootstrap, bootstrap + TOWARDS_PLAIN * (plain - bootstrap)):
        return ""
    return "(*)" if table.meets(name) else "*"


def show(table: Table) -> None:
    print(f"  {table.period:28}" + "".join(f"{n:>12}" for n in JUDGED))
    for title, found in table.rows():
        print(f"  {title[:27]:28}" + "".join(f"{found[n]:12.4g}" for n in JUDGED))
    print(f"  {'marks':28}" + "".join(f"{mark(table, n) or 'ok':>12}" for n in JUDGED))
    ratio = "floor" if table.period == "held out" else "bootstrap"
    other = table.floor if table.period == "held out" else table.bootstrap
    print(f"  {'model / ' + ratio:28}" + "".join(f"{table.model[n] / other[n]:12.2f}" for n in JUDGED))
    for name, parts in SPLIT.items():
        said = f"; {table.says(name)}" if table.says(name) else ""
        print(f"  of {name}: " + "; ".join(f"{part.split()[1]} {table.model[part]:.4g} ({ratio} {other[part]:.4g})" for part in parts) + said)
    for text in table.remarks:
        print(f"  {text}")


def main(folder: Path, wanted: list[str]) -> None:
    for name in wanted or list(LOGS):
        print(f"{name}", flush=True)
        try:
            log = LOGS[name](folder)
        except Exception as wrong:  # a file that is not there or cannot be read yet is skipped with a word
            print(f"  skipped: {wrong}")
            continue
        begun = time.perf_counter()
        found = calibrate(log, holdout=HOLDOUT, seed=SEED, replications=REPLICATIONS).validation
        assert found is not None
        print(f"  {log.frame['case'].nunique():,} cases, {len(log):,} visits, split {found.main.since:%Y-%m-%d}; calibrated and validated in {time.perf_counter() - begun:.0f} s")
        for period in found.periods:
            show(period.table)
            print(f"  parts that differ: {', '.join(period.flagged) or 'none'}; weekly counts in their interval: {100 * period.coverage:.0f} %")
            for verdict in period.verdicts:
                for finding in verdict.findings:
                    print(f"      {verdict.part}: {finding.words()}")
        print(flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"), sys.argv[2:])
