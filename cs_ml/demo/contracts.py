"""What an account has bought over time: its terms, its renewals and upsells, and the rows that say so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.random import Generator

from cs_ml.demo.bundle import Row, row
from cs_ml.demo.calendar import WEEKS, Calendar
from cs_ml.demo.process import Course, Series
from cs_ml.demo.traits import Traits

WON, LOST = "Closed Won", "Closed Lost"
# Probability is the pipeline's, so it says how far a deal has come, not how it will end.
OPEN_STAGES: Final = (("Discovery", 0.3), ("Proposal", 0.5), ("Negotiation", 0.7), ("Verbal agreement", 0.9))
RENEWAL_LEAD_DAYS: Final = 90
RAMP: Final = 0.15  # share of newly bought seats that comes into use each week


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What holds from a day on. Money a year in the account's currency."""

    as_of: date
    arr: float
    seats: int
    plan: str
    renewal: date | None
    stage: str


@dataclass(frozen=True, kw_only=True)
class Deal:
    created: date
    close: date  # expected where the stage is an open one
    stage: str
    amount: float
    probability: float
    name: str
    seats: int = 0  # bought when won


@dataclass(frozen=True, kw_only=True)
class Contract:
    terms: tuple[Terms, ...]  # by date, at least one
    deals: tuple[Deal, ...]

    def seats_in_use(self, calendar: Calendar) -> Series:
        """Seats that could be active in each week: bought ones come into use over about two months."""
        bought = np.full(WEEKS, float(self.terms[0].seats))
        for terms in self.terms[1:]:
            if terms.seats:
                bought[max(0, calendar.week_of(terms.as_of)) :] = terms.seats
        for week in range(1, WEEKS):
            bought[week] = bought[week - 1] + RAMP * (bought[week] - bought[week - 1])
        return bought


def draw_contract(rng: Generator, traits: Traits, course: Course, calendar: Calendar) -> Contract:
    """Terms and deals from the later of the grid's first day and the start, to the churn or today."""
    begin = max(traits.start, calendar.first_day)
    renewals = traits.renewals(calendar.today)
    upsells = _upsells(rng, traits, course, calendar)
    terms = [
        Terms(
            as_of=begin,
            arr=traits.arr,
            seats=traits.seats,
            plan=traits.profile.plan,
            renewal=next((day for day in renewals if day > begin), None),
            stage=_stage(traits, begin),
        )
    ]
    end = course.churned_on or calendar.today
    passed = [day for day in renewals if begin < day <= calendar.today and (not course.churned_on or day < end)]
    milestones = [traits.start + timedelta(days=days) for days in (90, 270)]
    won = {deal.close: deal for deal in upsells if deal.stage == WON}
    for day in sorted({*passed, *won, *(day for day in milestones if begin < day <= end)} - {course.churned_on}):
        s = float(course.satisfaction[calendar.week_of(day)])
        terms.append(_next_terms(rng, traits, terms[-1], day=day, satisfaction=s, upsell=won.get(day)))
    deals = [*_renewal_deals(rng, course, calendar, renewals, terms), *upsells]
    if course.churned_on:
        gone = replace(terms[-1], as_of=course.churned_on, arr=0.0, seats=0, renewal=None, stage="Churned")
        terms.append(gone)
    return Contract(terms=tuple(terms), deals=tuple(sorted(deals, key=lambda deal: (deal.created, deal.name))))


def _stage(traits: Traits, day: date) -> str:
    age = (day - traits.start).days
    return "Onboarding" if age < 90 else "Adoption" if age < 270 else "Established"


def _next_terms(
    rng: Generator, traits: Traits, last: Terms, *, day: date, satisfaction: float, upsell: Deal | None
) -> Terms:
    """A renewal raises the price by 1 to 6 %, or cuts seats where satisfaction is low; an upsell adds its seats."""
    arr, seats = last.arr, last.seats
    renewals = traits.renewals(day)
    if day in renewals:
        unhappy = satisfaction < -0.4
        factor = rng.uniform(0.75, 0.92) if unhappy and rng.random() < 0.5 else 1.0
        seats, arr = max(1, int(seats * factor)), arr * factor * rng.uniform(1.01, 1.06)
    if upsell:
        seats, arr = seats + upsell.seats, arr + upsell.amount
    plan = "Business" if last.plan == "Team" and seats >= 75 else last.plan
    renewal = renewals[-1] if renewals else None
    return Terms(as_of=day, arr=round(arr), seats=seats, plan=plan, renewal=renewal, stage=_stage(traits, day))


