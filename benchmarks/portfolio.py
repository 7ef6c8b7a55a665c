"""The portfolio at 1,000, 100,000 and 1,000,000 accounts on PostgreSQL, against hand-written SQL through the driver.

`python -m benchmarks.portfolio [ACCOUNTS ...]` prints text and JSON lines. The floor is the least that shows the same
page: the figures that stand in one row, the first 51 ids in order, and of each of the 50 what its row shows, in four
statements; that it is the same page is checked. Summaries are gathered before, as they are by the schedule. Peak memory
is that of this process.
"""

import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks.harness import Result, medians, show
from cs_ml.domain.actor import Actor, Role
from cs_ml.domain.policy import RiskBand
from cs_ml.domain.portfolio import PAGE_ROWS, Portfolio, PortfolioQuery, Sort
from cs_ml.services.portfolio import PortfolioService
from cs_ml.store.database import Database
from tests.support.databases import build_schema, postgres_database
from tests.support.postgres import postgres_for_tests

SIZES = (1_000, 100_000, 1_000_000)
FLOOR_GOAL, GROWTH_GOAL = 1.5, 1.3
ROUNDS = 15
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)

# Written as one would by hand: everything about a few accounts by their ids, nothing else.
_FIRST = """SELECT s."accountId", s."size", s."urgency", s."riskKey" FROM "AccountSummary" s
JOIN "Account" a ON a."id" = s."accountId" WHERE s."tenantId" = %(t)s AND NOT a."archived" AND a."type" <> 'CHURNED'
ORDER BY s."riskKey", s."accountId" LIMIT 51"""
_FIGURES = 'SELECT "refreshedAt", "accounts", "figures" FROM "SummaryRefresh" WHERE "tenantId" = %(t)s'
_ROWS = """SELECT a."id", a."name", u."name", (SELECT min(r."ref") FROM "ExternalRef" r
  WHERE r."tenantId" = a."tenantId" AND r."kind" = 'account' AND r."targetId" = a."id"),
 coalesce((SELECT s."arr" FROM "AccountFact" s WHERE s."tenantId" = a."tenantId" AND s."accountId" = a."id"
   AND s."kind" = 'listed' AND s."validFrom" > f."validFrom" AND s."validFrom" <= %(now)s AND s."arr" IS NOT NULL
   ORDER BY s."validFrom" DESC LIMIT 1), f."arr"),
 coalesce((SELECT s."renewalDate" FROM "AccountFact" s WHERE s."tenantId" = a."tenantId" AND s."accountId" = a."id"
   AND s."kind" = 'listed' AND s."validFrom" > f."validFrom" AND s."validFrom" <= %(now)s
   AND s."renewalDate" IS NOT NULL ORDER BY s."validFrom" DESC LIMIT 1), f."renewalDate"),
 l."currency", l."segment",
 (SELECT max(coalesce(c."completedAt", c."scheduledAt", c."createdAt")) FROM "CRMActivity" c
   WHERE c."tenantId" = a."tenantId" AND c."accountId" = a."id"
   AND c."status" NOT IN ('PLANNED', 'CANCELLED', 'NO_SHOW')
   AND c."type" IN ('CALL', 'EMAIL', 'MEETING', 'SMS', 'LINKEDIN_MESSAGE', 'CHAT', 'DEMO', 'PROPOSAL', 'CONTRACT')),
 t."open", t."overdue",
 (SELECT count(*) FROM "AccountHealthScoreHistory" h WHERE h."tenantId" = a."tenantId" AND h."accountId" = a."id"
   AND h."calculatedAt" > p."asOf" AND h."calculatedAt" <= %(now)s)
 + (SELECT count(*) FROM "CRMActivity" c WHERE c."tenantId" = a."tenantId" AND c."accountId" = a."id"
   AND coalesce(c."completedAt", c."scheduledAt", c."createdAt") > p."asOf"
   AND coalesce(c."completedAt", c."scheduledAt", c."createdAt") <= %(now)s)
 + (SELECT count(*) FROM "Opportunity" d WHERE d."tenantId" = a."tenantId" AND d."accountId" = a."id"
   AND (d."createdAt" > p."asOf" OR d."actualCloseDate" > p."asOf"))
 + (SELECT count(*) FROM "AccountFact" n WHERE n."tenantId" = a."tenantId" AND n."accountId" = a."id"
   AND n."validFrom" > p."asOf" AND n."validFrom" <= %(now)s) + t."new",
 p."probability", p."baseRate", p."category", p."asOf", p."drivers", (p."completeness" ->> 'score')::float, p."engine"
FROM "Account" a LEFT JOIN "User" u ON u."id" = a."ownerId"
LEFT JOIN LATERAL (SELECT f."arr", f."renewalDate", f."validFrom" FROM "AccountFact" f
  WHERE f."tenantId" = a."tenantId" AND f."accountId" = a."id" AND f."kind" = 'changed' AND f."validFrom" <= %(now)s
  ORDER BY f."validFrom" DESC LIMIT 1) f ON true
LEFT JOIN "AccountFact" l ON l."tenantId" = a."tenantId" AND l."accountId" = a."id" AND l."kind" = 'timeless'
LEFT JOIN LATERAL (SELECT p.* FROM "AccountMLPrediction" p WHERE p."tenantId" = a."tenantId"
  AND p."accountId" = a."id" AND p."predictionType" = 'CHURN' AND p."status" = 'ACTIVE' AND p."predictionWindow" = 90
  AND p."validUntil" > %(now)s ORDER BY p."predictedAt" DESC LIMIT 1) p ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE t."status" IN ('OPEN', 'IN_PROGRESS', 'SNOOZED')) AS "open",
  count(*) FILTER (WHERE t."status" IN ('OPEN', 'IN_PROGRESS', 'SNOOZED')
    AND t."dueDate" <= %(now)s - interval '1 day') AS "overdue",
  count(*) FILTER (WHERE t."createdAt" > p."asOf" OR t."completedAt" > p."asOf") AS "new"
  FROM "CTA" t WHERE t."tenantId" = a."tenantId" AND t."accountId" = a."id") t ON true
WHERE a."tenantId" = %(t)s AND a."id" = ANY(%(ids)s)"""
_HEALTH = """SELECT "accountId", "calculatedAt", "overallScore" FROM "AccountHealthScoreHistory"
WHERE "tenantId" = %(t)s AND "accountId" = ANY(%(ids)s) AND "calculatedAt" > %(now)s - interval '84 days'
ORDER BY "accountId", "calculatedAt" """

