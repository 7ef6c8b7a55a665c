"""The CTA that a prediction suggests: computed when the prediction is made, stored with it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cs_ml.domain.context import AccountProfile
from cs_ml.domain.ctas.calendar import WorkCalendar
from cs_ml.domain.ctas.playbooks import Playbook, best_playbook
from cs_ml.domain.ctas.values import MAX_TITLE, PRIORITY_OF_BAND, CtaProposal, CtaType, DataPoint
from cs_ml.domain.identity.people import UNASSIGNED
from cs_ml.domain.policy import DUE_DAYS, MAX_PRIMARY_DRIVERS, Urgency
from cs_ml.domain.predictions import Prediction, RiskFactor

_MOST_POINTS = 6
_URGENCY_WORDS = {
    Urgency.IMMEDIATE: "at once",
    Urgency.THIS_WEEK: "this week",
    Urgency.THIS_MONTH: "this month",
    Urgency.MONITOR: "watch it",
}
# What an instruction begins with; a model's advice may begin with anything.
_VERBS = """
address agree align analyse analyze answer arrange ask assess assign book bring build call check clarify close collect
confirm contact coordinate create define deliver demonstrate design develop discuss draft educate engage ensure
escalate establish explain explore facilitate find finish fix follow gather get give help hold host identify implement
initiate introduce investigate invite involve launch learn listen make map meet monitor negotiate offer open organise
organize outline plan prepare present prioritise prioritize propose prove provide reach rebuild reduce re-engage
reengage remind replace resolve restore revisit review run schedule secure send set settle share show solve speak
start strengthen summarise summarize support talk tell train understand update use verify visit walk win work write
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planning:
    """What a suggestion is planned with: when the tenant works, and its playbooks without their steps."""

    calendar: WorkCalendar
    playbooks: Sequence[Playbook] = ()


def propose(prediction: Prediction, profile: AccountProfile, planning: Planning) -> CtaProposal | None:
    """None where the prediction names no reason to act on."""
    if not prediction.factors:
        return None
    main = prediction.factors[:MAX_PRIMARY_DRIVERS]
    days = DUE_DAYS[prediction.urgency]
    match = best_playbook(planning.playbooks, CtaType.RISK, prediction.factors)
    return CtaProposal(
        title=_title(prediction, main[0]),
        reason=_reason(prediction, main),
        data_points=_data_points(prediction, main),
        type=CtaType.RISK,
        priority=PRIORITY_OF_BAND[prediction.band],
        due=planning.calendar.due(planning.calendar.day_of(prediction.predicted_at), days),
        due_days=days,
        due_rule=f"{prediction.band.capitalize()} risk, {_URGENCY_WORDS[prediction.urgency]}: within {_days(days)}, "
        "moved to the next working day.",
        owner_id=profile.owner_id if profile.owner_name != UNASSIGNED else None,
        playbook_id=match.playbook.id if match else None,
        playbook_name=match.playbook.name if match else None,
        playbook_because=match.because if match else None,
        trigger_rule=f"ML_{prediction.type.value}",
    )


def _title(prediction: Prediction, factor: RiskFactor) -> str:
    """The first advice, as an instruction."""
    advice = prediction.recommendations[0].action if prediction.recommendations else ""
    words = " ".join(advice.split()).rstrip(".!")
    if not words:
        words = f"Find out about: {factor.factor}"
    elif re.split(r"[^\w-]", words.casefold(), maxsplit=1)[0] not in _VERBS.split():
        words = f"Follow up: {words}"
    title = words[0].upper() + words[1:]
    return title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1].rstrip()}…"


def _reason(prediction: Prediction, factors: Iterable[RiskFactor]) -> str:
    chance = (
        f"{prediction.probability:.0%} chance of leaving within {prediction.window_days} days, where "
        f"{prediction.base_rate:.0%} is usual."
    )
    lines = [
        f"- {factor.factor}: {factor.current_value}"
        + (f" (to compare: {factor.threshold})" if factor.threshold else "")
        for factor in factors
    ]
    return "\n".join([chance, *lines])


def _data_points(prediction: Prediction, factors: Iterable[RiskFactor]) -> tuple[DataPoint, ...]:
    """Of the facts that each reason cites the first, which is what was judged, and the newest."""
    known = {fact.id: fact for fact in prediction.evidence}
    cited = dict.fromkeys(
        key for factor in factors for key in (*factor.evidence[:1], *factor.evidence[-1:]) if key in known
    )
    return tuple(DataPoint(id=key, at=known[key].at, text=known[key].text) for key in list(cited)[:_MOST_POINTS])


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