def _upsells(rng: Generator, traits: Traits, course: Course, calendar: Calendar) -> list[Deal]:
    """Content customers are asked for more, and say yes, more often."""
    deals: list[Deal] = []
    for week in range(course.first_week + 6, WEEKS):
        s = course.satisfaction[week]
        if rng.random() > 0.45 / 52 * np.exp(0.5 * min(s, 2.0)):
            continue
        created = calendar.day(week, int(rng.integers(5)))
        close = created + timedelta(days=int(rng.integers(21, 90)))
        if created <= traits.start or created >= (course.churned_on or calendar.today):
            continue
        seats = max(2, int(traits.seats * rng.uniform(0.08, 0.3)))
        amount = float(round(seats * traits.arr / traits.seats))
        name = f"{seats} more seats" if rng.random() < 0.7 else f"Analytics add-on for {seats} seats"
        won = rng.random() < 1 / (1 + np.exp(-(0.1 + 0.9 * s)))
        deal = Deal(created=created, close=close, stage=LOST, amount=amount, probability=0.0, name=name)
        if course.churned_on and close >= course.churned_on:
            deal = replace(deal, close=course.churned_on)
        elif close > calendar.today:
            stage, probability = OPEN_STAGES[int(rng.integers(len(OPEN_STAGES)))]
            deal = replace(deal, stage=stage, probability=probability)
        elif won:
            deal = replace(deal, stage=WON, probability=1.0, seats=seats)
        deals.append(deal)
    return deals


def _renewal_deals(
    rng: Generator, course: Course, calendar: Calendar, renewals: Sequence[date], terms: Sequence[Terms]
) -> list[Deal]:
    """One per renewal, opened 90 days ahead; the one that a customer leaves from is lost on that day."""
    deals: list[Deal] = []
    for day in renewals:
        created = day - timedelta(days=RENEWAL_LEAD_DAYS)
        known = [entry for entry in terms if entry.as_of <= created]
        if not known or created > calendar.today or (course.churned_on and created >= course.churned_on):
            continue
        deal = Deal(
            created=created, close=day, stage=WON, amount=known[-1].arr, probability=1.0, name=f"Renewal {day.year}"
        )
        if course.churned_on and day >= course.churned_on:
            deal = replace(deal, close=course.churned_on, stage=LOST, probability=0.0)
        elif day > calendar.today:
            reached = 1.0 - (day - calendar.today).days / RENEWAL_LEAD_DAYS + 0.15 * course.satisfaction[-1]
            step = int(np.clip(reached * len(OPEN_STAGES), 0, len(OPEN_STAGES) - 1))
            deal = replace(deal, stage=OPEN_STAGES[step][0], probability=OPEN_STAGES[step][1])
        else:
            deal = replace(deal, close=day - timedelta(days=int(rng.integers(0, 15))))
        deals.append(deal)
    return deals


@dataclass(frozen=True, kw_only=True)
class Life:
    """All there is to know about an account; the files are written from it."""

    traits: Traits
    course: Course
    contract: Contract
    calendar: Calendar

    @property
    def first(self) -> date:
        """The first day of record: the start of the account or of the grid."""
        return self.contract.terms[0].as_of

    @property
    def end(self) -> date:
        """The day of churn, else today."""
        return self.course.churned_on or self.calendar.today


def opportunity_rows(life: Life) -> list[Row]:
    return [
        row(
            "opportunities.csv",
            account_ref=life.traits.ref,
            created=deal.created,
            close_date=deal.close,
            stage=deal.stage,
            amount=deal.amount,
            probability=deal.probability,
            currency=life.traits.currency,
            name=deal.name,
        )
        for deal in life.contract.deals
    ]


def change_rows(life: Life, owners: Sequence[tuple[date, str]]) -> list[Row]:
    """One row per day on which terms or owner changed, each with everything that held from then on.

    `owners` is by date, from which day each of them held the account, beginning with the first day of record.
    """
    rows = []
    for day in sorted({terms.as_of for terms in life.contract.terms} | {since for since, _ in owners}):
        terms = [entry for entry in life.contract.terms if entry.as_of <= day][-1]
        owner = [name for since, name in owners if since <= day][-1]
        rows.append(
            row(
                "account_changes.csv",
                account_ref=life.traits.ref,
                as_of=day,
                arr=terms.arr,
                plan=terms.plan,
                renewal_date=terms.renewal,
                seats=terms.seats,
                owner_email=owner,
                lifecycle_stage=terms.stage,
            )
        )
    return rows


def account_row(rng: Generator, life: Life, owner: str) -> Row:
    """The account as it is on the last day, one in twenty without an industry, as in any CRM."""
    traits, terms = life.traits, life.contract.terms[-1]
    return row(
        "accounts.csv",
        account_ref=traits.ref,
        name=traits.company.name,
        segment=traits.segment,
        industry=traits.company.industry if rng.random() >= 0.05 else None,
        arr=terms.arr,
        currency=traits.currency,
        plan=terms.plan,
        start_date=traits.start,
        renewal_date=terms.renewal,
        lifecycle_stage=terms.stage,
        owner_email=owner,
        website=f"https://www.{traits.company.domain}",
    )