_TABLES = ("Account", "AccountFact", "AccountHealthScoreHistory", "CRMActivity", "CTA", "AccountMLPrediction")
# Seeded by the database itself: what is read per account is a contract, 4 health scores, 3 activities, a CTA for every
# fifth, and a prediction.
_SEED = (
    """INSERT INTO "Account" ("tenantId", "name", "type", "ownerId", "createdAt", "updatedAt")
    SELECT %(t)s, 'Customer ' || n, 'CUSTOMER', %(o)s, %(now)s - interval '2 years', %(now)s
    FROM generate_series(1, %(n)s) n""",
    """INSERT INTO "AccountFact" ("tenantId", "accountId", "kind", "validFrom", "arr", "renewalDate")
    SELECT "tenantId", "id", 'changed', %(now)s - interval '1 year', 5000 + "id"::bigint * 7919 %% 90000,
    %(now)s + ("id" * 31 %% 400) * interval '1 day' FROM "Account" WHERE "tenantId" = %(t)s""",
    """INSERT INTO "AccountFact" ("tenantId", "accountId", "kind", "validFrom", "currency", "segment")
    SELECT "tenantId", "id", 'timeless', '1970-01-01', 'USD', 'Segment ' || "id" %% 5
    FROM "Account" WHERE "tenantId" = %(t)s""",
    """INSERT INTO "AccountHealthScoreHistory" ("tenantId", "accountId", "overallScore", "category", "calculatedAt")
    SELECT "tenantId", "id", 20 + ("id" * 13 + w) %% 80, 'HEALTHY', %(now)s - w * interval '15 days'
    FROM "Account", generate_series(0, 3) w WHERE "tenantId" = %(t)s""",
    """INSERT INTO "CRMActivity" ("tenantId", "accountId", "type", "subject", "status", "completedAt", "ownerId",
    "createdById", "createdAt", "updatedAt")
    SELECT "tenantId", "id", 'CALL', 'Call', 'COMPLETED', %(now)s - (w * 20 + "id" %% 20) * interval '1 day', %(o)s,
    %(o)s, %(now)s, %(now)s FROM "Account", generate_series(0, 2) w WHERE "tenantId" = %(t)s""",
    """INSERT INTO "CTA" ("tenantId", "accountId", "ownerId", "type", "status", "priority", "title", "dueDate",
    "createdAt", "updatedAt") SELECT "tenantId", "id", %(o)s, 'RISK', 'OPEN', 'HIGH', 'Call',
    %(now)s + interval '3 days', %(now)s - interval '3 days', %(now)s FROM "Account"
    WHERE "tenantId" = %(t)s AND "id" %% 5 = 0""",
    """INSERT INTO "AccountMLPrediction" ("tenantId", "accountId", "predictionType", "status", "probability",
    "confidence", "predictionWindow", "riskFactors", "predictedAt", "validUntil", "createdAt", "updatedAt", "engine",
    "engineVersion", "origin", "asOf", "category", "baseRate", "drivers", "evidence", "parts", "completeness")
    SELECT "tenantId", "id", 'CHURN', 'ACTIVE', ("id"::bigint * 7907 %% 9973) / 9973.0, 0.5, 90, '[]',
    %(now)s - interval '1 day', %(now)s + interval '29 days', %(now)s, %(now)s, 'rules', '1', 'batch',
    %(now)s - interval '1 day', CASE WHEN "id"::bigint * 7907 %% 9973 > 7978 THEN 'critical'
    WHEN "id"::bigint * 7907 %% 9973 > 5983 THEN 'high' WHEN "id"::bigint * 7907 %% 9973 > 2991 THEN 'medium'
    ELSE 'low' END, 0.1,
    '["Usage fell", "Renewal is near"]', '[]', '{}', '{"score": 0.8, "missing": []}'
    FROM "Account" WHERE "tenantId" = %(t)s""",
)


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[Result]:
    first_pages: dict[int, float] = {}
    with TemporaryDirectory() as folder, postgres_for_tests(Path(folder)) as server:
        for accounts in sizes:
            with postgres_database(server) as url:
                build_schema(url)
                database = Database(url)
                try:
                    yield from _measure(database, accounts, first_pages)
                finally:
                    database.close()
    if {100_000, 1_000_000} <= first_pages.keys():
        yield Result(
            name="portfolio, first page: 1,000,000 accounts against 100,000",
            ours=first_pages[1_000_000],
            floor=first_pages[100_000],
            unit="ms",
            goal=GROWTH_GOAL,
            judged="ratio",
        )


