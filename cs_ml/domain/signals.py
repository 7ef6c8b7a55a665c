"""The long view of an account that a learned engine asks for: sums by kind of contact and by age, health by age.

Everything is dated not after `as_of`; bands of age do not overlap, so that windows are sums of bands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

HEALTH_BANDS_DAYS = (30, 90, 182, 365)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactBand:
    """Contacts of one kind in one band of age. `band`: the youngest of WINDOWS that holds them, None if older.

    `source`: the name that the source used, else the CRM's type. `days`: distinct days with
    a contact; `quantities`, `amounts`: contacts that state one.
    """

    source: str
    band: int | None
    count: int
    days: int
    quantities: int
    quantity: float
    amounts: int
    amount: float
    positive: int
    negative: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthBand:
    """Health scores of one band of age: the youngest of HEALTH_BANDS_DAYS that holds them.

    `means` (0..100) by dimension; one that was not measured is absent.
    """

    band: int
    points: int
    lowest: int
    highest: int
    means: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signals:
    contacts: Sequence[ContactBand]
    health: Sequence[HealthBand]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({band.source for band in self.contacts}))

    def within(self, days: int, source: str | None = None) -> list[ContactBand]:
        """The bands that lie in the last `days` (one of WINDOWS)."""
        return [
            band
            for band in self.contacts
            if band.band is not None and band.band <= days and source in {None, band.source}
        ]
