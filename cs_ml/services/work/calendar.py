"""CTAs as a calendar file (iCalendar, RFC 5545), which every calendar can subscribe to or import."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cs_ml.domain.ctas.values import Cta


def calendar_bytes(ctas: Iterable[Cta], now: datetime, *, tenant_id: str) -> bytes:
    """An all-day entry for each CTA with a due day. Entries keep their identity, so that importing the file again
    moves them instead of doubling them. Texts are escaped by the library."""
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//CS ML//CTAs//EN")
    calendar.add("version", "2.0")
    for cta in ctas:
        if cta.due is None:
            continue
        event = Event()
        event.add("uid", f"cta-{cta.id}@{tenant_id}.cs-ml")
        event.add("dtstamp", now)
        event.add("last-modified", cta.version)
        event.add("dtstart", cta.due)
        event.add("dtend", cta.due + timedelta(days=1))
        event.add("transp", "TRANSPARENT")
        event.add("summary", f"{cta.account_name}: {cta.title}" if cta.account_name else cta.title)
        event.add("description", cta.reason or "")
        event.add("categories", [cta.priority.value, cta.type.value])
        calendar.add_component(event)
    return bytes(calendar.to_ical())