def _measure(database: Database, accounts: int, first_pages: dict[int, float]) -> Iterator[Result]:
    started = time.perf_counter()
    actor = _seed(database, accounts)
    seeded = time.perf_counter()
    portfolio = PortfolioService(database, lambda: NOW)
    portfolio.show(actor, PortfolioQuery())  # gathers the summaries
    gathered = time.perf_counter()
    _say(f"{accounts:,} accounts: seeded in {seeded - started:.0f} s, gathered in {gathered - seeded:.1f} s")
    if portfolio.refresh(actor):  # of large tenants, as the schedule does
        _say(f"gathered again, when nothing had changed, in {time.perf_counter() - gathered:.1f} s")
    looks = {
        "first page": PortfolioQuery(),
        "filtered by band": PortfolioQuery(bands=frozenset({RiskBand.HIGH})),
        "filtered by name": PortfolioQuery(search="customer 777"),
        "sorted by revenue": PortfolioQuery(sort=Sort.ARR),
    }
    floor = _Floor(database, actor)
    floor.check(portfolio.show(actor, PortfolioQuery()))
    try:
        for name, query in looks.items():
            # psycopg prepares a statement at its sixth use
            mine, least = medians(partial(portfolio.show, actor, query), floor.show, rounds=ROUNDS, warm_up=6)
            if name == "first page":
                first_pages[accounts] = mine * 1e3
            goal = FLOOR_GOAL if name == "first page" and accounts == 100_000 else None
            yield Result(
                name=f"portfolio, {name}, {accounts:,} accounts",
                ours=mine * 1e3,
                floor=least * 1e3,
                unit="ms",
                goal=goal,
                judged="ratio",
            )
    finally:
        floor.close()
    _say(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    _say(_plan(database, actor))


class _Floor:
    """The same page by hand, on a plain connection, rows fetched as tuples."""

    def __init__(self, database: Database, actor: Actor) -> None:
        url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(url)
        self._tenant = actor.tenant_id
        self.close: Callable[[], None] = self._connection.close

    def check(self, shown: Portfolio) -> None:
        """Raises RuntimeError where the page by hand is not the page that is shown: it would be no floor."""
        *_, rows, health = self.show()
        by_hand = {row[0]: row[1:] for row in rows}
        scores = Counter(row[0] for row in health)
        for row in shown.rows:
            risk = row.risk
            if (
                risk is None
                or scores[row.account_id] < len(row.health)
                or by_hand[row.account_id]
                != (
                    *(row.name, row.owner_name, row.reference, row.arr, _midnight(row.renewal_date), row.currency),
                    *(row.segment, _naive(row.touched_at), row.open_ctas, row.overdue_ctas, risk.new_facts),
                    *(risk.probability, risk.base_rate, risk.band, _naive(risk.as_of), [*risk.drivers]),
                    *(risk.completeness, risk.engine),
                )
            ):
                raise RuntimeError(f"by hand: {by_hand[row.account_id]}; shown: {row}")

    def show(self) -> tuple[list[Any], ...]:
        params: dict[str, Any] = {"t": self._tenant, "now": NOW.replace(tzinfo=None)}
        run = self._connection.execute
        figures = run(_FIGURES, params).fetchall()
        first = run(_FIRST, params).fetchall()
        params["ids"] = [row[0] for row in first[:PAGE_ROWS]]
        found = figures, first, run(_ROWS, params).fetchall(), run(_HEALTH, params).fetchall()
        self._connection.commit()
        return found


def _naive(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=None) if at else None


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, NOW.time()) if day else None  # the seed's renewals are at this time of day


def _seed(database: Database, accounts: int) -> Actor:
    with database.identity(write=True) as identity:
        tenant = identity.add_tenant("bench", "Bench", NOW)
        owner = identity.ensure_owners(tenant, ["owner@bench.example"], NOW)["owner@bench.example"]
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    params = {"t": tenant, "o": owner, "n": accounts, "now": NOW.replace(tzinfo=None)}
    with psycopg.connect(url) as connection:
        for statement in _SEED:
            connection.execute(statement, params)
    with psycopg.connect(url, autocommit=True) as connection:
        for table in _TABLES:
            connection.execute(f'VACUUM ANALYZE "{table}"')
    return Actor(tenant_id=tenant, role=Role.OWNER, user_id=owner)


def _plan(database: Database, actor: Actor) -> str:
    """How the first page's accounts are found."""
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"EXPLAIN {_FIRST}", {"t": actor.tenant_id}).fetchall()
    return "\n".join(row[0] for row in rows)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    given = tuple(int(word) for word in sys.argv[1:])
    list(show(run(given or SIZES)))
