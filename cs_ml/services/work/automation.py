"""CTAs that nobody presses for: after a prediction where the tenant wants it, or for a whole portfolio on request."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cs_ml.domain.actor import Actor, Permission
from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.decisions import CtaDecision, SkipReason
from cs_ml.domain.ctas.values import Suggestion
from cs_ml.domain.errors import Invalid
from cs_ml.domain.policy import AUTO_CTA_LEVELS_ASKED, RiskBand
from cs_ml.domain.predictions import PredictionType
from cs_ml.services.clock import Clock, milliseconds
from cs_ml.services.work.making import TakenUp, add_evidence, make, plain_draft
from cs_ml.services.work.rules import Rules, settings_in
from cs_ml.services.work.waking import wake
from cs_ml.store.database import Database
from cs_ml.store.scope import Scope
from cs_ml.store.work.ctas import CtaRepository
from cs_ml.store.work.suggestions import Sought, SuggestionRepository

MOST_CTAS = 500
_MOST_LOOKED_AT = 500  # suggestions, riskiest first
_ALL_BANDS = (RiskBand.CRITICAL, RiskBand.HIGH, RiskBand.MEDIUM)


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """What came of one suggestion. `created`: a CTA was, or in a preview would be, made; `cta_id` is that one, or the
    open one to which the new evidence was added (`noted`)."""

    account_id: int
    account_name: str
    prediction_id: int
    risk_category: RiskBand
    probability: float
    title: str
    created: bool
    noted: bool
    cta_id: int | None
    reason: SkipReason | None
    decision: CtaDecision


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """`preview`: nothing was changed."""

    generated: int
    skipped: int
    preview: bool
    results: Sequence[Generated]


class AutomationService:
    def __init__(self, database: Database, clock: Clock, *, daily_limit: int) -> None:
        self._database = database
        self._clock = clock
        self._daily_limit = daily_limit

    def after(self, actor: Actor, account_ids: Sequence[int]) -> Generation:
        """What follows new predictions of these accounts where the tenant makes CTAs by itself. It is the product that
        acts, for whoever asked for the prediction."""
        actor.require(Permission.PREDICT)
        with self._database.read(actor) as scope:
            levels = settings_in(scope).auto_cta_levels
        if not levels or not account_ids:
            return Generation(generated=0, skipped=0, preview=False, results=[])
        product = Actor.system(actor.tenant_id)
        sought = Sought(kind=PredictionType.CHURN, bands=levels, account_ids=account_ids)
        return self._generate(product, sought, levels, MOST_CTAS, preview=False)

    def generate(
        self,
        actor: Actor,
        kind: PredictionType = PredictionType.CHURN,
        *,
        most: int = 20,
        levels: Collection[RiskBand] = (),
        preview: bool = False,
    ) -> Generation:
        """Automated CTAs for the riskiest accounts that the actor sees, `most` at most: at high and critical risk, at
        the tenant's own automatic levels, and at `levels`. Every rule holds; a `preview` only says what would be.

        Raises Forbidden, Invalid.
        """
        actor.require(Permission.WORK)
        if not 1 <= most <= MOST_CTAS:
            expected = f"1 to {MOST_CTAS}"
            raise Invalid(f"The number of CTAs must be {expected}, not {most}.", fields={"max": expected})
        with self._database.read(actor) as scope:
            asked = {*map(RiskBand, AUTO_CTA_LEVELS_ASKED), *settings_in(scope).auto_cta_levels, *levels}
            seen = Sought(kind=kind, bands={*_ALL_BANDS, *asked})
            now = milliseconds(self._clock())
            mine = [one.account_id for one in SuggestionRepository(scope).candidates(seen, now, limit=_MOST_LOOKED_AT)]
        product = Actor.system(actor.tenant_id)  # the daily limit is the tenant's
        return self._generate(product, replace(seen, account_ids=mine), asked, most, preview=preview)

    def _generate(
        self, product: Actor, sought: Sought, levels: Collection[RiskBand], most: int, *, preview: bool
    ) -> Generation:
        try:
            return self._run(product, sought, levels, most, preview=preview)
        except TakenUp:
            return self._run(product, sought, levels, most, preview=preview)

    def _run(
        self, product: Actor, sought: Sought, levels: Collection[RiskBand], most: int, *, preview: bool
    ) -> Generation:
        now = milliseconds(self._clock())
        with (self._database.read if preview else self._database.write)(product) as scope:
            if not preview:
                scope.lock_tenant()
                wake(scope, now)
            found = SuggestionRepository(scope).candidates(sought, now, limit=_MOST_LOOKED_AT)
            rules = Rules.read(
                scope, [one.account_id for one in found], now, daily_limit=self._daily_limit, levels=levels
            )
            calendar = WorkCalendar.of(settings_in(scope))
            results: list[Generated] = []
            for suggestion in found:
                if sum(result.created for result in results) >= most:
                    break
                results.append(_one(scope, suggestion, rules, calendar, now, preview=preview))
        made = sum(result.created for result in results)
        return Generation(generated=made, skipped=len(results) - made, preview=preview, results=results)


def _one(
    scope: Scope, suggestion: Suggestion, rules: Rules, calendar: WorkCalendar, now: datetime, *, preview: bool
) -> Generated:
    decision, proposal, ctas = rules.decide(suggestion), suggestion.proposal, CtaRepository(scope)
    cta_id, noted = decision.blocking_cta_id, False
    if decision.allowed and proposal is not None:
        cta_id = 0
        if not preview:
            draft = plain_draft(scope, proposal, calendar, now)
            cta_id = make(scope, suggestion, draft, calendar, now, note=None)
        rules.note(suggestion, cta_id, proposal.title)
    elif decision.reason is SkipReason.SIMILAR_OPEN and cta_id is not None and not preview:
        noted = add_evidence(scope, ctas.get(cta_id, now), suggestion, calendar, now)
    return Generated(
        account_id=suggestion.account_id,
        account_name=suggestion.account_name,
        prediction_id=suggestion.prediction_id,
        risk_category=suggestion.band,
        probability=suggestion.probability,
        title=proposal.title if proposal else "",
        created=decision.allowed,
        noted=noted,
        cta_id=cta_id or None,
        reason=decision.reason,
        decision=decision,
    )
