"""The figures on top; each opens the accounts that it is made of."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from cs_ml.domain.policy import DEFAULT_WINDOW_DAYS
from cs_ml.domain.portfolio import AT_RISK, HEALTH_CHANGE_DAYS, RENEWAL_DAYS, LossRange, Tiles
from cs_ml.ui.formatting import NARROW, UNKNOWN, count, points
from cs_ml.ui.screens.portfolio.amounts import short, short_money
from cs_ml.ui.screens.portfolio.filters import FLAG_HELP, FLAG_LABELS, show_only
from cs_ml.ui.state import Key

_LEAST_WIDTH = 164  # pixels: two side by side on a phone


@dataclass(frozen=True, kw_only=True)
class _Tile:
    """`lines` follow the value in small. `shows`: label of a button -> the filters that it sets."""

    label: str
    value: str
    help: str
    lines: Sequence[str] = ()
    shows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def draw_tiles(tiles: Tiles) -> None:
    drawn = (_accounts, _health, _at_risk, _losses, _renewals, _work)
    with st.grid(len(drawn), min_column_width=_LEAST_WIDTH, gap="xsmall"):
        for place, tile in enumerate(drawn):
            _draw(place, tile(tiles))
    _draw_flags(tiles)


def _draw(place: int, tile: _Tile) -> None:
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.metric(tile.label, tile.value, help=tile.help)
        if tile.lines:
            st.caption("  \n".join(tile.lines))
        if tile.shows:
            with st.container(horizontal=True, gap="small") if len(tile.shows) > 1 else nullcontext():
                for n, (label, filters) in enumerate(tile.shows.items()):
                    _draw_button(f"{place}_{n}", label, **filters)


def _draw_button(name: str, label: str, **filters: Any) -> None:
    """Lists the accounts that a figure is made of."""
    st.button(f":primary[{label}]", key=f"{Key.TILE}_{name}", type="tertiary", on_click=show_only, kwargs=filters)


def _draw_flags(tiles: Tiles) -> None:
    if not any(tiles.flags.values()):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.caption("Needs a look", help=f"An account may be in more than one of these. {FLAG_HELP}", width="content")
        for flag, n in tiles.flags.items():
            if n:
                _draw_button(flag, f"{n:,} × {FLAG_LABELS[flag]}", flag=flag)


def _accounts(tiles: Tiles) -> _Tile:
    return _Tile(
        label="Accounts",
        value=f"{tiles.accounts:,}",
        help="Customers that are still there. A prediction counts while it is valid: 30 days, unless it was a stopgap.",
        lines=[f"{tiles.predicted:,} with a valid prediction"],
        shows={"Show all": {}},
    )


def _health(tiles: Tiles) -> _Tile:
    now, change = tiles.health, tiles.health_change
    lines = [f"mean of {count(now.n, 'account')}"] if now.n else ["no scores in the last 90 days"]
    if change.value is not None:
        lines.append(f"{points(change.value, digits=1)} in {HEALTH_CHANGE_DAYS} days ({count(change.n, 'account')})")
    return _Tile(
        label="Average health",
        value=UNKNOWN if now.value is None else f"{now.value:.0f}{NARROW}of{NARROW}100",
        help="The newest overall score of each account, not older than 90 days. The change is of the accounts that "
        f"had one {HEALTH_CHANGE_DAYS} days ago, too.",
        lines=lines,
    )


def _at_risk(tiles: Tiles) -> _Tile:
    first, *rest = [short_money(sums.amount, sums.currency) for sums in tiles.at_risk] or ["none"]
    known = sum(sums.accounts for sums in tiles.at_risk)
    unknown = tiles.accounts_at_risk - known
    lines = [*rest, count(known, "account") + (f", {unknown} more of unknown revenue" if unknown else "")]
    if not tiles.accounts_at_risk:
        lines = ["no account at high or critical risk"]
    return _Tile(
        label="Revenue at risk",
        value=first,
        help="Yearly revenue (ARR) of the accounts at high or critical risk. Currencies are never added up.",
        lines=lines,
        shows={"Show": {"bands": AT_RISK}} if tiles.accounts_at_risk else {},
    )


def _losses(tiles: Tiles) -> _Tile:
    """The currency follows in small: with it, two ends are too wide for a phone."""
    ranges = [(_range(loss), loss.currency or "currency not known") for loss in tiles.losses]
    (value, currency), *rest = ranges or [(UNKNOWN, "")]
    n = sum(loss.accounts for loss in tiles.losses)
    return _Tile(
        label=f"Likely loss, {DEFAULT_WINDOW_DAYS} days",
        value=value,
        help="Chance of leaving × yearly revenue, added up. One end takes the chances as they are predicted, the other "
        "at the level that is usual for you, each with the play of chance: in 8 of 10 cases the loss lies inside, if "
        "one of the two levels is right.",
        lines=[
            *([currency] if currency else []),
            *(f"{size}{NARROW}{name}" for size, name in rest),
            f"from {count(n, 'account')} with prediction and revenue",
        ],
    )


def _renewals(tiles: Tiles) -> _Tile:
    first, *others = RENEWAL_DAYS
    return _Tile(
        label=f"Renewals in {first} days",
        value=f"{tiles.renewals[first]:,}",
        help="Accounts whose contract is up for renewal in that many days or sooner.",
        shows={
            **({"Show": {"renewal": first}} if tiles.renewals[first] else {}),
            **{
                f"{tiles.renewals[days]:,} in {days} days": {"renewal": days} for days in others if tiles.renewals[days]
            },
        },
    )


def _work(tiles: Tiles) -> _Tile:
    return _Tile(
        label="Open CTAs",
        value=f"{tiles.open_ctas:,}",
        help="Calls to action that are open, started or snoozed. Overdue: due more than a day ago.",
        shows={
            **({"Show": {"work": "open"}} if tiles.open_ctas else {}),
            **({f"{tiles.overdue_ctas:,} overdue": {"work": "overdue"}} if tiles.overdue_ctas else {}),
        },
    )


def _range(loss: LossRange) -> str:
    return f"{short(loss.low)}\N{EN DASH}{short(loss.high)}"
