"""Amounts where there is little room; exact ones stand in the rows that make them up."""

from decimal import Decimal

from cs_ml.ui.formatting import NARROW

_UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))


def short(amount: Decimal) -> str:
    """Two or three digits: "458k", "1.2M"; below 1,000 whole."""
    for size, unit in _UNITS:
        if abs(amount) >= size:
            scaled = amount / size
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 10 else f"{scaled:.1f}{unit}"
    return f"{amount:.0f}"


def short_money(amount: Decimal, currency: str | None) -> str:
    return f"{short(amount)}{NARROW}{currency or '(currency not known)'}"
