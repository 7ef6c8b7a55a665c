"""What the CSM kept: calls to action, the CRM's own fields, and the people at the customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np
from numpy.random import Generator

from cs_ml.demo.bundle import Row, row
from cs_ml.demo.calendar import WEEKS, Calendar
from cs_ml.demo.contracts import Life
from cs_ml.demo.names import Person
from cs_ml.demo.process import Course, ShockKind
from cs_ml.demo.traits import Traits

NOTICED: Final = -0.7  # satisfaction under which a CSM begins to notice, two weeks late and not always
RISK_TITLES: Final[dict[ShockKind, str]] = {
    "champion_left": "Find a new champion", "bad_release": "Recovery plan after the release",
    "price_increase": "Talk about the price", "low_adoption": "Adoption workshop",
    "competitor": "Answer the competitor's offer", "new_sponsor": "Meet the new sponsor",
}  # fmt: skip
TIERS: Final = {"Enterprise": "premium", "Mid-Market": "standard", "SMB": "basic"}
JOBS: Final = {
    "champion": ("Head of Operations", "Product Owner", "Team Lead, Planning"),
    "decision_maker": ("CFO", "VP Operations", "Managing Director", 'Director "Digital"'),
    "user": ("Analyst", "Planner", "Coordinator", "Specialist, Back Office"),
}  # fmt: skip
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A call to action as it was meant when made."""

    created: date
    days: int  # until due
    kind: Literal["RISK", "OPPORTUNITY", "LIFECYCLE", "ACTIVITY", "OBJECTIVE"]
    priority: Literal["CRITICAL", "HIGH", "MEDIUM", "LOW"]
    title: str


def cta_rows(rng: Generator, life: Life, owner: str) -> list[Row]:
    """Risk, renewal, upsell, review and onboarding tasks; most closed, some open, some of those overdue."""
    plans = [*_risk_plans(rng, life.course, life.calendar), *_deal_plans(rng, life), *_review_plans(rng, life)]
    plans.append(
        Plan(
            created=life.traits.start,
            days=45,
            kind="OBJECTIVE",
            priority="MEDIUM",
            title="Onboarding: first team active",
        )
    )
    ordered = sorted(
        (plan for plan in plans if life.first <= plan.created < life.end), key=lambda plan: (plan.created, plan.title)
    )
    return [_cta(rng, life, plan, owner) for plan in ordered]


def _deal_plans(rng: Generator, life: Life) -> list[Plan]:
    plans = []
    for deal in life.contract.deals:
        if deal.name.startswith("Renewal"):
            title = f"Prepare the {deal.name.lower()}"
            plans.append(Plan(created=deal.created, days=60, kind="LIFECYCLE", priority="HIGH", title=title))
        elif rng.random() < 0.6:
            title = f"Propose: {deal.name}"
            plans.append(Plan(created=deal.created, days=14, kind="OPPORTUNITY", priority="MEDIUM", title=title))
    return plans


def _review_plans(rng: Generator, life: Life) -> list[Plan]:
    plans = []
    for week in range(life.course.first_week + int(rng.integers(4, 17)), WEEKS, 13):
        if rng.random() < 0.5:
            day = life.calendar.day(week, int(rng.integers(5)))
            title = f"Business review, {MONTHS[day.month - 1]} {day.year}"
            plans.append(Plan(created=day, days=21, kind="ACTIVITY", priority="LOW", title=title))
    return plans


def _cta(rng: Generator, life: Life, plan: Plan, owner: str) -> Row:
    """Done around its due date, one in four only weeks after it; at a churn what is open is cancelled."""
    delay = rng.uniform(1.2, 5.0) if rng.random() < 0.25 else rng.uniform(0.4, 1.3)
    closed: date | None = plan.created + timedelta(days=max(1, int(plan.days * delay)))
    status = "CANCELLED" if rng.random() < 0.06 else "COMPLETED"
    if closed and closed > life.end:
        unfinished = "OPEN" if rng.random() < 0.65 else "IN_PROGRESS"
        closed, status = (life.end, "CANCELLED") if life.course.churned_on else (None, unfinished)
    return row(
        "ctas.csv",
        account_ref=life.traits.ref,
        created=plan.created,
        due=plan.created + timedelta(days=plan.days),
        closed=closed,
        type=plan.kind,
        priority=plan.priority,
        status=status,
        title=plan.title,
        owner_email=owner,
    )


def _risk_plans(rng: Generator, course: Course, calendar: Calendar) -> list[Plan]:
    """At most one every ten weeks, named after the latest shock of the last half year; some false alarms."""
    plans = []
    free_from = course.first_week + 4
    for week in range(course.first_week + 4, WEEKS):
        s = course.satisfaction[max(0, week - 2)]
        chance = 0.004 + (0.15 * min(1.5, NOTICED - s) + 0.1 if s < NOTICED else 0.0)
        if week < free_from or rng.random() >= chance:
            continue
        recent = [shock.kind for shock in course.shocks if week - 26 <= shock.week <= week]
        title = RISK_TITLES[recent[-1]] if recent else "Usage is down: find out why"
        priority: Literal["CRITICAL", "HIGH", "MEDIUM"] = "CRITICAL" if s < -1.6 else "HIGH" if s < -1.0 else "MEDIUM"
        plans.append(
            Plan(
                created=calendar.day(week, int(rng.integers(7))),
                days=int(rng.integers(14, 35)),
                kind="RISK",
                priority=priority,
                title=title,
            )
        )
        free_from = week + 10
    return plans


def custom_field_rows(rng: Generator, life: Life) -> list[Row]:
    """Half-yearly survey: NPS answer 0 .. 10 (often none), integrations in use, support tier."""
    traits, course = life.traits, life.course
    rows = []
    integrations = int(rng.poisson(2.0 if traits.segment == "SMB" else 4.0))
    tier = TIERS[traits.segment] if rng.random() < 0.85 else "standard"
    for week in range(course.first_week + int(rng.integers(1, 5)), WEEKS, 26):
        day = life.calendar.day(week, int(rng.integers(5)))
        if not life.first <= day < life.end:
            continue
        s = course.satisfaction[week]
        answer = int(np.clip(round(7.6 + 1.3 * s + rng.normal(0.0, 1.6)), 0, 10))
        rows.append(
            row(
                "custom_fields.csv",
                account_ref=traits.ref,
                as_of=day,
                nps=answer if rng.random() < 0.6 else None,
                integrations_count=integrations,
                support_tier=tier,
            )
        )
        added = int(rng.poisson(0.5 * np.exp(0.4 * min(s, 2.0))))
        integrations = max(0, integrations + added - int(rng.random() < 0.25))
    return rows


def contact_rows(rng: Generator, traits: Traits, people: Sequence[Person]) -> list[Row]:
    """The first person is the champion, the second decides, the others use the product; phones are fictional ones."""
    rows = []
    for index, person in enumerate(people):
        role = ("champion", "decision_maker")[index] if index < 2 else "user"
        titles = JOBS[role]
        rows.append(
            row(
                "contacts.csv",
                account_ref=traits.ref,
                contact_ref=f"{traits.ref}-P{index + 1}",
                first_name=person.first_name,
                last_name=person.last_name,
                email=f"{person.mailbox}@{traits.company.domain}",
                phone=f"+1 555 01{int(rng.integers(100)):02d}" if rng.random() < 0.5 else None,
                job_title=titles[int(rng.integers(len(titles)))],
                role=role,
            )
        )
    return rows
