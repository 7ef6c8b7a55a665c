"""The inbox: sections, pages, figures, exports; as many statements for many CTAs as for one."""

from datetime import UTC, date, datetime, timedelta

import pytest
from icalendar import Calendar

from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.ctas.inbox import PAGE_CTAS, InboxQuery, Section, TypeStats
from cs_ml.domain.ctas.values import CtaType, Dismissal, Outcome
from cs_ml.domain.errors import Invalid, NotFound
from cs_ml.services.work.calendar import calendar_bytes
from tests.services.counting import statements
from tests.services.work.working import Work
from tests.support.factories import NOW, add_account, add_cta, add_tenant, add_user

DAY = timedelta(days=1)
TODAY = NOW.replace(hour=0)


def add(work: Work, **overrides: object) -> int:
    return add_cta(work.database, work.actor, add_account(work.database, work.actor), **overrides)


def titles(work: Work, section: Section, **query: object) -> list[str]:
    found = work.inbox.show(work.actor, InboxQuery(section=section, **query))  # type: ignore[arg-type]
    return [cta.title for cta in found.ctas]


def test_each_cta_is_in_one_section(work: Work) -> None:
    add(work, title="late", due_date=TODAY - DAY)
    add(work, title="now", due_date=TODAY)
    add(work, title="soon", due_date=TODAY + 6 * DAY, status="IN_PROGRESS")
    add(work, title="later", due_date=TODAY + 7 * DAY)
    add(work, title="some day")
    add(work, title="asleep", status="SNOOZED", snooze_until=NOW + DAY, due_date=TODAY - DAY)
    add(work, title="awake", status="SNOOZED", snooze_until=NOW, due_date=TODAY - 2 * DAY)
    add(work, title="done", status="COMPLETED", completed_at=NOW)
    add(work, title="dropped", status="CANCELLED", updated_at=NOW - DAY)
    assert {section: titles(work, section) for section in list(Section)[1:]} == {
        Section.OVERDUE: ["awake", "late"],
        Section.TODAY: ["now"],
        Section.WEEK: ["soon"],
        Section.LATER: ["later", "some day"],
        Section.SNOOZED: ["asleep"],
        Section.DONE: ["done", "dropped"],
    }
    counts = work.inbox.show(work.actor, InboxQuery(section=Section.TODAY)).counts
    assert [counts[section] for section in Section] == [0, 2, 1, 1, 2, 1, 2]


def test_today_is_the_tenants(work: Work) -> None:
    add(work, title="due on the first", due_date=datetime(2026, 7, 1, tzinfo=UTC))
    work.clock.now = datetime(2026, 6, 30, 16, tzinfo=UTC)
    assert titles(work, Section.WEEK) == ["due on the first"]
    work.settings.set(work.actor, "zone", "Asia/Tokyo")
    assert titles(work, Section.TODAY) == ["due on the first"]


def test_mine_and_what_is_searched_for(work: Work) -> None:
    colleague = add_user(work.database)
    account = add_account(work.database, work.actor, name="Fenbrook 100% Freight")
    add_cta(work.database, work.actor, account, title="Call")
    add(work, title="Mail", owner_id=colleague)
    assert titles(work, Section.LATER, owner_id=colleague) == ["Mail"]
    for words in ("brook 100%", "CALL"):
        assert titles(work, Section.LATER, search=words) == ["Call"]
    assert titles(work, Section.LATER, search="100_") == []
    counts = work.inbox.show(work.actor, InboxQuery(section=Section.LATER, search="mail")).counts
    assert counts[Section.LATER] == 1


