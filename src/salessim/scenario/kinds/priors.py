"""The usual effects of levers: what is taken where a planner says nothing about an effect, and what it rests on.

One table, so that a new study is a line changed here. Most have no source worth the name and say so: they are guesses
of people who have seen such projects, wide on purpose. A grade after a source: a (measured), b (survey), c (one case
or hearsay).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from salessim.durations import Law


@dataclass(frozen=True)
class Prior:
    """A usual effect: triangular between the lowest and the highest that seem possible."""

    low: float
    mode: float
    high: float
    what: str
    source: str | None = None
    """None: an assumption."""

    @property
    def law(self) -> Any:
        """As a law that names its origin."""
        origin = {"source": self.source} if self.source else {"assumption": f"usual effect: {self.what}"}
        return _LAW.validate_python({"law": "triangular", "low": self.low, "mode": self.mode, "high": self.high, **origin})


_LAW: TypeAdapter[Any] = TypeAdapter(Law)

PRIORS: dict[str, dict[str, Prior]] = {
    "automate": {
        "adoption": Prior(0.5, 0.75, 0.95, "share of the visits that the system does"),
        "time_factor": Prior(0.2, 0.5, 0.8, "time the system takes, in parts of today's time"),
        "failure": Prior(0.01, 0.03, 0.10, "share of its visits that fail and are done by hand"),
        "error_factor": Prior(0.3, 0.6, 1.0, "errors, in parts of today's"),
    },
    "answer_at_once": {"quality": Prior(0.6, 0.8, 1.0, "interest kept, against a person who answers at once")},
    "cadence": {
        "gap_factor": Prior(0.5, 0.75, 1.0, "time between touches, in parts of today's"),
        "reply_factor": Prior(0.9, 1.0, 1.1, "chance of a reply to a touch, against today's"),
        "opt_out_factor": Prior(1.0, 1.2, 1.6, "opt-outs, against today's: more touches tire"),
    },
    "remove": {"escape": Prior(0.0, 0.02, 0.10, "share of cases with a defect that the step would have found")},
    "merge": {"escape": Prior(0.0, 0.02, 0.10, "share of cases with a defect that the step would have found")},
    "approve_by_rule": {
        "share": Prior(0.55, 0.65, 0.70, "share of the approvals that a rule gives", "55 to 70 % of approvals are given by rule after a redesign (pulserevops; grade c)"),
        "value_factor": Prior(0.987, 0.997, 1.0, "value kept: 0 to 2 % leak on what a rule approves"),
    },
    "sign_electronically": {"fast_share": Prior(0.3, 0.5, 0.8, "share of the customers who sign within hours", "11 business days to 7 hours (rework.com, one anecdote; grade c)")},
    "train": {
        "time_factor": Prior(0.9, 0.95, 1.0, "time a step takes, in parts of today's"),
        "error_factor": Prior(0.7, 0.85, 1.0, "errors, in parts of today's"),
        "adherence_gain": Prior(0.05, 0.10, 0.20, "share of the skipped visits that then take place"),
        "ramp_factor": Prior(0.65, 0.8, 0.9, "ramp-up of newcomers, in parts of today's", "nurturing programmes claim a tenth less (business2community; grade c); range assumed"),
    },
    "cross_train": {"speed": Prior(0.7, 0.85, 1.0, "pace at the work of others")},
    "personalise": {
        "reply_factor": Prior(1.01, 1.04, 1.075, "chances that are raised", "revenue 5 to 15 % up, mostly in consumer markets (McKinsey 2023; grade b), halved for business customers"),
        "work_factor": Prior(1.0, 1.1, 1.3, "work at the steps that are personalised"),
    },
    "standardise": {
        "spread_factor": Prior(0.4, 0.6, 0.8, "spread of the time at full standardisation, in parts of today's"),
        "error_factor": Prior(0.5, 0.7, 0.9, "errors at full standardisation, in parts of today's"),
        "unusual_factor": Prior(0.6, 0.8, 0.95, "chances of unusual cases at full standardisation"),
    },
    "integrate": {
        "latency_factor": Prior(0.1, 0.3, 0.7, "time between systems, in parts of today's"),
        "duplicate_factor": Prior(0.2, 0.5, 1.0, "duplicates and losses, in parts of today's"),
    },
    "self_service": {"deflection": Prior(0.1, 0.2, 0.4, "share of the requests that customers settle themselves")},
}  # fmt: skip
"""Kind of lever -> effect -> usual law. Kinds that are not here have no usual effect: it follows from the process (staff,
order of queues, parallel approval) or must be said (price)."""


def usual(kind: str, effect: str) -> Any:
    """The usual law of an effect; None if there is none."""
    prior = PRIORS.get(kind, {}).get(effect)
    return prior.law if prior is not None else None
