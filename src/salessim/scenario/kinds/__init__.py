"""The kinds of levers. A new one is a class in one of these files and a line in the list below."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag

from salessim.scenario.kinds.automation import AnswerAtOnce, ApproveByRule, Automate, SignElectronically
from salessim.scenario.kinds.base import GUESSED, Append, Base, Change, Missing, Plus, Put, Reshape, Rollout, Setting, Standing, Times, certain
from salessim.scenario.kinds.customers import Budget, Cadence, Discount, Personalise, SelfService
from salessim.scenario.kinds.modules import SwapModule
from salessim.scenario.kinds.numbers import AddStaff, Effects, SetField, Shifts
from salessim.scenario.kinds.people import CrossTrain, Prioritise, Train
from salessim.scenario.kinds.policy import Send
from salessim.scenario.kinds.priors import PRIORS
from salessim.scenario.kinds.simplify import InParallel, Merge, Remove
from salessim.scenario.kinds.systems import Integrate, Standardise

KINDS: dict[str, type[Base]] = {
    kind.KEY: kind
    for kind in (
        SetField, AddStaff, Shifts, Effects, Prioritise, Automate, AnswerAtOnce, ApproveByRule, SignElectronically, Remove, Merge,
        InParallel, Train, CrossTrain, Cadence, Personalise, Discount, SelfService, Budget, Standardise, Integrate, SwapModule, Send,
    )
}  # fmt: skip
"""THE list of kinds, by the field that tells them apart."""


def _one_kind(value: Any) -> Any:
    """Exactly one field must say what kind of lever it is."""
    if isinstance(value, dict):
        given = [k for k in KINDS if k in value]
        if len(given) != 1:
            kinds = ", ".join(repr(k) for k in KINDS)
            raise ValueError(f"a lever has exactly one of {kinds}, not {' and '.join(given) or 'none'}; keep one")
    elif not isinstance(value, Base):
        raise ValueError(f"{value!r} is not a lever; write for example 'automate: STEP' below its name")
    return value


def _which(value: Any) -> str:
    return value.KEY if isinstance(value, Base) else next((k for k in KINDS if isinstance(value, dict) and k in value), "none")


Lever = Annotated[
    Annotated[
        Annotated[SetField, Tag("field")]
        | Annotated[AddStaff, Tag("add_staff")]
        | Annotated[Shifts, Tag("shifts")]
        | Annotated[Effects, Tag("effects")]
        | Annotated[Prioritise, Tag("prioritise")]
        | Annotated[Automate, Tag("automate")]
        | Annotated[AnswerAtOnce, Tag("answer_at_once")]
        | Annotated[ApproveByRule, Tag("approve_by_rule")]
        | Annotated[SignElectronically, Tag("sign_electronically")]
        | Annotated[Remove, Tag("remove")]
        | Annotated[Merge, Tag("merge")]
        | Annotated[InParallel, Tag("in_parallel")]
        | Annotated[Train, Tag("train")]
        | Annotated[CrossTrain, Tag("cross_train")]
        | Annotated[Cadence, Tag("cadence")]
        | Annotated[Personalise, Tag("personalise")]
        | Annotated[Discount, Tag("discount")]
        | Annotated[SelfService, Tag("self_service")]
        | Annotated[Budget, Tag("budget")]
        | Annotated[Standardise, Tag("standardise")]
        | Annotated[Integrate, Tag("integrate")]
        | Annotated[SwapModule, Tag("swap")]
        | Annotated[Send, Tag("send")],
        Discriminator(_which),
    ],
    BeforeValidator(_one_kind),
]
"""Any lever, told apart by the field that names its kind."""

__all__ = ["GUESSED", "KINDS", "PRIORS", "Append", "Base", "Change", "Lever", "Missing", "Plus", "Put", "Reshape", "Rollout", "SetField", "Setting", "Standing", "Times", "certain"]
