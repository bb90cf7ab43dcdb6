"""Words with units -- "2 days", "38 EUR/hour", "35 %" -- to numbers, once, at the edge, and back.

Inside, time is an integer count of microseconds (ticks), money a float in the scenario's currency, a share a float
between 0 and 1. A number without a unit is refused where a unit matters: "3" has cost people a factor of 24 before.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
WEEK = 7 * DAY
YEAR = 365 * DAY + DAY // 4
MONTH = YEAR // 12
NEVER = 100 * YEAR
"""A customer's time from which on no run of a process sees its end: how a scenario says that a case stays where it is."""
LONGEST = 1 << 60
"""No duration is longer, so that sums of two fit in 64 bits."""

_UNITS: dict[str, int] = {}
for _ticks, _words in (
    (1, "us µs microsecond microseconds 微秒"),
    (1000, "ms millisecond milliseconds 毫秒"),
    (SECOND, "s sec secs second seconds 秒 秒钟"),
    (MINUTE, "m min mins minute minutes 分 分钟"),
    (HOUR, "h hr hrs hour hours 小时 个小时 时"),
    (DAY, "d day days 天 日"),
    (WEEK, "w week weeks 周 星期 个星期"),
    (MONTH, "month months 月 个月"),
    (YEAR, "y year years 年"),
):
    for _word in _words.split():
        _UNITS[_word] = _ticks
_SAY = (("year", YEAR), ("month", MONTH), ("week", WEEK), ("day", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND),
        ("ms", 1000), ("us", 1))  # fmt: skip
CURRENCIES = {"元": "CNY", "圆": "CNY", "人民币": "CNY", "美元": "USD", "欧元": "EUR", "英镑": "GBP", "日元": "JPY", "港元": "HKD", "港币": "HKD"}
"""Chinese words for money and the codes they stand for."""
_TIMES_TEN = {"": 1, "百": 10**2, "千": 10**3, "万": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8}
_HALF = str.maketrans("．，／％：－＋（）～　", ".,/%:-+()~ ")
"""Full-width signs as a Chinese keyboard types them, and what they mean here."""
_NUMBER = r"[+-]?(?:\d+(?:[ _,]\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d+)?"
_PIECE = re.compile(rf"\s*({_NUMBER})\s*([^\W\d_]+)\s*")
_MONEY = re.compile(rf"\s*({_NUMBER})\s*((?:[百千]?万|[百千亿])?)\s*([A-Za-z]{{3}}|{'|'.join(CURRENCIES)})\s*")
_COUNTED = re.compile(rf"\s*({_NUMBER})\s*(?:个|单|件|次|条|人|位|名|笔|家|例|项|起|票|台|份)?\s*")
_PER = re.compile(r"\s*(?:/|per\b|每)\s*", re.IGNORECASE)
_EACH = re.compile(r"\s*每\s*(.+)", re.DOTALL)
_NO_THOUSANDS = re.compile(r"\d[ _,](?!\d{3}(?!\d))")
_WORKING = re.compile(r"\b(business|working|work|office)[ -]?(days?|hours?|h)\b|工作日|工作小时", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"(?<![\d.,])\d+,\d{1,2}(?![\d,])")


REMEMBERED = 1 << 16
"""Texts whose values are kept: a model with uncertain values is read anew for every replication, and hardly differs."""


def half_width(text: str) -> str:
    """Text with the full-width signs of a Chinese keyboard as the signs they stand for.

    Example:
        >>> half_width("０９：００－１２：００，１８％")
        '０９:００-１２:００,１８%'
    """
    return text.translate(_HALF)


def _chinese(text: Any) -> bool:
    return isinstance(text, str) and re.search(r"[\u4e00-\u9fff]", text) is not None


def decimal_comma(text: Any) -> str | None:
    """A remedy where a number has a comma for its decimal point; None where it has not.

    Example:
        >>> decimal_comma("1,5 h"), decimal_comma("1,500 h")
        ("write a point before decimals: '1.5 h'", None)
    """
    half = half_width(text) if isinstance(text, str) else ""
    if _DECIMAL_COMMA.search(half) is None:
        return None
    return f"write a point before decimals: {_DECIMAL_COMMA.sub(lambda m: m[0].replace(',', '.'), half).strip()!r}"


