"""salessim: try changes to a sales process before rolling them out.

    import salessim as ss

    base = ss.Scenario.load("scenarios/b2b.yaml")
    gain = ss.compare(base, base.change({"teams.sdr.size": 3}, name="one more SDR"), replications=50, seed=7)

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Scenario": "salessim.scenario.model",
    "EventLog": "salessim.log",
    "simulate": "salessim.experiment",
    "replicate": "salessim.experiment",
    "replicate_until": "salessim.experiment",
    "compare": "salessim.experiment",
    "forecast": "salessim.forecasts",
    "loads": "salessim.scenario.traffic",
    "pilot": "salessim.pilots",
    "read_log": "salessim.importers",
    "inspect_log": "salessim.importers",
    "calibrate": "salessim.calibration",
    "validate_model": "salessim.calibration",
    "optimise": "salessim.optimisation",
    "report": "salessim.reporting",
    "check": "salessim.gate",
    "InputError": "salessim.errors",
    "SalesSimError": "salessim.errors",
}
__all__ = [*_HOMES, "__version__"]

if TYPE_CHECKING:
    from salessim.calibration import calibrate as calibrate
    from salessim.calibration import validate_model as validate_model
    from salessim.errors import InputError as InputError
    from salessim.errors import SalesSimError as SalesSimError
    from salessim.experiment import compare as compare
    from salessim.experiment import replicate as replicate
    from salessim.experiment import replicate_until as replicate_until
    from salessim.experiment import simulate as simulate
    from salessim.forecasts import forecast as forecast
    from salessim.gate import check as check
    from salessim.importers import inspect_log as inspect_log
    from salessim.importers import read_log as read_log
    from salessim.log import EventLog as EventLog
    from salessim.optimisation import optimise as optimise
    from salessim.pilots import pilot as pilot
    from salessim.reporting import report as report
    from salessim.scenario.model import Scenario as Scenario
    from salessim.scenario.traffic import loads as loads


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'salessim' has no attribute {name!r}")
    # Cached, because a function may have the name of the module it lives in.
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
