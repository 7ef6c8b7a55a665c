"""The churn process (docs/demo.md gives the formulas with their numbers).

Each account has a latent satisfaction s, a mean-reverting random walk by week with shocks:

    s[t] = s[t-1] + KAPPA (level + drift[t] - s[t-1]) + SIGMA e[t] + jump[t]

Adoption follows it late and through noise of its own, u[t] = u[t-1] + LAG (s[t] - u[t-1]), and
a[t] = logistic(0.5 + 0.8 u[t] + habit + mood[t]), where the mood (reorganisations, projects) says nothing about churn.
In each week a live account leaves with probability 1 - exp(-h[t]) with

    h[t] = BASE exp(-BETA s[t]) segment competitor[t] (RENEWAL in the week of a renewal) + EXOGENOUS

where EXOGENOUS (a sale, an insolvency) depends on nothing that can be seen. Who leaves has made up their mind some
weeks before: over the last N weeks, N from NOTICE_WEEKS, s sinks by a further D, D from NOTICE_DEPTH (a fifth of the
leavers and every exogenous one give no sign: D = 0), and adoption with it.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cs_ml.demo.calendar import WEEKS, Calendar
from cs_ml.demo.traits import Role, Traits

Series: TypeAlias = NDArray[np.float64]
ShockKind: TypeAlias = Literal[
    "champion_left", "bad_release", "price_increase", "low_adoption", "competitor", "new_sponsor"
]

KAPPA: Final = 0.06  # half of a shock is gone after 11 weeks
SIGMA: Final = 0.15
LAG: Final = 0.3
MOOD_KAPPA, MOOD_SIGMA = 0.12, 0.09
BASE: Final = 0.00095  # a week, at s = 0 outside renewal
BETA: Final = 1.8
RENEWAL: Final = 26.0
COMPETITOR_PULL, COMPETITOR_WEEKS = 2.5, 20
EXOGENOUS: Final = 0.012 / 52
LOW_ADOPTION_WEEKS: Final = 26
NOTICE_WEEKS: Final = (10, 27)
NOTICE_DEPTH: Final = (1.0, 3.2)
SILENT_SHARE: Final = 0.2
BURN_IN: Final = 40  # weeks before the grid, without hazard, so that week 0 is an ordinary week
OUTLOOK_WEEKS: Final = 13
# Shocks a year and the range of the jump in s. Prices rise before a renewal, bad releases come on the tenant's dates.
RATES: Final[tuple[tuple[ShockKind, float, float, float], ...]] = (
    ("champion_left", 0.22, -1.4, -0.4),
    ("competitor", 0.12, -0.6, -0.1),
    ("low_adoption", 0.12, -0.3, 0.0),
    ("new_sponsor", 0.20, 0.3, 0.9),
)
REASONS: Final[dict[ShockKind, str]] = {
    "champion_left": "Champion left", "bad_release": "Product quality", "price_increase": "Price",
    "low_adoption": "Low adoption", "competitor": "Switched to a competitor",
}  # fmt: skip
EXOGENOUS_REASONS: Final = ("Company acquired", "Ceased trading")


@dataclass(frozen=True, kw_only=True)
class Shock:
    week: int
    kind: ShockKind
    jump: float


@dataclass(frozen=True, kw_only=True)
class Course:
    """One account's way through the grid. Arrays have WEEKS entries; those after the churn mean nothing."""

    first_week: int  # 0, or the week of the start date
    satisfaction: Series  # about -3 .. 3
    adoption: Series  # share of seats active, 0 .. 1, before counting noise
    shocks: tuple[Shock, ...]
    churned_on: date | None
    reason: str | None
    outlook: float  # expected hazard of the next 13 weeks if satisfaction stays where it is; 0 when churned


def bad_release_weeks(rng: Generator) -> tuple[int, ...]:
    """Two weeks in which the tenant shipped a release that hurt many customers at once."""
    return tuple(sorted(int(week) for week in rng.choice(np.arange(8, WEEKS - 8), size=2, replace=False)))


def run(rng: Generator, traits: Traits, calendar: Calendar, releases: tuple[int, ...]) -> Course:
    """One draw of the process. Staged accounts (role not natural) do not leave: their part is in the present."""
    renewals = [calendar.week_of(day) for day in traits.renewals(calendar.today)]
    shocks = _shocks(rng, traits, renewals, releases)
    satisfaction = _satisfaction(rng, traits, shocks)
    first_week = max(0, calendar.week_of(traits.start))
    hazard = _hazard(satisfaction, traits, shocks, renewals)
    churned_on, reason = (None, None)
    if traits.role == "natural":
        churned_on, reason = _churn(rng, traits, calendar, first_week=first_week, hazard=hazard, shocks=shocks)
    if churned_on and reason not in EXOGENOUS_REASONS:
        satisfaction = satisfaction + _notice(rng, calendar.week_of(churned_on))
    ahead = [BASE * np.exp(-BETA * satisfaction[-1]) * traits.profile.hazard] * OUTLOOK_WEEKS
    near = any(WEEKS <= week < WEEKS + OUTLOOK_WEEKS for week in renewals)
    outlook = float(sum(ahead) + near * ahead[0] * (RENEWAL - 1))
    return Course(
        first_week=first_week,
        satisfaction=satisfaction[BURN_IN:],
        adoption=_adoption(rng, traits, satisfaction)[BURN_IN:],
        shocks=tuple(shock for shock in shocks if shock.week >= first_week),
        churned_on=churned_on,
        reason=reason,
        outlook=0.0 if churned_on else outlook,
    )


