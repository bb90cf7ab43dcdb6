"""The two engines, and the choice between them, which only decides about speed: their logs are the same."""

from __future__ import annotations

from typing import Literal

from salessim.engines.outcome import replication
from salessim.network import Network
from salessim.records import Replication
from salessim.staff import drawn

Engine = Literal["auto", "reference", "compiled"]
SMALL = 3_000
"""Expected visits below which compiling, or loading the compiled loop, does not pay."""


def run(
    network: Network, *, seed: int, number: int = 0, engine: Engine = "auto", log: bool = False, expected: float = float("inf")
) -> Replication:
    """One replication of a network.

    Args:
        network: from `network.build`.
        seed: the seed of all draws, 0 <= seed < 2**64.
        number: which replication; any can be run alone.
        engine: "reference", "compiled", or "auto" to choose by the work to do.
        log: whether to keep the visits as an event log.
        expected: visits expected, for "auto".

    Raises:
        LimitReached: the run would not end.
    """
    network = drawn(network, seed, number)
    if engine == "reference" or (engine == "auto" and expected < SMALL):
        from salessim.engines.reference import Reference

        raw = Reference(network, seed, number, log).run()
    else:
        from salessim.engines import arrays

        raw = arrays.run(network, seed, number, log=log, cases=True)
    return replication(network, raw, number, log)
