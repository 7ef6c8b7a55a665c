"""The text about an account: nothing that the scorecard judges by is lost, and nobody breaks out of it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings

from cs_ml.domain.context import HealthPoint
from cs_ml.domain.llm.entities import KnownNames
from cs_ml.engines.facts_text import MOST_ACTIVITIES, facts_of, thinned
from cs_ml.engines.features import quantities
from cs_ml.engines.question import Question
from cs_ml.llm.redaction.known import KnownEntities
from cs_ml.llm.redaction.placeholders import Redaction
from cs_ml.services.llm.sample import sample_context, sample_reference
from tests.engines.contexts import Facts, Tenant, context_of, facts_of_a_tenant, facts_of_an_account, reference_of
from tests.engines.llm.hostile import asking, hostile_context, question

NOBODY = KnownEntities(KnownNames(version="", accounts=[], people=[]))
SNAPSHOT = Path(__file__).with_name("hostile.txt")
# What the lines of tasks and deals tell one by one.
LISTED = {"overdue_ctas", "open_risk_ctas", "lost_opportunities"}


def words() -> Redaction:
    return Redaction(NOBODY, 1, "Acme")


def test_the_whole_prompt_of_a_hostile_account() -> None:
    shown = "\n".join(f"--- {message.role}\n{message.content}" for message in question().messages)
    assert shown + "\n" == SNAPSHOT.read_text(encoding="utf-8")


def lines(asked: Question) -> list[str]:
    return asked.messages[1].content.splitlines()


@pytest.mark.parametrize("free_text", [True, False])
def test_a_customers_text_stays_on_its_line_and_between_the_marks(free_text: bool) -> None:
    told = lines(question(free_text=free_text))
    assert (told.count("<data>"), told.count("</data>"), told[1], told[-1]) == (1, 1, "<data>", "</data>")
    plain = lines(asking(free_text=free_text).about(sample_context(), sample_reference(), 90))
    assert [line.split(" ")[0] for line in told] == [line.split(" ")[0] for line in plain]


def test_the_fixed_text_is_the_same_for_every_account() -> None:
    other = asking().about(context_of(Facts()), reference_of(Tenant(silent=40)), 30)
    assert other.messages[0] == question().messages[0]
    assert other.messages[0].content == asking().prompt.fixed


@given(facts_of_an_account, facts_of_a_tenant)
@settings(deadline=None)
def test_everything_that_the_scorecard_judges_by_is_told(facts: Facts, tenant: Tenant) -> None:
    context, reference = context_of(facts), reference_of(tenant)
    told = facts_of(context, reference, words(), free_text=False)
    for name, quantity in quantities(context, reference).items():
        if quantity.value is not None and name not in LISTED:
            assert (f"ARR rank {quantity.value:.0%}" if name == "arr_rank" else quantity.text) in told.text
    for cta in context.ctas:
        late = f", {cta.overdue_days}d overdue" if cta.overdue_days else ""
        assert f"{cta.id} -40 open {cta.type.lower()} task{late}" in told.text.splitlines()
    assert all(
        f"{deal.id} " in told.text and f"deal {deal.status.lower()}" in told.text for deal in context.opportunities
    )
    if context.history.count:
        assert f"{context.history.count} ever, on {context.history.active_days} days" in told.text


@given(facts_of_an_account, facts_of_a_tenant)
@settings(deadline=None)
def test_every_id_that_may_be_cited_stands_in_the_text_once(facts: Facts, tenant: Tenant) -> None:
    told = facts_of(context_of(facts), reference_of(tenant), words(), free_text=True)
    tokens = told.text.replace(";", " ").replace(":", " ").split()
    assert {token for token in told.ids if tokens.count(token) == 1} == told.ids


def test_scores_can_be_read_back_from_their_changes() -> None:
    context = sample_context()
    points = [_point(context.health[0], ago, usage) for ago, usage in ((20, 60), (10, 60), (5, None), (1, None))]
    told = facts_of(replace(context, health=points), sample_reference(), words(), free_text=False).parts["health"]
    scores = [line.split()[2:] for line in told.splitlines()[1:]]
    before: list[str] = []
    for score, point in zip(scores, points, strict=True):
        before = [old if new == "=" else new for old, new in zip(before or score, score, strict=True)]
        assert before[:2] == [str(point.overall), "?" if point.usage is None else str(point.usage)]
    assert scores[1].count("=") > 2


def _point(like: HealthPoint, ago: int, usage: int | None) -> HealthPoint:
    return replace(like, id=f"H{100 - ago}", at=sample_context().as_of - timedelta(days=ago), usage=usage)


def test_old_health_is_one_point_a_week_and_new_health_is_whole() -> None:
    context = sample_context()
    daily = [_point(context.health[0], ago, 50) for ago in range(90, 0, -1)]
    kept = thinned(daily, context.as_of)
    ages = [(context.as_of - point.at).days for point in kept]
    assert [age for age in ages if age < 30] == list(range(29, 0, -1))
    assert len({age // 7 for age in ages if age >= 30}) == len([age for age in ages if age >= 30]) == 9


def test_of_very_many_activities_the_newest_are_listed_and_the_rest_is_counted() -> None:
    context = sample_context()
    many = [replace(context.activities[0], id=f"A{number}") for number in range(1, 101)]
    told = facts_of(replace(context, activities=many), sample_reference(), words(), free_text=False)
    assert f"({100 - MOST_ACTIVITIES} older ones" in told.text
    assert "A60" not in told.ids
    assert "A61" in told.ids


def test_a_history_that_is_too_long_is_told_in_less_than_half() -> None:
    sample = sample_context()
    busy = replace(
        sample,
        health=[_point(sample.health[0], ago, 50 + ago % 9) for ago in range(90, 0, -1)],
        activities=[replace(sample.activities[0], id=f"A{number}") for number in range(1, 41)],
        ctas=[replace(sample.ctas[0], id=f"C{number}") for number in range(1, 9)],
    )
    whole, brief = (
        facts_of(busy, sample_reference(), words(), free_text=False, brief=short) for short in (False, True)
    )
    assert 2 * len(brief.text) < len(whole.text)
    assert (brief.parts["metrics"], brief.metrics) == (whole.parts["metrics"], whole.metrics)
    assert brief.ids < whole.ids
    assert {"A40", "A39", "A38", "C8", "C7", "C6"} == {fact for fact in brief.ids if fact[0] in "AC"}


def test_a_customers_words_are_hidden_in_every_field() -> None:
    context = hostile_context()
    profile = replace(
        context.profile, segment="Anna", industry="Nowak", plan="Anna", lifecycle_stage="Nowak", currency="ANNA"
    )
    named = [replace(one, source_type="Anna", direction="Nowak") for one in context.activities]
    deals = [replace(deal, stage="Anna", currency="Nowak") for deal in context.opportunities]
    hidden = asking().about(
        replace(context, profile=profile, activities=named, opportunities=deals), sample_reference(), 90
    )
    assert "anna" not in hidden.messages[1].content.casefold()
    assert "nowak" not in hidden.messages[1].content.casefold()
