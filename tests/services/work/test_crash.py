"""A process that is killed in the middle of accepting leaves all of a CTA or nothing."""

import os
import signal
from datetime import timedelta

import pytest

from cs_ml.domain.actor import Actor
from cs_ml.services.work.accepting import AcceptingService
from cs_ml.store.database import Database
from cs_ml.store.operations.audit import AuditRepository
from cs_ml.store.tables import AccountMLPrediction, AuditEvent
from cs_ml.store.work.ctas import CtaRepository
from tests.services.work.crowd import forking
from tests.services.work.working import Work
from tests.support.factories import NOW, SUGGESTED, add_playbook

# Between the CTA and its tasks, between the tasks and the link, between the link and the audit, before the end.
POINTS = ((CtaRepository, "add_tasks"), (CtaRepository, "link"), (AuditRepository, "add"), (Database, "close"))


def accept_and_die(url: str, actor: Actor, account_id: int, point: int) -> None:
    """The kernel kills this process when it comes to the point."""
    owner, method = POINTS[point]
    setattr(owner, method, lambda *_args, **_named: os.kill(os.getpid(), signal.SIGKILL))
    database = Database(url)
    AcceptingService(database, lambda: NOW, daily_limit=50).accept(actor, account_id)
    database.close()


@pytest.mark.parametrize("point", range(len(POINTS)), ids=[method for _, method in POINTS])
def test_all_or_nothing(work: Work, database_url: str, point: int) -> None:
    playbook = add_playbook(work.database, work.actor, 0, 4)
    account = work.suggested(suggested_cta={**SUGGESTED, "playbookId": playbook}, valid_until=NOW + timedelta(days=30))
    process = forking().Process(target=accept_and_die, args=(database_url, work.actor, account, point))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    committed = POINTS[point][1] == "close"
    linked = [row.generated_cta_id is not None for row in work.rows(AccountMLPrediction)]
    assert (len(work.rows()), len(work.tasks()), len(work.rows(AuditEvent)), linked) == (
        (1, 2, 1, [True]) if committed else (0, 0, 0, [False])
    )
    done = work.suggestions.accept(work.actor, account)
    assert done.was_created is not committed
    assert (len(work.rows()), len(done.cta.tasks)) == (1, 2)
