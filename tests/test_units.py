"""Words and numbers, YAML and its traps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salessim.errors import InputError
from salessim.scenario.yaml import dump_yaml, load_yaml, read_text
from salessim.units import DAY, MINUTE, MONTH, SECOND, WEEK, YEAR, cost_rate, duration, money, quantity, rate, say_duration, say_share, share


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("25 min", 25 * MINUTE), ("1 h 30 min", 90 * MINUTE), ("2 days", 2 * DAY), ("0.5 h", 30 * MINUTE), ("3 天", 3 * DAY), ("2 小时 30 分钟", 150 * MINUTE), ("1e3 s", 1000 * SECOND),
        ("1 week", WEEK), ("1 month", MONTH), ("1 year", YEAR), ("0 min", 0), ("1,500 ms", 1_500_000), ("7 us", 7),
    ],
)  # fmt: skip
def test_times_in_words(text: str, ticks: int) -> None:
    assert duration(text) == ticks


@given(st.integers(0, 400 * YEAR))
def test_a_time_in_words_reads_back_to_the_tick(ticks: int) -> None:
    assert duration(say_duration(ticks)) == ticks


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (3, "3 has no unit; write for example '3 days' or '3 min'"), ("3", "'3' has no unit; write for example '3 days' or '3 min'"), ("-2 days", "'-2 days' is negative; write a time of zero or more"),
        ("2 fortnights", "'2 fortnights' has the unknown unit 'fortnights'; use s, min, h, days, weeks, months or years"), ("", "the time is empty; write for example '30 min'"),
        ("days", "'days' is not a time; write for example '30 min' or '2 days'"), ("1e400 s", "'1e400 s' is not finite; write a finite number"), ("99999999 years", "'99999999 years' is too long; the longest time is 36,500 years"),
    ],
)  # fmt: skip
def test_times_that_are_none(text: Any, said: str) -> None:
    with pytest.raises(ValueError) as wrong:  # noqa: PT011 (the whole text is compared)
        duration(text)
    assert str(wrong.value) == said


def test_money_rates_and_shares() -> None:
    assert money("1,200 EUR") == (1200.0, "EUR")
    assert cost_rate("38 EUR/hour").hourly
    assert not cost_rate("5200 EUR/month").hourly
    assert str(cost_rate("38 EUR per hour")) == "38 EUR/hour"
    assert rate("14 per week").per_tick * DAY == pytest.approx(2)
    assert rate("40/周").per == WEEK
    assert [share(x) for x in ("35 %", 0.35, "0.35", "100%", 0)] == [0.35, 0.35, 0.35, 1.0, 0.0]
    assert quantity("20 EUR").dimension == "money"
    assert quantity("20 min").dimension == "time"
    for read, comma in ((share, "1,5 %"), (rate, "1,5 per week"), (share, "0 5 %")):  # fifteen is not what was meant
        with pytest.raises(ValueError, match="sets no thousands apart; write a point before decimals"):
            read(comma)
    assert rate("1,234,567 per week").count == 1234567
    for bad in ("140 %", -0.1, "x", True):
        with pytest.raises(ValueError, match=";"):
            share(bad)


@given(st.floats(0, 1))
def test_shares_read_back(value: float) -> None:
    assert share(say_share(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3: 'a' is given twice (first in line 1); keep one of them"),
        ("a: &x 1\nb: *x", "x.yaml:1: anchors and aliases (& and *) are not allowed; write the value out"),
        ("a: !!python/object/apply:os.system [x]", "x.yaml:1: the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed; write plain values"),
        ("a: .inf", "x.yaml:1: .inf is not a finite number; write a finite number"),
        ("b: 1\na: .nan", "x.yaml:2: .nan is not a finite number; write a finite number"),
        ("a: 1e999", "x.yaml:1: 1e999 is not a finite number; write a finite number"),
        ("- " * 70 + "x", "x.yaml:1: the nesting is deeper than 64; check the brackets and the indentation"),
        ("a: 1\n---\nb: 2", "x.yaml:2: the YAML cannot be read (there is more than one document); check indentation, colons and quotes"),
        ("# only a comment", "x.yaml: the file holds no data; write a scenario or copy an example"),
        ("? [1, 2]\n: 3", "x.yaml:1: a key is a list or a mapping; write a plain name"),
    ],
)
def test_yaml_that_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as wrong:
        load_yaml(text, "x.yaml")
    assert str(wrong.value) == said


def test_yaml_scalars_are_what_they_look_like() -> None:
    data, positions = load_yaml("a: no\nb: 1:30\nc: 010\nd: 2026-01-02\ne: 1e3\nf: true\ng: ~\nh: '5'\ni: 5\nj: [1, 2.5, on]", "x")
    assert data == {"a": "no", "b": "1:30", "c": "010", "d": "2026-01-02", "e": 1000.0, "f": True, "g": None, "h": "5", "i": 5, "j": [1, 2.5, "on"]}
    assert positions.place(("j", 1)) == "x:10"
    assert positions.place(("j", "nothing", "deeper")) == "x:10"


SCALAR = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | st.text("abcé周no:1.5e- #'\"\n", max_size=12)
DATA = st.recursive(SCALAR, lambda s: st.lists(s, max_size=4) | st.dictionaries(st.text("abc周", min_size=1, max_size=5), s, max_size=4), max_leaves=12)


@given(st.dictionaries(st.sampled_from(["alpha", "beta", "周"]), DATA, min_size=1))
def test_yaml_round_trip(data: dict[str, Any]) -> None:
    assert load_yaml(dump_yaml(data), "x")[0] == data


def test_files_that_are_none(tmp_path: Path) -> None:
    import os

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, said in ((tmp_path, "this is a folder"), (pipe, "this is not a regular file"), (tmp_path / "none", "there is no such file")):
        with pytest.raises(InputError, match=said):
            read_text(path)
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(2 << 30)  # sparse
    with pytest.raises(InputError, match="larger than 8192 KiB"):
        read_text(big)


def test_plain_numbers_of_laws_are_written_as_numbers() -> None:
    from pydantic import TypeAdapter

    from salessim.durations import Law

    laws: TypeAdapter[Any] = TypeAdapter(Law)
    for data in ({"law": "uniform", "low": 0.0, "high": 1.0}, {"law": "quantiles", "points": {"0 %": 0.0, "100 %": 2.5}}, {"law": "lognormal", "mean": 3.0, "cv": 1.0}, {"law": "uniform", "low": "1 min", "high": "2 h"}):
        written = laws.dump_python(laws.validate_python(data), mode="json")
        assert {k: v for k, v in written.items() if k in data} == data
        assert laws.validate_python(written) == laws.validate_python(data)


def test_the_values_of_a_mixture_of_constants_are_exact() -> None:
    import numpy as np
    from pydantic import TypeAdapter

    from salessim.durations import Law

    law = TypeAdapter(Law).validate_python({"law": "mixture", "parts": [{"share": 0.25, "of": 0}, {"share": 0.5, "of": 0.1}, {"share": 0.25, "of": 7}]})
    assert list(law.quantile(np.array([1e-9, 0.2, 0.26, 0.5, 0.74, 0.76, 1 - 1e-9]))) == [0, 0, 0.1, 0.1, 0.1, 7, 7]


@pytest.mark.parametrize(("text", "read"), [
    ("38 元", (38.0, "CNY")), ("3.2 万元", (32000.0, "CNY")), ("0.29万元", (2900.0, "CNY")), ("1.5 亿元", (1.5e8, "CNY")), ("500 万美元", (5e6, "USD")), ("1，200 元", (1200.0, "CNY")), ("20EUR", (20.0, "EUR")),
])  # fmt: skip
def test_money_in_chinese(text: str, read: tuple[float, str]) -> None:
    assert money(text) == read
    assert quantity(text).text.split()[-1] == read[1]  # the rest of the program reads the currency there


def test_rates_and_pay_in_chinese() -> None:
    assert {str(rate(x)) for x in ("16 per week", "16/周", "每周 16 单", "每周16个", "16 单/周", "16 每 周", "每个星期 16 次")} == {"16 per week"}
    assert {str(cost_rate(x)) for x in ("8000 CNY/month", "每月 8000 元", "8000 元/月", "0.8 万元/月", "8000元每月")} == {"8000 CNY/month"}
    assert duration("3 个小时 30 分钟") == 210 * MINUTE
    assert share("１８％") == 0.18


@pytest.mark.parametrize(("read", "text", "remedy"), [
    (duration, "1,5 h", "write a point before decimals: '1.5 h'"), (share, "1,5 %", "write a point before decimals: '1.5 %'"), (rate, "2,5 per week", "write a point before decimals: '2.5 per week'"),
    (money, "38,50 EUR", "write a point before decimals: '38.50 EUR'"), (share, 18, "write '18 %' if that is meant"), (share, "eighteen", "write for example '35 %'"), (share, "value > 5", "write it under 'when'"),
    (cost_rate, "42 小时", "write for example '42 元/小时'"), (money, "很多", "write for example '38 元'"),
])  # fmt: skip
def test_remedies_fit_what_was_written(read: Any, text: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=";") as wrong:
        read(text)
    assert str(wrong.value).partition("; ")[2] == remedy


@pytest.mark.parametrize(("text", "said"), [
    ("a: 1\nb：2\nc: 3", "x:2: the sign '：' in column 2 is a full-width one, which YAML takes for text; write ': '"),
    ("a: {b: 1， c: 2}", "x:1: the sign '，' in column 9 is a full-width one, which YAML takes for text; write ', '"),
    ("# 注释：有全角\na: '：'\nb: {c: ［d]}", "x:3: the sign '［' in column 8 is a full-width one, which YAML takes for text; write '['"),
    ("a: '：'\nb: [1\nc: 2", "x:3: the YAML cannot be read (did not find expected ',' or ']'); check indentation, colons and quotes"),
])  # fmt: skip
def test_full_width_signs_are_named(text: str, said: str) -> None:
    with pytest.raises(InputError) as wrong:
        load_yaml(text, "x")
    assert str(wrong.value) == said
