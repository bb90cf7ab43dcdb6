"""A design loses the changes that it does not need, and no others: by hand, on gains that are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from salessim.optimisation.best import Trial
from salessim.optimisation.pruning import pruned


class Known:
    """Evaluates designs whose gain is a function of the changes; counts those it has not seen."""

    def __init__(self, gain_of: Any, needs: dict[str, str] | None = None, broken: Any = lambda pulled: False) -> None:
        self.gain_of, self.needs, self.broken, self.looked = gain_of, needs or {}, broken, list[frozenset[str]]()
        self.space = SimpleNamespace(today=dict.fromkeys("abcd", 0), repaired=self.repaired)

    def repaired(self, settings: dict[str, int]) -> dict[str, int]:
        return {n: 0 if n in self.needs and not settings[self.needs[n]] else at for n, at in settings.items()}

    def worth_a_run(self, settings: dict[str, int], beside: Trial, by: float) -> bool:
        return True

    def of(self, settings: dict[str, int], number: int = 7) -> Trial:
        on = frozenset(n for n, at in settings.items() if at)
        if on not in self.looked:
            self.looked.append(on)
        return Trial(number, settings, tuple(sorted(on)), {"score": self.gain_of(on)}, None, not self.broken(on))

    def side_by_side(self, asked: Any) -> list[Trial]:
        return [self.of(settings, number) for number, settings in asked]

    def pruned(self, changes: str, indifference: float = 0.02) -> str:
        found = pruned(self, self.of({n: int(n in changes) for n in "abcd"}), lambda t: ((t.values or {})["score"], len(t.words)), indifference)  # type: ignore[arg-type]  # stands for an evaluator
        return "".join(found.words)


def additive(**worth: float) -> Any:
    return lambda on: -sum(worth.get(n, 0.0) for n in on)


def test_what_brings_nothing_goes_and_what_brings_something_stays() -> None:
    known = Known(additive(a=0.2, b=0.0, c=0.1, d=0.001))
    assert known.pruned("abcd") == "ac"
    # The design, each change alone taken back, and b with d.
    assert len(known.looked) == 1 + 4 + 1


def test_no_more_than_half_of_the_indifference_is_given_up_in_all() -> None:
    """Three changes of 0.004 each: two may go for 0.01, the third may not."""
    assert len(Known(additive(a=0.2, b=0.004, c=0.004, d=0.004)).pruned("abcd")) == 2
    # Nor more than a quarter of a small gain: 0.004 of 0.016.
    assert Known(additive(a=0.012, b=0.003, c=0.001)).pruned("abc") == "a"
    assert Known(additive(a=0.008, b=0.005, c=0.003)).pruned("abc") == "ab"


def test_of_two_that_do_the_same_one_stays() -> None:
    both = Known(lambda on: -0.2 * bool(on & {"a", "b"}) - 0.1 * ("c" in on))
    assert both.pruned("abc") in ("ac", "bc")


def test_what_needs_a_change_goes_with_it() -> None:
    known = Known(additive(a=0.2, b=0.0, c=0.0), needs={"c": "b"})
    assert known.pruned("abc") == "a"
    worth = Known(additive(a=0.2, b=0.0, c=0.1), needs={"c": "b"})
    assert worth.pruned("abc") == "abc"


def test_a_design_that_then_breaks_a_limit_is_no_way_out_and_one_change_stays() -> None:
    assert Known(additive(a=0.2), broken=lambda on: "b" not in on).pruned("ab") == "ab"
    assert Known(additive(a=0.0)).pruned("a") == "a"


@pytest.mark.parametrize("order", ["abcd", "dcba"])
def test_what_matters_least_goes_first(order: str) -> None:
    worth = dict(zip(order, (0.2, 0.006, 0.005, 0.004), strict=True))
    kept = Known(additive(**worth)).pruned("abcd")
    assert set(kept) == {order[0], order[1]}  # 0.004 + 0.005 is given up; 0.006 would be too much
