"""Which playbook fits a risk, and how its steps are laid out."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from cs_ml.demo.playbooks import PLAYBOOKS
from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.playbooks import Playbook, PlaybookStatus, PlaybookStep, best_playbook, laid_out
from cs_ml.domain.ctas.values import CtaType
from cs_ml.domain.identity.tenant_settings import TenantSettings
from cs_ml.domain.predictions import RiskFactor
from cs_ml.engines.scorecard import default_scorecard

ANY = Playbook(
    id=1,
    name="General",
    description=None,
    status=PlaybookStatus.ACTIVE,
    cta_type=None,
    category=None,
    times_used=40,
    version=datetime(2026, 1, 1, tzinfo=UTC),
)
SUPPORT = replace(ANY, id=2, name="Mend it", category="Support, escalation", times_used=0)
RENEWAL = replace(ANY, id=3, name="Win the renewal", times_used=2, cta_type=CtaType.RISK)


def factor(code: str, name: str, points: float | None = 0.1) -> RiskFactor:
    return RiskFactor(
        code=code,
        factor=name,
        impact="high",
        points=points,
        current_value="",
        threshold="",
        trend="unknown",
        description="",
        evidence=(),
    )


def chosen(*factors: RiskFactor, kind: CtaType = CtaType.RISK) -> Playbook | None:
    match = best_playbook([ANY, SUPPORT, RENEWAL], kind, factors)
    return match.playbook if match else None


def test_the_one_that_answers_most_of_the_risk_wins() -> None:
    support, renewal = factor("support", "Support trouble", 0.08), factor("renewal", "Renewal is near", 0.12)
    assert chosen(support) == SUPPORT
    assert chosen(support, renewal) == RENEWAL
    assert chosen(replace(support, points=0.2), renewal) == SUPPORT
    assert chosen(replace(support, points=None), renewal) == RENEWAL


def test_where_none_answers_the_one_used_most_stands_in() -> None:
    match = best_playbook([ANY, SUPPORT], CtaType.RISK, [factor("weather", "Bad weather")])
    assert match is not None
    assert match.playbook == ANY
    assert match.because == "No playbook names these reasons; this one is for such CTAs, used 40 times so far."


def test_only_active_ones_for_the_type() -> None:
    renewal = factor("renewal", "Renewal is near")
    assert chosen(renewal, kind=CtaType.LIFECYCLE) == ANY
    drafts = [replace(RENEWAL, status=PlaybookStatus.DRAFT), replace(RENEWAL, status=PlaybookStatus.ARCHIVED)]
    assert best_playbook(drafts, CtaType.RISK, [renewal]) is None


@pytest.mark.parametrize(("times", "said"), [(0, "not used yet"), (1, "used once so far"), (2, "used 2 times so far")])
def test_it_says_why_and_how_often_it_was_used(times: int, said: str) -> None:
    used = replace(RENEWAL, times_used=times)
    match = best_playbook([used], CtaType.RISK, [factor("renewal", "Renewal is near")])
    assert match is not None
    assert match.because == f"It answers: renewal is near; {said}."


def test_the_demos_playbooks_answer_every_part_of_the_scorecard_but_a_few() -> None:
    """Small contracts and the CTAs themselves are no reason for a playbook of their own."""
    playbooks = [
        replace(ANY, id=number, name=draft.name, category=draft.category, cta_type=draft.cta_type)
        for number, draft in enumerate(PLAYBOOKS, start=1)
    ]
    unanswered = set()
    for part in default_scorecard().part:
        match = best_playbook(playbooks, CtaType.RISK, [factor(part.code, part.label)])
        if match is None or match.because.startswith("No playbook"):
            unanswered.add(part.code)
    assert unanswered <= {"overdue_ctas", "risk_ctas"}


def test_steps_are_laid_out_on_working_days_for_the_owner() -> None:
    steps = [
        PlaybookStep(title="Look", description=None, days_from_start=0),
        PlaybookStep(title="Call", description="By phone", days_from_start=2, for_owner=False),
    ]
    calendar = WorkCalendar.of(TenantSettings())
    tasks = laid_out(steps, date(2026, 11, 26), calendar, owner_id=7)
    assert [(task.title, task.due, task.owner_id) for task in tasks] == [
        ("Look", date(2026, 11, 26), 7),
        ("Call", date(2026, 11, 30), None),
    ]
