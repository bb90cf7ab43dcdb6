"""A design without the changes that it does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salessim.optimisation.best import Trial
    from salessim.optimisation.evaluation import Evaluator


def pruned(evaluate: Evaluator, trial: Trial, gain: Callable[[Trial], tuple[float, int]], indifference: float) -> Trial:
    """The design without the changes that hardly help, as long as at most a quarter of its gain is given up in all.

    A search of many levers pulls some of them for nothing, by chance; what is recommended should be what works. The
    fresh seeds are not touched: this uses the same runs as the search. With k changes it looks at k designs side by side
    and at most k - 1 more.

    Args:
        evaluate: runs designs that the search did not look at.
        trial: the design.
        gain: relative improvement over today in the search's runs, less being better, and the number of changes.
        indifference: a share of today's figures that does not matter; half of it may be given up.
    """
    least = gain(trial)[0] + min(indifference / 2, abs(gain(trial)[0]) / 4)
    today = evaluate.space.today

    def spared(names: Iterable[str]) -> list[tuple[str, Trial]]:
        """Of these changes those without which the design is good enough, what it misses least first."""
        fewer = [(n, evaluate.space.repaired(trial.settings | {n: today[n]})) for n in names]
        worth = [(n, settings) for n, settings in fewer if evaluate.worth_a_run(settings, trial, least - gain(trial)[0])]
        found = evaluate.side_by_side([(trial.number, settings) for _, settings in worth])
        good = [(n, t) for (n, _), t in zip(worth, found, strict=True) if t.values is not None and t.feasible and gain(t)[0] <= least]
        return sorted(good, key=lambda row: gain(row[1]))

    # Each alone; then one after the other, what mattered least first, since of two that do the same one must stay.
    for n, _ in spared(n for n, setting in trial.settings.items() if setting != today[n]):
        if len(trial.words) > 1 and trial.settings[n] != today[n]:
            trial = next((without for _, without in spared([n])), trial)
    return trial


__all__ = ["pruned"]
