"""Figures of a scenario's own: what its author counts beside the built-in measures, and the unit that goes with it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from salessim.measured_in import Unit, unit_of
from salessim.scenario.formulas import Formula, FormulaText
from salessim.scenario.parts import Documented
from salessim.units import MONTH, WEEK

Kind = Literal["mean", "share", "per_week", "per_month"]
Over = Literal["all", "won", "lost", "delivered", "ended", "service"]
KINDS: tuple[Kind, ...] = ("mean", "share", "per_week", "per_month")
_TIMES = {"per_week": ("week", WEEK), "per_month": ("month", MONTH)}
_NATURAL = {"time": "h", "money": "money", "number": ""}
_CASES: dict[Over, str] = {
    "all": "cases that arrived", "won": "cases that were won", "lost": "cases that were lost", "delivered": "cases that were delivered",
    "ended": "cases that ended, service cases apart", "service": "service cases that ended",
}  # fmt: skip


class OwnMeasure(Documented):
    """A figure of the scenario's own, from the attributes of cases: a mean, a share, or a sum per week or month."""

    mean: FormulaText | None = None
    share: FormulaText | None = None
    per_week: FormulaText | None = None
    per_month: FormulaText | None = None
    over: Over = "ended"
    when: FormulaText | None = None
    """Only cases for which this is true."""
    unit: str | None = None
    direction: Literal["lower is better", "higher is better", "neither"] = "neither"

    @property
    def kind(self) -> Kind:
        """Which of the four it is."""
        return next(k for k in KINDS if getattr(self, k) is not None)

    @property
    def formula(self) -> Formula:
        """What is averaged, counted or summed."""
        found = getattr(self, self.kind)
        assert isinstance(found, Formula)
        return found

    @property
    def definition(self) -> str:
        """What it is, in a sentence; two measures of the same definition and unit are the same figure.

        Example:
            >>> OwnMeasure.model_validate({"per_month": "value - cost", "over": "won"}).definition
            'sum of (value - cost) per month, of cases that were won'
        """
        of = f"({self.formula.text})"
        what = {"mean": f"mean of {of}", "share": f"share for which {of}", "per_week": f"sum of {of} per week", "per_month": f"sum of {of} per month"}[self.kind]
        return f"{what}, of {_CASES[self.over]}" + (f" and for which ({self.when.text})" if self.when is not None else "")

    def measured_in(self, currency: str) -> Unit:
        """The unit of the figure: that of its formula, or the given one where that is another name for it.

        Times are measured in the unit of time that is given; sums are per week or month, whether the unit says so or not.

        Raises:
            ValueError: the given unit is not one of what the formula gives; with problem and remedy.

        Example:
            >>> OwnMeasure.model_validate({"mean": "age", "unit": "days"}).measured_in("EUR").ticks // 3_600_000_000
            24
        """
        if self.kind == "share":
            return unit_of(self.unit or "%", currency)
        dimension = self.formula.dimension or "number"
        word, time = _TIMES.get(self.kind, ("", None))
        given = unit_of(_NATURAL[dimension] if self.unit is None else self.unit, currency)
        if dimension == "time" and given.kind != "time":
            raise ValueError(f"the formula gives a time, and {self.unit!r} is no unit of time; write h or days, or divide the formula by '1 h'")
        if dimension == "money" and given.kind != "money":
            raise ValueError(f"the formula gives money, and {self.unit!r} is not {currency}; write 'money', or divide the formula by '1 {currency}'")
        if given.per not in (None, time) and (dimension != "number" or time is not None):
            raise ValueError(f"a {'sum per ' + word if word else 'mean'} is not measured in {self.unit!r}; write {_remedy(given.of, word)!r}")
        if time is None or given.per is not None or given.kind == "percent":
            return given
        return unit_of(f"{given.text}/{word}" if given.text else f"per {word}", currency)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, k) is not None for k in KINDS) != 1:
            raise ValueError("a measure has exactly one of 'mean', 'share', 'per_week' and 'per_month'; keep one")
        return self


def _remedy(of: str, word: str) -> str:
    return of if not word else f"{of}/{word}" if of else f"per {word}"