def number_of(text: str, whole: str = "", example: str = "30 min") -> float:
    """A plain number in words; thousands may be set apart by commas, spaces or underscores.

    Args:
        text: the number.
        whole: what it stands in, for messages.
        example: what could have been written.

    Raises:
        ValueError: it is none, not a finite one, or has a comma where others write a point; with problem and remedy.

    Example:
        >>> number_of("12,500"), number_of("1e3")
        (12500.0, 1000.0)
    """
    whole, text = whole or text, half_width(text).strip()
    if _NO_THOUSANDS.search(text):
        raise ValueError(f"{whole!r} has a sign that sets no thousands apart; {decimal_comma(whole) or 'write a point before decimals'}")
    if re.fullmatch(_NUMBER, text) is None or not re.search(r"\d", text):
        raise ValueError(f"{whole!r} has no number; write for example {example!r}")
    value = float(re.sub(r"[ _,]", "", text))
    if not math.isfinite(value):
        raise ValueError(f"{whole!r} is not finite; write a finite number")
    return value


def unit_of_time(word: str, whole: str) -> int:
    """Ticks of a unit of time such as "min", "weeks" or "天".

    Raises:
        ValueError: there is no such unit; `whole` is what it stands in, for the message.
    """
    unit = _UNITS.get(word) or _UNITS.get(word.lower())
    if unit is None and _WORKING.search(whole):
        raise ValueError(f"{whole!r} counts working time, which a calendar says; write plain 'days' or 'h' here, with 'calendar' at the step and, for whole days, 'counts_in: days'")
    if unit is None:
        raise ValueError(f"{whole!r} has the unknown unit {word!r}; use s, min, h, days, weeks, months or years")
    return unit


def duration(text: str) -> int:
    """Ticks (microseconds) in a time in words, sums included.

    Args:
        text: such as "25 min", "1 h 30 min", "2 days", "3 天".

    Returns:
        Whole ticks, rounded half up.

    Raises:
        ValueError: no number, no unit, negative, infinite or too long.

    Example:
        >>> duration("1 h 30 min") // MINUTE
        90
    """
    if not isinstance(text, str):
        raise ValueError(f"{text!r} has no unit; write for example '{text} days' or '{text} min'")
    return _duration(text)


@lru_cache(maxsize=REMEMBERED)
def _duration(text: str) -> int:
    if re.fullmatch(rf"\s*{_NUMBER}\s*", text) and text.strip():
        raise ValueError(f"{text.strip()!r} has no unit; write for example '{text.strip()} days' or '{text.strip()} min'")
    total, at, half = Fraction(0), 0, half_width(text)
    while at < len(half):
        piece = _PIECE.match(half, at)
        if piece is None or not piece.group(1).strip("+-"):
            example = "'30 分钟' 或 '2 天'" if _chinese(text) else "'30 min' or '2 days'"
            raise ValueError(f"{text!r} is not a time; {decimal_comma(text) or f'write for example {example}'}")
        total += Fraction(number_of(piece.group(1), text)) * unit_of_time(piece.group(2), text)
        at = piece.end()
    if not text.strip():
        raise ValueError("the time is empty; write for example '30 min'")
    if total < 0:
        raise ValueError(f"{text!r} is negative; write a time of zero or more")
    if total > LONGEST:
        raise ValueError(f"{text!r} is too long; the longest time is 36,500 years")
    return math.floor(total + Fraction(1, 2))


def say_duration(ticks: float) -> str:
    """A time in words that `duration` reads back to the same ticks.

    Example:
        >>> say_duration(duration("36 h")), say_duration(duration("90 min")), say_duration(0)
        ('1.5 days', '1.5 h', '0 min')
    """
    ticks = ticks if isinstance(ticks, int) else int(ticks + 0.5)
    if ticks == 0:
        return "0 min"
    for name, unit in _SAY:
        # Months and years only where whole; a decimal only where it reads back exactly.
        if ticks % unit == 0 and (unit >= DAY or ticks < 100 * unit or unit == 1):
            count = ticks // unit
            return f"{count} {name}{'s' if count > 1 and unit >= DAY else ''}"
        if DAY <= unit <= WEEK or unit < DAY:
            value = f"{ticks / unit:.6g}"
            if ticks >= unit and duration(f"{value} {name}") == ticks:
                return f"{value} {name}{'s' if unit >= DAY else ''}"
    return f"{ticks} us"


def money(text: str) -> tuple[float, str]:
    """Amount and currency of money in words.

    Example:
        >>> money("1,200 EUR"), money("3.2 万元")
        ((1200.0, 'EUR'), (32000.0, 'CNY'))
    """
    match = _MONEY.fullmatch(half_width(text)) if isinstance(text, str) else None
    if match is None or not match.group(1):
        example = "38 元" if _chinese(text) else "38 EUR"
        raise ValueError(f"{text!r} is not an amount of money; {decimal_comma(text) or f'write for example {example!r}'}")
    amount = number_of(match.group(1), text)
    if match.group(2):  # 0.29 万 is 2900, to the last digit
        amount = float(Fraction(re.sub(r"[ _,]", "", match.group(1))) * _TIMES_TEN[match.group(2)])
    if amount < 0:
        raise ValueError(f"{text!r} is negative; write an amount of zero or more")
    return amount, CURRENCIES.get(match.group(3), match.group(3).upper())


