"""The two engines, and the choice between them, which only decides about speed: their logs are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from salessim.engines.outcome import Raw, Visits, cases_of, event_log, replication, visits_of
from salessim.network import Network
from salessim.records import Cases, Replication
from salessim.staff import drawn

if TYPE_CHECKING:
    from salessim.log import EventLog

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
    if engine == "auto":
        engine = "reference" if expected < SMALL else "compiled"
    network, raw = bare(network, seed, number, engine, log)
    return replication(network, raw, number, log)


def run_log(network: Network, *, seed: int, number: int = 0, engine: Engine) -> EventLog:
    """The event log of one replication and nothing else: what only measures need, such as every hour on duty, is not worked out."""
    network, raw = bare(network, seed, number, engine, log=True)
    return event_log(network, raw, cases_of(raw))


def run_visits(network: Network, *, seed: int, number: int = 0, engine: Engine) -> tuple[Network, Cases, Visits]:
    """The network that was run, its cases and their visits as numbers: for those who look at many logs and write none."""
    network, raw = bare(network, seed, number, engine, log=True)
    cases = cases_of(raw)
    return network, cases, visits_of(network, raw, cases)


def bare(network: Network, seed: int, number: int, engine: Engine, log: bool) -> tuple[Network, Raw]:
    """The bare output of an engine, and the network that it ran: who of the people was there when has been drawn."""
    network = drawn(network, seed, number)
    if engine == "reference":
        from salessim.engines.reference import Reference

        return network, Reference(network, seed, number, log).run()
    from salessim.engines import arrays

    return network, arrays.run(network, seed, number, log=log, cases=True)
