"""Search for a better design, and the honest promise about the one that is recommended."""

from salessim.optimisation.departments import Department, Gap, local_against_overall
from salessim.optimisation.search import Best, optimise

__all__ = ["Best", "Department", "Gap", "local_against_overall", "optimise"]
