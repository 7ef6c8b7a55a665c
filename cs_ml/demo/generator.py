"""Two invented tenants' customers as import bundles; the law they live by is in `process.py` and docs/demo.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from zlib import crc32

import numpy as np
from numpy.random import Generator

from cs_ml.demo import names
from cs_ml.demo.bundle import COLUMNS, Bundle, row
from cs_ml.demo.calendar import Calendar
from cs_ml.demo.contracts import Life, account_row, change_rows, draw_contract, opportunity_rows
from cs_ml.demo.health import Coverage, coverages, health_rows
from cs_ml.demo.process import bad_release_weeks, run
from cs_ml.demo.touches import activity_rows
from cs_ml.demo.traits import draw_traits, roles
from cs_ml.demo.work import contact_rows, cta_rows, custom_field_rows

DEFAULT_SEED: Final = 10
MEMBER_SHARE: Final = 0.3
MEMBER_LEAST: Final = 20
MEMBER_RISKIEST: Final = 10  # of the live accounts, by the process's own outlook
HANDED_OVER_SHARE: Final = 0.15  # of accounts that had another owner before
PEOPLE_PER_ACCOUNT: Final = {"Enterprise": (4, 8), "Mid-Market": (3, 6), "SMB": (2, 4)}


@dataclass(frozen=True, kw_only=True)
class DemoTenant:
    name: str
    slug: str
    prefix: str  # of account references
    accounts: int
    currencies: tuple[str, ...]  # the tenant's own first


NORTHWIND: Final = DemoTenant(
    name="Northwind Cloud", slug="northwind", prefix="NW", accounts=100, currencies=("USD", "EUR", "GBP")
)
BLUEPEAK: Final = DemoTenant(
    name="Bluepeak Software", slug="bluepeak", prefix="BP", accounts=40, currencies=("EUR", "CHF", "GBP")
)
TENANTS: Final = (NORTHWIND, BLUEPEAK)


def generate(seed: int, today: date, tenant: DemoTenant, owners: Sequence[str]) -> Bundle:
    """The tenant's bundle with 18 months of history up to and including `today`; the same arguments give the same rows.

    `owners` are e-mail addresses: admin, member, then optionally viewer and colleagues. The member owns 30 % of the
    accounts and at least 20 (all, where there are fewer), the ten riskiest live ones among them; the admin shares the
    rest with the colleagues; the viewer owns nothing. Only due, renewal and expected close dates lie after `today`.
    Raises ValueError with fewer than two owners.
    """
    if len(owners) < 2:
        raise ValueError("owners needs at least the admin's and the member's address")
    calendar = Calendar(today=today)
    rng = np.random.default_rng([seed, crc32(tenant.slug.encode())])
    lives = _lives(rng, seed, tenant, calendar)
    assigned = _assign(rng, lives, owners)
    bundle: Bundle = {file: [] for file in COLUMNS}
    for life, names_of_owners, coverage in zip(lives, assigned, coverages(rng, len(lives)), strict=True):
        own = _account_rng(seed, tenant, f"{life.traits.ref} records")
        _emit(bundle, own, life, _ownership(own, life, names_of_owners), coverage)
    return bundle


def _account_rng(seed: int, tenant: DemoTenant, part: str) -> Generator:
    """A stream of its own for each account and purpose: how long one account lives does not stir the others."""
    return np.random.default_rng([seed, crc32(tenant.slug.encode()), crc32(part.encode())])


def _lives(rng: Generator, seed: int, tenant: DemoTenant, calendar: Calendar) -> list[Life]:
    releases = bad_release_weeks(rng)
    companies = names.companies(rng, tenant.accounts)
    cast = zip(companies, roles(rng, tenant.accounts), strict=True)
    lives = []
    for number, (company, role) in enumerate(cast, start=1):
        ref = f"{tenant.prefix}-{number:04d}"
        own = _account_rng(seed, tenant, f"{ref} life")
        traits = draw_traits(
            own, ref=ref, company=company, role=role, currencies=tenant.currencies, today=calendar.today
        )
        course = run(own, traits, calendar, releases)
        contract = draw_contract(own, traits, course, calendar)
        lives.append(Life(traits=traits, course=course, contract=contract, calendar=calendar))
    return lives


def _assign(rng: Generator, lives: Sequence[Life], owners: Sequence[str]) -> list[tuple[str, str | None]]:
    """Owner and, where the account was handed over, the one before."""
    admin, member, others = owners[0], owners[1], owners[3:]
    live = [index for index, life in enumerate(lives) if life.course.churned_on is None]
    riskiest = sorted(live, key=lambda index: -lives[index].course.outlook)[:MEMBER_RISKIEST]
    rest = [int(index) for index in rng.permutation(len(lives)) if index not in riskiest]
    wanted = max(MEMBER_LEAST, round(MEMBER_SHARE * len(lives)))
    members = {*riskiest, *rest[: wanted - len(riskiest)]}
    pool = (admin, *others)
    assigned: list[tuple[str, str | None]] = []
    for index in range(len(lives)):
        owner = member if index in members else pool[int(rng.integers(len(pool)))]
        before = [name for name in (admin, member, *others) if name != owner]
        former = before[int(rng.integers(len(before)))] if rng.random() < HANDED_OVER_SHARE else None
        assigned.append((owner, former))
    return assigned


def _emit(bundle: Bundle, rng: Generator, life: Life, owners: Sequence[tuple[date, str]], coverage: Coverage) -> None:
    owner = owners[-1][1]
    people = names.people(rng, int(rng.integers(*PEOPLE_PER_ACCOUNT[life.traits.segment])))
    activities, tally = activity_rows(rng, life, people)
    bundle["accounts.csv"].append(account_row(rng, life, owner))
    bundle["account_changes.csv"] += change_rows(life, owners)
    bundle["custom_fields.csv"] += custom_field_rows(rng, life)
    bundle["contacts.csv"] += contact_rows(rng, life.traits, people)
    bundle["health_history.csv"] += health_rows(rng, life, tally, coverage)
    bundle["activities.csv"] += activities
    bundle["ctas.csv"] += cta_rows(rng, life, owner)
    bundle["opportunities.csv"] += opportunity_rows(life)
    if life.course.churned_on:
        cells = {"churned_on": life.course.churned_on, "reason": life.course.reason}
        bundle["churn.csv"].append(row("churn.csv", account_ref=life.traits.ref, **cells))


def _ownership(rng: Generator, life: Life, assigned: tuple[str, str | None]) -> list[tuple[date, str]]:
    """Owners by the day from which each held the account; accounts of less than two months keep their first."""
    owner, former = assigned
    days = (life.end - life.first).days
    if former is None or days < 60:
        return [(life.first, owner)]
    return [(life.first, former), (life.first + timedelta(days=int(rng.integers(30, days))), owner)]