def says_money(text: str) -> bool:
    """Whether words such as "30 EUR/hour" or "每月 8000 元" are about money.

    Example:
        >>> says_money("30 EUR/hour"), says_money("每月 8000 元"), says_money("每周 16 单")
        (True, True, False)
    """
    half = half_width(text)
    return re.search(r"\d\s*[A-Za-z]{3}\s*(?:/|\bper\b|每)", half) is not None or any(word in half for word in CURRENCIES)


def _split_per(text: Any, example: str) -> tuple[str, int]:
    """What stands before "/hour" or "每小时", or after a leading "每小时", and the unit of time."""
    half = half_width(text) if isinstance(text, str) else ""
    each = _EACH.fullmatch(half)
    if each is not None:
        word = next((w for w in sorted(_UNITS, key=len, reverse=True) if each[1].startswith(w)), None)
        if word is not None:
            return each[1][len(word) :], _UNITS[word]
    parts = _PER.split(half)
    if len(parts) != 2:
        raise ValueError(f"{text!r} does not say per what; write for example {example!r}")
    return parts[0], unit_of_time(parts[1].strip(), text)


def _plain(value: float) -> str:
    """The shortest text that reads back to the same number."""
    text = f"{value:.10g}"
    return text if float(text) == value else repr(float(value))


@dataclass(frozen=True)
class Amount:
    """Money: an amount in a currency."""

    value: float
    currency: str

    def __str__(self) -> str:
        """In words that `money` reads back."""
        return f"{_plain(self.value)} {self.currency}"


@dataclass(frozen=True)
class Pay:
    """Money per time, such as 38 EUR/hour."""

    amount: float
    currency: str
    per: int
    """Ticks of the unit of time."""

    @property
    def hourly(self) -> bool:
        """Whether it is paid by the hour on duty (or shorter), rather than as a salary for calendar time."""
        return self.per <= HOUR

    def __str__(self) -> str:
        """In words that `cost_rate` reads back."""
        return f"{_plain(self.amount)} {self.currency}/{_unit_name(self.per)}"


@dataclass(frozen=True)
class Frequency:
    """So many per time, such as 40 per week."""

    count: float
    per: int

    @property
    def per_tick(self) -> float:
        """Events per microsecond."""
        return self.count / self.per

    def __str__(self) -> str:
        """In words that `rate` reads back."""
        return f"{_plain(self.count)} per {_unit_name(self.per)}"


def _unit_name(ticks: int) -> str:
    return {HOUR: "hour", MINUTE: "minute", SECOND: "second"}.get(ticks) or next(n for n, t in _SAY if t == ticks)


def cost_rate(text: str) -> Pay:
    """Money per time from words.

    Example:
        >>> cost_rate("38 EUR/hour").amount, str(cost_rate("每月 8000 元"))
        (38.0, '8000 CNY/month')
    """
    left, per = _split_per(text, "42 元/小时" if _chinese(text) else "38 EUR/hour")
    return Pay(*money(left), per)


def rate(text: str) -> Frequency:
    """Events per time from words.

    Example:
        >>> round(rate("14 per week").per_tick * DAY, 9), str(rate("每周 16 单"))
        (2.0, '16 per week')
    """
    example = "每周 40 个" if _chinese(text) else "40 per week"
    left, per = _split_per(text, example)
    counted = _COUNTED.fullmatch(left)
    value = number_of(counted.group(1) if counted else left, text, example)
    if value < 0:
        raise ValueError(f"{text!r} is negative; write a rate of zero or more")
    return Frequency(value, per)


