"""Queues in closed form: what a team's waiting would be if its arrivals were random and nothing changed over time.

Exact for M/M/c and M/M/c+M, an approximation for other laws of service. Times are in any unit, rates per that unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

NEGLIGIBLE = 1e-12
"""States whose probability, compared with the likeliest, is below this are left out of sums."""


def erlang_c(servers: int, offered: float) -> float:
    """The probability that who comes must wait, M/M/c; 1 where the queue grows without end.

    Args:
        servers: how many serve.
        offered: arrivals per mean service time.

    Example:
        >>> round(erlang_c(10, 9.0), 8)
        0.66873152

    Source:
        Erlang's B formula by its recursion, then C = B / (1 - rho (1 - B)).
    """
    if offered >= servers:
        return 1.0
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = offered * blocked / (k + offered * blocked)
    return blocked / (1.0 - offered / servers * (1.0 - blocked))


def mean_wait(servers: float, arrivals: float, service: float, scv: float = 1.0) -> float:
    """The mean wait before service, M/G/c with Poisson arrivals; infinite where the queue grows without end.

    Exact for M/M/c and M/G/1, else within a few per cent at high load. Between whole numbers of servers (people who are
    sometimes away) the load is that of the number given, the chance of waiting is interpolated.

    Args:
        servers: how many serve.
        arrivals: rate.
        service: mean time of service.
        scv: squared coefficient of variation of the time of service.

    Example:
        >>> round(mean_wait(5, 4.0, 1.0), 8), round(mean_wait(1, 0.8, 1.0, scv=0.0), 8)
        (0.55411255, 2.0)

    Source:
        Allen 1990, Allen-Cunneen approximation with an arrival process of variation 1.
    """
    offered = arrivals * service
    if offered <= 0:
        return 0.0
    if offered >= servers:
        return math.inf
    must_wait = between(lambda c: erlang_c(c, offered), servers)
    return must_wait * service / (servers - offered) * (1.0 + scv) / 2.0


def impatient(servers: float, arrivals: float, service: float, impatience: float) -> tuple[float, float]:
    """(share that gives up, mean wait of all), M/M/c+M; waits end in service or in giving up.

    Args:
        servers: how many serve.
        arrivals: rate.
        service: mean time of service.
        impatience: 1 / mean patience.

    Example:
        >>> [round(x, 8) for x in impatient(10, 10.0, 1.0, 0.5)]
        [0.10391321, 0.20782642]

    Source:
        Erlang A by its birth and death equations (Garnett, Mandelbaum, Reiman 2002); the share that gives up is the
        impatience times the mean wait.
    """
    if arrivals <= 0:
        return 0.0, 0.0
    wait = between(lambda c: _impatient(c, arrivals, 1.0 / service, impatience), servers)
    return min(1.0, impatience * wait), wait


def _impatient(servers: int, arrivals: float, pace: float, impatience: float) -> float:
    """The mean wait: the mean queue by Little's law. Weights are relative to that of the state in which all are busy."""
    if servers == 0:
        return 1.0 / impatience
    weight, free = 1.0, 0.0
    for k in range(servers, 0, -1):
        weight *= k * pace / arrivals
        free += weight
        if weight < NEGLIGIBLE * free:
            break
    weight, full, queue, k = 1.0, 1.0, 0.0, 0
    while weight > NEGLIGIBLE * (full + free) or arrivals > servers * pace + (k + 1) * impatience:
        k += 1
        weight *= arrivals / (servers * pace + k * impatience)
        full += weight
        queue += k * weight
        if full > 1e250:  # far beyond what can be served: as much gives up as is not served
            return (1.0 - servers * pace / arrivals) / impatience
    return queue / (full + free) / arrivals


def between(of: Callable[[int], float], servers: float) -> float:
    """A figure of a whole number of servers, between two of them by a straight line."""
    low = math.floor(servers)
    if servers - low < 1e-9:
        return of(low)
    return of(low) * (low + 1 - servers) + of(low + 1) * (servers - low)
