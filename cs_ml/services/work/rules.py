"""The held-back rules of a tenant at an instant, read once for a set of accounts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.decisions import CtaDecision, Situation, decide
from cs_ml.domain.ctas.values import CtaType, Suggestion
from cs_ml.domain.identity.tenant_settings import TenantSettings, read_settings
from cs_ml.domain.policy import RiskBand
from cs_ml.services.work.similarity import most_similar
from cs_ml.store.identity.tenant_settings import TenantSettingRepository
from cs_ml.store.scope import Scope
from cs_ml.store.work.ctas import Automated, CtaRepository, OpenTitle
from cs_ml.store.work.suggestions import SuggestionRepository


def settings_in(scope: Scope) -> TenantSettings:
    return read_settings(TenantSettingRepository(scope).list())


@dataclass(slots=True)
class Rules:
    """`levels` matter to automatic creation only. Grows with every CTA that is `noted`."""

    now: datetime
    automatic: bool
    levels: frozenset[RiskBand]
    cooldown_days: int
    made_today: int
    limit: int
    resets_at: datetime
    open_titles: list[OpenTitle]
    automated: dict[int, Automated]
    dismissed: dict[int, datetime]

    @classmethod
    def read(
        cls,
        scope: Scope,
        account_ids: Sequence[int],
        now: datetime,
        *,
        daily_limit: int,
        levels: Collection[RiskBand] | None = None,
    ) -> "Rules":
        """For a person's decision, or with `levels` for automatic creation; `scope` then sees the whole tenant."""
        settings, ctas, automatic = settings_in(scope), CtaRepository(scope), levels is not None
        calendar = WorkCalendar.of(settings)
        today = calendar.day_of(now)
        since = now - timedelta(days=settings.cta_cooldown_days)
        return cls(
            now=now,
            automatic=automatic,
            levels=frozenset(levels or ()),
            cooldown_days=settings.cta_cooldown_days,
            made_today=ctas.count_automated_since(calendar.start_of(today)) if automatic else 0,
            limit=daily_limit if settings.limit_ctas_per_day is None else settings.limit_ctas_per_day,
            resets_at=calendar.start_of(today + timedelta(days=1)),
            open_titles=list(ctas.open_titles(account_ids, CtaType.RISK)),
            automated=dict(ctas.last_automated(account_ids, CtaType.RISK)),
            dismissed=SuggestionRepository(scope).dismissed_since(account_ids, since) if automatic else {},
        )

    def decide(self, suggestion: Suggestion) -> CtaDecision:
        return decide(self._situation(suggestion, suggestion.proposal.title if suggestion.proposal else ""))

    def decide_titled(self, suggestion: Suggestion, title: str) -> CtaDecision:
        """The same where a person has given it another title."""
        return decide(self._situation(suggestion, title))

    def note(self, suggestion: Suggestion, cta_id: int, title: str) -> None:
        """Takes in an automated CTA that was just made."""
        self.made_today += 1
        self.automated[suggestion.account_id] = Automated(cta_id=cta_id, at=self.now)
        self.open_titles.append(OpenTitle(cta_id=cta_id, account_id=suggestion.account_id, title=title))

    def _situation(self, suggestion: Suggestion, title: str) -> Situation:
        account_id = suggestion.account_id
        last = self.automated.get(account_id)
        same_account = [other for other in self.open_titles if other.account_id == account_id]
        return Situation(
            now=self.now,
            automatic=self.automatic,
            levels=self.levels,
            suggested=suggestion.proposal is not None,
            band=suggestion.band,
            confidence=suggestion.confidence,
            dismissed_at=self.dismissed.get(account_id),
            automated_at=last.at if last else None,
            automated_id=last.cta_id if last else None,
            cooldown_days=self.cooldown_days,
            similar_id=most_similar(title, same_account) if title else None,
            made_today=self.made_today,
            limit=self.limit,
            resets_at=self.resets_at,
        )
