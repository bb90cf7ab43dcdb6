"""From an event log to a scenario: what can be learnt is learnt, everything else stays a marked assumption."""

from salessim.calibration.backtest import Backtest, backtest
from salessim.calibration.calibrated import Calibration, calibrate
from salessim.calibration.channels import Conversion, conversions
from salessim.calibration.validate import Validation, validate_model

__all__ = ["Backtest", "Calibration", "Conversion", "Validation", "backtest", "calibrate", "conversions", "validate_model"]
