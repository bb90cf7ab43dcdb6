"""Search for a better design, and the honest promise about the one that is recommended."""

from salessim.optimisation.best import Best
from salessim.optimisation.departments import Department, Gap, local_against_overall
from salessim.optimisation.search import optimise

__all__ = ["Best", "Department", "Gap", "local_against_overall", "optimise"]
