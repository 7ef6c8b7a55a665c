"""Playbooks written and changed, and what is told of their effect: figures worked out by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from cs_ml.demo.playbooks import PLAYBOOKS
from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.ctas.playbooks import PlaybookStatus, PlaybookStep
from cs_ml.domain.errors import Forbidden, Invalid
from tests.services.work.working import Work
from tests.support.factories import NOW, add_account, add_cta, add_health, add_playbook, add_prediction

DRAFT = PLAYBOOKS[0]
BEGAN = NOW - timedelta(days=100)


def test_the_demos_playbooks_are_kept_as_written(work: Work) -> None:
    for draft in PLAYBOOKS:
        work.playbooks.add(work.actor, draft)
    kept = {playbook.name: playbook for playbook in work.playbooks.list(work.actor)}
    assert len(kept) == 5
    for draft in PLAYBOOKS:
        found = kept[draft.name]
        assert (found.steps, found.category, found.status) == (draft.steps, draft.category, draft.status)


def test_a_change_replaces_the_steps_and_the_second_of_two_is_told(work: Work) -> None:
    made = work.playbooks.add(work.actor, DRAFT)
    changed = work.playbooks.change(work.actor, made.id, made.version, replace(DRAFT, steps=DRAFT.steps[:2]))
    assert len(changed.steps) == 2
    with pytest.raises(Invalid) as late:
        work.playbooks.change(work.actor, made.id, made.version, DRAFT)
    assert late.value.code == "CONFLICT"
    work.playbooks.change(work.actor, made.id, changed.version, replace(DRAFT, status=PlaybookStatus.ARCHIVED))
    assert list(work.playbooks.list(work.actor)) == []
    assert work.actions() == ["playbook.added", "playbook.changed", "playbook.changed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"steps": ()},
        {"steps": (PlaybookStep(title=" ", description=None, days_from_start=0),)},
        {"steps": (PlaybookStep(title="Call", description=None, days_from_start=-1),)},
    ],
)
def test_what_no_playbook_may_be(work: Work, wrong: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        work.playbooks.add(work.actor, replace(DRAFT, **wrong))  # type: ignore[arg-type]


def test_who_only_reads_writes_none(work: Work) -> None:
    viewer = Actor(tenant_id=work.actor.tenant_id, role=Role.VIEWER, user_id=work.actor.user_id)
    assert list(work.playbooks.list(viewer)) == []
    with pytest.raises(Forbidden):
        work.playbooks.add(viewer, DRAFT)


def customer(work: Work, scores: Sequence[int], band: str = "high") -> int:
    """Health at the beginning, and 30, 60 and 90 days after it."""
    account = add_account(work.database, work.actor)
    for days, score in zip((0, 30, 60, 90), scores, strict=False):
        at = BEGAN + timedelta(days=days)
        add_health(work.database, work.actor, account, calculated_at=at, overall_score=score)
    add_prediction(work.database, work.actor, account, as_of=BEGAN, predicted_at=BEGAN, category=band)
    return account


def use(work: Work, playbook: int, account: int, **overrides: object) -> None:
    row = {"playbook_id": playbook, "created_at": BEGAN, **overrides}
    add_cta(work.database, work.actor, account, **row)


def test_the_effect_is_the_change_less_that_of_similar_accounts(work: Work) -> None:
    playbook = add_playbook(work.database, work.actor, 1)
    use(work, playbook, customer(work, (50, 60, 70, 75)), status="COMPLETED")
    customer(work, (52, 50, 50, 50))  # similar: -2, -2, -2
    customer(work, (47, 51, 53, 47))  # similar: +4, +6, 0
    customer(work, (60, 99, 99, 99))  # too healthy at the start
    customer(work, (50, 99, 99, 99), band="low")  # at another risk
    use(work, add_playbook(work.database, work.actor, 1), customer(work, (50, 99, 99, 99)))  # had one of its own
    effect = next(one for one in work.playbooks.effects(work.actor) if one.playbook_id == playbook)
    assert (effect.used, effect.completed) == (1, 1)
    assert [(one.days, one.n, one.unmatched) for one in effect.effects] == [(30, 1, 0), (60, 1, 0), (90, 1, 0)]
    assert [one.difference for one in effect.effects] == pytest.approx([10 - 1, 20 - 2, 25 + 1])
    assert {one.low for one in effect.effects} == {None}  # one use has no range


def test_what_cannot_be_compared_is_counted_and_what_is_too_young_is_not(work: Work) -> None:
    playbook = add_playbook(work.database, work.actor, 1)
    use(work, playbook, customer(work, (50, 60)))
    use(work, playbook, add_account(work.database, work.actor))
    use(work, playbook, add_account(work.database, work.actor), created_at=NOW - timedelta(days=10))
    (effect,) = work.playbooks.effects(work.actor)
    assert effect.used == 3
    assert [(one.difference, one.n, one.unmatched) for one in effect.effects] == [(None, 0, 2)] * 3


def test_a_range_from_five_uses_on(work: Work) -> None:
    playbook = add_playbook(work.database, work.actor, 1)
    for gain in (0, 2, 4, 6, 8):
        use(work, playbook, customer(work, (50, 50 + gain)))
    customer(work, (50, 50))
    (effect,) = work.playbooks.effects(work.actor)
    month = effect.effects[0]
    assert month.n == 5
    assert month.difference == pytest.approx(4.0)
    assert month.low is not None
    assert month.high is not None
    assert 0 < month.low < 4 < month.high < 8


def test_without_a_use_there_is_nothing_to_tell(work: Work) -> None:
    assert list(work.playbooks.effects(work.actor)) == []
