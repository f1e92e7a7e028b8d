"""How pages show numbers and nested values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def format_number(value: Any) -> str:  # noqa: ANN401 - a figure is a number or a text
    """Shows a number with four digits, and all of them where four would make it a whole number.

    A share of 0.99996 is not shown as 1: it may have failed a limit of 1.
    """
    if value is None or isinstance(value, bool | str):
        return "\N{EN DASH}" if value is None else str(value)
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    short = f"{value:.4g}"
    return repr(float(value)) if float(short).is_integer() else short


def format_percent(share: float) -> str:
    """Shows a share in whole per cent; nothing for none, and never 0 or 100 for what is neither."""
    if share <= 0:
        return ""
    if share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def shorten_number(value: float | str) -> str:
    """Shows a number in the five characters of a cell, never as a whole number that it is not."""
    if isinstance(value, str) or not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e4:
        return f"{value / 1e3:,.0f}k"
    short = f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"
    if float(value).is_integer() or not float(short).is_integer():
        return format_number(float(short))
    return f"{'<' if float(short) > value else '>'}{float(short):,.0f}"


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields every key of nested dictionaries with its value as text; no key is left out."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else json.dumps(value, default=str)
