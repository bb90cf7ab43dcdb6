"""Search for a better design, and the honest promise about the one that is recommended."""

from salessim.optimisation.search import Best, optimise

__all__ = ["Best", "optimise"]
