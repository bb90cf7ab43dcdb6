"""Random draws with names: a counter-based generator instead of generator objects.

Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") turns a key (seed, replication)
and a counter (case, step, visit, purpose) into four random words. A draw therefore depends on its name and on
nothing else: not on the order of events, not on other steps, not on the number of workers. Common random numbers
between scenarios follow by themselves. It matches `numpy.random.Philox` word for word.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from enum import IntEnum

from salessim.jit import compiled_as, high_product, uint64


class Word(IntEnum):
    """What the four words of a visit's block are for."""

    WORK = 0
    ROUTE = 1
    PATIENCE = 2
    SPARE = 3


class Purpose(IntEnum):
    """The fourth word of a counter: what kind of thing the first three name."""

    VISIT = 0
    """(case, step, visit)"""
    SPAWN = 1
    """(case, spawn, visit)"""
    ARRIVAL = 2
    """(channel, serial number, 0)"""
    ATTRIBUTES = 3
    """(case, 0, 0)"""
    DAY = 4
    """(channel, day, 0)"""
    START = 5
    """(case, attribute, 0): the value it starts with"""
    EFFECT = 6
    """(case, effect of a step, visit)"""
    RIVAL = 7
    """(case, competing end of a step, visit)"""
    ADHERENCE = 8
    """(case, step, visit): followed or skipped; left with or without a word"""
    VERSION = 9
    """(case, version of a step, 0): who takes part in a roll-out"""
    PERSON = 16
    """(place in a team, spell, what of it)"""
    OUTAGE = 17
    """(system, spell, what of it)"""


_M0, _M1 = uint64(0xD2E7470EE14C6C93), uint64(0xCA5A826395121157)
_W0, _W1 = uint64(0x9E3779B97F4A7C15), uint64(0xBB67AE8584CAA73B)


@compiled_as("UniTuple(uint64, 4)(uint64, uint64, uint64, uint64, uint64, uint64)")
def block(seed: int, replication: int, c0: int, c1: int, c2: int, c3: int) -> tuple[int, int, int, int]:
    """The four random words with a name: Philox4x64-10 of key (seed, replication) and counter (c0, c1, c2, c3).

    All arguments and results are unsigned 64-bit integers.

    Example:
        >>> [hex(w) for w in block(0, 0, 0, 0, 0, 0)][:2]  # the known-answer test of Random123
        ['0x16554d9eca36314c', '0xdb20fe9d672d0fdc']
    """
    k0, k1 = seed, replication
    for _ in range(10):
        high0, low0 = high_product(_M0, c0), _M0 * c0
        high1, low1 = high_product(_M1, c2), _M1 * c2
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0 += _W0
        k1 += _W1
    return c0, c1, c2, c3


@compiled_as("float64(uint64)")
def uniform(word: int) -> float:
    """A word as a number strictly between 0 and 1; 1 - u is exact, so both tails are full."""
    return (float(word >> uint64(12)) + 0.5) * 2.220446049250313e-16  # 2**-52


@compiled_as("float64(uint64)")
def unit_exponential(word: int) -> float:
    """A word as an exponential draw of mean 1; a leaf, so that both engines take the same logarithm."""
    return -math.log(1.0 - uniform(word))


@compiled_as("uint64(uint64)")
def mix(x: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014): a bijection that scatters all bits."""
    x = (x ^ (x >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> uint64(27))) * uint64(0x94D049BB133111EB)
    return x ^ (x >> uint64(31))


@compiled_as("uint64(uint64, uint64, uint64)")
def child_key(parent: int, what: int, number: int) -> int:
    """The key of something that comes from something with a key: an arrival of a channel, a case of a case."""
    return mix(parent + mix(what + mix(number + uint64(1))))


def name_key(name: str) -> int:
    """The key of a name: the same on every machine, whatever its place among other names.

    Example:
        >>> name_key("quote") == name_key("quote") != name_key("order")
        True
    """
    text = unicodedata.normalize("NFC", name).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