def share(value: Any) -> float:
    """A share between 0 and 1 from "35 %", 0.35 or "0.35".

    Example:
        >>> share("35 %")
        0.35
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a share; write for example '35 %'")
    return _share(value)


@lru_cache(maxsize=REMEMBERED, typed=True)
def _share(value: float | str) -> float:
    percent = isinstance(value, str) and value.strip().endswith(("%", "％"))
    if isinstance(value, str) and re.search(r"[<>=]", value):
        raise ValueError(f"{value!r} is a condition where a share belongs; write it under 'when'")
    if isinstance(value, str) and not re.fullmatch(r"[-+\d., _eE]*\d[.]?\s*%?\s*", half_width(value).strip()):
        raise ValueError(f"{value!r} is not a share; write for example '35 %'")
    found = number_of(value.strip().rstrip("%％"), value, "35 %") if isinstance(value, str) else float(value)
    found = found / 100 if percent else found
    if not 0 <= found <= 1:
        meant = f"write '{_plain(found)} %' if that is meant" if not percent and 1 < found <= 100 else "give a share in that range"
        raise ValueError(f"{value} is not between 0 and 1 (0 % and 100 %); {meant}")
    return found


def say_share(value: float) -> str:
    """A share as a percentage that `share` reads back exactly where ten digits do.

    Example:
        >>> say_share(0.35)
        '35 %'
    """
    text = f"{100 * value:.12g} %"
    return text if share(text) == value else repr(float(value))


class _Words:
    """Makes a pydantic type of a dataclass with words: parse with `read`, serialise with `write`."""

    def __init__(self, kind: type[Any], read: Any, examples: list[str], say: Any = str) -> None:
        self.kind, self.read, self.examples, self.say = kind, read, examples, say

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def parse(value: Any) -> Any:
            return value if isinstance(value, self.kind) else self.read(value)

        return core_schema.no_info_plain_validator_function(
            parse, serialization=core_schema.plain_serializer_function_ser_schema(self.say)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": ["string", "number"] if self.kind is Quantity else "string", "examples": self.examples}


def _read_duration(value: Any) -> int:
    # Ticks only come from our own code; a number from a file is refused by `duration`.
    return value.ticks if isinstance(value, Ticks) else duration(value)


@dataclass(frozen=True)
class Ticks:
    """A duration given by code rather than in words."""

    ticks: int


def _read_money(value: Any) -> Amount:
    return Amount(*money(value))


Duration = Annotated[
    int,
    BeforeValidator(_read_duration),
    PlainSerializer(say_duration, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["25 min", "1 h 30 min", "2 days"]}),
]
"""Ticks, written in words."""
Share = Annotated[
    float,
    BeforeValidator(share),
    PlainSerializer(say_share, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}], "examples": ["35 %"]}),
]
"""A number between 0 and 1, written as a percentage."""
Money = Annotated[Amount, _Words(Amount, _read_money, ["38 EUR"])]
CostRate = Annotated[Pay, _Words(Pay, cost_rate, ["38 EUR/hour", "5200 EUR/month"])]
Rate = Annotated[Frequency, _Words(Frequency, rate, ["40 per week"])]


@dataclass(frozen=True)
class Quantity:
    """A number with its dimension: "time" (value in ticks), "money" or plain "number"."""

    value: float
    dimension: str
    text: str = field(compare=False)
    """As it was written; "600 s" and "10 min" are the same quantity. Of money the last word is the currency's code."""

    def __str__(self) -> str:
        """As it was written."""
        return self.text

    def scaled(self, factor: float) -> Quantity:
        """The quantity times a factor, in the same unit."""
        value = self.value * factor
        if self.dimension == "time":
            return Quantity(float(int(value + 0.5)), "time", say_duration(value))
        if self.dimension == "money":
            return Quantity(value, "money", f"{_plain(value)} {self.text.split()[-1]}")
        return Quantity(value, "number", repr(float(value)))


def quantity(value: Any) -> Quantity:
    """A quantity of any dimension.

    Example:
        >>> quantity("2 h").dimension, quantity("20 EUR").dimension, quantity(3).dimension, quantity("120 %").value
        ('time', 'money', 'number', 1.2)
    """
    if isinstance(value, Quantity):
        return value
    if isinstance(value, Ticks):
        return Quantity(float(value.ticks), "time", say_duration(value.ticks))
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a quantity; write for example '25 min' or '800 EUR'")
    return _quantity(value)


@lru_cache(maxsize=REMEMBERED, typed=True)
def _quantity(value: float | str) -> Quantity:
    if isinstance(value, str):
        if value.strip().endswith(("%", "％")):
            return quantity(number_of(value.strip().rstrip("%％"), value, "35 %") / 100)
        match = _MONEY.fullmatch(half_width(value))
        if match is not None and match.group(1) and (match.group(3) in CURRENCIES or match.group(3).lower() not in _UNITS):
            amount, currency = money(value)
            said = value.strip() if value.split()[-1].upper() == currency else str(Amount(amount, currency))  # its last word is its currency
            return Quantity(amount, "money", said)
        return Quantity(float(duration(value)), "time", value.strip())
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{value} is not a finite number of zero or more; give one")
    return Quantity(float(value), "number", repr(value if isinstance(value, int) else float(value)))


def _say_quantity(value: Quantity) -> str | float:
    return float(value.text) if value.dimension == "number" else value.text


Measured = Annotated[Quantity, _Words(Quantity, quantity, ["25 min", "800 EUR"], _say_quantity)]
"""A quantity whose dimension the place decides."""