def test_pages_hold_each_cta_once(work: Work) -> None:
    account = add_account(work.database, work.actor)
    for number in range(PAGE_CTAS + 3):
        add_cta(work.database, work.actor, account, title=f"{number:02}", due_date=TODAY)
    pages = [titles(work, Section.TODAY, page=page) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [PAGE_CTAS, 3, 0]
    assert sorted(pages[0] + pages[1]) == [f"{number:02}" for number in range(PAGE_CTAS + 3)]
    assert len(work.inbox.list(work.actor, InboxQuery(section=Section.TODAY))) == PAGE_CTAS + 3
    with pytest.raises(Invalid):
        titles(work, Section.TODAY, page=0)


def test_suggestions_wait_until_something_is_done_about_the_account(work: Work) -> None:
    critical = work.suggested(category="critical", probability=0.9)
    high, medium = work.suggested(), work.suggested(category="medium", probability=0.4)
    work.suggested(category="low", probability=0.1)
    query = InboxQuery(section=Section.SUGGESTED)

    def waiting() -> list[int]:
        found = work.inbox.show(work.actor, query)
        assert found.counts[Section.SUGGESTED] == len(found.suggestions)
        return [one.account_id for one in found.suggestions]

    assert waiting() == [critical, high, medium]
    work.suggestions.accept(work.actor, high)
    work.suggested(high, predicted_at=NOW + timedelta(minutes=1))  # a refresh while its CTA is open
    work.suggestions.dismiss(work.actor, critical, Dismissal.HANDLED)
    assert waiting() == [medium]


def test_figures_of_what_was_made_from_predictions(work: Work) -> None:
    assert work.inbox.stats(work.actor).completion_rate is None
    add(work, title="By hand", status="COMPLETED", completed_at=NOW)
    first = work.accepted()
    work.accepted()
    work.suggested()
    work.automation.generate(work.actor)
    work.clock.advance(days=3)
    cta = work.inbox.get(work.actor, first)
    work.changes.complete(work.actor, {first: cta.version}, Outcome.SOLVED, "")
    stats = work.inbox.stats(work.actor)
    assert (stats.total_generated, stats.open_count, stats.completed_count, stats.automated_count) == (3, 2, 1, 1)
    assert stats.completion_rate == pytest.approx(1 / 3)
    assert stats.average_resolution_days == pytest.approx(3.0)
    assert stats.by_type == [TypeStats(type=CtaType.RISK, made=3, open=2, completed=1, cancelled=0)]


def test_as_many_statements_for_many_as_for_one(work: Work) -> None:
    add(work, due_date=TODAY)
    with statements(work.database) as one:
        titles(work, Section.TODAY)
    for _ in range(PAGE_CTAS):
        add(work, due_date=TODAY)
    with statements(work.database) as many:
        titles(work, Section.TODAY)
    assert len(many) == len(one) <= 6


def test_what_others_own_does_not_exist_for_who_sees_only_their_own(work: Work) -> None:
    cta_id = add(work, title="Not yours", due_date=TODAY)
    limited = Actor(tenant_id=work.actor.tenant_id, role=Role.MEMBER, user_id=99_999, scope="owned")
    found = work.inbox.show(limited, InboxQuery(section=Section.TODAY))
    assert (found.ctas, sum(found.counts.values())) == ([], 0)
    for actor in (limited, add_tenant(work.database)):
        with pytest.raises(NotFound):
            work.inbox.get(actor, cta_id)


def test_my_ctas_as_a_calendar(work: Work) -> None:
    account = add_account(work.database, work.actor, name="Fen;brook, Freight")
    add_cta(
        work.database,
        work.actor,
        account,
        title="Call\r\nBEGIN:VEVENT",
        due_date=TODAY + DAY,
        reason="Why; because,\nof \\ this",
    )
    add_cta(work.database, work.actor, account, title="Some day")
    add(work, title="A colleague's", owner_id=add_user(work.database), due_date=TODAY)
    mine = work.inbox.mine(work.actor)
    assert [cta.title for cta in mine] == ["Call\r\nBEGIN:VEVENT", "Some day"]
    calendar = Calendar.from_ical(calendar_bytes(mine, NOW, tenant_id=work.actor.tenant_id))
    (event,) = calendar.walk("VEVENT")
    assert event.decoded("dtstart") == date(2026, 7, 1)
    assert str(event["uid"]) == f"cta-{mine[0].id}@{work.actor.tenant_id}.cs-ml"
    assert "Fen;brook, Freight: Call" in str(event["summary"])
    assert str(event["description"]) == "Why; because,\nof \\ this"
