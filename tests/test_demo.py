"""What the demo says of what it learnt: chance and ignorance add up."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from salessim.demo import long_run
from salessim.statistics import Estimate


def results(values: list[float], share: float) -> Any:
    """Results whose mean is known to ± 0.3, with a share of ignorance in the variance."""
    found = Estimate(10.0, 9.7, 10.3, 0.95, len(values))
    return SimpleNamespace(
        estimate=lambda _: found, values=lambda _: np.array(values), spread=lambda _: SimpleNamespace(ignorance=Estimate(share, 0.0, 1.0, 0.95, len(values)))
    )


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_chance_and_ignorance_add_up_in_quadrature(share: float) -> None:
    middle, half = long_run(results([8.0, 10.0, 12.0], share), "cycle_time")  # variance 4
    assert middle == 10.0
    assert half == pytest.approx(math.sqrt(0.3**2 + 1.959964**2 * share * 4))


def test_where_ignorance_cannot_be_told_chance_is_left() -> None:
    assert long_run(results([8.0, 10.0, 12.0], math.nan), "cycle_time")[1] == pytest.approx(0.3)
