"""What all pages are made with: numbers as they are read, a chart with its table, a template filled in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from salessim.reporting import charts
from salessim.wording import rounded


def number(value: float) -> str:
    """A figure with three significant digits or whole thousands.

    Example:
        >>> number(99.97), number(99.9), number(9.997), number(1234.5), number(0.0123), number(-9.7e-5)
        ('100', '99.9', '10.0', '1,234', '0.012', '-0.000097')
    """
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if size >= 99.95 else f"{value:.1f}" if size >= 9.995 else f"{value:.2f}" if size >= 0.1 or size == 0 else rounded(value, 2)


def signed(value: float) -> str:
    """A change with its sign."""
    return number(value) if not math.isfinite(value) else ("+" if value >= 0 else "−") + number(abs(value))


def figure(chart: Any, table: pd.DataFrame, alt_text: str, caption: str) -> dict[str, Any]:
    """A chart with its table, for the macro `sections`."""
    rows = [[number(float(x)) if isinstance(x, float | np.floating) else str(x) for x in row] for row in table.head(400).itertuples(index=False)]
    return {"svg": charts.svg(chart), "alt": alt_text, "caption": caption, "head": [c.replace("_", " ") for c in table.columns], "rows": rows}


def fill(template: str, **values: Any) -> str:
    """A page from its template."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(template).render(**values)
