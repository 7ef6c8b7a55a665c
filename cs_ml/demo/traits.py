"""What is fixed about an account from its first day: size, contract, temperament, and the part it plays today."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, TypeAlias

from numpy.random import Generator

from cs_ml.demo.calendar import add_months
from cs_ml.demo.names import Company

Segment: TypeAlias = Literal["Enterprise", "Mid-Market", "SMB"]
Role: TypeAlias = Literal["natural", "critical", "slow_decline", "recovering", "newcomer"]

# Shares of accounts whose last months are staged (docs/demo.md), so that every seed shows a morning with work in it.
STAGED: Final[tuple[tuple[Role, float], ...]] = (
    ("critical", 0.04), ("slow_decline", 0.05), ("recovering", 0.04), ("newcomer", 0.01),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SegmentProfile:
    share: float
    seats: tuple[int, int]
    seat_price: float  # a year, in the account's currency
    touches: float  # e-mails, calls and meetings a week
    hazard: float  # multiplier
    plan: str


SEGMENTS: Final[dict[Segment, SegmentProfile]] = {
    "Enterprise": SegmentProfile(
        share=0.2, seats=(250, 900), seat_price=310.0, touches=1.5, hazard=0.7, plan="Enterprise"
    ),
    "Mid-Market": SegmentProfile(
        share=0.4, seats=(60, 250), seat_price=380.0, touches=0.9, hazard=1.0, plan="Business"
    ),
    "SMB": SegmentProfile(share=0.4, seats=(8, 60), seat_price=420.0, touches=0.45, hazard=1.35, plan="Team"),
}


@dataclass(frozen=True, kw_only=True)
class Traits:
    ref: str
    company: Company
    segment: Segment
    role: Role
    currency: str
    start: date
    term_months: int | None  # None: monthly contract without a renewal date
    seats: int
    arr: float
    level: float  # the satisfaction that the account returns to
    habit: float  # log-odds added to adoption: how much this kind of customer uses the product when content
    gross: float  # multiplier of tickets

    @property
    def profile(self) -> SegmentProfile:
        return SEGMENTS[self.segment]

    def renewals(self, until: date) -> list[date]:
        """Renewal days from the first after the start to the first after `until`; none for a monthly contract."""
        if self.term_months is None:
            return []
        days = [add_months(self.start, self.term_months)]
        while days[-1] <= until:
            days.append(add_months(self.start, self.term_months * (len(days) + 1)))
        return days


def roles(rng: Generator, count: int) -> list[Role]:
    """The staged shares, at least one account each, the rest natural; in random order."""
    staged: list[Role] = [role for role, share in STAGED for _ in range(max(1, round(share * count)))]
    cast: list[Role] = [*staged, *(["natural"] * (count - len(staged)))]  # type: ignore[list-item]
    return [cast[int(index)] for index in rng.permutation(count)]


def draw_traits(
    rng: Generator, *, ref: str, company: Company, role: Role, currencies: tuple[str, ...], today: date
) -> Traits:
    """The first of `currencies` is the tenant's own and the usual one."""
    names = list(SEGMENTS)
    segment = names[int(rng.choice(len(names), p=[profile.share for profile in SEGMENTS.values()]))]
    profile = SEGMENTS[segment]
    low, high = profile.seats
    seats = int(low * (high / low) ** rng.random())
    start, term = _contract(rng, role, today)
    return Traits(
        ref=ref,
        company=company,
        segment=segment,
        role=role,
        currency=currencies[0] if rng.random() < 0.85 else currencies[int(rng.integers(len(currencies)))],
        start=start,
        term_months=term,
        seats=seats,
        arr=float(round(seats * profile.seat_price * rng.uniform(0.75, 1.25), -2)),
        level=float(rng.normal(0.4, 0.5)) if role == "natural" else float(rng.normal(0.45, 0.25)),
        habit=float(rng.normal(0.0, 0.5)),
        gross=float(rng.lognormal(0.0, 0.5)),
    )


def _contract(rng: Generator, role: Role, today: date) -> tuple[date, int | None]:
    if role == "newcomer":
        return today - timedelta(days=int(rng.integers(2, 8))), 12
    if role == "critical":
        renewal = today + timedelta(days=int(rng.integers(12, 75)))
        return add_months(renewal, -12 * int(rng.integers(2, 5))), 12
    term = (12, 24, None)[int(rng.choice(3, p=(0.82, 0.11, 0.07)))]
    recent = role == "natural" and rng.random() < 0.25
    age = int(rng.integers(20, 540)) if recent else int(rng.integers(560, 2200))
    return today - timedelta(days=age), term
