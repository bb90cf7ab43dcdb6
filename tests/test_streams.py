"""Draws: the generator word for word, the laws against SciPy, every sampler increasing in its uniform."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import special, stats

from salessim.durations import LAWS, Law, LawTable, build_table, sample
from salessim.durations.table import normal_quantile
from salessim.jit import interpreted
from salessim.streams import block, child_key, mix, name_key, uniform

WORD = st.integers(0, 2**64 - 1)
ADAPTER: TypeAdapter[Any] = TypeAdapter(Law)
draw = interpreted(sample)


@given(st.tuples(WORD, WORD), st.tuples(WORD, WORD, WORD, WORD))
def test_philox_is_numpys_word_for_word(key: tuple[int, int], counter: tuple[int, int, int, int]) -> None:
    # NumPy raises the counter before its first block.
    number = sum(c << (64 * i) for i, c in enumerate(counter))
    before = (number - 1) % 2**256
    start = np.array([(before >> (64 * i)) & (2**64 - 1) for i in range(4)], np.uint64)
    expected = np.random.Philox(key=np.array(key, np.uint64), counter=start).random_raw(4)
    assert block(*key, *counter) == tuple(int(w) for w in expected)


def test_philox_known_answer() -> None:
    # Random123, kat_vectors: philox4x64 10, all zero and all one
    assert [f"{w:x}" for w in block(0, 0, 0, 0, 0, 0)] == ["16554d9eca36314c", "db20fe9d672d0fdc", "d7e772cee186176b", "7e68b68aec7ba23b"]
    ones = 2**64 - 1
    assert [f"{w:x}" for w in block(ones, ones, ones, ones, ones, ones)] == ["87b092c3013fe90b", "438c3c67be8d0224", "9cc7d7c69cd777b6", "a09caebf594f0ba0"]


def test_uniforms_are_strictly_inside() -> None:
    assert 0 < uniform(0) < 1e-15
    assert 1 - 1e-15 < uniform(2**64 - 1) < 1
    assert uniform(2**63) == pytest.approx(0.5, abs=1e-15)


def test_keys_scatter() -> None:
    assert len({mix(i) for i in range(10_000)}) == 10_000
    assert len({child_key(p, q, n) for p in range(20) for q in range(20) for n in range(20)}) == 8000
    assert name_key("报价") != name_key("订单")
    assert name_key("e\u0301") == name_key("\u00e9")  # the same name in two spellings of Unicode


def test_normal_quantile_is_as_241() -> None:
    p = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 5001), 10.0 ** -np.arange(1, 16)])
    found = np.array([normal_quantile(x) for x in p])
    exact = special.ndtri(p)
    assert np.max(np.abs(found - exact) / np.maximum(np.abs(exact), 1e-9)) < 1e-14


SPECS: list[tuple[Any, Any]] = [
    ("25 min", None),
    ({"law": "uniform", "low": "1 min", "high": "3 min"}, stats.uniform(60, 120)),
    ({"law": "triangular", "low": "1 min", "mode": "2 min", "high": "6 min"}, stats.triang(0.2, 60, 300)),
    ({"law": "exponential", "mean": "2 min"}, stats.expon(scale=120)),
    ({"law": "erlang", "mean": "2 min", "phases": 3}, stats.gamma(3, scale=40)),
    ({"law": "gamma", "mean": "2 min", "cv": 2}, stats.gamma(0.25, scale=480)),
    ({"law": "gamma", "mean": "2 min", "shape": 40}, stats.gamma(40, scale=3)),
    ({"law": "lognormal", "median": "1 min", "sigma": 0.8}, stats.lognorm(0.8, scale=60)),
    ({"law": "lognormal", "mean": "1 min", "cv": 1}, stats.lognorm(np.sqrt(np.log(2)), scale=60 / np.sqrt(2))),
    ({"law": "lognormal", "median": "1 min", "p90": "5 min"}, stats.lognorm(np.log(5) / special.ndtri(0.9), scale=60)),
    ({"law": "lognormal", "mean": "2 min", "median": "1 min"}, stats.lognorm(np.sqrt(2 * np.log(2)), scale=60)),
    ({"law": "weibull", "scale": "1 min", "shape": 0.7}, stats.weibull_min(0.7, scale=60)),
    ({"law": "loglogistic", "median": "1 min", "shape": 2.5}, stats.fisk(2.5, scale=60)),
    ({"law": "quantiles", "points": {"0 %": "0 min", "50 %": "1 min", "100 %": "4 min"}}, None),
    ({"law": "mixture", "parts": [{"share": 0.3, "of": "1 min"}, {"share": 0.7, "of": {"law": "exponential", "mean": "10 min"}}]}, None),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "peer"), SPECS, ids=lambda x: str(x.get("law") if isinstance(x, dict) else "")[:12])
def test_laws_are_scipys(spec: Any, peer: Any) -> None:
    law = ADAPTER.validate_python(spec)
    p = np.array([1e-6, 0.01, 0.2, 0.5, 0.77, 0.9, 0.999, 1 - 1e-9])
    if peer is not None:
        assert law.mean / 1e6 == pytest.approx(peer.mean(), rel=1e-9)
        assert law.quantile(p) / 1e6 == pytest.approx(peer.ppf(p), rel=1e-7)
        x = peer.ppf([0.1, 0.5, 0.95])
        assert law.cdf(x * 1e6) == pytest.approx([0.1, 0.5, 0.95], rel=1e-9)
    again = ADAPTER.validate_python(ADAPTER.dump_python(law, mode="json"))
    assert again.quantile(p) == pytest.approx(law.quantile(p))
    assert law.scaled(2).mean == pytest.approx(2 * law.mean, rel=1e-6)


def numbers(table: LawTable, law: int, n: int, seed: int = 0) -> Any:
    words = np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)
    return np.array([draw(table, law, int(w)) for w in words])


def test_samples_have_the_moments_and_the_law() -> None:
    laws = [ADAPTER.validate_python(s) for s, _ in SPECS]
    table = build_table(laws)
    for i, (law, (_, peer)) in enumerate(zip(laws, SPECS)):
        x = numbers(table, i, 30_000, seed=i)
        assert x.mean() == pytest.approx(law.mean, rel=0.06)
        if peer is not None:
            # Bonferroni over the laws at 1 %
            assert stats.kstest(x / 1e6, peer.cdf).pvalue > 0.01 / len(SPECS)


@given(WORD, WORD)
def test_every_sampler_increases_with_its_word(a: int, b: int) -> None:
    low, high = sorted((a, b))
    for i in range(len(TABLED.form)):
        x, y = draw(TABLED, i, low), draw(TABLED, i, high)
        assert 0 <= x <= y < np.inf


TABLED = build_table([ADAPTER.validate_python(s) for s, _ in SPECS])


def test_tables_are_as_exact_in_the_tails_as_in_the_body() -> None:
    law = ADAPTER.validate_python({"law": "gamma", "mean": "10 min", "cv": 1.5})
    table = build_table([law])
    for exponent in range(12, 64, 4):
        word = 1 << exponent
        u = uniform(word)
        assert draw(table, 0, word) == pytest.approx(float(law.quantile(u)), rel=4e-4)
        upper = 2**64 - (1 << max(exponent, 14))
        assert draw(table, 0, upper) == pytest.approx(float(law.upper_quantile(1 - uniform(upper))), rel=4e-4)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"law": "lognormal", "median": "2 h", "p90": "1 h"}, "p90 1 h is not above the median 2 h; give a larger p90"),
        ({"law": "lognormal", "mean": "2 h"}, "takes mean and cv"),
        ({"law": "gamma", "mean": "2 h", "cv": -1}, "cv is -1.0, which is not above zero; give a cv above zero"),
        ({"law": "uniform", "low": "2 h", "high": "1 h"}, "low 2 h is above high 1 h; put the smaller first"),
        ({"law": "uniform", "low": "2 h", "high": "20 EUR"}, "do not fit together"),
        ({"law": "triangular", "low": "2 h", "mode": "1 h", "high": "3 h"}, "is not between"),
        ({"law": "loglogistic", "median": "2 h", "shape": 1}, "infinite mean"),
        ({"law": "exponential", "mean": "0 min"}, "not above zero"),
        ({"law": "quantiles", "points": {"0 %": "2 min", "100 %": "1 min"}}, "rise in share and value"),
        ({"law": "mixture", "parts": [{"share": 0.5, "of": "1 min"}]}, "sum to 50 %"),
    ],
)
def test_impossible_laws_say_what_to_do(spec: Any, problem: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        ADAPTER.validate_python(spec)
    assert problem in str(wrong.value)


def test_every_law_is_tested() -> None:
    assert {s["law"] for s, _ in SPECS if isinstance(s, dict)} | {"constant"} == set(LAWS)


def test_the_machine_code_cache_knows_every_source_that_is_baked_in() -> None:
    """What compiled files import from the package is in the list too, or never reaches compiled code."""
    import ast

    import salessim
    from salessim import jit

    root = Path(salessim.__file__).parent
    files = [f for name in jit.SOURCES for f in (sorted((root / name).rglob("*.py")) or [root / name])]
    inside = {".".join(("salessim", *f.relative_to(root).with_suffix("").parts)).removesuffix(".__init__") for f in files}
    plain = {"salessim.errors", "salessim.headcount", "salessim.memo", "salessim.scenario.response", "salessim.scenario.inflow", "salessim.scenario.channels", "salessim.units", "salessim.log", "salessim.scenario.calendars", "salessim.scenario.formulas", "salessim.scenario.intensity", "salessim.scenario.model", "salessim.scenario.checks", "salessim.sources", "salessim.staff", "salessim.resume", "salessim.standing"}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("salessim."):
                assert node.module in inside | plain, (file.name, node.module)
    for file in root.rglob("*.py"):
        taken = [name.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom) and node.module == "salessim.jit" for name in node.names]
        if {"compiled", "compiled_as", "inlined", "called", "spliced"} & set(taken):
            assert file in files, file