def _shocks(rng: Generator, traits: Traits, renewals: list[int], releases: tuple[int, ...]) -> list[Shock]:
    shocks = _staged_shocks(rng, traits.role)
    quiet_from = WEEKS if traits.role == "natural" else WEEKS - 40
    for kind, per_year, low, high in RATES:
        for week in range(-BURN_IN, quiet_from):
            if rng.random() < per_year / 52:
                shocks.append(Shock(week=week, kind=kind, jump=float(rng.uniform(low, high))))
    for week in (week - 8 for week in renewals):
        if -BURN_IN <= week < quiet_from and rng.random() < 0.3:
            shocks.append(Shock(week=week, kind="price_increase", jump=float(rng.uniform(-0.9, -0.2))))
    for week in releases:
        if week < quiet_from and rng.random() < 0.4:
            shocks.append(Shock(week=week, kind="bad_release", jump=float(rng.uniform(-1.0, -0.3))))
    return sorted(shocks, key=lambda shock: shock.week)


def _staged_shocks(rng: Generator, role: Role) -> list[Shock]:
    if role == "critical":
        first = int(rng.integers(WEEKS - 14, WEEKS - 9))
        second: ShockKind = "competitor" if rng.random() < 0.5 else "price_increase"
        return [Shock(week=first, kind="champion_left", jump=-1.7), Shock(week=first + 4, kind=second, jump=-1.3)]
    if role == "recovering":
        return [Shock(week=int(rng.integers(WEEKS - 36, WEEKS - 28)), kind="bad_release", jump=-2.2)]
    return []


def _drift(role: Role, shocks: list[Shock]) -> Series:
    """What is added to the level by week: low adoption for half a year, and the staged slopes."""
    drift = np.zeros(BURN_IN + WEEKS)
    for shock in shocks:
        if shock.kind == "low_adoption":
            drift[BURN_IN + shock.week : BURN_IN + shock.week + LOW_ADOPTION_WEEKS] -= 0.9
    if role == "slow_decline":
        drift[-26:] -= np.linspace(0.0, 3.4, 26)
    if role == "recovering":
        drift[-36:-16] -= 1.0
        drift[-14:] += 0.5
    return drift


def _satisfaction(rng: Generator, traits: Traits, shocks: list[Shock]) -> Series:
    target = traits.level + _drift(traits.role, shocks)
    jump = np.zeros(BURN_IN + WEEKS)
    for shock in shocks:
        jump[BURN_IN + shock.week] += shock.jump
    noise = rng.normal(0.0, SIGMA, BURN_IN + WEEKS)
    path = np.empty(BURN_IN + WEEKS)
    s = traits.level
    for t in range(BURN_IN + WEEKS):
        s += KAPPA * (target[t] - s) + noise[t] + jump[t]
        path[t] = s
    return path


def _adoption(rng: Generator, traits: Traits, satisfaction: Series) -> Series:
    noise = rng.normal(0.0, MOOD_SIGMA, len(satisfaction))
    log_odds = np.empty(len(satisfaction))
    u, mood = traits.level, 0.0
    for t, s in enumerate(satisfaction):
        u += LAG * (s - u)
        mood += noise[t] - MOOD_KAPPA * mood
        log_odds[t] = 0.5 + 0.8 * u + traits.habit + mood
    return 1.0 / (1.0 + np.exp(-log_odds))


def _hazard(satisfaction: Series, traits: Traits, shocks: list[Shock], renewals: list[int]) -> Series:
    hazard = BASE * np.exp(-BETA * satisfaction[BURN_IN:]) * traits.profile.hazard
    for shock in shocks:
        if shock.kind == "competitor":
            hazard[max(0, shock.week) : max(0, shock.week + COMPETITOR_WEEKS)] *= COMPETITOR_PULL
    for week in renewals:
        if 0 <= week < WEEKS:
            hazard[week] *= RENEWAL
    return hazard


def _churn(
    rng: Generator, traits: Traits, calendar: Calendar, *, first_week: int, hazard: Series, shocks: list[Shock]
) -> tuple[date | None, str | None]:
    """The day and reason of leaving; in the week of a renewal the day is the renewal's."""
    for week in range(first_week + 4, WEEKS):
        if rng.random() < 1 - np.exp(-(hazard[week] + EXOGENOUS)):
            day = calendar.day(week, int(rng.integers(7)))
            ends = [end for end in traits.renewals(calendar.today) if calendar.week_of(end) == week]
            exogenous = rng.random() < EXOGENOUS / (hazard[week] + EXOGENOUS)
            return (ends[0] if ends else day), _reason(rng, week, exogenous, shocks)
    return None, None


def _notice(rng: Generator, churn_week: int) -> Series:
    """What the decision to leave takes from satisfaction: nothing before it, then down to -D as a square root."""
    sinking = np.zeros(BURN_IN + WEEKS)
    weeks = int(rng.integers(*NOTICE_WEEKS))
    depth = 0.0 if rng.random() < SILENT_SHARE else rng.uniform(*NOTICE_DEPTH)
    end = BURN_IN + churn_week + 1
    sinking[end - weeks : end] = -depth * np.sqrt(np.linspace(0.0, 1.0, weeks))
    return sinking


def _reason(rng: Generator, week: int, exogenous: bool, shocks: list[Shock]) -> str | None:
    """The latest bad shock of the half year before, as a CSM would write it down; one in eight writes nothing."""
    if exogenous:
        return EXOGENOUS_REASONS[int(rng.integers(len(EXOGENOUS_REASONS)))]
    if rng.random() < 0.125:
        return None
    recent = [shock.kind for shock in shocks if week - 26 <= shock.week <= week and shock.kind in REASONS]
    return REASONS[recent[-1]] if recent else "Budget cut"
